//! Table `checkpoints`: one row an archive, for lists of archives. It is made of rows of the other tables.

use bstr::BString;
use jiff::Timestamp;

use super::table::table;
use crate::Checkpoint;
use crate::int::u64_of;

table! {
    "checkpoints", key(archive, set),
    brief(name, pod, namespace, image, engine, checkpointed, processes, archive_size, archive),
    event(Event::state(&["host"], "checkpoint-state").about(Subject::Device).under("checkpoint"));
    /// A line for each checkpoint of several archives.
    pub struct Summary {
        /// The archive, as it was named.
        pub archive: BString,
        /// The folder of the checkpoint in an archive that holds several; empty at the root.
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
        /// The engine; null for a bare set of images.
        pub engine: Option<&'static str>,
        /// The runtime.
        pub runtime: Option<String>,
        /// When the container was created.
        #[to(moment("Container Created"))]
        pub created: Option<Timestamp>,
        /// The moment of the dump.
        #[to(moment("Checkpoint Created"))]
        pub checkpointed: Option<Timestamp>,
        /// Where `checkpointed` is known from, or why it is not known: as in `container`.
        pub checkpointed_from: Option<&'static str>,
        /// Host name, as the container saw it.
        pub hostname: Option<BString>,
        /// Addresses, without loopback.
        pub ip_addresses: Option<Vec<String>>,
        /// Version of CRIU.
        pub criu_version: Option<String>,
        /// Processes, zombies included.
        pub processes: u64,
        /// Bytes of the archive as it was given; null for a directory.
        pub archive_size: Option<u64>,
        /// Bytes of all pages images of the dump.
        pub pages_size: u64,
        /// Bytes of `rootfs-diff.tar`; null if there is none.
        pub rootfs_diff_size: Option<u64>,
        /// Whether something is missing or contradicts itself.
        pub partial: bool,
    }
}

impl Summary {
    /// The row of a checkpoint.
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
