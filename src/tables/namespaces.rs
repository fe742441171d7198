//! Table `namespaces`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::images::proto::UidGidExtent;
use crate::model::ids::{NamespaceId, Pid};
use crate::model::namespaces::Namespace;

table! {
    "namespaces", key(kind, namespace), brief(kind, namespace, shared, processes, hostname, external_key);
    /// Namespaces, by kind and number: those that processes are in, and those that have an image. Ids are CRIU's own.
    pub struct NamespaceRow {
        /// `cgroup`, `ipc`, `mnt`, `net`, `pid`, `time`, `user` or `uts`.
        pub kind: &'static str,
        /// CRIU's id, joins `process_namespaces`; 0 for the clocks of the host, if no process is known to be in its namespace.
        pub namespace: NamespaceId,
        /// CRIU was in it, too: it is the host's and not the container's own. Null where CRIU did not record its own.
        pub shared: Option<bool>,
        /// The living processes in it, by pid.
        pub processes: Vec<Pid>,
        /// The name by which the engine knows a namespace that it made; CRIU does not dump what is in such a one.
        pub external_key: Option<BString>,
        /// Host name, of uts.
        pub hostname: Option<BString>,
        /// NIS domain, of uts; `(none)` if it was not set.
        pub domainname: Option<BString>,
        /// Users of a user namespace, each as in `/proc/PID/uid_map`: first inside, first outside, how many.
        pub uid_map: Option<Vec<String>>,
        /// Groups of a user namespace, as `uid_map`.
        pub gid_map: Option<Vec<String>>,
        /// Of time: nanoseconds of `CLOCK_MONOTONIC` at the dump, as the processes read it.
        pub monotonic_ns: Option<u64>,
        /// Of time: nanoseconds of `CLOCK_BOOTTIME` at the dump; of the host's own clock that is how long it had been up.
        pub boottime_ns: Option<u64>,
        /// Of net: the numbers that it gives to others, each as `namespace=number`; `interfaces.peer_nsid` refers to them.
        pub net_ids: Option<Vec<String>>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = NamespaceRow> + '_ {
    checkpoint.namespace_map().iter().map(|((kind, id), namespace)| row(kind, *id, namespace))
}

fn row(kind: &'static str, id: NamespaceId, namespace: &Namespace) -> NamespaceRow {
    let text = |bytes: &Option<Vec<u8>>| bytes.clone().map(BString::from);
    let map = |map: &Option<Vec<UidGidExtent>>| {
        let extents = map.as_ref()?.iter();
        Some(extents.map(|e| format!("{} {} {}", e.first(), e.lower_first(), e.count())).collect())
    };
    let net_ids = namespace.net_ids.iter().map(|(id, number)| format!("{id}={number}"));
    NamespaceRow {
        kind,
        namespace: id,
        shared: namespace.shared,
        processes: namespace.processes.clone(),
        external_key: text(&namespace.external_key),
        hostname: text(&namespace.host_name),
        domainname: text(&namespace.domain_name),
        uid_map: map(&namespace.uid_map),
        gid_map: map(&namespace.gid_map),
        monotonic_ns: namespace.monotonic_ns,
        boottime_ns: namespace.boottime_ns,
        net_ids: (!namespace.net_ids.is_empty()).then(|| net_ids.collect()),
    }
}
