//! Table `process_namespaces`.

use super::table::table;
use crate::Checkpoint;
use crate::images::proto::TaskKobjIdsEntry;
use crate::model::ids::{NamespaceId, Pid};
use crate::model::process::Process;

table! {
    "process_namespaces", key(pid), brief(pid, mnt, net, pid_ns, uts, ipc, user, cgroup, time);
    /// Namespaces of the living processes, in tree order. Ids are CRIU's, not the kernel's inodes; equal ids mean the
    /// same namespace.
    pub struct ProcessNamespaces {
        /// Process id.
        pub pid: Pid,
        /// Mount namespace.
        pub mnt: Option<NamespaceId>,
        /// Network namespace.
        pub net: Option<NamespaceId>,
        /// Pid namespace.
        pub pid_ns: Option<NamespaceId>,
        /// UTS namespace (host name).
        pub uts: Option<NamespaceId>,
        /// IPC namespace.
        pub ipc: Option<NamespaceId>,
        /// User namespace.
        pub user: Option<NamespaceId>,
        /// Cgroup namespace.
        pub cgroup: Option<NamespaceId>,
        /// Time namespace.
        pub time: Option<NamespaceId>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = ProcessNamespaces> + '_ {
    let processes = checkpoint.model().processes().iter();
    processes.filter_map(|process| Some(row(process, process.ids.as_ref()?)))
}

fn row(process: &Process, ids: &TaskKobjIdsEntry) -> ProcessNamespaces {
    let id = |number: Option<u32>| number.map(NamespaceId);
    ProcessNamespaces {
        pid: process.pid(),
        mnt: id(ids.mnt_ns_id),
        net: id(ids.net_ns_id),
        pid_ns: id(ids.pid_ns_id),
        uts: id(ids.uts_ns_id),
        ipc: id(ids.ipc_ns_id),
        user: id(ids.user_ns_id),
        cgroup: id(ids.cgroup_ns_id),
        time: id(ids.time_ns_id),
    }
}
