//! The contents at each address of a process: its own pages, then the shared object or ghost file of the mapping, then
//! zeros that were never written; or why they are missing.

use std::borrow::Cow;

use bstr::BStr;
use thiserror::Error as ThisError;

use super::object::{Here, Lost, Object};
use super::space::AddressSpace;
use crate::error::ErrorKind;
use crate::int::{u64_of, usize_of};
use crate::model::file::Remap;
use crate::model::ids::{FileId, Pid};
use crate::model::vma::{Status, Vma};

/// Why bytes of an address space are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Missing {
    /// No mapping has the address.
    Unmapped,
    /// An unchanged page of a file, or a device. CRIU does not store these.
    FileBacked,
    /// The kernel's own mapping: `[vvar]`, `[vsyscall]`.
    Kernel,
    /// In a parent dump that is not available.
    InParent,
    /// Left in the frozen process for a lazy-pages server.
    Lazy,
    /// The image is missing or truncated.
    Truncated,
    /// The image is unreadable in the file system.
    Unreadable,
    /// The archive contradicts itself about the bytes, or they cannot be inflated.
    Contradicted,
    /// Not kept when the archive was inflated.
    NotKept,
}

impl Missing {
    /// All reasons.
    pub const ALL: [Missing; 9] = [
        Missing::Unmapped,
        Missing::FileBacked,
        Missing::Kernel,
        Missing::InParent,
        Missing::Lazy,
        Missing::Truncated,
        Missing::Unreadable,
        Missing::Contradicted,
        Missing::NotKept,
    ];

    /// Text for people: `in a parent dump that is not here`.
    pub fn as_str(self) -> &'static str {
        match self {
            Missing::Unmapped => "not mapped",
            Missing::FileBacked => "file-backed, not in the archive",
            Missing::Kernel => "the kernel's own",
            Missing::InParent => "in a parent dump that is not here",
            Missing::Lazy => "left in the frozen process (lazy)",
            Missing::Truncated => "its image is missing or cut",
            Missing::Unreadable => "its image cannot be read",
            Missing::Contradicted => "contradicted or damaged",
            Missing::NotKept => "not kept while inflating",
        }
    }
}

impl From<Lost> for Missing {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::InParent => Missing::InParent,
            Lost::Lazy => Missing::Lazy,
            Lost::Truncated => Missing::Truncated,
            Lost::Unreadable => Missing::Unreadable,
            Lost::Contradicted => Missing::Contradicted,
            Lost::NotKept => Missing::NotKept,
        }
    }
}

/// A byte of a range is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[error("the byte at {address:#x} is missing: {}", why.as_str())]
pub struct MissingError {
    /// Address of the first missing byte.
    pub address: u64,
    /// Why it is missing.
    pub why: Missing,
}

impl From<MissingError> for crate::Error {
    fn from(error: MissingError) -> Self {
        ErrorKind::Memory(error.into()).into()
    }
}

/// The contents at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// Bytes, borrowed if they are in one piece.
    Bytes(Cow<'a, [u8]>),
    /// This number of recorded zeros that are not stored: holes of sparse members.
    Zeros(u64),
    /// This number of zeros of anonymous memory that was never written to.
    Untouched(u64),
    /// This number of missing bytes.
    Missing(u64, Missing),
}

impl Content<'_> {
    /// Number of bytes of the address space; never 0.
    pub fn len(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => u64_of(bytes.len()),
            Content::Zeros(len) | Content::Untouched(len) | Content::Missing(len, _) => *len,
        }
    }

    /// Always false.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Origin of a run of bytes, without reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// Recorded in this image, from this offset. For compressed pages, the offset of their block.
    Recorded {
        /// Path of the member.
        image: &'a BStr,
        /// Offset in the member.
        offset: u64,
        /// The number of the shared object, if the pages are not the process's own.
        shared: Option<u64>,
    },
    /// Zeros of anonymous memory that was never written to.
    Untouched,
    /// An unchanged page of a file, from the container's image that the user gave; the offset in the file.
    Given {
        /// Offset in the file.
        offset: u64,
    },
    /// Missing.
    Missing(Missing),
}

/// A run of addresses with one origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<'a> {
    /// First address.
    pub start: u64,
    /// Address after the last byte.
    pub end: u64,
    /// Origin of the bytes.
    pub origin: Origin<'a>,
}

