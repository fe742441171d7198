//! Return addresses on the stacks of threads.

use super::super::facts::ProcessFacts;
use super::code::{bytes_at, mapping_at, pieces, unbacked_code_at};
use super::listing::Machine;
use crate::memory::{AddressSpace, STACK};
use crate::model::ids::Tid;
use crate::model::registers::Registers;

/// A word on a stack that leads back into code that no file backs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Return {
    /// The thread.
    pub(super) tid: Tid,
    /// Name of the thread.
    pub(super) name: Vec<u8>,
    /// Address of the word.
    pub(super) slot: u64,
    /// The address that the function returns to.
    pub(super) target: u64,
    /// First address of the mapping that it is in.
    pub(super) mapping: u64,
}

/// Most return addresses of a process that are listed.
const MOST: usize = 64;

/// The threads of a process with their registers.
pub(super) fn threads<'f>(process: &'f ProcessFacts<'_>) -> impl Iterator<Item = (Tid, &'f [u8], Registers)> {
    process.task.threads.iter().filter_map(|thread| {
        let name = thread.name().or(process.task.name()).unwrap_or_default();
        Some((thread.tid, name, thread.registers()?))
    })
}

/// The return addresses on all stacks of a process that lead into code that no file backs. A word counts only if a call
/// stands right before the address in it. The number is that of the stacks that are not in the archive.
pub(super) fn returns(process: &ProcessFacts<'_>, space: &AddressSpace<'_>, machine: Machine) -> (Vec<Return>, u64) {
    let mut found: Vec<Return> = Vec::new();
    let mut unread = 0_u64;
    let word = machine.word();
    for (tid, name, registers) in threads(process) {
        let Some(pointer) = registers.stack_pointer else { continue };
        let Some(stack) = mapping_at(process, pointer.0) else { continue };
        let from = pointer.0.checked_next_multiple_of(word).unwrap_or(pointer.0);
        let to = pointer.0.saturating_add(STACK).min(stack.end.0);
        let pieces = pieces(space, from, to);
        if pieces.is_empty() {
            unread = unread.saturating_add(1);
        }
        for (start, bytes) in pieces {
            // Pieces begin at pages, or at the aligned pointer.
            for (slot, value) in words(start, &bytes, word) {
                if let Some(mapping) = unbacked_code_at(process, value)
                    && found.len() < MOST
                    && is_return(space, machine, value)
                {
                    let (name, mapping) = (name.to_vec(), mapping.start.0);
                    found.push(Return { tid, name, slot, target: value, mapping });
                }
            }
        }
    }
    (found, unread)
}

/// Whether a call stands right before an address.
pub(super) fn is_return(space: &AddressSpace<'_>, machine: Machine, address: u64) -> bool {
    const LONGEST: u64 = 7;
    let Some(from) = address.checked_sub(LONGEST) else { return false };
    let before = bytes_at(space, from, LONGEST);
    before.len() == 7 && machine.ends_with_call(&before)
}

/// The words of bytes, with their addresses.
pub(super) fn words(start: u64, bytes: &[u8], word: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
    let size = crate::int::usize_of(word).max(1);
    let addresses = (0_u64..).map(move |number| start.saturating_add(number.saturating_mul(word)));
    addresses.zip(bytes.chunks_exact(size)).map(|(address, bytes)| {
        let value = bytes.iter().rev().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
        (address, value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_machine() {
        let bytes: Vec<u8> = (1..=9).collect();
        assert_eq!(words(0x10, &bytes, 8).collect::<Vec<_>>(), [(0x10, 0x0807_0605_0403_0201)]);
        assert_eq!(words(0x10, &bytes, 4).collect::<Vec<_>>(), [(0x10, 0x0403_0201), (0x14, 0x0807_0605)]);
    }
}
