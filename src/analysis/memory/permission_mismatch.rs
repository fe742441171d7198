//! MEM-026: a part of a file is executable that the file does not want to be so.

use std::collections::{HashMap, HashSet};

use bstr::BString;

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::hits::Region;
use super::super::words::{shown, size};
use super::super::{Confidence, Facts, Finding, Link, Report, Severity};
use super::code::{about, bytes_at, file_of, is_executable, len};
use super::copies::head;
use crate::elf::Image;
use crate::model::ids::Pid;
use crate::tables::Mapping;

rule! {
    /// A part of a program or library is mapped with execute permission, but the header of the file says that it is
    /// data; or no other process that maps the same part has it executable. The header is known if the archive has the
    /// file or its first page.
    "MEM-026", permission_mismatch, version 1, Memory, Incubating, High,
    title: "Data of a library was made executable",
    why: "Code that is written into the data of a library needs execute permission there, which no linker gives.",
    benign: ["A runtime that changes the permissions of its own file, or a process whose personality makes all data executable."],
    attack: ["T1055"],
    cost: Memory,
    regions: [Region::FirstPages],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    // Each file: the parts that are mapped, with the process and whether they are executable.
    let mut all: HashMap<&BString, Vec<(Pid, u64, u64, bool)>> = HashMap::new();
    for process in facts.living() {
        for mapping in process.mappings().iter().filter(|mapping| mapping.kind == "file") {
            let last = mapping.offset.saturating_add(len(mapping));
            all.entry(&mapping.path).or_default().push((process.pid(), mapping.offset, last, is_executable(mapping)));
        }
    }
    let mut headers: HashMap<BString, Option<Image>> = HashMap::new();
    for process in facts.living() {
        let is_personal = super::runtime::is_read_executable(process);
        for mapping in process.mappings().iter().filter(|mapping| mapping.kind == "file" && is_executable(mapping)) {
            if !report.look() {
                return;
            }
            if is_personal || mapping.path.starts_with(b"/dev/") {
                report.skip();
                continue;
            }
            let image = headers.entry(mapping.path.clone()).or_insert_with(|| header(facts, process, mapping));
            let segment = image.as_ref().and_then(|image| image.segment_at(mapping.offset, 4096));
            match segment {
                Some(segment) if !segment.executable => {
                    // A page may be shared by two segments, one of which is code.
                    let near = image.as_ref().is_some_and(|image| {
                        let ends = mapping.offset.saturating_add(4096);
                        image.loads.iter().any(|load| {
                            load.executable
                                && load.offset < ends
                                && load.offset.saturating_add(load.file_size) > mapping.offset
                        })
                    });
                    if !near {
                        report.add(found(
                            facts,
                            process,
                            mapping,
                            "the header of the file says that it is data",
                            Severity::High,
                        ));
                    }
                }
                Some(_) => {}
                None => {
                    let parts = all.get(&mapping.path).map_or(&[][..], Vec::as_slice).iter().take(512);
                    // Others count if they run the file, too: some map it only to read it.
                    let running: HashSet<Pid> = parts.clone().filter(|part| part.3).map(|part| part.0).collect();
                    let others: Vec<bool> = parts
                        .filter(|(pid, first, last, _)| {
                            *pid != process.pid() && running.contains(pid) && (*first..*last).contains(&mapping.offset)
                        })
                        .map(|(_, _, _, executable)| *executable)
                        .collect();
                    if others.is_empty() {
                        report
                            .not_checked("libraries whose header is not in the archive and that no other process maps");
                    } else if !others.contains(&true) {
                        let severity = if others.len() >= 2 { Severity::High } else { Severity::Medium };
                        report.add(found(
                            facts,
                            process,
                            mapping,
                            "no other process has this part executable",
                            severity,
                        ));
                    }
                }
            }
        }
    }
}

/// The header of a mapped file, from the file or from its first page in memory.
fn header(facts: &Facts<'_>, process: &ProcessFacts<'_>, mapping: &Mapping) -> Option<Image> {
    if let Some(file) = head(facts, &mapping.path, 65_536) {
        return Image::read(file.get(..65_536.min(file.len()))?);
    }
    let first = process.mappings_of(&mapping.path).find(|other| other.offset == 0)?;
    let page = bytes_at(&facts.space(process.pid())?, first.start.0, 4096);
    Image::read(&page)
}

fn found(facts: &Facts<'_>, process: &ProcessFacts<'_>, mapping: &Mapping, why: &str, severity: Severity) -> Finding {
    let (path, _) = file_of(mapping);
    about(&RULE, facts, process, mapping)
        .severity(severity)
        .confidence(if severity == Severity::High { Confidence::High } else { Confidence::Low })
        .identity([
            process.program.path.clone().unwrap_or_default(),
            path.into(),
            format!("{:#x}", mapping.offset).into(),
        ])
        .sentence(format!(
            "{} has {} of {} at offset {:#x} mapped executable ({}), but {why}.",
            process.title(),
            size(len(mapping)),
            shown(path),
            mapping.offset,
            mapping.permissions
        ))
        .path(path)
        .link(Link::Path(path.into()))
}
