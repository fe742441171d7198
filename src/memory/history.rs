//! Lines that were typed in shells, from their heaps. Shells keep the lines of a session in memory until it ends, also if
//! they are told not to write them to a file.
//!
//! Sources: `HIST_ENTRY` of the readline library (bash), `struct histent` of zsh, `line_input_t` of busybox.

use std::collections::{BTreeMap, HashSet};

use super::AddressSpace;
use super::view::Content;
use crate::int::{u64_of, usize_of};

/// Most bytes of a heap that are looked at.
const HEAP_MOST: u64 = 32 << 20;
/// Longest line.
const LINE_MOST: usize = 4096;
/// Most lines of a shell.
const LINES_MOST: usize = 10_000;

/// A line that was typed in a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedLine {
    /// Address of the text.
    pub address: u64,
    /// When it was typed, in seconds since 1970, if the shell keeps that.
    pub time: Option<i64>,
    /// The text.
    pub line: Vec<u8>,
}

impl AddressSpace<'_> {
    /// The lines that were typed in a shell, in the order in which it has them. Empty if it is no shell that keeps lines, or
    /// if its heap is not in the archive.
    pub fn typed_lines(&self, is_32_bit: bool) -> Vec<TypedLine> {
        self.heap(is_32_bit, |heap| heap.typed_lines()).unwrap_or_default()
    }

    /// Passes the heap to `read`. `None` if the archive does not say where it is.
    pub(super) fn heap<T>(&self, is_32_bit: bool, read: impl FnOnce(Heap<'_>) -> T) -> Option<T> {
        let (start, end) = (self.mm().entry.mm_start_brk?, self.mm().entry.mm_brk?);
        let end = end.min(start.saturating_add(HEAP_MOST));
        let mut bytes: Vec<u8> = Vec::new();
        for (at, content) in self.pieces(start, end) {
            // Bytes that are missing read as zeros: nothing points into them.
            bytes.resize(usize_of(at.saturating_sub(start)), 0);
            if let Content::Bytes(piece) = content {
                bytes.extend_from_slice(&piece);
            }
        }
        Some(read(Heap { start, bytes: &bytes, width: if is_32_bit { 4 } else { 8 } }))
    }
}

/// The heap of a process.
pub(super) struct Heap<'b> {
    pub(super) start: u64,
    pub(super) bytes: &'b [u8],
    /// Bytes of a pointer.
    pub(super) width: usize,
}

