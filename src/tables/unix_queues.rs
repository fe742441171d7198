//! Table `unix_queues`.

use std::collections::HashMap;

use bstr::BString;

use super::content::{Shown, shown};
use super::holding::Holding;
use super::process_open_files::described;
use super::table::table;
use super::value::{Detail, Object};
use crate::Checkpoint;
use crate::images::proto::ScmEntry;
use crate::model::file::File;
use crate::model::ids::FileId;
use crate::model::socket::{Packet, Socket};

/// Greatest number of descriptors in a row. The kernel passes at most 253 with a packet (`SCM_MAX_FD`).
const MOST: usize = 256;
/// `SCM_RIGHTS` of the kernel's `include/linux/socket.h`.
const RIGHTS: u32 = 1;

table! {
    "unix_queues", key(file_id, position), brief(socket, holders, path, position, bytes, text, descriptors),
    event(Event::state(&["network"], "unix-queue"));
    /// Packets sent to a unix socket but not yet read, by socket, oldest first. Bytes waiting in a stream socket are in
    /// pieces as CRIU read them, not as they were written. The sender of a packet is never recorded.
    pub struct UnixPacket {
        /// Inode of the socket. Null if not recorded.
        pub socket: Option<u64>,
        /// CRIU's id of the open socket.
        pub file_id: FileId,
        /// Family of the socket: `unix`.
        pub family: Option<&'static str>,
        /// Type of the socket: `stream`, `dgram` or `seqpacket`.
        pub r#type: Option<&'static str>,
        /// Name of the socket, with `@` for the NUL of an abstract name. Null if it has none.
        pub path: Option<BString>,
        /// Inode of the other end. Null if there is none.
        pub peer: Option<u64>,
        /// Who holds the socket that would have read the packet: `1:8` is descriptor 8 of process 1. At most 256 are
        /// listed.
        pub holders: Holding,
        /// Position in the queue, from 0.
        pub position: u64,
        /// Length of the packet in bytes.
        pub bytes: u64,
        /// Waiting bytes, first 64 KiB.
        pub text: Option<BString>,
        /// The same bytes in hexadecimal.
        pub hex: Option<String>,
        /// SHA-256 of all waiting bytes. Null if some are not in the archive.
        #[to(ecs("related.hash").related(), timesketch("sha256_hash"))]
        pub sha256: Option<String>,
        /// Waiting bytes that are missing because the archive is truncated.
        pub missing_bytes: Option<u64>,
        /// Descriptors that were sent with the packet (`SCM_RIGHTS`) and not yet received: `file_id` (joins
        /// `process_open_files`), `type` and `path`. At most 256 are listed.
        pub descriptors: Vec<Object>,
        /// Types of other control messages sent with the packet. CRIU records only descriptors.
        pub control: Vec<u32>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = UnixPacket> + '_ {
    let model = checkpoint.model();
    let sockets: HashMap<FileId, Socket> = model
        .files()
        .iter()
        .filter(|(_, file)| matches!(file, File::Unix(_) | File::Netlink(_) | File::Packet(_) | File::Inet(_)))
        .filter_map(|(id, file)| Some((id, model.socket(id, file)?)))
        .collect();
    let mut packets: Vec<&Packet> = model.queues().packets().iter().collect();
    // The sort is stable: each socket's packets keep their order.
    packets.sort_by_key(|packet| (sockets.get(&packet.file).and_then(|socket| socket.inode), packet.file));
    let mut before: Option<(FileId, u64)> = None;
    packets.into_iter().map(move |packet| {
        let position = before.filter(|(file, _)| *file == packet.file).map_or(0, |(_, last)| last.saturating_add(1));
        before = Some((packet.file, position));
        row(checkpoint, packet, sockets.get(&packet.file), position)
    })
}

fn row(checkpoint: &Checkpoint, packet: &Packet, socket: Option<&Socket>, position: u64) -> UnixPacket {
    let Shown { text, hex, sha256, missing } = shown(checkpoint, packet.bytes);
    let rights = packet.control.iter().filter(|control| control.r#type() == RIGHTS).flat_map(|rights| &rights.rights);
    UnixPacket {
        socket: socket.and_then(|socket| socket.inode),
        file_id: packet.file,
        family: socket.map(|socket| socket.family.as_str()),
        r#type: socket.and_then(|socket| socket.socket_type),
        path: socket.and_then(|socket| socket.path.clone()).map(BString::from),
        peer: socket.and_then(|socket| socket.peer),
        holders: Holding::of(checkpoint, packet.file),
        position,
        bytes: packet.bytes.len,
        text,
        hex,
        sha256,
        missing_bytes: missing,
        descriptors: rights.take(MOST).map(|&id| descriptor(checkpoint, FileId(id))).collect(),
        control: packet.control.iter().map(ScmEntry::r#type).filter(|&kind| kind != RIGHTS).take(MOST).collect(),
    }
}

/// A descriptor in flight.
fn descriptor(checkpoint: &Checkpoint, id: FileId) -> Object {
    let mut detail = vec![("file_id", Detail::Integer(id.0.into()))];
    if let Some((kind, path)) = described(checkpoint.model(), id) {
        detail.extend(kind.map(|kind| ("type", Detail::Text(kind.into()))));
        detail.extend(path.map(|path| ("path", Detail::Bytes(path))));
    }
    Object(detail)
}
