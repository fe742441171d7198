//! Executable memory of a process: which of it no file backs, and where bytes of it are.

use std::ops::Range;

use bstr::ByteSlice as _;
use sha2::{Digest as _, Sha256};

use super::super::facts::{ProcessFacts, without_deleted};
use super::super::{Evidence, Facts, Finding, Link, Next, Rule, Subject};
use crate::int::{u64_of, usize_of};
use crate::memory::{AddressSpace, Content, Origin};
use crate::tables::Mapping;

/// Most bytes of one process that a rule reads of its code.
const READ_MOST: u64 = 32 << 20;

/// Whether a mapping may be executed. The kernel's own code does not count.
pub(super) fn is_executable(mapping: &Mapping) -> bool {
    has(mapping, 2, b'x') && !is_kernels(mapping)
}

/// Whether a mapping may be written to.
pub(super) fn is_writable(mapping: &Mapping) -> bool {
    has(mapping, 1, b'w')
}

/// Whether a mapping is private.
pub(super) fn is_private(mapping: &Mapping) -> bool {
    has(mapping, 3, b'p')
}

fn has(mapping: &Mapping, place: usize, letter: u8) -> bool {
    mapping.permissions.as_bytes().get(place) == Some(&letter)
}

/// Whether a mapping is the kernel's: the vDSO, the old vsyscall page, the page for single steps of uprobes.
pub(super) fn is_kernels(mapping: &Mapping) -> bool {
    matches!(mapping.kind, "vdso" | "vvar" | "vsyscall") || mapping.path == "[uprobes]"
}

/// Whether no file of a file system is behind a mapping: anonymous memory, heap, stack, a memfd, shared memory.
pub(super) fn is_unbacked(mapping: &Mapping) -> bool {
    match mapping.kind {
        "anonymous" | "heap" | "stack" | "memfd" | "shared_anonymous" | "sysv" => !is_kernels(mapping),
        "file" => is_in_shared_memory(&mapping.path) || mapping.path.starts_with(b"/dev/zero"),
        _ => false,
    }
}

/// Whether a path is in the file system of POSIX shared memory.
pub(super) fn is_in_shared_memory(path: &[u8]) -> bool {
    path.starts_with(b"/dev/shm/") || path.starts_with(b"/run/shm/")
}

/// The mapping that contains an address.
pub(super) fn mapping_at<'f>(process: &'f ProcessFacts<'_>, address: u64) -> Option<&'f Mapping> {
    let mappings = process.mappings();
    let after = mappings.partition_point(|mapping| mapping.start.0 <= address);
    mappings.get(after.checked_sub(1)?).filter(|mapping| address < mapping.end.0)
}

/// The executable memory of a process that no file backs.
pub(super) fn unbacked_code<'f>(process: &'f ProcessFacts<'_>) -> impl Iterator<Item = &'f Mapping> {
    process.mappings().iter().filter(|mapping| is_executable(mapping) && is_unbacked(mapping))
}

/// Whether an address is in executable memory that no file backs.
pub(super) fn unbacked_code_at<'f>(process: &'f ProcessFacts<'_>, address: u64) -> Option<&'f Mapping> {
    mapping_at(process, address).filter(|mapping| is_executable(mapping) && is_unbacked(mapping))
}

/// Size of a mapping in bytes.
pub(super) fn len(mapping: &Mapping) -> u64 {
    mapping.end.0.saturating_sub(mapping.start.0)
}

/// The page that CRIU itself changes for a moment in each process: the first of the first executable mapping.
pub(super) fn page_of_criu(process: &ProcessFacts<'_>) -> Option<u64> {
    process.mappings().iter().find(|mapping| has(mapping, 2, b'x') && mapping.kind != "vsyscall").map(|m| m.start.0)
}

/// The path of a mapped file without ` (deleted)`, and whether it was deleted.
pub(super) fn file_of(mapping: &Mapping) -> (&[u8], bool) {
    without_deleted(&mapping.path)
}

/// Whether a mapping is of the program itself and not of a library.
pub(super) fn is_program(process: &ProcessFacts<'_>, mapping: &Mapping) -> bool {
    process.program.path.as_deref().is_some_and(|program| program == file_of(mapping).0)
}

