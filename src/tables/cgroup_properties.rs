//! Table `cgroup_properties`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;

table! {
    "cgroup_properties", key(controllers, path, name), brief(controllers, name, value, mode, uid, gid, path),
    event(Event::state(&["configuration"], "cgroup-property"));
    /// Directories of the container's control groups and the files in them that CRIU records (mostly limits), in the
    /// order of the image.
    pub struct CgroupProperty {
        /// Controllers of the hierarchy, joined by commas; empty for the unified hierarchy (cgroup v2).
        pub controllers: BString,
        /// Path of the directory in the host's hierarchy.
        pub path: BString,
        /// Name of the file, for example `memory.max`. Null for the directory itself.
        pub name: Option<BString>,
        /// Contents of the file. Null for the directory itself.
        pub value: Option<BString>,
        /// Permissions, four octal digits. Null before CRIU 2.0.
        pub mode: Option<String>,
        /// Owner, as numbered on the host. Null before CRIU 2.0.
        pub uid: Option<u32>,
        /// Group, as numbered on the host. Null before CRIU 2.0.
        pub gid: Option<u32>,
        /// Whether the directories of the hierarchy hold single threads. Null before CRIU 3.18.
        pub threaded: Option<bool>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = CgroupProperty> + '_ {
    checkpoint.cgroup_sets().properties().iter().map(|property| {
        let (name, value) = property.file.clone().unzip();
        let perms = property.perms.as_ref();
        CgroupProperty {
            controllers: property.controllers.clone(),
            path: property.path.clone(),
            name,
            value,
            mode: perms.and_then(|perms| perms.mode).map(|mode| format!("{:04o}", mode & 0o7777)),
            uid: perms.and_then(|perms| perms.uid),
            gid: perms.and_then(|perms| perms.gid),
            threaded: property.threaded,
        }
    })
}
