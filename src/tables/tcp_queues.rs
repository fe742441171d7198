//! Table `tcp_queues`.

use bstr::BString;

use super::content::{Shown, shown};
use super::holding::Holding;
use super::table::table;
use super::tcp_connections::{Connection, connections};
use crate::Checkpoint;
use crate::abi::socket as sk;

table! {
    "tcp_queues", key(socket, queue), brief(socket, queue, holders, remote_address, bytes, text),
    event(Event::state(&["network"], "tcp-queue").about(Subject::Connection).over("tcp"));
    /// Bytes waiting in the two queues of every TCP connection, by inode: received bytes that had not been read, and
    /// written bytes that the peer had not acknowledged.
    pub struct TcpQueue {
        /// Inode of the socket.
        pub socket: u64,
        /// The queue: `receive` or `send`.
        pub queue: &'static str,
        /// Who holds the connection: `1:8` is descriptor 8 of process 1. At most 256 are listed.
        pub holders: Holding,
        /// Local address.
        #[to(flow("local.ip"))]
        pub local_address: Option<String>,
        /// Local port.
        #[to(flow("local.port"))]
        pub local_port: Option<u32>,
        /// The peer's address.
        #[to(flow("remote.ip"))]
        pub remote_address: Option<String>,
        /// The peer's port.
        #[to(flow("remote.port"))]
        pub remote_port: Option<u32>,
        /// Number of waiting bytes.
        pub bytes: u64,
        /// Bytes at the end of the send queue that had not been sent at all. Null for a receive queue.
        pub unsent: Option<u32>,
        /// Sequence number of the first byte.
        pub sequence: Option<u32>,
        /// Waiting bytes, first 64 KiB.
        pub text: Option<BString>,
        /// The same bytes in hexadecimal.
        pub hex: Option<String>,
        /// SHA-256 of all waiting bytes. Null if some are not in the archive.
        #[to(ecs("related.hash").related(), timesketch("sha256_hash"))]
        pub sha256: Option<String>,
        /// Waiting bytes that are missing because the archive is truncated.
        pub missing_bytes: Option<u64>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = TcpQueue> + '_ {
    connections(checkpoint)
        .flat_map(move |connection| [row(checkpoint, &connection, false), row(checkpoint, &connection, true)])
}

fn row(checkpoint: &Checkpoint, connection: &Connection<'_>, sent: bool) -> TcpQueue {
    let stream = connection.stream;
    let span = if sent { stream.send } else { stream.receive };
    let Shown { text, hex, sha256, missing } = shown(checkpoint, span);
    let socket = connection.socket.as_ref();
    let next = if sent { stream.entry.outq_seq } else { stream.entry.inq_seq };
    let state = connection.state.unwrap_or_default();
    // The sequence number after a queue counts the end of the connection, which takes one number too.
    let end = u32::from(if sent { sk::has_sent_end(state) } else { sk::has_received_end(state) });
    let len = if sent { stream.entry.outq_len() } else { stream.entry.inq_len() };
    TcpQueue {
        socket: connection.inode,
        queue: if sent { "send" } else { "receive" },
        holders: connection.holders(checkpoint),
        local_address: socket.and_then(|s| s.local_address).map(|address| address.to_string()),
        local_port: socket.and_then(|s| s.local_port).map(u32::from),
        remote_address: socket.and_then(|s| s.remote_address).map(|address| address.to_string()),
        remote_port: socket.and_then(|s| s.remote_port).map(u32::from),
        bytes: span.len,
        unsent: stream.entry.unsq_len.filter(|_| sent),
        sequence: next.map(|next| next.wrapping_sub(end).wrapping_sub(len)),
        text,
        hex,
        sha256,
        missing_bytes: missing,
    }
}
