//! Extracts memory: a file for each mapping with known pages, and an index of the runs in them.

use std::ops::{ControlFlow, Range};

use super::output::ndjson;
use super::{Choice, ExtractError, Output, What, below};
use crate::Checkpoint;
use crate::memory::{AddressSpace, Missing, Origin, PartContent};
use crate::model::process::Process;
use crate::tables::{DumpedRun, Extracted, Mapping, Mappings, dumped};

/// Name of the index in the directory of memory.
const INDEX: &str = "index.ndjson";

/// Extracts memory.
pub(super) fn write(checkpoint: &Checkpoint, choice: &Choice<'_>, output: &mut Output<'_>) -> Result<(), ExtractError> {
    let (model, memory) = (checkpoint.model(), checkpoint.memory());
    let mappings = Mappings::of(checkpoint);
    let mut processes: Vec<&Process> = model.processes().iter().chain(memory.nameless()).collect();
    processes.sort_by_key(|process| process.pid());
    let mut written: Vec<Part<'_>> = Vec::new();
    for process in processes {
        let Some(space) = memory.pages(process) else { continue };
        let of_process = mappings.of_process(process.pid()).iter();
        let mut parts: Vec<(Range<u64>, Option<&Mapping>)> =
            of_process.map(|mapping| (mapping.start.0..mapping.end.0, Some(mapping))).collect();
        if process.mm.is_none() {
            // The mappings of these pages are not known.
            parts = memory.recorded_ranges(process).into_iter().map(|range| (range, None)).collect();
        }
        for (range, mapping) in parts {
            let path = mapping.map_or(&[][..], |mapping| &mapping.path);
            if !choice.wants(path, &[process.pid()]) {
                continue;
            }
            let name = format!("{}/{:x}-{:x}.bin", process.pid(), range.start, range.end);
            let part = Part { process, range, mapping, name };
            if file(checkpoint, &space, &part, output)? {
                written.push(part);
            }
        }
    }
    index(checkpoint, &written, output)
}

/// Memory that becomes a file: a mapping, or pages outside of any mapping.
struct Part<'p> {
    process: &'p Process,
    range: Range<u64>,
    mapping: Option<&'p Mapping>,
    name: String,
}

/// Writes a part. Returns `false` if nothing of it is known.
fn file(
    checkpoint: &Checkpoint,
    space: &AddressSpace<'_>,
    part: &Part<'_>,
    output: &mut Output<'_>,
) -> Result<bool, ExtractError> {
    let Part { process, range, mapping, name } = part;
    let (start, end) = (range.start, range.end);
    let row = Extracted {
        path: mapping.map(|mapping| mapping.path.clone()).filter(|path| !path.is_empty()),
        size: Some(end.saturating_sub(start)),
        pids: vec![process.pid()],
        ..Extracted::of(What::Memory.as_str())
    };
    let is_known = |origin: Origin<'_>| !matches!(origin, Origin::Missing(_));
    if !space.runs(start, end).any(|run| is_known(run.origin)) {
        let why = space.runs(start, end).find_map(|run| match run.origin {
            Origin::Missing(why) => Some(why.as_str()),
            _ => None,
        });
        output.list(What::Memory, &Extracted { why, missing_bytes: row.size, ..row })?;
        return Ok(false);
    }
    let parts = below(&[What::Memory.as_str()], name.as_bytes());
    output.file(What::Memory, &parts, row, |contents| {
        let mut result = Ok(());
        checkpoint.memory().walk(
            &[(*process, std::iter::once(start..end).collect())],
            1,
            |part| part,
            |part| {
                let len = part.end.saturating_sub(part.start);
                match &part.content {
                    PartContent::Bytes(bytes) => result = contents.bytes(bytes),
                    PartContent::Untouched => contents.hole(len),
                    PartContent::Missing(why) => contents.missing(len, is_lost(*why), why.as_str()),
                }
                space.give_back(part.start, part.end);
                if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            },
        );
        result
    })?;
    Ok(true)
}

/// Whether missing memory should be in the archive. Unchanged file contents and the kernel's own memory never are.
pub(super) fn is_lost(why: Missing) -> bool {
    !matches!(why, Missing::FileBacked | Missing::Kernel | Missing::Unmapped)
}

/// Writes the index of all files.
fn index(checkpoint: &Checkpoint, written: &[Part<'_>], output: &mut Output<'_>) -> Result<(), ExtractError> {
    if written.is_empty() {
        return Ok(());
    }
    let row = Extracted { why: Some("the index"), ..Extracted::of(What::Memory.as_str()) };
    output.file(What::Memory, &below(&[What::Memory.as_str()], INDEX.as_bytes()), row, |contents| {
        for Part { process, range, mapping, name } in written {
            let Some(space) = checkpoint.memory().pages(process) else { continue };
            let mut lines = Vec::new();
            let rows = dumped(name, 0, &space, process.pid(), range, *mapping);
            ndjson(&DumpedRun::TABLE, rows, &mut lines)?;
            contents.bytes(&lines)?;
        }
        Ok(())
    })
}
