//! Table `socket_filters`.

use std::sync::Arc;

use super::table::table;
use crate::Checkpoint;
use crate::int::u64_of;
use crate::model::Model;
use crate::model::bpf::{Program, text_of};
use crate::model::file::File;
use crate::model::ids::{FileId, Pid};

table! {
    "socket_filters", key(file_id, instruction), brief(socket, family, pids, instruction, text);
    /// Socket filters (classic BPF), disassembled: which packets a socket accepts. One row for each instruction, by
    /// CRIU's id of the open socket.
    pub struct SocketFilter {
        /// CRIU's id of the open file; joins `process_open_files`.
        pub file_id: FileId,
        /// Inode of the socket. Null for packet sockets, for which it is not recorded.
        pub socket: Option<u64>,
        /// Address family: `inet`, `inet6`, `unix`, `netlink`, `packet` or `other`.
        pub family: &'static str,
        /// Processes that hold the socket.
        pub pids: Arc<[Pid]>,
        /// Number of the instruction, from 0.
        pub instruction: u64,
        /// The instruction, in the notation of `bpf_asm`. The two numbers at the end of a test are the next
        /// instructions if it is true and if it is false. An instruction that the kernel does not know is `unknown`
        /// with its numbers. `ret` gives the number of bytes of a packet to accept.
        pub text: String,
        /// Opcode.
        pub code: u32,
        /// Instructions to skip if the test is true.
        pub jt: u32,
        /// Instructions to skip if the test is false.
        pub jf: u32,
        /// Constant of the instruction.
        pub k: u32,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = SocketFilter> + '_ {
    let model = checkpoint.model();
    let mut sockets: Vec<(FileId, &File)> =
        model.files().iter().filter(|(_, file)| file.filter().is_some_and(|words| !words.is_empty())).collect();
    sockets.sort_by_key(|(id, _)| *id);
    sockets.into_iter().flat_map(move |(id, file)| of_socket(model, id, file))
}

fn of_socket(model: &Model, id: FileId, file: &File) -> Vec<SocketFilter> {
    let socket = model.socket(id, file);
    let program = Program::from_words(file.filter().unwrap_or_default());
    let holders = model.holders_of(id);
    let rows =
        program.0.iter().zip(program.operations()).enumerate().map(|(at, (instruction, operation))| SocketFilter {
            file_id: id,
            socket: socket.as_ref().and_then(|socket| socket.inode),
            family: socket.as_ref().map_or("other", |socket| socket.family.as_str()),
            pids: Arc::clone(&holders),
            instruction: u64_of(at),
            text: text_of(*instruction, operation),
            code: instruction.code.into(),
            jt: instruction.jt.into(),
            jf: instruction.jf.into(),
            k: instruction.k,
        });
    rows.collect()
}
