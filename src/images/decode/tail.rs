//! Divides the bytes that follow a record, by the rule of the image's kind.

use super::Body;
use crate::images::byte_order::split_u32;
use crate::images::kind::Payload;
use crate::images::message::{Machine, Message};
use crate::int::usize_of;

/// The bytes that follow a record.
#[derive(Clone, Debug)]
pub enum Tail<'i> {
    /// Nothing ever follows records of this kind.
    None,
    /// Bytes.
    Bytes(&'i [u8]),
    /// Two runs of bytes, each with a name: the queues of a connection, or the keys and values of a map.
    Pair([(&'static str, &'i [u8]); 2]),
    /// Values of the semaphores of a set.
    Semaphores(Vec<u16>),
    /// Messages of a queue, each with its text. A message that cannot be decoded is `None`.
    Messages(Vec<(Option<Message<'i>>, &'i [u8])>),
}

impl<'i> Tail<'i> {
    /// Divides the bytes that follow a record. Truncated parts are shorter.
    pub(super) fn parse(payload: Payload, body: &Body<'i>, bytes: &'i [u8], machine: Machine) -> Self {
        let number = |name: &str| match body {
            Body::Message(message) => message.number(name),
            _ => 0,
        };
        let head = |bytes: &'i [u8], len: u64| bytes.split_at_checked(usize_of(len)).unwrap_or((bytes, &[]));
        match payload {
            Payload::None => Tail::None,
            // The head of contents that come in chunks, or contents that are elsewhere.
            Payload::Ghost if bytes.is_empty() && number("chunks") != 0 => Tail::None,
            Payload::IpcShm if bytes.is_empty() => Tail::None,
            Payload::Pipe | Payload::Packet | Payload::Ghost => Tail::Bytes(bytes),
            Payload::TcpStream => {
                let (received, sent) = head(bytes, number("inq_len"));
                Tail::Pair([("inq", received), ("outq", sent)])
            }
            Payload::BpfMap => {
                let (keys, values) = head(bytes, number("keys_bytes"));
                Tail::Pair([("keys", keys), ("values", values)])
            }
            Payload::IpcShm => Tail::Bytes(head(bytes, number("size")).0),
            Payload::IpcSem => {
                let words = bytes.as_chunks::<2>().0.iter().map(|&word| machine.order.u16(word));
                Tail::Semaphores(words.take(usize_of(number("nsems"))).collect())
            }
            Payload::IpcMsg => Tail::Messages(messages(bytes, number("qnum"), machine)),
        }
    }
}

/// The messages of a queue: each a size and an `ipc_msg`, then `msize` bytes padded to 8.
fn messages(mut bytes: &[u8], count: u64, machine: Machine) -> Vec<(Option<Message<'_>>, &[u8])> {
    let mut messages = Vec::new();
    for _ in 0..count {
        let Some((size, rest)) = split_u32(bytes, machine.order) else { break };
        let Some((head, rest)) = rest.split_at_checked(usize_of(size.into())) else { break };
        let message = Message::read("ipc_msg", head, machine).ok();
        let len = message.as_ref().map_or(0, |message| message.number("msize"));
        let (text, _) = rest.split_at_checked(usize_of(len)).unwrap_or((rest, &[]));
        let padded = len.checked_next_multiple_of(8).unwrap_or(u64::MAX);
        bytes = rest.get(usize_of(padded)..).unwrap_or_default();
        messages.push((message, text));
    }
    messages
}