/// The parts of a range whose bytes are in the archive as pages of memory. The contents of deleted files, which are
/// not changed pages, do not count.
pub(super) fn recorded<'a>(space: &AddressSpace<'a>, from: u64, to: u64) -> impl Iterator<Item = Range<u64>> + use<'a> {
    space.runs(from, to).filter_map(|run| match run.origin {
        Origin::Recorded { image, .. } => {
            let name = image.rsplit_str("/").next().unwrap_or_default();
            (!name.starts_with(b"ghost-file")).then_some(run.start..run.end)
        }
        _ => None,
    })
}

/// The known bytes of a range, piece by piece: each address with the bytes that follow. Pieces that touch are joined.
/// Memory that was never written to is left out.
pub(super) fn pieces(space: &AddressSpace<'_>, from: u64, to: u64) -> Vec<(u64, Vec<u8>)> {
    let mut pieces: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut left = READ_MOST;
    for (address, content) in space.pieces(from, to) {
        let zeros;
        let bytes: &[u8] = match &content {
            Content::Bytes(bytes) => bytes,
            Content::Zeros(len) => {
                zeros = vec![0; usize_of((*len).min(left))];
                &zeros
            }
            _ => continue,
        };
        let bytes = bytes.get(..usize_of(left).min(bytes.len())).unwrap_or_default();
        left = left.saturating_sub(u64_of(bytes.len()));
        match pieces.last_mut().filter(|(at, before)| at.saturating_add(u64_of(before.len())) == address) {
            Some((_, before)) => before.extend_from_slice(bytes),
            None => pieces.push((address, bytes.to_vec())),
        }
        if left == 0 {
            break;
        }
    }
    pieces
}

/// The bytes at an address, as far as they are known.
pub(super) fn bytes_at(space: &AddressSpace<'_>, address: u64, most: u64) -> Vec<u8> {
    let known = pieces(space, address, address.saturating_add(most)).into_iter().next();
    known.filter(|(at, _)| *at == address).map(|(_, bytes)| bytes).unwrap_or_default()
}

/// SHA-256 of all known bytes of a range, in hexadecimal.
pub(super) fn sha256(space: &AddressSpace<'_>, from: u64, to: u64) -> Option<String> {
    let pieces = pieces(space, from, to);
    if pieces.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    for (_, bytes) in &pieces {
        hash.update(bytes);
    }
    Some(data_encoding::HEXLOWER.encode(&hash.finalize()))
}

/// The row of a mapping, with what rules of this family use of it.
pub(super) fn row(mapping: &Mapping) -> Evidence {
    Evidence::mapping(mapping.pid, mapping.start.0)
        .with("permissions", Some(mapping.permissions.as_str()))
        .with("kind", Some(mapping.kind))
        .with("path", Some(&mapping.path).filter(|path| !path.is_empty()))
        .with("recorded_bytes", Some(mapping.recorded_bytes))
}

/// A finding about a mapping, with its row and the next step.
pub(super) fn about(rule: &'static Rule, facts: &Facts<'_>, process: &ProcessFacts<'_>, mapping: &Mapping) -> Finding {
    let pid = process.pid();
    let finding = Finding::new(rule, Subject::Mapping(pid, mapping.start.0))
        .next(Next::Memory { pid, start: mapping.start.0, end: mapping.end.0 })
        .evidence(row(mapping));
    with_program(facts, process, finding)
}

/// Links a finding to the program of its process, unless that is of the image: many honest processes share those.
pub(super) fn with_program(facts: &Facts<'_>, process: &ProcessFacts<'_>, finding: Finding) -> Finding {
    match &process.program.path {
        Some(path) if !facts.files().is_in_image(path) || process.program.deleted => {
            finding.link(Link::Path(path.clone()))
        }
        _ => finding,
    }
}

/// What a mapping without a file is, for a sentence: `anonymous memory`.
pub(super) fn kind_words(mapping: &Mapping) -> &'static str {
    match mapping.kind {
        "heap" => "heap",
        "stack" => "stack",
        "memfd" => "memory of a memfd",
        "shared_anonymous" => "shared anonymous memory",
        "sysv" => "System V shared memory",
        "file" if is_in_shared_memory(&mapping.path) => "POSIX shared memory",
        "file" => "memory of a file",
        _ => "anonymous memory",
    }
}
