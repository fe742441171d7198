//! Table `checkpoints`: one row for each checkpoint, for lists of archives. It is made from rows of the other tables.

use bstr::BString;
use jiff::Timestamp;

use super::table::table;
use crate::Checkpoint;
use crate::int::u64_of;

table! {
    "checkpoints", key(archive, set),
    brief(name, pod, namespace, image, engine, checkpointed, processes, archive_size, archive),
    event(Event::state(&["host"], "checkpoint-state").about(Subject::Device).under("checkpoint"));
    /// One row for each checkpoint of several archives.
    pub struct Summary {
        /// The archive, as it was named on the command line or in the call.
        pub archive: BString,
        /// Directory of the checkpoint in an archive that holds several. Empty for the root of the archive.
        pub set: BString,
        /// The container's name.
        pub name: Option<String>,
        /// Kubernetes: the pod.
        pub pod: Option<String>,
        /// Kubernetes: the namespace.
        pub namespace: Option<String>,
        /// The container's full id.
        pub id: Option<String>,
        /// Name of the image.
        pub image: Option<String>,
        /// The engine. Null for a bare image set.
        pub engine: Option<&'static str>,
        /// The runtime.
        pub runtime: Option<String>,
        /// When the container was created.
        #[to(moment("Container Created"))]
        pub created: Option<Timestamp>,
        /// When the dump was made.
        #[to(moment("Checkpoint Created"))]
        pub checkpointed: Option<Timestamp>,
        /// Where `checkpointed` comes from, or why it is unknown: see `container`.
        pub checkpointed_from: Option<&'static str>,
        /// Host name, as seen in the container.
        pub hostname: Option<BString>,
        /// IP addresses, without loopback.
        pub ip_addresses: Option<Vec<String>>,
        /// Version of CRIU.
        pub criu_version: Option<String>,
        /// Number of processes, including zombies.
        pub processes: u64,
        /// Size of the archive as given, in bytes. Null for a directory.
        pub archive_size: Option<u64>,
        /// Size of all pages images of the dump, in bytes.
        pub pages_size: u64,
        /// Size of `rootfs-diff.tar` in bytes. Null if there is none.
        pub rootfs_diff_size: Option<u64>,
        /// Whether something is missing or contradictory.
        pub partial: bool,
    }
}

impl Summary {
    /// Makes the row of a checkpoint.
    pub fn of(archive: impl Into<BString>, checkpoint: &Checkpoint) -> Self {
        let container = checkpoint.rows().container();
        let statistics = checkpoint.rows().statistics();
        Summary {
            archive: archive.into(),
            set: checkpoint.set_name().to_owned(),
            name: container.name,
            pod: container.pod,
            namespace: container.namespace,
            id: container.id,
            image: container.image,
            engine: container.engine,
            runtime: container.runtime,
            created: container.created,
            checkpointed: container.checkpointed,
            checkpointed_from: container.checkpointed_from,
            hostname: container.hostname,
            ip_addresses: container.ip_addresses,
            criu_version: container.criu_version,
            processes: u64_of(checkpoint.model().processes().len()),
            archive_size: statistics.archive_size,
            pages_size: statistics.pages_size,
            rootfs_diff_size: statistics.rootfs_diff_size,
            partial: checkpoint.is_partial(),
        }
    }
}