impl Heap<'_> {
    fn typed_lines(&self) -> Vec<TypedLine> {
        let mut lines = self.readline();
        if lines.is_empty() {
            lines = self.zsh();
        }
        if lines.is_empty() {
            lines = self.busybox();
        }
        lines
    }

    /// A pointer or number at an offset.
    pub(super) fn word(&self, offset: usize) -> Option<u64> {
        let bytes = self.bytes.get(offset..offset.checked_add(self.width)?)?;
        Some(bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)))
    }

    /// A number of four bytes at an offset.
    fn number(&self, offset: usize) -> Option<u32> {
        let bytes = self.bytes.get(offset..offset.checked_add(4)?)?;
        Some(bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)))
    }

    /// The words of the heap, each with its offset.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, u64)> {
        (0..self.bytes.len()).step_by(self.width).filter_map(|offset| Some((offset, self.word(offset)?)))
    }

    /// The text that an address points to, up to its NUL.
    pub(super) fn text(&self, address: u64, most: usize) -> Option<&[u8]> {
        let from = usize_of(address.checked_sub(self.start)?);
        let rest = self.bytes.get(from..)?;
        let rest = rest.get(..most.saturating_add(1)).unwrap_or(rest);
        let text = rest.get(..memchr::memchr(0, rest)?)?;
        let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b' '..=b'~' | 0x80..);
        (!text.is_empty() && text.iter().all(is_text)).then_some(text)
    }

    pub(super) fn is_inside(&self, address: u64) -> bool {
        address >= self.start && address < self.start.saturating_add(u64_of(self.bytes.len()))
    }

    /// Lines of readline: structures of a line, a time stamp (`#1700000000`) and data of the program, and a list of pointers
    /// to them, which has their order.
    fn readline(&self) -> Vec<TypedLine> {
        let mut found: BTreeMap<u64, TypedLine> = BTreeMap::new();
        let places = [self.width, self.width.saturating_mul(2)];
        for (offset, line) in self.words() {
            if found.len() >= LINES_MOST {
                break;
            }
            let [stamp, data] = places.map(|more| self.word(offset.saturating_add(more)));
            let (Some(stamp), Some(data)) = (stamp, data) else { continue };
            if !self.is_inside(line) || !self.is_inside(stamp) || !(data == 0 || self.is_inside(data)) {
                continue;
            }
            let Some(time) = self.text(stamp, 24).and_then(time_of) else { continue };
            let Some(text) = self.text(line, LINE_MOST) else { continue };
            let typed = TypedLine { address: line, time: Some(time), line: text.to_vec() };
            found.insert(self.start.saturating_add(u64_of(offset)), typed);
        }
        if found.is_empty() {
            return Vec::new();
        }
        let mut order = self.longest_list(&found);
        let listed: HashSet<u64> = order.iter().copied().collect();
        let mut rest: Vec<(Option<i64>, u64)> =
            found.iter().filter(|(at, _)| !listed.contains(at)).map(|(at, line)| (line.time, *at)).collect();
        rest.sort_unstable();
        // What is no longer in the list was typed before it.
        let mut all: Vec<u64> = rest.into_iter().map(|(_, at)| at).collect();
        all.append(&mut order);
        all.into_iter().filter_map(|at| found.remove(&at)).collect()
    }

    /// The longest run of pointers to lines.
    fn longest_list(&self, lines: &BTreeMap<u64, TypedLine>) -> Vec<u64> {
        let (mut best, mut here): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
        for (_, word) in self.words() {
            if lines.contains_key(&word) {
                here.push(word);
                continue;
            }
            if here.len() > best.len() {
                std::mem::swap(&mut best, &mut here);
            }
            here.clear();
        }
        if here.len() > best.len() { here } else { best }
    }

    /// Lines of zsh: a ring of entries, each with its number, when it began and when it ended.
    fn zsh(&self) -> Vec<TypedLine> {
        // Only the layout of 64 bits is known.
        if self.width != 8 {
            return Vec::new();
        }
        let is_time = |seconds: u64| (1_000_000_000..4_000_000_000).contains(&seconds);
        let mut found: BTreeMap<u64, TypedLine> = BTreeMap::new();
        for (offset, line) in self.words() {
            if found.len() >= LINES_MOST {
                break;
            }
            // From `nam`: flags, up, down, zle_text, stim, ftim, words, nwords, histnum.
            let field = |number: usize| self.word(offset.saturating_add(number.saturating_mul(8)));
            let (Some(up), Some(down), Some(began), Some(ended), Some(number)) =
                (field(2), field(3), field(5), field(6), field(9))
            else {
                continue;
            };
            let is_entry = self.is_inside(line)
                && self.is_inside(up)
                && self.is_inside(down)
                && is_time(began)
                && (ended == 0 || ended >= began && is_time(ended))
                && (1..1 << 32).contains(&number);
            let Some(text) = self.text(line, LINE_MOST).filter(|_| is_entry) else { continue };
            let time = i64::try_from(began).ok();
            found.entry(number).or_insert(TypedLine { address: line, time, line: text.to_vec() });
        }
        found.into_values().collect()
    }

    /// Lines of busybox: a structure with their number, followed by pointers to them.
    fn busybox(&self) -> Vec<TypedLine> {
        let mut best: Vec<TypedLine> = Vec::new();
        let mut work = 0_usize;
        // The number of lines, the current one and the greatest number; then, if the build saves them, how many are in the
        // file, and its name.
        let behind = [16, 16_usize.saturating_add(self.width), 12];
        for offset in (0..self.bytes.len()).step_by(4) {
            let (Some(count), Some(current), Some(most)) =
                (self.number(offset), self.number(offset.saturating_add(4)), self.number(offset.saturating_add(8)))
            else {
                break;
            };
            let is_head =
                (1..=1000).contains(&count) && current <= count && (count..=65_536).contains(&most) && most >= 15;
            if !is_head || usize_of(count.into()) <= best.len() {
                continue;
            }
            for more in behind {
                let from = offset.saturating_add(more);
                if from.checked_rem(self.width) != Some(0) {
                    continue;
                }
                let lines: Vec<TypedLine> = (0..usize_of(count.into()))
                    .map_while(|number| {
                        let address = self.word(from.saturating_add(number.saturating_mul(self.width)))?;
                        let line = self.text(address, LINE_MOST)?.to_vec();
                        Some(TypedLine { address, time: None, line })
                    })
                    .collect();
                work = work.saturating_add(lines.len());
                if lines.len() == usize_of(count.into()) {
                    best = lines;
                    break;
                }
            }
            if work > LINES_MOST {
                break;
            }
        }
        best
    }
}

