//! Every ELF image of a checkpoint: files whose contents are in the archive, files that are mapped, and images in memory
//! that no file backs. The table `elf_files`, rules and `extract --what elf` are made of it.

mod digest;
mod files;
mod mapped;
mod memory;

use std::collections::HashSet;
use std::ops::ControlFlow;

use bstr::BString;

pub(crate) use self::digest::Digests;
pub(crate) use self::mapped::{Mapped, mapped};
pub(crate) use self::memory::extent;
use crate::Checkpoint;
use crate::elf::{Bytes, Elf, Made, file_of};
use crate::limits::Limits;
use crate::model::ids::Pid;
use crate::warning::Place;

/// Most processes of a file that are listed.
const PIDS: usize = 256;

/// Paths of mapped files whose contents the archive has, as mappings name them.
type Known = HashSet<BString>;

/// Where an image is.
#[derive(Clone, Debug)]
pub(crate) struct Found<'c> {
    /// `rootfs`, `volume`, a source of `recovered_files`, `mapped` or `memory`.
    pub(crate) source: &'static str,
    /// Path in the container.
    pub(crate) path: Option<BString>,
    /// The process whose memory has it.
    pub(crate) pid: Option<Pid>,
    /// Where it begins there.
    pub(crate) address: Option<u64>,
    /// Processes that run, map or hold it.
    pub(crate) pids: Vec<Pid>,
    /// The member of the archive that has it.
    pub(crate) member: Option<BString>,
    /// Path in that member.
    pub(crate) file: Option<BString>,
    /// Size of the file; of an image in memory, of its region.
    pub(crate) size: Option<u64>,
    /// What the header is like.
    pub(crate) header: Header,
    /// What is known of it. The header is rebuilt if it was wiped.
    pub(crate) bytes: Bytes<'c>,
    /// Hashes of the contents.
    pub(crate) digests: Digests,
    /// A build id that is known from elsewhere, in hexadecimal.
    pub(crate) build_id: Option<String>,
}

impl Found<'_> {
    /// The path that `extract --what elf` gives an image in memory. `None` for files.
    pub(crate) fn extracted_as(&self) -> Option<String> {
        let (pid, address) = self.pid.zip(self.address)?;
        let rebuilt = if self.header == Header::Wiped { "-header-rebuilt" } else { "" };
        Some(format!("{pid}/{address:x}{rebuilt}.elf"))
    }

    /// The file that an image in memory was, as far as it can be told. `None` if it has no header.
    pub(crate) fn file(&self) -> Option<Made> {
        let elf = Elf::read_at(&self.bytes, self.address).filter(|_| self.header != Header::None)?;
        file_of(&elf)
    }
}

/// What the header of an image is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// It is there.
    Whole,
    /// It was overwritten; the table of segments behind it is there.
    Wiped,
    /// There is none; marks in the bytes tell that it is an image.
    None,
    /// Its page is not in the archive.
    Unknown,
}

impl Header {
    /// `whole`, `wiped` or `none`; nothing if it is not known.
    pub(crate) fn as_str(self) -> Option<&'static str> {
        Some(match self {
            Header::Whole => "whole",
            Header::Wiped => "wiped",
            Header::None => "none",
            Header::Unknown => return None,
        })
    }
}

/// Takes images until it has enough.
pub(crate) type Take<'t> = dyn FnMut(Found<'_>) -> ControlFlow<()> + 't;

/// Passes all images to `take`: files, then what is mapped, then memory. At most as many as the limit allows.
pub(crate) fn each(checkpoint: &Checkpoint, take: &mut Take<'_>) {
    let limit = checkpoint.limits().elf_images;
    let mut left = limit;
    let mut bounded = |found: Found<'_>| {
        let Some(rest) = left.checked_sub(1) else {
            checkpoint.warn(&Limits::ELF_IMAGES, Place::archive(), || {
                format!("the archive has more than {limit} ELF images; the rest were skipped")
            });
            return ControlFlow::Break(());
        };
        left = rest;
        take(found)
    };
    let _ = all(checkpoint, &mut bounded);
}

fn all(checkpoint: &Checkpoint, take: &mut Take<'_>) -> ControlFlow<()> {
    let known = files::each(checkpoint, take)?;
    mapped::each(checkpoint, &known, take)?;
    memory::each(checkpoint, take)
}

/// Passes the images in memory that no file backs to `take`.
pub(crate) fn each_in_memory(checkpoint: &Checkpoint, take: &mut Take<'_>) {
    let _ = memory::each(checkpoint, take);
}
