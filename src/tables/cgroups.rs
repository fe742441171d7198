//! Table `cgroups`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::model::ids::{Pid, Tid};

table! {
    "cgroups", key(pid, tid, controllers), brief(pid, tid, controllers, path, path_in_namespace);
    /// Control groups that the threads of the living processes are in, by pid and tid, as `/proc/PID/task/TID/cgroup` lists
    /// them. Threads of CRIU's own groups, which it does not record, have one row without a path.
    pub struct Cgroup {
        /// Process id.
        pub pid: Pid,
        /// Thread id; before CRIU 3.18, which recorded one set for all, that of every thread.
        pub tid: Tid,
        /// CRIU's number of the set of groups.
        pub set: u32,
        /// Controllers of the hierarchy, as `cpu,cpuacct` or `name=systemd`; empty for the unified hierarchy (cgroup v2).
        pub controllers: Option<BString>,
        /// Path in the host's hierarchy; in Kubernetes it holds the pod's and the container's id.
        pub path: Option<BString>,
        /// The same as seen from the root of the cgroup namespace; null before CRIU 2.0, and where no cgroup namespace is.
        pub path_in_namespace: Option<BString>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Cgroup> + '_ {
    let cgroups = checkpoint.cgroup_sets();
    cgroups.threads().iter().flat_map(|&(pid, tid, set)| {
        let unknown = Cgroup { pid, tid, set, controllers: None, path: None, path_in_namespace: None };
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
