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
    /// State of every TCP connection, by inode: everything that the kernel told CRIU about it. Waiting bytes are in
    /// `tcp_queues`.
    pub struct TcpConnection {
        /// Inode of the socket.
        pub socket: u64,
        /// Who holds the connection: `1:8` is descriptor 8 of process 1. At most 256 are listed.
        pub holders: Holding,
        /// State: `ESTABLISHED`, `CLOSE_WAIT`, …
        #[to(flow("state"), ocsf("state"), ocsf("tcp_state_id").form(Form::TcpState))]
        pub state: Option<Cow<'static, str>>,
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
        /// Bytes received but not yet read.
        pub receive_queue: Option<u32>,
        /// Bytes written but not yet acknowledged by the peer.
        pub send_queue: Option<u32>,
        /// Bytes of `send_queue` that had not been sent at all.
        pub unsent: Option<u32>,
        /// Sequence number of the next byte from the peer (`rcv_nxt`).
        pub receive_next: Option<u32>,
        /// Sequence number of the next byte to be written (`write_seq`).
        pub write_next: Option<u32>,
        /// Options that both ends had agreed on: `timestamps`, `sack`, `window_scale`, `ecn`.
        pub options: Option<Vec<Cow<'static, str>>>,
        /// Scale of the peer's window, in bits.
        pub send_window_scale: Option<u32>,
        /// Scale of the local window, in bits.
        pub receive_window_scale: Option<u32>,
        /// Largest segment that the peer accepts, in bytes.
        pub mss: Option<u32>,
        /// Timestamp clock, in milliseconds or ticks of the kernel.
        pub timestamp: Option<u32>,
        /// Whether small segments are sent at once (`TCP_NODELAY`).
        pub nodelay: Option<bool>,
        /// Whether segments are held back until they are full (`TCP_CORK`).
        pub cork: Option<bool>,
        /// The peer's window, in bytes. Null if CRIU before 2.5 did not record it.
        pub send_window: Option<u32>,
        /// Largest window that the peer ever had, in bytes.
        pub max_window: Option<u32>,
        /// Sequence number of the segment that last changed the peer's window (`snd_wl1`).
        pub send_window_sequence: Option<u32>,
        /// The local window, in bytes.
        pub receive_window: Option<u32>,
        /// Sequence number at which the local window was last announced (`rcv_wup`).
        pub receive_window_sequence: Option<u32>,
    }
}

/// A connection and its socket.
pub(super) struct Connection<'c> {
    pub(super) inode: u64,
    pub(super) stream: &'c TcpStream,
    pub(super) socket: Option<Socket>,
    /// The kernel's number of the connection's state.
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
