//! Table `cgroups`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::model::ids::{Pid, Tid};

table! {
    "cgroups", key(pid, tid, controllers), brief(pid, tid, controllers, path, path_in_namespace);
    /// Control groups of the threads of living processes, by pid and tid, as `/proc/PID/task/TID/cgroup` lists them.
    /// Threads in CRIU's own groups, which CRIU does not record, have one row without a path.
    pub struct Cgroup {
        /// Process id.
        pub pid: Pid,
        /// Thread id. Before CRIU 3.18, which recorded one set per process, every thread has that set.
        pub tid: Tid,
        /// CRIU's id of the set of groups.
        pub set_id: u32,
        /// Controllers of the hierarchy, for example `cpu,cpuacct` or `name=systemd`; empty for the unified hierarchy
        /// (cgroup v2).
        pub controllers: Option<BString>,
        /// Path in the host's hierarchy. In Kubernetes it contains the ids of the pod and the container.
        pub path: Option<BString>,
        /// Path as seen from the root of the cgroup namespace. Null before CRIU 2.0 and if there is no cgroup
        /// namespace.
        pub path_in_namespace: Option<BString>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Cgroup> + '_ {
    let cgroups = checkpoint.cgroup_sets();
    cgroups.threads().iter().flat_map(|&(pid, tid, set)| {
        let unknown = Cgroup { pid, tid, set_id: set, controllers: None, path: None, path_in_namespace: None };
        let Some(memberships) = cgroups.set(set) else { return vec![unknown] };
        let row = |membership: &crate::model::cgroup::Membership| Cgroup {
            controllers: Some(membership.controllers.clone()),
            path: Some(membership.path.clone()),
            path_in_namespace: membership.inside.clone(),
            ..unknown.clone()
        };
        memberships.iter().map(row).collect()
    })
}
