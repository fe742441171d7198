//! Table `sysctls`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::model::ids::NamespaceId;
use crate::model::sysctl::Sysctl;

table! {
    "sysctls", key(namespace_kind, namespace, folder, position), brief(namespace_kind, namespace, name, value),
    event(Event::state(&["configuration"], "sysctl"));
    /// Kernel settings that belong to network and IPC namespaces, in the order of the images.
    pub struct SysctlRow {
        /// Kind of namespace: `net` or `ipc`.
        pub namespace_kind: &'static str,
        /// The namespace: CRIU's id, joins `process_namespaces`.
        pub namespace: NamespaceId,
        /// First part of the setting's name: `net.ipv4.conf.eth0`.
        pub folder: BString,
        /// Position in the image's list, from 0.
        pub position: u64,
        /// Last part of the name, as `sysctl` prints it. Null if the list has an unknown length, so that its order is
        /// unknown.
        pub name: Option<BString>,
        /// Value of the setting. Null if CRIU could not read it.
        pub value: Option<BString>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = SysctlRow> + '_ {
    checkpoint.sysctl_list().iter().map(row)
}

fn row(sysctl: &Sysctl) -> SysctlRow {
    SysctlRow {
        namespace_kind: sysctl.kind,
        namespace: sysctl.namespace,
        folder: sysctl.folder.clone().into(),
        position: sysctl.position,
        name: sysctl.name.map(|name| [sysctl.folder.as_slice(), b".", name.as_bytes()].concat().into()),
        value: sysctl.value.clone().map(BString::from),
    }
}
