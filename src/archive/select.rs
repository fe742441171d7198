//! Which bytes of a compressed archive are kept while it is inflated. The archive knows nothing of CRIU: the caller
//! says which bytes it will want.

use std::fmt;
use std::ops::Range;

use bstr::BString;

use super::member::Member;

/// The bytes of a member to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All bytes.
    All,
    /// No bytes; the member is only listed.
    Nothing,
    /// These ranges, in order.
    Ranges(Vec<Range<u64>>),
    /// These ranges, in order; and all bytes are passed to [`Select::watch`].
    Watched(Vec<Range<u64>>),
}

/// Bytes of a member that were kept although they were not selected beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Island {
    /// Path of the member.
    pub path: BString,
    /// Runs, each with its offset in the member and its place in `bytes`; in order, not overlapping.
    pub runs: Vec<(u64, Range<usize>)>,
    /// The bytes of all runs.
    pub bytes: Vec<u8>,
}

impl Selection {
    /// The first `len` bytes.
    pub fn head(len: u64) -> Self {
        Selection::Ranges(std::iter::once(0..len).collect())
    }
}

/// The bytes of members kept so far, by path.
pub trait Kept {
    /// All bytes of a member, if it was kept whole in memory.
    fn bytes(&self, path: &[u8]) -> Option<&[u8]>;
}

/// Says which bytes of a member will be wanted. It is asked once for each member, in the order of the archive, before
/// the member's contents are inflated.
pub trait Select: fmt::Debug + Send {
    /// Whether an archive with these members holds a checkpoint. Nested archives and layers of images are only listed
    /// if they do.
    fn wants(&self, members: &[Member]) -> bool;

    /// Whether a member may be an archive of its own, and not a part of the checkpoint that it is in. `has` returns
    /// whether there is a directory at a path. When the archive is read as a stream, it only knows the directories that
    /// came before.
    fn may_be_archive(&self, member: &Member, has: &dyn Fn(&[u8]) -> bool) -> bool;

    /// Which bytes of a member to keep.
    fn select(&mut self, member: &Member, kept: &dyn Kept) -> Selection;

    /// The next bytes of a member whose bytes are watched.
    fn watch(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }

    /// The stream has ended: returns bytes of members that must be kept after all.
    fn islands(&mut self) -> Vec<Island> {
        Vec::new()
    }
}

/// Keeps everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Everything;

impl Select for Everything {
    fn wants(&self, _: &[Member]) -> bool {
        true
    }

    fn may_be_archive(&self, _: &Member, _: &dyn Fn(&[u8]) -> bool) -> bool {
        false
    }

    fn select(&mut self, _: &Member, _: &dyn Kept) -> Selection {
        Selection::All
    }
}
