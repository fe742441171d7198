//! The length of the bytes that follow a record and belong to it, by the rule of the image's kind.

use super::byte_order::{ByteOrder, split_u32};
use super::kind::Payload;
use super::message::{Machine, Message};
use crate::int::{u64_of, usize_of};

/// Type bits of a regular file in `st_mode`, and their mask.
const REGULAR: u64 = 0o100_000;
const TYPE_MASK: u64 = 0o170_000;

/// The number of bytes that follow `message`. `after` is the rest of the image. `chunked` is the state of a ghost file
/// between its records. `Err` says why the number is unknown.
pub(super) fn len(
    payload: Payload,
    message: &[u8],
    after: &[u8],
    order: ByteOrder,
    chunked: &mut bool,
) -> Result<u64, &'static str> {
    let read = |name| read(name, message);
    match payload {
        Payload::None => Ok(0),
        Payload::Pipe => Ok(read("pipe_data_entry")?.number("bytes")),
        Payload::Packet => Ok(read("sk_packet_entry")?.number("length")),
        Payload::TcpStream => {
            let entry = read("tcp_stream_entry")?;
            Ok(entry.number("inq_len").saturating_add(entry.number("outq_len")))
        }
        Payload::BpfMap => {
            let entry = read("bpfmap_data_entry")?;
            Ok(entry.number("keys_bytes").saturating_add(entry.number("values_bytes")))
        }
        Payload::Ghost if *chunked => Ok(read("ghost_chunk_entry")?.number("len")),
        Payload::Ghost => {
            let entry = read("ghost_file_entry")?;
            *chunked = entry.number("chunks") != 0;
            Ok(if *chunked || entry.number("mode") & TYPE_MASK != REGULAR { 0 } else { u64_of(after.len()) })
        }
        Payload::IpcShm => {
            let entry = read("ipc_shm_entry")?;
            Ok(if entry.number("in_pagemaps") != 0 { 0 } else { round_up(entry.number("size"), 4) })
        }
        Payload::IpcSem => Ok(round_up(read("ipc_sem_entry")?.number("nsems").saturating_mul(2), 8)),
        Payload::IpcMsg => {
            let mut used = 0_u64;
            for _ in 0..read("ipc_msg_entry")?.number("qnum") {
                let rest = after.get(usize_of(used)..).ok_or("a message is missing")?;
                let (size, rest) = split_u32(rest, order).ok_or("a message is missing")?;
                let text = rest.get(..usize_of(size.into())).ok_or("a message is cut short")?;
                let text = self::read("ipc_msg", text)?;
                used = used.saturating_add(4).saturating_add(size.into());
                used = used.saturating_add(round_up(text.number("msize"), 8));
            }
            Ok(used)
        }
    }
}

/// Reads a record. Its numbers do not depend on the machine.
fn read<'m>(name: &str, bytes: &'m [u8]) -> Result<Message<'m>, &'static str> {
    let message = Message::read(name, bytes, Machine::default()).ok();
    message.filter(|message| !message.is_mistyped()).ok_or("the record is not valid protobuf")
}

/// The next multiple of a power of two. CRIU does not pad a length that is a multiple already.
fn round_up(len: u64, to: u64) -> u64 {
    len.checked_next_multiple_of(to).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::super::proto::{GhostChunkEntry, GhostFileEntry, IpcMsg, IpcMsgEntry, IpcSemEntry, IpcShmEntry};
    use super::*;

    fn len_of(payload: Payload, message: &impl prost::Message, after: &[u8]) -> Result<u64, &'static str> {
        len(payload, &message.encode_to_vec(), after, ByteOrder::Little, &mut false)
    }

    #[test]
    fn padding_is_none_where_the_length_is_a_multiple_already() {
        assert_eq!((round_up(163, 8), round_up(168, 8), round_up(0, 8)), (168, 168, 0));
        let shm = |size| IpcShmEntry { size: Some(size), ..Default::default() };
        assert_eq!(len_of(Payload::IpcShm, &shm(4096), &[]), Ok(4096));
        assert_eq!(len_of(Payload::IpcShm, &shm(4097), &[]), Ok(4100));
        let in_pagemaps = IpcShmEntry { in_pagemaps: Some(true), ..shm(4096) };
        assert_eq!(len_of(Payload::IpcShm, &in_pagemaps, &[]), Ok(0));
        let sem = IpcSemEntry { nsems: Some(4), ..Default::default() };
        assert_eq!(len_of(Payload::IpcSem, &sem, &[]), Ok(8));
    }

    #[test]
    fn messages_are_counted_one_by_one() {
        let queue = IpcMsgEntry { qnum: Some(2), ..Default::default() };
        let mut after = Vec::new();
        for msize in [3_u32, 8] {
            let message = IpcMsg { msize: Some(msize), ..Default::default() }.encode_to_vec();
            after.extend(u32::try_from(message.len()).unwrap().to_le_bytes());
            after.extend(message);
            after.extend([0; 8]);
        }
        assert_eq!(len_of(Payload::IpcMsg, &queue, &after), Ok(u64_of(after.len())));
        assert!(len_of(Payload::IpcMsg, &queue, &after[..10]).is_err());
    }

    #[test]
    fn a_ghost_is_the_rest_of_the_image_or_chunks() {
        let ghost = |mode, chunks| GhostFileEntry { mode: Some(mode), chunks, ..Default::default() };
        assert_eq!(len_of(Payload::Ghost, &ghost(0o100_644, None), b"contents"), Ok(8));
        assert_eq!(len_of(Payload::Ghost, &ghost(0o010_644, None), b""), Ok(0));
        let mut chunked = false;
        let head = ghost(0o100_644, Some(true)).encode_to_vec();
        assert_eq!(len(Payload::Ghost, &head, b"..", ByteOrder::Little, &mut chunked), Ok(0));
        let chunk = GhostChunkEntry { len: Some(2), off: Some(4096) }.encode_to_vec();
        assert_eq!(len(Payload::Ghost, &chunk, b"..", ByteOrder::Little, &mut chunked), Ok(2));
    }

    #[test]
    fn damage_is_an_error_not_a_length() {
        let wrong = len(Payload::Pipe, &[0xff; 12], &[], ByteOrder::Little, &mut false);
        assert_eq!(wrong, Err("the record is not valid protobuf"));
        // `bytes` (2) as text.
        let mistyped = len(Payload::Pipe, b"\x12\x01x", b"x", ByteOrder::Little, &mut false);
        assert_eq!(mistyped, Err("the record is not valid protobuf"));
    }
}
