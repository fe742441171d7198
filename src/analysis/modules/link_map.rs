//! The list of what the dynamic loader has loaded, in the memory of a process.
//!
//! A debugger finds it by `struct r_debug` (`link.h`): the address is in the dynamic section of the program (`DT_DEBUG`),
//! and the structure is in the data of the loader. glibc and musl share the layout. glibc has one more list for each
//! namespace of `dlmopen`.

use std::collections::HashSet;

use bstr::BString;

use crate::memory::AddressSpace;

/// Most entries of one list.
const ENTRIES: usize = 8192;
/// Most lists of a process. glibc has 16 namespaces.
const LISTS: u64 = 32;
/// Longest name.
const NAME: u64 = 4096;

/// An entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Linked {
    /// The namespace, 0 for the usual one.
    pub(crate) namespace: u64,
    /// Place in its list.
    pub(crate) position: u64,
    /// Difference between its addresses in memory and in the file.
    pub(crate) base: u64,
    /// Name; empty for the program, and `None` if it is not in the archive.
    pub(crate) name: Option<BString>,
    /// Where its dynamic section is.
    pub(crate) dynamic: u64,
}

/// The lists of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkMap {
    /// The entries, in order.
    pub(crate) entries: Vec<Linked>,
    /// Why there are no more, if a list does not come to its end.
    pub(crate) broken: Option<&'static str>,
}

/// Reads words of a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a> {
    pub(super) space: AddressSpace<'a>,
    /// Bytes of a word.
    pub(super) word: u64,
    pub(super) big: bool,
}

impl Words<'_> {
    /// The words from an address on.
    pub(super) fn read<const N: usize>(&self, address: u64) -> Option<[u64; N]> {
        let len = self.word.checked_mul(crate::int::u64_of(N))?;
        let bytes = self.space.read(address, len).ok()?;
        let mut words = [0; N];
        for (place, part) in words.iter_mut().zip(bytes.chunks_exact(crate::int::usize_of(self.word))) {
            *place = self.number(part);
        }
        Some(words)
    }

    /// The number of a word.
    pub(super) fn number(&self, part: &[u8]) -> u64 {
        let add = |number: u64, byte: &u8| number.checked_shl(8).unwrap_or(0) | u64::from(*byte);
        if self.big { part.iter().fold(0, add) } else { part.iter().rev().fold(0, add) }
    }

    fn text(&self, address: u64) -> Option<BString> {
        let mut text = Vec::new();
        for (_, content) in self.space.pieces(address, address.saturating_add(NAME)) {
            let crate::memory::Content::Bytes(bytes) = content else { break };
            let end = memchr::memchr(0, &bytes);
            text.extend_from_slice(bytes.get(..end.unwrap_or(bytes.len()))?);
            if end.is_some() {
                return Some(text.into());
            }
        }
        None
    }
}

/// Reads the lists from the structure for debuggers on. `None` if there is no such structure.
pub(super) fn read(words: &Words<'_>, debug: u64) -> Option<LinkMap> {
    let mut map = LinkMap::default();
    let (mut at, mut namespace) = (debug, 0);
    let mut seen: HashSet<u64> = HashSet::new();
    loop {
        let [version, first, _, state, _] = words.read::<5>(at)?;
        let (version, state) = (version & 0xffff_ffff, state & 0xffff_ffff);
        if namespace == 0 && (!(1..=2).contains(&version) || state > 2) {
            return None;
        }
        list(words, first, namespace, &mut seen, &mut map);
        // From version 2 on, the next structure follows.
        let after = words.word.checked_mul(5).and_then(|len| at.checked_add(len));
        let next = after.filter(|_| version >= 2).and_then(|after| words.read::<1>(after)).map_or(0, |[next]| next);
        namespace = namespace.saturating_add(1);
        if next == 0 || namespace >= LISTS || map.broken.is_some() {
            break;
        }
        at = next;
    }
    // The first entry of the first list is the program.
    (!map.entries.is_empty() || map.broken.is_some()).then_some(map)
}

fn list(words: &Words<'_>, first: u64, namespace: u64, seen: &mut HashSet<u64>, map: &mut LinkMap) {
    let (mut at, mut before, mut position) = (first, 0, 0);
    while at != 0 {
        if map.entries.len() >= ENTRIES {
            map.broken = Some("the dynamic loader's list has more entries than are read");
            return;
        }
        if !seen.insert(at) {
            map.broken = Some("the dynamic loader's list leads back into itself");
            return;
        }
        let Some([base, name, dynamic, next, previous]) = words.read::<5>(at) else {
            map.broken = Some("a part of the dynamic loader's list is not in the archive");
            return;
        };
        if previous != before {
            map.broken = Some("the dynamic loader's list contradicts itself");
            return;
        }
        map.entries.push(Linked { namespace, position, base, name: words.text(name), dynamic });
        position = position.saturating_add(1);
        (before, at) = (at, next);
    }
}
