//! A search of one slice of memory, or of one text, for words.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;

use bstr::ByteSlice;

use super::super::index::{START, finished, hash, step};
use super::super::value::{Kind, plain};
use super::classes::{HEX, PATH, URL, WORD, is, is_at};
use super::written::{socket_address, url_of, wire_name};
use super::{DOMAIN, HITS, LEAST, LONGEST, TEXT, WIDE, Words};
use crate::int::usize_of;

/// A search of one slice.
pub(super) struct Pass<'w, 'h> {
    words: &'w Words,
    bytes: &'h [u8],
    span: Range<usize>,
    /// Where the last path and the last address of version 6 ended.
    path_end: usize,
    v6_end: usize,
    hits: HashMap<u32, u8>,
    found: Vec<(usize, usize)>,
}

impl<'w, 'h> Pass<'w, 'h> {
    pub(super) fn new(words: &'w Words, bytes: &'h [u8], span: Range<usize>) -> Self {
        Pass { words, bytes, span, path_end: 0, v6_end: 0, hits: HashMap::new(), found: Vec::new() }
    }

    /// Where something was found, in order.
    pub(super) fn found(self) -> Vec<(usize, usize)> {
        let mut found = self.found;
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Words in ASCII.
    pub(super) fn narrow(&mut self) {
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
    pub(super) fn short_labels(&mut self) {
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
    pub(super) fn wide(&mut self) {
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
    pub(super) fn addresses(&mut self) {
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
