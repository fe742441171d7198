//! Table `namespaces`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::images::proto::UidGidExtent;
use crate::model::ids::{NamespaceId, Pid};
use crate::model::namespaces::Namespace;

table! {
    "namespaces", key(kind, namespace), brief(kind, namespace, shared, processes, hostname, external_key);
    /// Namespaces, by kind and number: those that processes are in and those that have an image. Ids are CRIU's own.
    pub struct NamespaceRow {
        /// Kind of namespace: `cgroup`, `ipc`, `mnt`, `net`, `pid`, `time`, `user` or `uts`.
        pub kind: &'static str,
        /// CRIU's id; joins `process_namespaces`. 0 for the host's clocks, if no process is known to be in their
        /// namespace.
        pub namespace: NamespaceId,
        /// Whether CRIU was in the same namespace, so that it is the host's and not the container's own. Null if CRIU
        /// did not record its own namespaces.
        pub shared: Option<bool>,
        /// The living processes in the namespace, by pid.
        pub processes: Vec<Pid>,
        /// The engine's name for a namespace that the engine made. CRIU does not dump the contents of such a namespace.
        pub external_key: Option<BString>,
        /// Host name of a uts namespace.
        pub hostname: Option<BString>,
        /// NIS domain of a uts namespace; `(none)` if it was not set.
        pub domainname: Option<BString>,
        /// User id map of a user namespace, each entry as in `/proc/PID/uid_map`: first id inside, first id outside,
        /// count.
        pub uid_map: Option<Vec<String>>,
        /// Group id map of a user namespace, in the same form as `uid_map`.
        pub gid_map: Option<Vec<String>>,
        /// `CLOCK_MONOTONIC` of a time namespace at the dump, as its processes read it, in nanoseconds.
        pub monotonic_ns: Option<u64>,
        /// `CLOCK_BOOTTIME` of a time namespace at the dump, in nanoseconds. For the host's clocks, its uptime.
        pub boottime_ns: Option<u64>,
        /// Ids that a net namespace gives to other namespaces, each as `namespace=number`. `interfaces.peer_nsid`
        /// refers to them.
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
