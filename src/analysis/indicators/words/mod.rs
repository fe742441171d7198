//! Finds values of indicators in bytes: in memory, in arguments, in files. The words of the bytes are looked up, instead of
//! searching for each value: what it costs hardly depends on how many there are.
//!
//! A word is a run of letters, digits, dots, dashes and underscores. From it follow domains (each end that begins at a
//! label), addresses, hashes, names, and the URLs and paths that it is part of. Longer texts are found by their longest
//! word. A bit for each value tells for most words that they are none of them.

mod classes;
mod pass;
mod written;

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use bstr::ByteSlice;

use self::classes::{PATH, WORD, is};
use self::pass::Pass;
use self::written::{socket_address, url_of, wire_name, words_of};
use super::index::{Entry, Index, hash};
use super::value::{Kind, plain};
use crate::int::{u64_of, usize_of};
use crate::memory::Sieve;

/// Most values of one text.
const VALUES_MOST: usize = 4096;
/// Bytes around a word in which the rest of what is sought may be.
pub(in crate::analysis) const CONTEXT: u64 = 160;
/// Most words that are kept of all memory.
const MOST: usize = 300_000;

/// Shortest word that is looked up in memory, and elsewhere.
const LEAST: usize = 4;
const LEAST_OF_TEXT: usize = 2;
/// Bytes of a domain.
const DOMAIN: usize = 253;
/// Bytes of a URL, a path, a text.
const LONGEST: usize = 2048;
/// Bytes of a text that are searched for.
const TEXT: usize = 512;
/// Texts that are looked for by the same word.
const SAME_WORD: usize = 256;
/// Hits of one value in one slice.
const HITS: u8 = 32;
/// Characters of a string in UTF-16.
const WIDE: usize = 1024;

/// What is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::analysis) enum Scope {
    /// In memory, where names of three letters and what is too general are everywhere.
    Memory,
    /// In arguments, files and logs.
    Text,
}

/// The finder.
#[derive(Debug)]
pub(in crate::analysis) struct Words {
    index: Arc<Index>,
    scope: Scope,
    bits: Vec<u64>,
    shift: u32,
    /// Texts by the hash of their longest word: the entry, and the place of the word in the text.
    anchors: HashMap<u64, Vec<(u32, u32)>>,
    /// Greatest place of a word in its text.
    reach: usize,
    /// Texts that are not looked for, as their words are short or those of many.
    pub(in crate::analysis) left_out: u64,
    has: Kinds,
}

#[derive(Debug, Default)]
struct Kinds {
    domains: bool,
    /// Whether there are domains whose first label is shorter than a word.
    short_labels: bool,
    addresses: bool,
    networks: bool,
    urls: bool,
    paths: bool,
    /// Whether words without a dot matter that are no hashes.
    names: bool,
}

impl Words {
    pub(in crate::analysis) fn new(index: &Arc<Index>, scope: Scope) -> Self {
        let wanted = |entry: &&Entry| match scope {
            Scope::Memory => Index::is_in_memory(entry),
            Scope::Text => !entry.is_expression && !matches!(entry.kind, Kind::Port | Kind::Directory | Kind::Network),
        };
        let count = index.entries.iter().filter(wanted).count();
        let bits = count.saturating_mul(16).next_power_of_two().clamp(1 << 16, 1 << 30);
        let shift = 64_u32.saturating_sub(bits.trailing_zeros());
        let mut words = Words {
            index: Arc::clone(index),
            scope,
            bits: vec![0; bits / 64],
            shift,
            anchors: HashMap::new(),
            reach: 0,
            left_out: 0,
            has: Kinds { networks: index.has_networks(), ..Kinds::default() },
        };
        for (number, entry) in (0_u32..).zip(&index.entries).filter(|(_, entry)| wanted(entry)) {
            words.add(number, entry);
        }
        words
    }

    fn least(&self) -> usize {
        if self.scope == Scope::Memory { LEAST } else { LEAST_OF_TEXT }
    }

    fn add(&mut self, number: u32, entry: &Entry) {
        let least = self.least();
        let index = Arc::clone(&self.index);
        let key = index.key_of(entry);
        self.set(hash(key));
        match entry.kind {
            Kind::Domain => {
                self.has.domains = true;
                self.has.short_labels |= key.find_byte(b'.').is_some_and(|len| len < least);
            }
            Kind::Address => self.has.addresses = true,
            Kind::Url => self.has.urls = true,
            Kind::Path if key.iter().all(|&byte| is(byte, PATH)) => self.has.paths = true,
            Kind::Name | Kind::Process if key.iter().all(|&byte| is(byte, WORD)) => self.has.names = true,
            kind if kind.is_hash() => {}
            _ => {
                // The word may stand anywhere in the text.
                let key = key.get(..TEXT).unwrap_or(key);
                // The longest word is the rarest, unless many texts have it.
                let mut all = words_of(key);
                all.retain(|(_, word)| word.len() >= least);
                all.sort_by_key(|(_, word)| std::cmp::Reverse(word.len()));
                let is_free = |word: &[u8]| self.anchors.get(&hash(word)).is_none_or(|all| all.len() < SAME_WORD);
                match all.into_iter().find(|(_, word)| is_free(word)) {
                    Some((at, word)) => {
                        self.anchors.entry(hash(word)).or_default().push((number, u32::try_from(at).unwrap_or(0)));
                        self.reach = self.reach.max(at);
                        self.set(hash(word));
                        self.has.names = true;
                    }
                    None => self.left_out = self.left_out.saturating_add(1),
                }
            }
        }
    }

