//! Table `ipc_messages`.

use bstr::BString;

use super::content::{Shown, shown};
use super::table::table;
use crate::Checkpoint;
use crate::int::u64_of;

table! {
    "ipc_messages", key(namespace, queue, position), brief(queue, key, position, type, bytes, text);
    /// Messages waiting in System V queues, by queue, oldest first.
    pub struct IpcMessage {
        /// The queue's IPC namespace: CRIU's id.
        pub namespace: u64,
        /// The queue's id; joins `ipc`.
        pub queue: u32,
        /// The queue's key, as `/proc/sysvipc` prints it; 0 if the queue is private.
        pub key: i32,
        /// Position in the queue, from 0.
        pub position: u64,
        /// Type of the message, as its sender chose it.
        pub r#type: i64,
        /// Length of the message in bytes.
        pub bytes: u64,
        /// The message, first 64 KiB.
        pub text: Option<BString>,
        /// The same bytes in hexadecimal.
        pub hex: Option<String>,
        /// SHA-256 of the whole message. Null if some of it is not in the archive.
        #[to(ecs("related.hash").related(), timesketch("sha256_hash"))]
        pub sha256: Option<String>,
        /// Bytes of the message that are missing because the archive is truncated.
        pub missing_bytes: Option<u64>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = IpcMessage> + '_ {
    checkpoint.system_v().queues.iter().flat_map(move |queue| {
        queue.messages.iter().enumerate().map(move |(position, message)| {
            let Shown { text, hex, sha256, missing } = shown(checkpoint, message.text);
            IpcMessage {
                namespace: queue.namespace,
                queue: queue.id,
                key: queue.key.cast_signed(),
                position: u64_of(position),
                r#type: message.message_type.cast_signed(),
                bytes: message.text.len,
                text,
                hex,
                sha256,
                missing_bytes: missing,
            }
        })
    })
}
