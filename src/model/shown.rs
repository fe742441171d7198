//! What the images show of how the container was held, whatever a specification asks for: of its first process.

use super::Model;
use super::ids::NamespaceId;
use super::mount::Mount;
use super::namespaces;
use super::process::{Process, Seccomp};
use crate::abi::mount::READ_ONLY_OPTION;

/// What the images show; none where they do not tell.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'m> {
    model: &'m Model,
    root: Option<&'m Process>,
}

/// How a path of the kernel is kept from processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// Something else is mounted over it.
    Masked,
    /// It cannot be written.
    ReadOnly,
}

impl<'m> Shown<'m> {
    /// What a model shows.
    pub fn of(model: &'m Model) -> Self {
        Shown { model, root: model.processes().first() }
    }

    /// Whether it was in a namespace of its own, not in the one that the engine was in. The kind is named as the
    /// specification names it.
    pub fn has_own_namespace(&self, kind: &str) -> Option<bool> {
        let kind = match kind {
            "network" => "net",
            "mount" => "mnt",
            other => other,
        };
        namespaces::is_shared(self.model, self.root?, kind).map(|shared| !shared)
    }

    /// How its system calls were filtered.
    pub fn seccomp(&self) -> Option<Seccomp> {
        let root = self.root.filter(|root| !root.is_zombie())?;
        root.seccomp(root.leader()?)
    }

    /// Capabilities that it could ever get.
    pub fn bounding(&self) -> Option<u64> {
        self.root?.credentials()?.bounding
    }

    /// Whether no program could give it more privileges.
    pub fn no_new_privs(&self) -> Option<bool> {
        self.root?.credentials()?.no_new_privs
    }

    /// Whether the root file system could not be written.
    pub fn read_only_root(&self) -> Option<bool> {
        // The last mount at a place covers those before; the image has the last one first.
        self.mounts()?.into_iter().find(|mount| mount.path == b"/").map(is_read_only)
    }

    /// The paths below `/proc` and `/sys` that were covered, or could not be written.
    pub fn covered(&self, how: Cover) -> Option<Vec<&'m [u8]>> {
        let is_kernels = |mount: &&Mount| {
            let below = |folder: &[u8]| mount.path.starts_with(folder);
            below(b"/proc/") || below(b"/sys/") && !below(b"/sys/fs/")
        };
        let cover = |mount: &Mount| match mount.file_system.as_ref().map(|name| name.as_slice()) {
            Some(b"proc" | b"sysfs") => is_read_only(mount).then_some(Cover::ReadOnly),
            // `/dev/null` over files, an empty folder over folders.
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

    /// The mounts that it saw; none where its mount namespace was not dumped.
    fn mounts(&self) -> Option<Vec<&'m Mount>> {
        let namespace = NamespaceId(self.root?.ids.as_ref()?.mnt_ns_id?);
        let mounts: Vec<&Mount> = self.model.mounts().iter().filter(|mount| mount.namespace == namespace).collect();
        (!mounts.is_empty()).then_some(mounts)
    }
}

fn is_read_only(mount: &Mount) -> bool {
    mount.options.iter().any(|option| option == READ_ONLY_OPTION)
}
