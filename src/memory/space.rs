//! The address space of a process: its mappings and their contents.

use super::Memory;
use super::object::{Here, Lost, Object, Recorded};
use crate::int::{u64_of, usize_of};
use crate::model::file::FileTable;
use crate::model::ids::Pid;
use crate::model::process::Mm;
use crate::model::vma::{Status, Vma};

/// The memory of one process.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::ops::ControlFlow;
///
/// use cryoscope::Checkpoint;
/// use cryoscope::memory::{Encoding, Matcher, Pattern, SearchOptions};
/// use cryoscope::model::ids::Pid;
///
/// let checkpoint = Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
/// let space = checkpoint.memory().space_of(Pid(1)).ok_or("no such process, or a zombie")?;
/// let bytes = space.read(0x7f72_2c50_5040, 18)?;
/// assert_eq!(&*bytes, b"cryoscope needle 0");
/// for (vma, recorded) in space.regions() {
///     println!("{} {} {}", vma.start, vma.permissions(), recorded.here);
/// }
/// let matcher = Matcher::new(&[Pattern::text("needle", Encoding::Utf8, false)?])?;
/// let mut first = None;
/// space.search(&matcher, &SearchOptions::default(), |found| {
///     first = Some(found.address);
///     ControlFlow::Break(())
/// });
/// assert_eq!(first, Some(0x40_1060));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AddressSpace<'a> {
    pub(super) pid: Pid,
    pub(super) memory: &'a Memory,
    pub(super) mm: &'a Mm,
    pub(super) files: &'a FileTable,
    pub(super) own: Option<&'a Object>,
}

/// What ended a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// No anonymous mapping continues there; the kernel stops too.
    Unmapped,
    /// The memory is not in the archive.
    Lost,
}

/// Bytes, and what ended the read before all were read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) bytes: Vec<u8>,
    pub(super) stopped: Option<Stopped>,
}

impl<'a> AddressSpace<'a> {
    /// The process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Its layout and mappings.
    pub fn mm(&self) -> &'a Mm {
        self.mm
    }

    /// Page size of the dumped machine, in bytes.
    pub fn page_size(&self) -> u64 {
        self.memory.page_size
    }

    /// The number of the shared object of a mapping, as in `pagemap-shmem-N.img`. Shared anonymous memory, memfds and
    /// System V segments have one.
    pub fn shared_object(&self, vma: &Vma) -> Option<u64> {
        if vma.status.contains(Status::MEMFD) {
            return Some(self.files.memfd_of(vma.file()?)?.shmid().into());
        }
        vma.shared_memory()
    }

    /// The mappings, each with how much of it was recorded.
    pub fn regions(&self) -> impl Iterator<Item = (&'a Vma, Recorded)> + use<'a> {
        let space = *self;
        self.mm.vmas.iter().map(move |vma| (vma, space.recorded(vma)))
    }

    /// How much of a mapping was recorded.
    pub fn recorded(&self, vma: &Vma) -> Recorded {
        let objects = &self.memory.objects;
        let shared = self.shared_object(vma).and_then(|number| objects.shared(number));
        // Offset of an address in the object.
        let offset = |address: u64| address.saturating_sub(vma.start.0).saturating_add(vma.offset);
        let of_shared = |from: u64, to: u64| {
            let whole = |object: &Object| objects.recorded(object, offset(from), offset(to));
            shared.filter(|_| from < to).map(whole).unwrap_or_default()
        };
        // The process's own pages take precedence over those of the object.
        let mut recorded = Recorded::default();
        let mut at = vma.start.0;
        for (from, to, lost) in self.own.iter().flat_map(|own| objects.spans(own, vma.start.0, vma.end.0)) {
            recorded = recorded.each(of_shared(at, from), u64::saturating_add);
            recorded.add(to.saturating_sub(from), lost);
            at = to;
        }
        recorded.each(of_shared(at, vma.end.0), u64::saturating_add)
    }

    /// Bytes of anonymous mappings, which are all that the kernel's `/proc` reads for arguments and environment. Pages
    /// that were never recorded are zeros.
    pub(super) fn anonymous(&self, start: u64, len: u64) -> Read {
        let end = start.saturating_add(len);
        let mut bytes = Vec::new();
        let mut at = start;
        while at < end {
            let Some(vma) = self.mm.vma_at(at).filter(|vma| vma.is_anonymous()) else {
                return Read { bytes, stopped: Some(Stopped::Unmapped) };
            };
            let most = end.min(vma.end.0).saturating_sub(at);
            let here =
                self.own.map_or(Here::Lost(most, Lost::Truncated), |own| self.memory.objects.read(own, at, most));
            let len = match here {
                Here::Bytes(part) => {
                    bytes.extend_from_slice(&part);
                    u64_of(part.len())
                }
                Here::Zeros(len) | Here::Unrecorded(len) => {
                    bytes.resize(bytes.len().saturating_add(usize_of(len)), 0);
                    len
                }
                Here::Lost(..) => return Read { bytes, stopped: Some(Stopped::Lost) },
            };
            at = at.saturating_add(len.max(1));
        }
        Read { bytes, stopped: None }
    }
}
