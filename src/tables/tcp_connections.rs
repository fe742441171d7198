//! Table `tcp_connections`.

use std::borrow::Cow;
use std::collections::HashMap;

use super::holding::Holding;
use super::table::table;
use crate::Checkpoint;
use crate::abi::socket as sk;
use crate::model::file::File;
use crate::model::ids::FileId;
use crate::model::socket::{Socket, TcpStream};

table! {
    "tcp_connections", key(socket), brief(socket, holders, state, remote_address, remote_port, receive_queue, send_queue),
    event(Event::state(&["network"], "tcp-connection").about(Subject::Connection).over("tcp"));
    /// The state of every TCP connection, by inode: everything that the kernel told CRIU of it. What waited in it is in
    /// `tcp_queues`.
    pub struct TcpConnection {
        /// Inode of the socket.
        pub socket: u64,
        /// Who holds it: `1:8` is descriptor 8 of process 1. At most 256.
        pub holders: Holding,
        /// State: `ESTABLISHED`, `CLOSE_WAIT`, …
        #[to(flow("state"), ocsf("state"), ocsf("tcp_state_id").form(Form::TcpState))]
        pub state: Option<Cow<'static, str>>,
        /// Own address.
        #[to(flow("local.ip"))]
        pub local_address: Option<String>,
        /// Own port.
        #[to(flow("local.port"))]
        pub local_port: Option<u32>,
        /// The peer's address.
        #[to(flow("remote.ip"))]
        pub remote_address: Option<String>,
        /// The peer's port.
        #[to(flow("remote.port"))]
        pub remote_port: Option<u32>,
        /// Bytes received that nobody had read.
        pub receive_queue: Option<u32>,
        /// Bytes written that the peer had not acknowledged.
        pub send_queue: Option<u32>,
        /// Those of them that had not been sent at all.
        pub unsent: Option<u32>,
        /// Sequence number that the peer's next byte would have had (`rcv_nxt`).
        pub receive_next: Option<u32>,
        /// Sequence number that the next byte written would have had (`write_seq`).
        pub write_next: Option<u32>,
        /// What both ends had agreed on: `timestamps`, `sack`, `window_scale`, `ecn`.
        pub options: Option<Vec<Cow<'static, str>>>,
        /// Bits by which the peer shifts its window.
        pub send_window_scale: Option<u32>,
        /// Bits by which the own window is shifted.
        pub receive_window_scale: Option<u32>,
        /// Largest segment that the peer takes, in bytes.
        pub mss: Option<u32>,
        /// The clock of timestamps, in milliseconds or ticks of the kernel.
        pub timestamp: Option<u32>,
        /// Small segments are not put off (`TCP_NODELAY`).
        pub nodelay: Option<bool>,
        /// Segments are put off until they are full (`TCP_CORK`).
        pub cork: Option<bool>,
        /// The peer's window, in bytes; null where CRIU before 2.5 did not record it.
        pub send_window: Option<u32>,
        /// The largest window that the peer ever had, in bytes.
        pub max_window: Option<u32>,
        /// Sequence number of the segment that last changed the peer's window (`snd_wl1`).
        pub send_window_sequence: Option<u32>,
        /// The own window, in bytes.
        pub receive_window: Option<u32>,
        /// Sequence number at which the own window was last told (`rcv_wup`).
        pub receive_window_sequence: Option<u32>,
    }
}

/// A connection and its socket.
pub(super) struct Connection<'c> {
    pub(super) inode: u64,
    pub(super) stream: &'c TcpStream,
    pub(super) socket: Option<Socket>,
    /// The kernel's number of its state.
    pub(super) state: Option<u32>,
    file: Option<FileId>,
}

impl Connection<'_> {
    pub(super) fn holders(&self, checkpoint: &Checkpoint) -> Holding {
        self.file.map(|file| Holding::of(checkpoint, file)).unwrap_or_default()
    }
}

/// All connections, by inode.
pub(super) fn connections(checkpoint: &Checkpoint) -> impl Iterator<Item = Connection<'_>> + '_ {
    let model = checkpoint.model();
    let mut sockets: HashMap<u64, (FileId, &File, Option<u32>)> = HashMap::new();
    for (id, file) in model.files().iter() {
        if let File::Inet(entry) = file
            && let Some(inode) = entry.ino
        {
            sockets.insert(inode.into(), (id, file, entry.state));
        }
    }
    model.queues().streams().map(move |(inode, stream)| {
        let socket = sockets.get(&inode);
        Connection {
            inode,
            stream,
            socket: socket.and_then(|(id, file, _)| model.socket(*id, file)),
            state: socket.and_then(|(_, _, state)| *state),
            file: socket.map(|(id, ..)| *id),
        }
    })
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = TcpConnection> + '_ {
    connections(checkpoint).map(move |connection| {
        let entry = &connection.stream.entry;
        let socket = connection.socket.as_ref();
        TcpConnection {
            socket: connection.inode,
            holders: connection.holders(checkpoint),
            state: socket.and_then(|s| s.state.clone()),
            local_address: socket.and_then(|s| s.local_address).map(|address| address.to_string()),
            local_port: socket.and_then(|s| s.local_port).map(u32::from),
            remote_address: socket.and_then(|s| s.remote_address).map(|address| address.to_string()),
            remote_port: socket.and_then(|s| s.remote_port).map(u32::from),
            receive_queue: entry.inq_len,
            send_queue: entry.outq_len,
            unsent: entry.unsq_len,
            receive_next: entry.inq_seq,
            write_next: entry.outq_seq,
            options: entry.opt_mask.map(sk::tcp_options),
            send_window_scale: entry.snd_wscale,
            receive_window_scale: entry.rcv_wscale,
            mss: entry.mss_clamp,
            timestamp: entry.timestamp,
            nodelay: entry.nodelay,
            cork: entry.cork,
            send_window: entry.snd_wnd,
            max_window: entry.max_window,
            send_window_sequence: entry.snd_wl1,
            receive_window: entry.rcv_wnd,
            receive_window_sequence: entry.rcv_wup,
        }
    })
}
