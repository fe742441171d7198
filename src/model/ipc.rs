//! System V objects: shared memory, message queues and semaphores. `ipcns-shm-NS.img`, `ipcns-msg-NS.img`,
//! `ipcns-sem-NS.img`.

use std::collections::BTreeMap;

use prost::Message as _;

use super::{EngineFiles, Model};
use crate::images::proto::{IpcDescEntry, IpcMsg, IpcMsgEntry, IpcSemEntry, IpcShmEntry};
use crate::images::{ByteOrder, Images, Kind, Span};
use crate::int::{u64_of, usize_of};

/// A System V segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Id, as `shmget(2)` returned it. 0 is valid.
    pub id: u32,
    /// Key; 0 if private.
    pub key: u32,
    /// Size in bytes.
    pub size: u64,
    /// The IPC namespace (CRIU's id).
    pub namespace: u64,
    /// Owners and mode.
    pub owner: Owner,
    /// Huge page size, as passed to `shmget(2)`; `None` for ordinary segments.
    pub huge_pages: Option<u32>,
    /// Offset and length of the contents in the image, if they are there and not in pages.
    pub(crate) embedded: Option<(u64, u64)>,
}

/// The owner and creator of an object, and its permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// User who created it.
    pub creator_uid: Option<u32>,
    /// Group of the user who created it.
    pub creator_gid: Option<u32>,
    /// Permission bits.
    pub mode: Option<u32>,
}

impl Owner {
    fn from_entry(desc: &IpcDescEntry) -> Self {
        let mode = desc.mode.map(|mode| mode & 0o7777);
        Owner { uid: desc.uid, gid: desc.gid, creator_uid: desc.cuid, creator_gid: desc.cgid, mode }
    }
}

/// Reads the segments of all IPC namespaces, by id. CRIU dumps one such namespace.
pub(super) fn segments(images: Images<'_>) -> BTreeMap<u64, Segment> {
    let mut segments = BTreeMap::new();
    for namespace in namespaces(images, Kind::IpcnsShm) {
        images.each::<IpcShmEntry>(Kind::IpcnsShm, namespace, |entry, record, _| {
            let desc = entry.desc.unwrap_or_default();
            let offset = record.offset.saturating_add(4).saturating_add(u64_of(record.message.len()));
            let len = entry.size().min(u64_of(record.payload.len()));
            let segment = Segment {
                id: desc.id(),
                key: desc.key(),
                size: entry.size(),
                namespace,
                owner: Owner::from_entry(&desc),
                huge_pages: entry.hugetlb_flag.filter(|&flag| flag != 0),
                embedded: (!entry.in_pagemaps()).then_some((offset, len)),
            };
            segments.insert(segment.id.into(), segment);
        });
    }
    segments
}

/// A queue of messages.
#[derive(Clone, Debug)]
pub struct MessageQueue {
    /// Id, as `msgget(2)` returned it.
    pub id: u32,
    /// Key; 0 if private.
    pub key: u32,
    /// The IPC namespace (CRIU's id).
    pub namespace: u64,
    /// Owners and mode.
    pub owner: Owner,
    /// Bytes of messages that the queue can hold.
    pub capacity: Option<u32>,
    /// Recorded number of waiting messages.
    pub count: Option<u32>,
    /// The available messages, oldest first.
    pub messages: Vec<Message>,
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Type, as the sender chose it.
    pub message_type: u64,
    /// Contents of the message.
    pub text: Span,
}

/// A set of semaphores.
#[derive(Clone, Debug)]
pub struct Semaphores {
    /// Id, as `semget(2)` returned it.
    pub id: u32,
    /// Key; 0 if private.
    pub key: u32,
    /// The IPC namespace (CRIU's id).
    pub namespace: u64,
    /// Owners and mode.
    pub owner: Owner,
    /// Recorded number of semaphores.
    pub count: Option<u32>,
    /// The available values.
    pub values: Vec<u16>,
}

/// Message queues and semaphores; segments are a part of [`Model`].
#[derive(Debug, Default)]
pub struct Ipc {
    /// Queues, by namespace and in the order of the image.
    pub queues: Vec<MessageQueue>,
    /// Sets of semaphores, by namespace and in the order of the image.
    pub semaphores: Vec<Semaphores>,
}

