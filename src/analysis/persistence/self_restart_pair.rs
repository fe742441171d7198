//! PERS-001: two processes that watch each other.

use std::collections::HashMap;

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};

rule! {
    /// Two processes of the same program hold the two ends of two pipes, or descriptors of each other, and the program does not
    /// belong to the image: it was deleted, or is in a place that everyone may write to. Each would notice the end of the other
    /// and start it again. Parents and workers of servers are built alike, and the planted case is the only one that was
    /// measured, so it is experimental.
    "PERS-001", self_restart_pair, version 1, Persistence, Experimental, Medium,
    title: "Two processes of an added program watch each other",
    why: "If one is ended, the other starts it again.",
    benign: ["Supervisors and their workers."],
    attack: ["T1543"],
    cost: Free,
    tags: ["persistence"],
    check: check,
}

/// Whether the program is one that an image would not have.
fn is_foreign(process: &ProcessFacts<'_>) -> bool {
    let path = process.program.path.as_ref();
    process.program.memfd
        || path.is_some_and(|path| super::super::vocabulary::is_world_writable(path) || process.program.deleted)
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    // By inode of a pipe: who may read, and who may write.
    let mut pipes: HashMap<&[u8], Vec<(&ProcessFacts<'_>, bool)>> = HashMap::new();
    for process in facts.living() {
        if !report.look() {
            return;
        }
        if !is_foreign(process) {
            continue;
        }
        for file in process.files() {
            let Some(path) = file.path.as_ref().filter(|path| path.starts_with(b"pipe:[")) else { continue };
            let names = file.flag_names.as_deref().unwrap_or_default();
            let writes = names.iter().any(|name| matches!(name.as_ref(), "O_WRONLY" | "O_RDWR"));
            pipes.entry(path.as_slice()).or_default().push((process, writes));
        }
    }
    // Pairs of processes with a pipe in this direction. Pipes with more than two holders are those of many workers.
    let mut directions: HashMap<(u32, u32), u32> = HashMap::new();
    for holders in pipes.values() {
        let [(a, a_writes), (b, b_writes)] = holders.as_slice() else { continue };
        if a.pid() == b.pid() || a_writes == b_writes {
            continue;
        }
        let (writer, reader) = if *a_writes { (a, b) } else { (b, a) };
        let count = directions.entry((writer.pid().0, reader.pid().0)).or_default();
        *count = count.saturating_add(1);
    }
    let mut pairs: Vec<_> =
        directions.keys().filter(|(a, b)| a < b && directions.contains_key(&(*b, *a))).copied().collect();
    pairs.sort_unstable();
    for (a, b) in pairs {
        let (Some(first), Some(second)) =
            (facts.process(crate::model::ids::Pid(a)), facts.process(crate::model::ids::Pid(b)))
        else {
            continue;
        };
        if first.program.path != second.program.path {
            continue;
        }
        let path = first.program.path.clone().unwrap_or_default();
        report.add(
            Finding::new(&RULE, Subject::Process(first.pid()))
                .severity(Severity::Medium)
                .confidence(Confidence::Low)
                .identity([path.clone()])
                .sentence(format!("Processes {a} and {b} of {} hold pipes to each other.", shown(&path)))
                .next(Next::rows_of("process_open_files", first.pid()))
                .evidence(Evidence::process(first.pid()).with("path", first.row.path.as_ref()))
                .evidence(Evidence::process(second.pid()).with("path", second.row.path.as_ref()))
                .link(Link::Process(second.pid()))
                .link(Link::Path(path)),
        );
    }
}
