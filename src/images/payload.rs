//! The number of bytes that follow a record and belong to it, by the rule of the image's kind.

use prost::Message;

use super::framing::{ByteOrder, split_u32};
use super::kind::Payload;
use super::proto::{
    BpfmapDataEntry, GhostChunkEntry, GhostFileEntry, IpcMsg, IpcMsgEntry, IpcSemEntry, IpcShmEntry, PipeDataEntry,
    SkPacketEntry, TcpStreamEntry,
};
use crate::int::{u64_of, usize_of};

/// Type bits of a regular file in `st_mode`, and their mask.
const REGULAR: u32 = 0o100_000;
const TYPE_MASK: u32 = 0o170_000;

/// The number of bytes that follow `message`. `after` is the rest of the image. `chunked` is the state of a ghost file
/// between its records. `Err` says why the number is unknown.
pub(super) fn len(
    payload: Payload,
    message: &[u8],
    after: &[u8],
    order: ByteOrder,
    chunked: &mut bool,
) -> Result<u64, &'static str> {
    const UNREADABLE: &str = "the record is not valid protobuf";
    match payload {
        Payload::None => Ok(0),
        Payload::Pipe => Ok(PipeDataEntry::decode(message).map_err(|_| UNREADABLE)?.bytes().into()),
        Payload::Packet => Ok(SkPacketEntry::decode(message).map_err(|_| UNREADABLE)?.length().into()),
        Payload::TcpStream => {
            let entry = TcpStreamEntry::decode(message).map_err(|_| UNREADABLE)?;
            Ok(u64::from(entry.inq_len()).saturating_add(entry.outq_len().into()))
        }
        Payload::BpfMap => {
            let entry = BpfmapDataEntry::decode(message).map_err(|_| UNREADABLE)?;
            Ok(u64::from(entry.keys_bytes()).saturating_add(entry.values_bytes().into()))
        }
        Payload::Ghost if *chunked => Ok(GhostChunkEntry::decode(message).map_err(|_| UNREADABLE)?.len()),
        Payload::Ghost => {
            let entry = GhostFileEntry::decode(message).map_err(|_| UNREADABLE)?;
            *chunked = entry.chunks();
            Ok(if *chunked || entry.mode() & TYPE_MASK != REGULAR { 0 } else { u64_of(after.len()) })
        }
        Payload::IpcShm => {
            let entry = IpcShmEntry::decode(message).map_err(|_| UNREADABLE)?;
            Ok(if entry.in_pagemaps() { 0 } else { round_up(entry.size(), 4) })
        }
        Payload::IpcSem => {
            let entry = IpcSemEntry::decode(message).map_err(|_| UNREADABLE)?;
            Ok(round_up(u64::from(entry.nsems()).saturating_mul(2), 8))
        }
        Payload::IpcMsg => {
            let entry = IpcMsgEntry::decode(message).map_err(|_| UNREADABLE)?;
            let mut used = 0_u64;
            for _ in 0..entry.qnum() {
                let rest = after.get(usize_of(used)..).ok_or("a message is missing")?;
                let (size, rest) = split_u32(rest, order).ok_or("a message is missing")?;
                let text = rest.get(..usize_of(size.into())).ok_or("a message is truncated")?;
                let text = IpcMsg::decode(text).map_err(|_| UNREADABLE)?;
                used = used.saturating_add(4).saturating_add(size.into());
                used = used.saturating_add(round_up(text.msize().into(), 8));
            }
            Ok(used)
        }
    }
}

/// The next multiple of a power of two. CRIU does not pad anything that already is a multiple.
fn round_up(len: u64, to: u64) -> u64 {
    len.checked_next_multiple_of(to).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn len_of(payload: Payload, message: &impl Message, after: &[u8]) -> Result<u64, &'static str> {
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
    }
}