/// The object that bytes belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    /// The process's own pages.
    Task(Pid),
    /// Shared memory, by CRIU's id.
    Shared(u64),
    /// A deleted file, by the number of its image.
    Ghost(u64),
    /// A file of the container's image, by CRIU's id.
    Given(FileId),
    /// Not memory, but the contents of a member of the archive.
    Contents,
}

/// The owner of an address: an object and the address's place in it, or nothing.
pub(super) enum Owner<'a> {
    /// `key` is `None` for the process's own pages.
    Object {
        object: &'a Object,
        offset: u64,
        key: Option<Key>,
    },
    Untouched,
    Missing(Missing),
}

impl<'a> AddressSpace<'a> {
    /// The contents at an address, at most `most` bytes.
    pub fn at(&self, address: u64, most: u64) -> Content<'a> {
        let (len, owner) = self.owner(address, most);
        match owner {
            Owner::Untouched => Content::Untouched(len),
            Owner::Missing(why) => Content::Missing(len, why),
            Owner::Object { object, offset, .. } => match self.memory.objects.read(object, offset, len) {
                Here::Bytes(bytes) => Content::Bytes(bytes),
                Here::Zeros(len) => Content::Zeros(len),
                Here::Lost(len, why) => Content::Missing(len, why.into()),
                Here::Unrecorded(len) => Content::Untouched(len),
            },
        }
    }

    /// The contents of a range, piece by piece and without a gap; `to` is after the last byte.
    pub fn pieces(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, Content<'a>)> + use<'a> {
        let space = *self;
        let mut at = from;
        std::iter::from_fn(move || {
            let most = to.checked_sub(at).filter(|&most| most > 0)?;
            let content = space.at(at, most);
            let start = at;
            at = at.saturating_add(content.len().max(1));
            Some((start, content))
        })
    }

    /// The bytes of a range, borrowed if they are in one piece. Anonymous memory that was never written to reads as
    /// zeros.
    ///
    /// # Errors
    ///
    /// Returns the first missing address, and why it is missing.
    pub fn read(&self, address: u64, len: u64) -> Result<Cow<'a, [u8]>, MissingError> {
        if address.checked_add(len).is_none() {
            return Err(MissingError { address: u64::MAX, why: Missing::Unmapped });
        }
        let mut all = Cow::Borrowed(&[][..]);
        for (at, content) in self.pieces(address, address.saturating_add(len)) {
            match content {
                Content::Bytes(bytes) if u64_of(bytes.len()) == len => return Ok(bytes),
                Content::Bytes(bytes) => all.to_mut().extend_from_slice(&bytes),
                Content::Zeros(zeros) | Content::Untouched(zeros) => {
                    // Mappings may claim terabytes that were never written to; the caller decides how large a buffer to
                    // ask for.
                    let len = all.len().saturating_add(usize_of(zeros));
                    all.to_mut().resize(len, 0);
                }
                Content::Missing(_, why) => return Err(MissingError { address: at, why }),
            }
        }
        Ok(all)
    }

    /// The runs of a range: recorded bytes and their location, and missing bytes and the reason. No page is touched.
    pub fn runs(&self, from: u64, to: u64) -> impl Iterator<Item = Run<'a>> + use<'a> {
        let space = *self;
        let mut at = from;
        let mut next: Option<Run<'a>> = None;
        std::iter::from_fn(move || {
            loop {
                let Some(most) = to.checked_sub(at).filter(|&most| most > 0) else { return next.take() };
                let (len, origin) = space.origin(at, most);
                let run = Run { start: at, end: at.saturating_add(len.max(1)), origin };
                at = run.end;
                match &mut next {
                    Some(last) if goes_on(last, &run) => last.end = run.end,
                    last => {
                        if let Some(done) = last.replace(run) {
                            return Some(done);
                        }
                    }
                }
            }
        })
    }

    /// Origin of the bytes at an address, and for how many bytes it holds.
    fn origin(&self, address: u64, most: u64) -> (u64, Origin<'a>) {
        let (len, owner) = self.owner(address, most);
        match owner {
            Owner::Untouched => (len, Origin::Untouched),
            Owner::Missing(why) => (len, Origin::Missing(why)),
            Owner::Object { object, offset, key } => {
                let shared = match key {
                    Some(Key::Shared(number)) => Some(number),
                    _ => None,
                };
                if let Some(Key::Given(_)) = key {
                    return (len, Origin::Given { offset });
                }
                let (len, place) = self.memory.objects.place(object, offset, len);
                match place {
                    Ok((image, offset)) => (len, Origin::Recorded { image, offset, shared }),
                    Err(why) => (len, Origin::Missing(why.into())),
                }
            }
        }
    }

    /// The object that owns an address, and for how many bytes.
    pub(super) fn owner(&self, address: u64, most: u64) -> (u64, Owner<'a>) {
        let mut len = most;
        if let Some(own) = self.own {
            let (own_len, recorded) = own.recorded(address, len);
            len = own_len;
            if recorded {
                return (len, Owner::Object { object: own, offset: address, key: None });
            }
        }
        let Some(vma) = self.mm.vma_at(address) else {
            let after = self.mm.vmas.partition_point(|vma| vma.start.0 <= address);
            let next = self.mm.vmas.get(after).map_or(u64::MAX, |vma| vma.start.0);
            return (len.min(next.saturating_sub(address)), Owner::Missing(Missing::Unmapped));
        };
        len = len.min(vma.end.0.saturating_sub(address));
        let offset = address.saturating_sub(vma.start.0).saturating_add(vma.offset);
        if let Some((object, key)) = self.behind(vma) {
            let (object_len, recorded) = object.recorded(offset, len);
            len = object_len;
            if recorded {
                return (len, Owner::Object { object, offset, key: Some(key) });
            }
            if let Key::Given(_) = key {
                return self.behind_file(vma, offset, len);
            }
            return (len, Owner::Untouched);
        }
        (len, self.unrecorded(vma))
    }

    /// The object of a mapping: shared memory, a memfd, or a ghost file.
    pub(super) fn behind(&self, vma: &Vma) -> Option<(&'a Object, Key)> {
        if let Some(number) = self.shared_object(vma) {
            return Some((self.memory.objects.shared(number)?, Key::Shared(number)));
        }
        let file = vma.file()?;
        match self.files.remap(file) {
            None => Some((self.memory.objects.given(file)?, Key::Given(file))),
            Some(Remap::Ghost(ghost)) => Some((self.memory.objects.ghost(ghost)?, Key::Ghost(ghost))),
            Some(Remap::Linked(_) | Remap::Procfs(_)) => None,
        }
    }

    /// What is mapped behind the end of a file: zeros up to the end of its last page, and then nothing.
    fn behind_file(&self, vma: &Vma, offset: u64, len: u64) -> (u64, Owner<'a>) {
        let page = self.memory.page_size.max(1);
        let left = page.saturating_sub(offset.checked_rem(page).unwrap_or(0));
        if left == page || vma.file().is_none() {
            return (len, Owner::Missing(Missing::FileBacked));
        }
        (len.min(left), Owner::Untouched)
    }

    /// The contents of an address that was never recorded.
    fn unrecorded(&self, vma: &Vma) -> Owner<'a> {
        let status = vma.status;
        if status.intersects(Status::VVAR | Status::VSYSCALL) {
            return Owner::Missing(Missing::Kernel);
        }
        let no_pagemap = if self.memory.objects.has_unreadable() { Missing::Unreadable } else { Missing::Truncated };
        if self.own.is_none() && vma.is_anonymous() {
            return Owner::Missing(no_pagemap);
        }
        if vma.is_anonymous() || self.is_dev_zero(vma) {
            return Owner::Untouched;
        }
        if self.shared_object(vma).is_some() {
            return Owner::Missing(no_pagemap);
        }
        Owner::Missing(Missing::FileBacked)
    }

    /// Whether a private mapping is of `/dev/zero`, which is anonymous memory by another name.
    fn is_dev_zero(&self, vma: &Vma) -> bool {
        const TYPE: u32 = 0o170_000;
        const CHARACTER: u32 = 0o020_000;
        let file =
            vma.file().filter(|_| vma.status.contains(Status::FILE_PRIVATE)).and_then(|id| self.files.regular(id));
        file.is_some_and(|file| file.name() == b"/dev/zero" && file.mode() & TYPE == CHARACTER)
    }
}

/// Whether a run continues another, in memory and in its image.
fn goes_on(last: &Run<'_>, run: &Run<'_>) -> bool {
    match (last.origin, run.origin) {
        (
            Origin::Recorded { image, offset, shared },
            Origin::Recorded { image: next_image, offset: next_offset, shared: next_shared },
        ) => {
            let len = last.end.saturating_sub(last.start);
            image == next_image && shared == next_shared && offset.checked_add(len) == Some(next_offset)
        }
        (Origin::Given { offset }, Origin::Given { offset: next }) => {
            offset.checked_add(last.end.saturating_sub(last.start)) == Some(next)
        }
        (last, run) => last == run,
    }
}
