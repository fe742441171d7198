//! What of a compressed archive is kept while it is inflated. The archive knows nothing of CRIU: whoever opens it says
//! which bytes it will want.

use std::fmt;
use std::ops::Range;

use bstr::BString;

use super::member::Member;

/// Which bytes of a member are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// None; the member is only listed.
    Nothing,
    /// These, in order.
    Ranges(Vec<Range<u64>>),
    /// These, in order; and all bytes go by [`Select::watch`] on their way.
    Watched(Vec<Range<u64>>),
}

/// Bytes of a member that were kept although they were not selected beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Island {
    /// The member's path.
    pub path: BString,
    /// Where they belong, each run with its offset in the member and its place in `bytes`; in order, not overlapping.
    pub runs: Vec<(u64, Range<usize>)>,
    /// All of them.
    pub bytes: Vec<u8>,
}

impl Selection {
    /// The first so many bytes.
    pub fn head(len: u64) -> Self {
        Selection::Ranges(std::iter::once(0..len).collect())
    }
}

/// Bytes of members that were kept so far, by path.
pub trait Kept {
    /// All bytes of a member, if it was kept whole, in memory.
    fn bytes(&self, path: &[u8]) -> Option<&[u8]>;
}

/// Says which bytes of a member will be wanted. It is asked once a member, in the order of the archive, before the
/// member's contents are inflated.
pub trait Select: fmt::Debug + Send {
    /// Whether an archive with these members is one of those that are looked for. Archives in archives and layers of images
    /// are only listed if they are.
    fn wants(&self, members: &[Member]) -> bool;

    /// Whether a member may be an archive of its own, and is no part of the one it lies in. `has` tells whether there is a
    /// folder of a path. Of what comes as a stream, it only knows of folders that came before.
    fn may_be_archive(&self, member: &Member, has: &dyn Fn(&[u8]) -> bool) -> bool;

    /// What to keep of a member.
    fn select(&mut self, member: &Member, kept: &dyn Kept) -> Selection;

    /// The next bytes of a member whose bytes are watched.
    fn watch(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }

    /// The stream has ended: bytes of members that are to be kept after all.
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
