//! Extracts ELF images out of memory: those that no file backs, and the changed pages of mapped files.

use std::collections::HashSet;
use std::ops::ControlFlow;

use bstr::{BString, ByteSlice};

use super::{Choice, ExtractError, Output, What, below};
use crate::Checkpoint;
use crate::analysis::elf::{self, Found, Mapped};
use crate::elf::{Bytes, Elf, Made, Part, file_of, file_of_parts};
use crate::int::u64_of;
use crate::memory::Missing;
use crate::model::ids::Pid;
use crate::model::rootfs::Change;
use crate::tables::Extracted;

/// Most parts of a file that a header names.
const PARTS: usize = 60;

/// Extracts images.
pub(super) fn write(checkpoint: &Checkpoint, choice: &Choice<'_>, output: &mut Output<'_>) -> Result<(), ExtractError> {
    let mut result = Ok(());
    elf::each_in_memory(checkpoint, &mut |found| {
        result = unbacked(&found, choice, output);
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    result?;
    let here = in_archive(checkpoint);
    for (path, files) in elf::mapped(checkpoint) {
        let wanted = files.iter().filter(|file| file.recorded() > 0 && choice.wants(&path, &[file.pid]));
        if here.contains(&path) {
            continue;
        }
        for file in wanted {
            mapped(checkpoint, &path, file, output)?;
        }
    }
    Ok(())
}

/// An image that no file backs.
fn unbacked(found: &Found<'_>, choice: &Choice<'_>, output: &mut Output<'_>) -> Result<(), ExtractError> {
    let (Some(pid), Some(name)) = (found.pid, found.extracted_as()) else { return Ok(()) };
    let path = found.path.clone().unwrap_or_default();
    if !choice.wants(&path, &[pid]) {
        return Ok(());
    }
    let row = row(found.path.clone(), pid);
    let Some(made) = found.file() else {
        let why = "it has no ELF header, and none could be made";
        return output.list(What::Elf, &Extracted { why: Some(why), size: found.size, ..row });
    };
    file(&made, name, row, Missing::Truncated, output)
}

/// The changed pages of a mapped file.
fn mapped(checkpoint: &Checkpoint, path: &BString, file: &Mapped, output: &mut Output<'_>) -> Result<(), ExtractError> {
    let Some(space) = checkpoint.memory().space_of(file.pid) else { return Ok(()) };
    let bytes = file.pages(&space, checkpoint.limits().elf_bytes);
    let made = match Elf::read(&bytes) {
        Some(elf) => file_of(&elf),
        None if bytes.get(0, 1).is_some() => return Ok(()),
        None => of_parts(checkpoint, file, &bytes),
    };
    let row = row(Some(path.clone()), file.pid);
    let name = path.strip_suffix(b" (deleted)").unwrap_or(path).rsplit_str("/").next().unwrap_or_default();
    let Some(made) = made else {
        let why = "its changed pages leave no room for an ELF header";
        return output.list(What::Elf, &Extracted { why: Some(why), ..row });
    };
    let name = bstr::concat([format!("{}/{:x}-", file.pid, file.base()).as_bytes(), name]);
    self::file(&made, &name, row, Missing::FileBacked, output)
}

fn of_parts(checkpoint: &Checkpoint, file: &Mapped, bytes: &Bytes<'_>) -> Option<Made> {
    let base = file.base();
    let parts = file.mappings.iter().take(PARTS).map(|mapping| {
        let has = |place: usize, letter: u8| mapping.permissions.as_bytes().get(place) == Some(&letter);
        let bit = |is: bool, bit: u32| if is { bit } else { 0 };
        Part {
            offset: mapping.offset,
            address: mapping.start.0.saturating_sub(base),
            len: mapping.end.0.saturating_sub(mapping.start.0),
            flags: bit(has(0, b'r'), 4) | bit(has(1, b'w'), 2) | bit(has(2, b'x'), 1),
        }
    });
    let is_64 = file.mappings.iter().any(|mapping| mapping.end.0 > 1 << 32)
        || checkpoint
            .memory()
            .space_of(file.pid)
            .is_none_or(|space| space.mm().vmas.iter().any(|vma| vma.end.0 > 1 << 32));
    file_of_parts(bytes, &parts.collect::<Vec<_>>(), checkpoint.model().arch(), is_64)
}

fn row(path: Option<BString>, pid: Pid) -> Extracted {
    Extracted { path, r#type: Some("regular"), pids: vec![pid], ..Extracted::of(What::Elf.as_str()) }
}

/// Writes a file.
fn file(
    made: &Made,
    name: impl AsRef<[u8]>,
    row: Extracted,
    why: Missing,
    output: &mut Output<'_>,
) -> Result<(), ExtractError> {
    let parts = below(&[What::Elf.as_str()], name.as_ref());
    // What is as it was needs no word.
    let how = Some(made.how).filter(|how| *how != crate::elf::AS_IT_WAS);
    output.file(What::Elf, &parts, Extracted { why: how, ..row }, |contents| {
        let mut at = 0_u64;
        for (from, piece) in made.bytes.pieces().chain([(made.bytes.len(), &[][..])]) {
            let gap = from.saturating_sub(at);
            if gap > 0 {
                contents.missing(gap, super::memory::is_lost(why), why.as_str());
            }
            contents.bytes(piece)?;
            at = from.saturating_add(u64_of(piece.len()));
        }
        Ok(())
    })
}

/// Paths whose contents the archive has, as mappings name them.
fn in_archive(checkpoint: &Checkpoint) -> HashSet<BString> {
    let rootfs = checkpoint.rootfs();
    let changed = rootfs.iter().filter(|changed| changed.change == Change::AddedOrChanged).map(|changed| changed.path);
    let mut all: HashSet<BString> = changed.collect();
    for (_, tree) in &checkpoint.volumes() {
        all.extend(tree.entries().map(|entry| entry.path()));
    }
    for file in checkpoint.recovered().iter().filter(|file| file.missing().is_none()) {
        let is_deleted = matches!(file.source.as_str(), "ghost" | "link_remap" | "memfd");
        let ending: &[u8] = if is_deleted { b" (deleted)" } else { b"" };
        all.extend(file.path.iter().map(|path| BString::from(bstr::concat([path.as_slice(), ending]))));
    }
    all
}
