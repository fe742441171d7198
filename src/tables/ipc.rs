//! Table `ipc`.

use super::holding::Holding;
use super::table::table;
use crate::Checkpoint;
use crate::int::u64_of;
use crate::model::ipc::Owner;

table! {
    "ipc", key(namespace, kind, id), brief(kind, id, key, mode, uid, gid, size, messages, values, holders);
    /// System V objects: segments of shared memory, then message queues, then sets of semaphores, each as the image has them.
    /// What is in segments is in `recovered_files`, messages are in `ipc_messages`.
    pub struct IpcObject {
        /// The IPC namespace that it is in: CRIU's id, joins `process_namespaces.ipc`.
        pub namespace: u64,
        /// `shm`, `msg` or `sem`.
        pub kind: &'static str,
        /// Its id, as `shmget`, `msgget` or `semget` returned it.
        pub id: u32,
        /// Its key, as `/proc/sysvipc` prints it; 0 for private ones.
        pub key: i32,
        /// Permissions, four octal digits.
        pub mode: Option<String>,
        /// Owner.
        pub uid: Option<u32>,
        /// Group of the owner.
        pub gid: Option<u32>,
        /// Who made it.
        pub cuid: Option<u32>,
        /// Group of who made it.
        pub cgid: Option<u32>,
        /// Bytes: of a segment its size, of a queue those of the messages in it; null for semaphores.
        pub size: Option<u64>,
        /// Bytes of messages that a queue may hold.
        pub capacity: Option<u32>,
        /// Messages that waited in a queue.
        pub messages: Option<u32>,
        /// Semaphores of a set.
        pub semaphores: Option<u32>,
        /// Values of the semaphores, as far as they are in the archive.
        pub values: Option<Vec<u32>>,
        /// A segment of huge pages: their size, as `shmget` takes it; else null.
        pub huge_pages: Option<u32>,
        /// Who has a segment mapped: `1:map` is process 1. At most 256.
        pub holders: Option<Holding>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = IpcObject> + '_ {
    let ipc = checkpoint.system_v();
    let segments = checkpoint.model().segments().map(|segment| IpcObject {
        size: Some(segment.size),
        huge_pages: segment.huge_pages,
        holders: Some(checkpoint.holders().of_segment(segment.id.into()).into()),
        ..object("shm", segment.namespace, segment.id, segment.key, &segment.owner)
    });
    let queues = ipc.queues.iter().map(|queue| IpcObject {
        // Of a queue that is cut, not all messages are known.
        size: (queue.count.map(u64::from) == Some(u64_of(queue.messages.len())))
            .then(|| queue.messages.iter().fold(0_u64, |all, message| all.saturating_add(message.text.len))),
        capacity: queue.capacity,
        messages: queue.count,
        ..object("msg", queue.namespace, queue.id, queue.key, &queue.owner)
    });
    let semaphores = ipc.semaphores.iter().map(|set| IpcObject {
        semaphores: set.count,
        values: Some(set.values.iter().map(|&value| value.into()).collect()),
        ..object("sem", set.namespace, set.id, set.key, &set.owner)
    });
    segments.chain(queues).chain(semaphores)
}

fn object(kind: &'static str, namespace: u64, id: u32, key: u32, owner: &Owner) -> IpcObject {
    IpcObject {
        namespace,
        kind,
        id,
        key: key.cast_signed(),
        mode: owner.mode.map(|mode| format!("{mode:04o}")),
        uid: owner.uid,
        gid: owner.gid,
        cuid: owner.creator_uid,
        cgid: owner.creator_gid,
        size: None,
        capacity: None,
        messages: None,
        semaphores: None,
        values: None,
        huge_pages: None,
        holders: None,
    }
}
