//! Bytes that are read once, in order: contents that can be borrowed, or a decoder's output.

use std::io::{self, Read};

use super::contents::{Contents, Piece};
use crate::int::{u64_of, usize_of};

/// Bytes that are read once, in order. The implementation remembers what ended them early. Here that looks like the end, so
/// that a walk over a damaged archive keeps the members before the damage.
pub(super) trait Input {
    /// Number of bytes read or skipped.
    fn position(&self) -> u64;

    /// The next bytes, at least one and at most `most`; empty at the end.
    fn chunk(&mut self, most: usize) -> &[u8];

    /// Skips bytes; returns the number skipped, which is less than asked only at the end. Unless an input knows a shorter
    /// way, it reads them.
    fn skip(&mut self, len: u64) -> u64 {
        let mut left = len;
        while left > 0 {
            let skipped = u64_of(self.chunk(usize_of(left)).len());
            if skipped == 0 {
                break;
            }
            left = left.saturating_sub(skipped);
        }
        len.saturating_sub(left)
    }

    /// Fills a buffer; returns the number of bytes, which is less than its length only at the end.
    fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let mut filled = 0_usize;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let chunk = self.chunk(rest.len());
            let Some(place) = rest.get_mut(..chunk.len()).filter(|_| !chunk.is_empty()) else { break };
            place.copy_from_slice(chunk);
            filled = filled.saturating_add(chunk.len());
        }
        filled
    }
}

/// Reads contents that can be borrowed. Skipping reads nothing.
#[derive(Debug)]
pub(super) struct ContentsInput<'a> {
    contents: Contents<'a>,
    position: u64,
}

impl<'a> ContentsInput<'a> {
    pub(super) fn new(contents: Contents<'a>) -> Self {
        ContentsInput { contents, position: 0 }
    }
}

/// Bytes of a hole, a piece at a time.
static ZEROS: [u8; 4096] = [0; 4096];

impl Input for ContentsInput<'_> {
    fn position(&self) -> u64 {
        self.position
    }

    fn chunk(&mut self, most: usize) -> &[u8] {
        let bytes = match self.contents.piece(self.position, u64_of(most)) {
            Some(Piece::Bytes(bytes)) => bytes,
            Some(Piece::Hole(len)) => ZEROS.get(..usize_of(len).min(ZEROS.len())).unwrap_or_default(),
            Some(Piece::Absent(..)) | None => &[],
        };
        self.position = self.position.saturating_add(u64_of(bytes.len()));
        bytes
    }

    fn skip(&mut self, len: u64) -> u64 {
        let len = len.min(self.contents.len().saturating_sub(self.position));
        self.position = self.position.saturating_add(len);
        len
    }
}

impl Read for ContentsInput<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let chunk = self.chunk(buffer.len());
        let len = chunk.len();
        if let Some(place) = buffer.get_mut(..len) {
            place.copy_from_slice(chunk);
        }
        Ok(len)
    }
}

/// Bytes requested of a decoder at a time. A decoder that meets damage loses the output of one request.
const BUFFER: usize = 64 << 10;

/// Reads a decoder's output, up to a limit.
pub(super) struct StreamInput<'p, R> {
    reader: R,
    buffer: Box<[u8]>,
    /// The filled part of the buffer that has not been read yet.
    from: usize,
    to: usize,
    position: u64,
    bound: u64,
    end: Option<End>,
    progress: &'p dyn Fn(),
}

/// How a stream ended.
#[derive(Debug)]
pub(super) enum End {
    /// Everything was read.
    Whole,
    /// The decoder found damage.
    Damaged(io::Error),
    /// The limit was reached, and there is more.
    Bound(u64),
}

impl<'p, R: Read> StreamInput<'p, R> {
    /// A stream that ends after `bound` bytes. `progress` is called whenever the buffer is filled.
    pub(super) fn new(reader: R, bound: u64, progress: &'p dyn Fn()) -> Self {
        let buffer = vec![0; BUFFER].into_boxed_slice();
        StreamInput { reader, buffer, from: 0, to: 0, position: 0, bound, end: None, progress }
    }

    /// Whether the length is unlimited.
    pub(super) fn is_unbounded(&self) -> bool {
        self.bound == u64::MAX
    }

    /// Reads to the end, so that the decoder checks its checksums. Returns the size, and why it ended.
    pub(super) fn finish(mut self) -> (u64, End) {
        while !self.chunk(BUFFER).is_empty() {}
        (self.position, self.end.unwrap_or(End::Whole))
    }

    /// The next bytes without moving on: up to `most`, and up to the size of the buffer.
    pub(super) fn peek(&mut self, most: usize) -> &[u8] {
        let most = most.min(self.buffer.len());
        while self.to.saturating_sub(self.from) < most && self.end.is_none() {
            self.refill();
        }
        self.buffer.get(self.from..self.to.min(self.from.saturating_add(most))).unwrap_or_default()
    }

    /// Reads more; unread bytes stay in the buffer.
    fn refill(&mut self) {
        if self.end.is_some() {
            return;
        }
        self.buffer.copy_within(self.from..self.to, 0);
        let ahead = self.to.saturating_sub(self.from);
        (self.from, self.to) = (0, ahead);
        loop {
            let room = self.buffer.get_mut(ahead..).unwrap_or_default();
            match self.reader.read(room) {
                Ok(0) => self.end = Some(End::Whole),
                Ok(_) if self.position.saturating_add(u64_of(ahead)) >= self.bound => {
                    self.end = Some(End::Bound(self.bound));
                }
                Ok(len) => self.to = ahead.saturating_add(len).min(self.buffer.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => self.end = Some(End::Damaged(error)),
            }
            (self.progress)();
            return;
        }
    }
}

impl<R: Read> Input for StreamInput<'_, R> {
    fn position(&self) -> u64 {
        self.position
    }

    fn chunk(&mut self, most: usize) -> &[u8] {
        if self.from == self.to {
            self.refill();
        }
        let start = self.from;
        self.from = self.to.min(start.saturating_add(most));
        let chunk = self.buffer.get(start..self.from).unwrap_or_default();
        self.position = self.position.saturating_add(u64_of(chunk.len()));
        chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_ends_where_its_decoder_does_and_says_why() {
        let broken = io::Error::new(io::ErrorKind::InvalidData, "broken");
        let reader = b"abcdef".chain(Failing(Some(broken)));
        let mut input = StreamInput::new(reader, 100, &|| ());
        let mut buffer = [0; 4];
        assert_eq!((input.fill(&mut buffer), &buffer), (4, b"abcd"));
        assert_eq!(input.skip(10), 2);
        assert!(matches!(input.finish(), (6, End::Damaged(_))));
    }

    #[test]
    fn a_stream_ends_at_its_bound() {
        let mut input = StreamInput::new(io::repeat(1), 1 << 20, &|| ());
        assert_eq!(input.skip(1 << 30), 1 << 20);
        assert!(matches!(input.finish(), (_, End::Bound(_))));
    }

    struct Failing(Option<io::Error>);

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.0.take().map_or(Ok(0), Err)
        }
    }
}
