//! What the images show about the container's isolation, whatever the specification asks for. It is taken from the
//! first process.

use super::Model;
use super::ids::NamespaceId;
use super::mount::Mount;
use super::namespaces;
use super::process::{Process, Seccomp};
use crate::abi::mount::READ_ONLY_OPTION;

/// The facts that the images show; `None` where they do not.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'m> {
    model: &'m Model,
    root: Option<&'m Process>,
}

/// How a kernel path is protected from processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// Something else is mounted over it.
    Masked,
    /// It is read-only.
    ReadOnly,
}

impl<'m> Shown<'m> {
    /// The facts that a model shows.
    pub fn of(model: &'m Model) -> Self {
        Shown { model, root: model.processes().first() }
    }

    /// Whether the process was in its own namespace, not in the engine's. The kind is named as in the specification.
    pub fn has_own_namespace(&self, kind: &str) -> Option<bool> {
        let kind = match kind {
            "network" => "net",
            "mount" => "mnt",
            other => other,
        };
        namespaces::is_shared(self.model, self.root?, kind).map(|shared| !shared)
    }

    /// Seccomp mode of the process.
    pub fn seccomp(&self) -> Option<Seccomp> {
        let root = self.root.filter(|root| !root.is_zombie())?;
        root.seccomp(root.leader()?)
    }

    /// Capabilities that the process could ever get.
    pub fn bounding(&self) -> Option<u64> {
        self.root?.credentials()?.bounding
    }

    /// Whether the process could not gain privileges.
    pub fn no_new_privs(&self) -> Option<bool> {
        self.root?.credentials()?.no_new_privs
    }

    /// Whether the root file system was read-only.
    pub fn read_only_root(&self) -> Option<bool> {
        // The last mount at a path covers the earlier ones; the image has the last one first.
        self.mounts()?.into_iter().find(|mount| mount.path == b"/").map(is_read_only)
    }

    /// The paths below `/proc` and `/sys` that were masked or read-only.
    pub fn covered(&self, how: Cover) -> Option<Vec<&'m [u8]>> {
        let is_kernels = |mount: &&Mount| {
            let below = |folder: &[u8]| mount.path.starts_with(folder);
            below(b"/proc/") || below(b"/sys/") && !below(b"/sys/fs/")
        };
        let cover = |mount: &Mount| match mount.file_system.as_ref().map(|name| name.as_slice()) {
            Some(b"proc" | b"sysfs") => is_read_only(mount).then_some(Cover::ReadOnly),
            // `/dev/null` over files, an empty directory over directories.
            _ if mount.root == b"/null" => Some(Cover::Masked),
            Some(b"tmpfs") => is_read_only(mount).then_some(Cover::Masked),
            _ => None,
        };
        let mounts = self.mounts()?.into_iter().filter(is_kernels).filter(|mount| cover(mount) == Some(how));
        let mut paths: Vec<&[u8]> = mounts.map(|mount| mount.path.as_slice()).collect();
        paths.sort_unstable();
        paths.dedup();
        Some(paths)
    }

    /// The mounts that the process saw; `None` if its mount namespace was not dumped.
    fn mounts(&self) -> Option<Vec<&'m Mount>> {
        let namespace = NamespaceId(self.root?.ids.as_ref()?.mnt_ns_id?);
        let mounts: Vec<&Mount> = self.model.mounts().iter().filter(|mount| mount.namespace == namespace).collect();
        (!mounts.is_empty()).then_some(mounts)
    }
}

fn is_read_only(mount: &Mount) -> bool {
    mount.options.iter().any(|option| option == READ_ONLY_OPTION)
}