    fn set(&mut self, hash: u64) {
        let place = hash.checked_shr(self.shift).unwrap_or(0);
        if let Some(word) = self.bits.get_mut(usize_of(place >> 6)) {
            *word |= 1_u64.wrapping_shl(u32::try_from(place & 63).unwrap_or(0));
        }
    }

    #[inline]
    fn may_be(&self, hash: u64) -> bool {
        let place = hash.checked_shr(self.shift).unwrap_or(0);
        let word = self.bits.get(usize_of(place >> 6)).copied().unwrap_or(0);
        word & 1_u64.wrapping_shl(u32::try_from(place & 63).unwrap_or(0)) != 0
    }

    /// Whether there is anything to look for.
    pub(in crate::analysis) fn is_empty(&self) -> bool {
        !self.has.networks && self.bits.iter().all(|&word| word == 0)
    }

    /// The addresses and networks that an address is or is in, except what is too general for the scope.
    fn of_address(&self, address: IpAddr) -> Vec<u32> {
        let mut all = self.index.of_address(address);
        all.retain(|&number| {
            self.scope == Scope::Text || self.index.entry(number).is_some_and(|entry| self.index.quiet(entry).is_none())
        });
        all
    }

    fn is_wanted(&self, entry: &Entry) -> bool {
        self.scope == Scope::Text || Index::is_in_memory(entry)
    }

    /// The entries that bytes which the finder found stand for, and the text that they are.
    pub(in crate::analysis) fn resolve(&self, bytes: &[u8]) -> (Vec<u32>, Form) {
        let narrow = || -> Option<Vec<u8>> {
            let (pairs, rest) = bytes.as_chunks::<2>();
            (rest.is_empty() && !pairs.is_empty() && pairs.iter().all(|[_, high]| *high == 0))
                .then(|| pairs.iter().map(|[low, _]| *low).collect())
        };
        let mut all = self.entries_of(bytes);
        if !all.is_empty() {
            return (all, Form::Plain);
        }
        if let Some(text) = narrow() {
            all = self.entries_of(&text);
            if !all.is_empty() {
                return (all, Form::Utf16);
            }
        }
        if let Some(address) = socket_address(bytes) {
            return (self.of_address(address), Form::SocketAddress);
        }
        if let Some(name) = wire_name(bytes) {
            let of = self.index.of_kind(Kind::Domain, &name);
            return (of.map(|(number, _)| number).collect(), Form::Wire);
        }
        (Vec::new(), Form::Plain)
    }

    /// The entries that plain text stands for.
    fn entries_of(&self, text: &[u8]) -> Vec<u32> {
        let mut all: Vec<u32> =
            self.index.with_key(text).filter(|(_, entry)| self.is_wanted(entry)).map(|(number, _)| number).collect();
        if let Some(address) = text.to_str().ok().and_then(|text| text.parse::<IpAddr>().ok()) {
            for number in self.of_address(plain(address)) {
                if !all.contains(&number) {
                    all.push(number);
                }
            }
        }
        if self.has.urls
            && let Some(key) = url_of(text)
        {
            all.extend(
                self.index
                    .of_kind(Kind::Url, &key)
                    .map(|(number, _)| number)
                    .filter(|n| !all.contains(n))
                    .collect::<Vec<_>>(),
            );
        }
        if all.is_empty() && text.len() >= TEXT {
            // Of a long text, only the beginning is looked for.
            let mut of_words: Vec<u64> = words_of(text).iter().map(|(_, word)| hash(word)).collect();
            of_words.sort_unstable();
            of_words.dedup();
            let anchored = of_words.iter().filter_map(|word| self.anchors.get(word)).flatten();
            let begins =
                |number: u32| self.index.entry(number).is_some_and(|entry| self.index.key_of(entry).starts_with(text));
            all.extend(anchored.map(|(number, _)| *number).filter(|&number| begins(number)));
        }
        all
    }

    /// All values in a text, each with its place.
    pub(in crate::analysis) fn in_text(&self, text: &[u8]) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        self.find(text, 0..text.len(), &mut |_, range| {
            if all.len() < VALUES_MOST {
                all.push((range.start, range.end));
            }
        });
        all
    }
}

/// How text was written where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::analysis) enum Form {
    /// As it is.
    Plain,
    /// In UTF-16.
    Utf16,
    /// As the address of a socket.
    SocketAddress,
    /// As in a question to DNS.
    Wire,
}

impl Sieve for Words {
    fn kinds(&self) -> usize {
        1
    }

    fn reach(&self) -> usize {
        LONGEST.saturating_mul(2)
    }

    fn most(&self) -> usize {
        MOST
    }

    fn context(&self) -> u64 {
        CONTEXT
    }

    fn find(&self, haystack: &[u8], span: Range<usize>, each: &mut dyn FnMut(usize, Range<usize>)) {
        let mut pass = Pass::new(self, haystack, span.clone());
        pass.narrow();
        if self.has.short_labels {
            pass.short_labels();
        }
        if self.scope == Scope::Memory {
            pass.wide();
            pass.addresses();
        }
        for (start, end) in pass.found() {
            if span.contains(&start) {
                each(0, start..end);
            }
        }
    }
}

impl Words {
    /// Bytes of memory that the bits take.
    pub(in crate::analysis) fn bytes(&self) -> u64 {
        u64_of(self.bits.len()).saturating_mul(8)
    }
}

#[cfg(test)]
mod tests;
