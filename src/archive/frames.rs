//! Members that are LZ4 frames, as `CRaC`'s fork of CRIU compresses pages images. They are inflated once, and kept like
//! streams.
//!
//! Source: the LZ4 frame format, version 1.6.4. A frame marks its own end, so the sizes of its blocks show whether it
//! is complete before anything is inflated.

use std::io::{BufRead, BufReader, Read, Result, copy, sink};

use lz4_flex::frame::FrameDecoder;

use super::Archive;
use super::absence::Absence;
use super::contents::{Backing, Contents, Extent, Layout, Location, Piece};
use super::input::{ContentsInput, End, StreamInput};
use super::listing::Listing;
use super::member::Member;
use super::nested::Cost;
use super::spool::Spool;
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

const MAGIC: u32 = 0x184d_2204;
/// The magic numbers of skippable frames differ in their last four bits.
const SKIPPED: u32 = 0x184d_2a50;

impl Archive {
    /// The inflated bytes of a member of LZ4 frames, as the only member of its own archive. `None` if the member was
    /// not kept while the archive was inflated. Faults of the frames are warnings; the bytes inflated before them are
    /// used.
    pub(crate) fn unframed(&self, member: &Member, limits: &Limits, warnings: &Warnings) -> Option<Archive> {
        let contents = self.contents(member);
        if matches!(contents.piece(0, u64::MAX), Some(Piece::Absent(_, Absence::NotKept))) {
            return None;
        }
        let damaged = |why: &str| {
            warnings.push(Code::PagesCompressed, Place::member(&member.path), || {
                format!("the LZ4 frames are {why}; used the bytes inflated before that point")
            });
        };
        let whole = is_whole(contents);
        let left = self.inflated.left(member, limits);
        let bound = limits.unpacked(Some(contents.len())).min(left.bytes);
        let frames = Frames::Between(BufReader::new(ContentsInput::new(contents)));
        let mut input = StreamInput::new(frames, bound, &|| ());
        // The first of several members stay in memory.
        let mut spool = Spool::new(left.in_memory, 0);
        let mut extents = spool.keep(&mut input, u64::MAX, 0);
        // The spool was told of more than anything has, and notes that the rest did not come.
        extents.pop_if(|last: &mut Extent| last.location == Location::Absent(Absence::Truncated));
        let (len, end) = input.finish();
        match end {
            End::Whole | End::Damaged(_) if !whole => damaged("truncated, or not LZ4 frames"),
            End::Whole => {}
            End::Damaged(error) => damaged(&format!("damaged ({error})")),
            End::Bound(most) => warnings.push(&Limits::NESTED_BYTES, Place::member(&member.path), || {
                format!("the LZ4 frames inflate to more than {most} bytes; the rest was skipped")
            }),
        }
        let (backings, failed) = spool.into_backings();
        let in_memory = backings.iter().map(Backing::in_memory).fold(0, u64::saturating_add);
        self.inflated.add(member, Cost { bytes: len, in_memory, ..Cost::default() });
        if let Some(error) = failed {
            damaged(&format!("too large to keep ({error})"));
        }
        let inner = Member { size: len, layout: Layout { len, extents }, ..member.clone() };
        Some(Archive { listing: Listing::unsorted(vec![inner]), ..Archive::with_backings(backings) })
    }
}

/// All frames, one after the other.
enum Frames<R: Read> {
    /// Before a frame, or at the end.
    Between(R),
    Within(FrameDecoder<Headed<R>>),
    /// Nothing follows.
    Done,
}

/// The source of a frame: its magic number, which was read already, and the rest.
struct Headed<R> {
    magic: [u8; 4],
    /// Bytes of the magic number that were read again.
    read: usize,
    rest: R,
}

impl<R: Read> Read for Headed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut left = self.magic.get(self.read..).unwrap_or_default();
        if left.is_empty() {
            return self.rest.read(buffer);
        }
        let len = left.read(buffer)?;
        self.read = self.read.saturating_add(len);
        Ok(len)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match std::mem::replace(self, Frames::Done) {
                Frames::Done => return Ok(0),
                Frames::Within(mut frame) => {
                    let read = frame.read(buffer)?;
                    *self = if read > 0 { Frames::Within(frame) } else { Frames::Between(frame.into_inner().rest) };
                    if read > 0 {
                        return Ok(read);
                    }
                }
                Frames::Between(mut input) => {
                    if input.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    let mut magic = [0; 4];
                    input.read_exact(&mut magic)?;
                    if u32::from_le_bytes(magic) & !0xf == SKIPPED {
                        let mut size = [0; 4];
                        input.read_exact(&mut size)?;
                        let size = u64::from(u32::from_le_bytes(size));
                        copy(&mut input.by_ref().take(size), &mut sink())?;
                        *self = Frames::Between(input);
                    } else {
                        *self = Frames::Within(FrameDecoder::new(Headed { magic, read: 0, rest: input }));
                    }
                }
            }
        }
    }
}

/// Whether contents are frames from beginning to end, judging from the sizes of their blocks.
fn is_whole(contents: Contents<'_>) -> bool {
    let mut at = 0_u64;
    while at < contents.len() {
        let Some(end) = frame_end(contents, at) else { return false };
        at = end;
    }
    at > 0 && at == contents.len()
}

/// The end of the frame that begins at an offset; `None` if there is none, or if it is truncated.
fn frame_end(contents: Contents<'_>, start: u64) -> Option<u64> {
    let number = |at: u64| {
        let bytes = contents.slice(at, at.checked_add(4)?)?;
        Some(u32::from_le_bytes(*bytes.first_chunk()?))
    };
    let magic = number(start)?;
    if magic & !0xf == SKIPPED {
        return start.checked_add(8)?.checked_add(number(start.checked_add(4)?)?.into());
    }
    let flags = contents.slice(start.checked_add(4)?, start.checked_add(5)?)?.first().copied()?;
    if magic != MAGIC || flags >> 6 != 1 {
        return None;
    }
    let (block_sum, has_size, content_sum, has_dictionary) =
        (flags & 0x10 != 0, flags & 8 != 0, flags & 4 != 0, flags & 1 != 0);
    let optional = |is: bool, len: u64| if is { len } else { 0 };
    let mut at = start.checked_add(7)?.checked_add(optional(has_size, 8))?.checked_add(optional(has_dictionary, 4))?;
    loop {
        let size = number(at)?;
        at = at.checked_add(4)?;
        if size == 0 {
            let end = at.checked_add(optional(content_sum, 4))?;
            return (end <= contents.len()).then_some(end);
        }
        at = at.checked_add(u64::from(size & 0x7fff_ffff))?.checked_add(optional(block_sum, 4))?;
    }
}