/// Reads them.
pub(crate) fn read(images: Images<'_>, _: &Model, _: &EngineFiles<'_>) -> Ipc {
    let mut ipc = Ipc::default();
    for namespace in namespaces(images, Kind::IpcnsMsg) {
        let Some(order) = images.open(Kind::IpcnsMsg, namespace).map(|image| image.byte_order()) else { continue };
        images.each::<IpcMsgEntry>(Kind::IpcnsMsg, namespace, |entry, record, _| {
            let desc = entry.desc.unwrap_or_default();
            let all = Span::behind((Kind::IpcnsMsg, namespace), record, 0, u64_of(record.payload.len()));
            ipc.queues.push(MessageQueue {
                id: desc.id(),
                key: desc.key(),
                namespace,
                owner: Owner::from_entry(&desc),
                capacity: entry.qbytes,
                count: entry.qnum,
                messages: messages(record.payload, all, entry.qnum(), order),
            });
        });
    }
    for namespace in namespaces(images, Kind::IpcnsSem) {
        let Some(order) = images.open(Kind::IpcnsSem, namespace).map(|image| image.byte_order()) else { continue };
        images.each::<IpcSemEntry>(Kind::IpcnsSem, namespace, |entry, record, _| {
            let desc = entry.desc.unwrap_or_default();
            let values = record.payload.as_chunks::<2>().0.iter().take(usize_of(entry.nsems().into()));
            ipc.semaphores.push(Semaphores {
                id: desc.id(),
                key: desc.key(),
                namespace,
                owner: Owner::from_entry(&desc),
                count: entry.nsems,
                values: values.map(|&value| order.u16(value)).collect(),
            });
        });
    }
    ipc
}

fn namespaces(images: Images<'_>, kind: Kind) -> Vec<u64> {
    images.set.of_kind(images.archive, kind).map(|(number, _)| number).collect()
}

/// The messages after a queue's record, up to the first that cannot be read. A truncated image was warned about when
/// its records were counted.
fn messages(payload: &[u8], all: Span, count: u32, order: ByteOrder) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut rest = payload;
    for _ in 0..count {
        let Some((size, after)) = rest.split_first_chunk::<4>() else { break };
        let Some((head, after)) = after.split_at_checked(usize_of(order.u32(*size).into())) else { break };
        let Ok(head) = IpcMsg::decode(head) else { break };
        let skip = u64_of(payload.len().saturating_sub(after.len()));
        // Cut to the available bytes; the recorded length still advances the position.
        let len = u64::from(head.msize());
        let text = Span { offset: all.offset.saturating_add(skip), len, ..all };
        messages.push(Message { message_type: head.mtype(), text });
        let padded = usize_of(len.next_multiple_of(8));
        rest = after.get(padded..).unwrap_or_default();
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(texts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            let message = IpcMsg { mtype: Some(u64_of(number)), msize: u32::try_from(text.len()).ok() }.encode_to_vec();
            bytes.extend(u32::try_from(message.len()).unwrap().to_le_bytes());
            bytes.extend(message);
            bytes.extend_from_slice(text);
            bytes.resize(bytes.len() + text.len().next_multiple_of(8) - text.len(), 0);
        }
        bytes
    }

    fn read(bytes: &[u8], count: u32) -> Vec<(u64, u64, u64)> {
        let all = Span { image: (Kind::IpcnsMsg, 1), offset: 100, len: u64_of(bytes.len()) };
        let read = messages(bytes, all, count, ByteOrder::Little);
        read.iter().map(|m| (m.message_type, m.text.offset, m.text.len)).collect()
    }

    #[test]
    fn messages_are_padded_to_eight_bytes() {
        let bytes = queue(&[b"abc", b"12345678", b""]);
        let found = read(&bytes, 3);
        assert_eq!(found.iter().map(|m| (m.0, m.2)).collect::<Vec<_>>(), [(0, 3), (1, 8), (2, 0)]);
        let text = |at: u64, len: usize| &bytes[usize_of(at - 100)..][..len];
        assert_eq!((text(found[0].1, 3), text(found[1].1, 8)), (&b"abc"[..], &b"12345678"[..]));
    }

    #[test]
    fn what_is_cut_ends_the_queue() {
        let bytes = queue(&[b"abc", b"12345678"]);
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end], u32::MAX).len() <= 2);
        }
        assert_eq!(read(&bytes, u32::MAX).len(), 2, "the count of an attacker is not believed");
        assert_eq!(read(&[0xff; 64], 3), []);
    }
}
