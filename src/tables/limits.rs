//! Table `limits`.

use std::borrow::Cow;

use super::table::table;
use crate::Checkpoint;
use crate::abi;
use crate::images::proto::RlimitEntry;
use crate::model::ids::Pid;
use crate::model::process::Process;

/// How CRIU writes "no limit" (`RLIM_INFINITY`).
const UNLIMITED: u64 = u64::MAX;

table! {
    "limits", key(pid, resource), brief(pid, name, soft, soft_unlimited, hard, hard_unlimited);
    /// Resource limits of the living processes, by pid, in the order of `/proc/PID/limits`.
    pub struct Limit {
        /// Process id.
        pub pid: Pid,
        /// The resource, for example `RLIMIT_NOFILE`, or its number if it has no name.
        pub resource: Cow<'static, str>,
        /// Name of the resource in `/proc/PID/limits`, for example `Max open files`.
        pub name: Option<&'static str>,
        /// The limit in force. Null if unlimited (then `soft_unlimited` is true) or not recorded.
        #[large("a process may set any")]
        pub soft: Option<u64>,
        /// Whether the soft limit is unlimited. Null if not recorded.
        pub soft_unlimited: Option<bool>,
        /// The limit up to which the process may raise the soft limit. Null if unlimited (then `hard_unlimited` is
        /// true) or not recorded.
        #[large("a process may set any")]
        pub hard: Option<u64>,
        /// Whether the hard limit is unlimited. Null if not recorded.
        pub hard_unlimited: Option<bool>,
        /// Unit of the limits: `bytes`, `seconds`, `us`, `processes`, `files`, `locks` or `signals`. Null for
        /// priorities.
        pub unit: Option<&'static str>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Limit> + '_ {
    let limits = checkpoint.resource_limits();
    super::living(checkpoint).flat_map(move |process| {
        limits.of(process).iter().enumerate().map(move |(number, entry)| row(process, number, entry))
    })
}

fn row(process: &Process, number: usize, entry: &RlimitEntry) -> Limit {
    let resource = abi::limit::resource(number, process.arch());
    Limit {
        pid: process.pid(),
        resource: resource.map_or_else(|| Cow::Owned(number.to_string()), |resource| Cow::Borrowed(resource.name)),
        name: resource.map(|resource| resource.title),
        soft: entry.cur.filter(|&n| n != UNLIMITED),
        soft_unlimited: entry.cur.map(|n| n == UNLIMITED),
        hard: entry.max.filter(|&n| n != UNLIMITED),
        hard_unlimited: entry.max.map(|n| n == UNLIMITED),
        unit: resource.and_then(|resource| resource.unit),
    }
}