/// The time of a time stamp of readline.
fn time_of(stamp: &[u8]) -> Option<i64> {
    let digits = stamp.strip_prefix(b"#")?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 0x5555_0000_0000;

    /// A heap that is written piece by piece.
    #[derive(Default)]
    struct Written(Vec<u8>);

    impl Written {
        fn at(&self) -> u64 {
            START + self.0.len() as u64
        }

        fn text(&mut self, text: &str) -> u64 {
            let at = self.at();
            self.0.extend_from_slice(text.as_bytes());
            self.0.push(0);
            self.0.resize(self.0.len().next_multiple_of(8), 0);
            at
        }

        fn words(&mut self, words: &[u64]) -> u64 {
            let at = self.at();
            for word in words {
                self.0.extend_from_slice(&word.to_le_bytes());
            }
            at
        }

        fn lines(&self) -> Vec<(Option<i64>, String)> {
            let heap = Heap { start: START, bytes: &self.0, width: 8 };
            let text = |line: &TypedLine| String::from_utf8(line.line.clone()).unwrap();
            heap.typed_lines().iter().map(|line| (line.time, text(line))).collect()
        }
    }

    #[test]
    fn lines_of_readline_are_in_the_order_of_its_list() {
        let mut heap = Written::default();
        let mut entry = |line: &str, time: &str| {
            let (line, time) = (heap.text(line), heap.text(time));
            heap.words(&[line, time, 0])
        };
        let (second, first) = (entry("whoami", "#1700000002"), entry("unset HISTFILE", "#1700000001"));
        entry("freed", "#1600000000");
        heap.words(&[1, first, second, 0]);
        let line = |time, line: &str| (Some(time), line.to_owned());
        assert_eq!(
            heap.lines(),
            [line(1_600_000_000, "freed"), line(1_700_000_001, "unset HISTFILE"), line(1_700_000_002, "whoami")]
        );
    }

    #[test]
    fn lines_of_busybox_follow_their_number() {
        let mut heap = Written::default();
        let (one, two) = (heap.text("id"), heap.text("ls -la"));
        heap.words(&[0, 0, 0]);
        // cnt_history 2, cur_history 2; max_history 256, cnt_history_in_file 0; hist_file.
        heap.words(&[2 | 2 << 32, 256, 0, one, two, 0]);
        assert_eq!(heap.lines(), [(None, "id".to_owned()), (None, "ls -la".to_owned())]);
    }

    #[test]
    fn lines_of_zsh_are_in_the_order_of_their_numbers() {
        let mut heap = Written::default();
        let mut entry = |line: &str, number: u64| {
            let line = heap.text(line);
            heap.words(&[0, line, 0, START, START, 0, 1_700_000_000 + number, 0, 0, 2, number])
        };
        entry("second", 2);
        entry("first", 1);
        assert_eq!(
            heap.lines(),
            [(Some(1_700_000_001), "first".to_owned()), (Some(1_700_000_002), "second".to_owned())]
        );
    }

    #[test]
    fn other_memory_has_no_lines() {
        let mut heap = Written::default();
        let (a, b) = (heap.text("PATH=/bin"), heap.text("#comment"));
        heap.words(&[a, b, 0, a, b, START, 7]);
        assert_eq!(heap.lines(), []);
        assert_eq!(Heap { start: START, bytes: &[], width: 8 }.typed_lines(), []);
        assert_eq!(Heap { start: u64::MAX - 3, bytes: &[0xff; 64], width: 4 }.typed_lines(), []);
    }
}
