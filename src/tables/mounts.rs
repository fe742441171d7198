//! Table `mounts`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::model::container::SpecMount;
use crate::model::ids::NamespaceId;
use crate::model::mount::Mount as Mounted;

table! {
    "mounts", key(mount_namespace, mount_id), brief(from, mount_id, path, type, source, options),
    event(Event::state(&["configuration"], "mount-state").about(Subject::Folder).under("mount"));
    /// Mounts: first those of the mount namespaces, in the order of the image, then those that the specification asked
    /// for.
    pub struct Mount {
        /// The mount namespace: CRIU's id, joins `process_namespaces.mnt`.
        pub mount_namespace: Option<NamespaceId>,
        /// The kernel's number of the mount.
        pub mount_id: Option<u32>,
        /// Number of the parent mount.
        pub parent_id: Option<u32>,
        /// Mount point in the container.
        #[to(ocsf("folder.path").path())]
        pub path: BString,
        /// File system type. Null if CRIU has no name for it (ext4, xfs, nfs, …).
        pub r#type: Option<BString>,
        /// Mounted source, as mountinfo prints it.
        pub source: Option<BString>,
        /// Directory of the file system that is mounted. For a bind mount, the path on the host's file system.
        pub root: Option<BString>,
        /// Options of the mount and of its file system, sorted; without the file system's own `ro` and `rw`.
        pub options: Vec<BString>,
        /// Propagation, as in mountinfo's optional fields: `shared:N`, `master:N`, `unbindable`. Empty if private.
        pub propagation: Option<String>,
        /// Whether the engine provides the mount on restore.
        pub external: Option<bool>,
        /// Device of the file system, `major:minor`.
        pub device: Option<String>,
        /// `image`: as dumped by CRIU. `spec`: as the specification asked for.
        pub from: &'static str,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Mount> + '_ {
    let model = checkpoint.model();
    model.mounts().iter().map(of_image).chain(model.container().mounts.iter().map(of_spec))
}

fn of_image(mount: &Mounted) -> Mount {
    Mount {
        mount_namespace: Some(mount.namespace),
        mount_id: mount.id,
        parent_id: mount.parent,
        path: mount.path.clone().into(),
        r#type: mount.file_system.clone(),
        source: Some(mount.source.clone().into()),
        root: Some(mount.root.clone().into()),
        options: mount.options.clone(),
        propagation: Some(mount.propagation.clone()),
        external: Some(mount.external),
        device: mount.device.map(|device| format!("{}:{}", device.major, device.minor)),
        from: "image",
    }
}

fn of_spec(mount: &SpecMount) -> Mount {
    Mount {
        mount_namespace: None,
        mount_id: None,
        parent_id: None,
        path: mount.destination.clone().into(),
        r#type: mount.mount_type.clone().map(BString::from),
        source: mount.source.clone().map(BString::from),
        root: None,
        options: mount.options.iter().map(|option| BString::from(option.as_str())).collect(),
        propagation: None,
        external: None,
        device: None,
        from: "spec",
    }
}
