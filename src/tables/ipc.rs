//! Table `ipc`.

use super::holding::Holding;
use super::table::table;
use crate::Checkpoint;
use crate::int::u64_of;
use crate::model::ipc::Owner;

table! {
    "ipc", key(namespace, kind, id), brief(kind, id, key, mode, uid, gid, size, messages, values, holders);
    /// System V objects: shared memory segments, then message queues, then semaphore sets, each in the order of the
    /// images. The contents of segments are in `recovered_files`, messages are in `ipc_messages`.
    pub struct IpcObject {
        /// The object's IPC namespace: CRIU's id, joins `process_namespaces.ipc`.
        pub namespace: u64,
        /// `shm`, `msg` or `sem`.
        pub kind: &'static str,
        /// Id of the object, as `shmget`, `msgget` or `semget` returned it.
        pub id: u32,
        /// Key of the object, as `/proc/sysvipc` prints it; 0 if it is private.
        pub key: i32,
        /// Permissions, four octal digits.
        pub mode: Option<String>,
        /// Owner.
        pub uid: Option<u32>,
        /// Group of the owner.
        pub gid: Option<u32>,
        /// User who created it.
        pub cuid: Option<u32>,
        /// Group of the user who created it.
        pub cgid: Option<u32>,
        /// Size of a segment, or of all messages in a queue, in bytes. Null for semaphores.
        pub size: Option<u64>,
        /// Bytes of messages that a queue can hold.
        pub capacity: Option<u32>,
        /// Number of messages waiting in a queue.
        pub messages: Option<u32>,
        /// Number of semaphores in a set.
        pub semaphores: Option<u32>,
        /// Values of the semaphores that are in the archive.
        pub values: Option<Vec<u32>>,
        /// Huge page size of a segment, as passed to `shmget`. Null if the segment has no huge pages.
        pub huge_pages: Option<u32>,
        /// Processes that map a segment: `1:map` is process 1. At most 256 are listed.
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
        // Not all messages of a truncated queue are known.
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
