//! Selects processes and parts of their memory.

use std::ops::Range;

use cryoscope::Checkpoint;
use cryoscope::model::process::Process;
use cryoscope::tables::{Mapping, Mappings, MemoryPart};

use super::super::Failure;
use super::super::args::{Global, MemparseArgs};
use super::super::screen::complain;
use super::super::shown::shown;
use super::super::wildcard::{self, Wildcards};
use super::processes::Wanted;

/// Values of `--kind`: those of the column `kind`, and `shared` for both kinds of shared memory.
const KINDS: [&str; 14] = [
    "heap",
    "stack",
    "anonymous",
    "file",
    "memfd",
    "shared",
    "shared_anonymous",
    "sysv",
    "vdso",
    "vvar",
    "vsyscall",
    "socket",
    "aio",
    "other",
];

/// Number of pids that a message lists.
const NAMED: usize = 20;

/// The selected memory of a checkpoint.
pub(super) struct Selected<'c> {
    /// Processes with memory, by pid, each with the selected ranges. Without filters on mappings, one range covers
    /// everything.
    pub(super) ranges: Vec<(&'c Process, Vec<Range<u64>>)>,
    /// All mappings.
    pub(super) mappings: Mappings,
    /// The filters on mappings and addresses.
    filters: Filters,
    checkpoint: &'c Checkpoint,
    all_processes: bool,
}

impl<'c> Selected<'c> {
    /// Applies the flags to a checkpoint.
    pub(super) fn of(
        checkpoint: &'c Checkpoint,
        wanted: &Wanted<'_>,
        args: &MemparseArgs,
        global: &Global,
    ) -> Result<Self, Failure> {
        let filters = Filters::of(args)?;
        let mappings = Mappings::of(checkpoint);
        let ranges = wanted
            .of(checkpoint)
            .into_iter()
            .map(|process| {
                let all = std::iter::once(filters.range.clone()).collect();
                let ranges = if filters.by_mapping() { filters.of_mappings(&mappings, process) } else { all };
                (process, joined(ranges))
            })
            .collect();
        let selected = Selected { ranges, mappings, filters, checkpoint, all_processes: wanted.is_all() };
        selected.say_what_is_unknown(global);
        Ok(selected)
    }

    /// Whether processes were chosen, and the checkpoint has none of them.
    pub(super) fn has_no_process(&self) -> bool {
        !self.all_processes && self.ranges.is_empty()
    }

    /// Whether mappings or addresses were chosen, and no process has any of them.
    pub(super) fn is_empty(&self) -> bool {
        self.is_part() && self.by_mapping().iter().all(|(_, ranges)| ranges.is_empty())
    }

    /// Prints which processes have pages but no mappings.
    fn say_what_is_unknown(&self, global: &Global) {
        let without = self.ranges.iter().filter(|(process, _)| process.mm.is_none());
        let pids: Vec<String> = without.map(|(process, _)| process.pid().to_string()).collect();
        if pids.is_empty() || global.quiet {
            return;
        }
        let what = if self.filters.by_mapping() {
            "--prot, --kind and --path cannot match them"
        } else {
            "only the ranges of their pagemaps are shown"
        };
        let named = pids.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = if pids.len() > NAMED { ", …" } else { "" };
        complain(&format!(
            "the mappings of some processes are not known, as their mm images are missing: {what} (pid {named}{more})"
        ));
    }

    /// The pids of the processes.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.ranges.iter().map(|(process, _)| process.pid().0).collect()
    }

    /// The processes with their selected mappings, one by one. Without known mappings, the runs of their pages.
    pub(super) fn by_mapping(&self) -> Vec<(&'c Process, Vec<Range<u64>>)> {
        let of = |process: &'c Process| {
            let ranges = if process.mm.is_some() {
                self.filters.of_mappings(&self.mappings, process)
            } else if self.filters.by_mapping() {
                Vec::new()
            } else {
                clipped(self.checkpoint.memory().recorded_ranges(process), &self.filters.range)
            };
            (process, ranges)
        };
        self.ranges.iter().map(|(process, _)| of(process)).collect()
    }

    /// Whether all memory of all processes was selected.
    pub(super) fn is_all(&self) -> bool {
        self.all_processes && self.range().is_none() && !self.filters.by_mapping()
    }

    /// Whether mappings or addresses were selected.
    pub(super) fn is_part(&self) -> bool {
        self.range().is_some() || self.filters.by_mapping()
    }

    /// Calls a function with the selected part of the mappings.
    pub(super) fn with_part<T>(&self, each: impl FnOnce(&MemoryPart<'_>) -> T) -> T {
        let wants = |mapping: &Mapping| self.filters.wants(mapping);
        let wants: Option<&dyn Fn(&Mapping) -> bool> = if self.filters.by_mapping() { Some(&wants) } else { None };
        each(&MemoryPart { range: self.filters.range.clone(), wants })
    }

    /// The selected range of addresses, if any.
    pub(super) fn range(&self) -> Option<Range<u64>> {
        (self.filters.range != (0..u64::MAX)).then(|| self.filters.range.clone())
    }
}

/// Checks the flags before anything is read.
pub(super) fn check(args: &MemparseArgs) -> Result<(), Failure> {
    Filters::of(args).map(drop)
}

/// Filters on mappings and addresses.
struct Filters {
    range: Range<u64>,
    /// Permissions that must be set, and permissions that must not.
    prot: Option<(Vec<char>, Vec<char>)>,
    kinds: Vec<String>,
    path: Option<Wildcards>,
}

impl Filters {
    fn of(args: &MemparseArgs) -> Result<Self, Failure> {
        if let Some(unknown) = args.kind.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
            return Err(Failure::Usage(format!("there is no kind {unknown:?}; choose from {}", KINDS.join(", "))));
        }
        Ok(Filters {
            range: args.range.as_deref().map_or(Ok(0..u64::MAX), range)?,
            prot: args.prot.as_deref().map(prot).transpose()?,
            kinds: args.kind.clone(),
            path: args.path.as_deref().map(|path| wildcard::one(path, true)).transpose()?,
        })
    }

    fn by_mapping(&self) -> bool {
        self.prot.is_some() || !self.kinds.is_empty() || self.path.is_some()
    }

    /// The selected parts of a process's mappings, one by one.
    fn of_mappings(&self, mappings: &Mappings, process: &Process) -> Vec<Range<u64>> {
        let selected = mappings.of_process(process.pid()).iter().filter(|mapping| self.wants(mapping));
        selected
            .map(|mapping| mapping.start.0.max(self.range.start)..mapping.end.0.min(self.range.end))
            .filter(|range| !range.is_empty())
            .collect()
    }

    fn wants(&self, mapping: &Mapping) -> bool {
        let kind = mapping.kind;
        let is_kind = |wanted: &String| {
            wanted == kind
                || wanted == "shared" && matches!(kind, "shared_anonymous" | "sysv" | "memfd" if kind != "memfd")
        };
        let has_prot = |(with, without): &(Vec<char>, Vec<char>)| {
            with.iter().all(|&c| mapping.permissions.contains(c))
                && !without.iter().any(|&c| mapping.permissions.contains(c))
        };
        self.prot.as_ref().is_none_or(has_prot)
            && (self.kinds.is_empty() || self.kinds.iter().any(is_kind))
            && self.path.as_ref().is_none_or(|path| path.is_match(&mapping.path))
    }
}

/// The parts of ranges that lie within another range.
fn clipped(ranges: Vec<Range<u64>>, within: &Range<u64>) -> Vec<Range<u64>> {
    let clip = |range: Range<u64>| range.start.max(within.start)..range.end.min(within.end);
    ranges.into_iter().map(clip).filter(|range| !range.is_empty()).collect()
}

/// Joins ranges that touch.
fn joined(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

fn range(text: &str) -> Result<Range<u64>, Failure> {
    let refuse = |why: &str| Err(Failure::Usage(format!("--range {}: {why}", shown(text))));
    let Some((from, to)) = text.split_once('-').map(|(from, to)| (address(from), address(to))) else {
        return refuse(USAGE);
    };
    match (from, to) {
        (Ok(from), Ok(to)) if from < to => Ok(from..to),
        (Ok(from), Ok(to)) if from == to => {
            let next = from.saturating_add(1);
            refuse(&format!(
                "the range is empty, as its end is the first address behind it; for one byte, write {from:#x}-{next:#x}"
            ))
        }
        (Ok(from), Ok(to)) => refuse(&format!("it ends before it begins; did you mean {to:#x}-{from:#x}?")),
        (Err(Some(why)), _) | (_, Err(Some(why))) => refuse(why),
        (Err(None), _) | (_, Err(None)) => refuse(USAGE),
    }
}

/// How to write a range.
const USAGE: &str = "this is not a range of addresses; write it as 0x400000-0x401000";

/// An address in hexadecimal, or why it is none, if that is known.
fn address(text: &str) -> Result<u64, Option<&'static str>> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let large = is_number.then_some("an address is too large: it has more than 16 hexadecimal digits");
    u64::from_str_radix(digits, 16).map_err(|_| large)
}

fn prot(text: &str) -> Result<(Vec<char>, Vec<char>), Failure> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for (place, c) in text.chars().enumerate() {
        match (c, "rwx".chars().nth(place)) {
            ('r' | 'w' | 'x' | 'p' | 's', _) => with.push(c),
            ('-', Some(absent)) => without.push(absent),
            _ => {
                return Err(Failure::Usage(format!("{text:?} is not a set of permissions; write it as rwx, x or r-x")));
            }
        }
    }
    Ok((with, without))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_permissions() {
        assert_eq!(range("0x1000-2000").unwrap(), 0x1000..0x2000);
        for (text, why) in [
            ("2000-1000", "it ends before it begins; did you mean 0x1000-0x2000?"),
            (
                "0x1000-0x1000",
                "the range is empty, as its end is the first address behind it; for one byte, write 0x1000-0x1001",
            ),
            ("0-10000000000000000", "an address is too large: it has more than 16 hexadecimal digits"),
            ("nonsense", USAGE),
            ("1000-", USAGE),
            ("1000", USAGE),
        ] {
            assert_eq!(range(text).unwrap_err().to_string(), format!("--range {text:?}: {why}"));
        }
        assert_eq!(prot("rwx").unwrap(), (vec!['r', 'w', 'x'], vec![]));
        assert_eq!(prot("r-x").unwrap(), (vec!['r', 'x'], vec!['w']));
        assert!(prot("q").is_err());
    }

    #[test]
    fn ranges_that_touch_are_one() {
        assert_eq!(joined(vec![1..2, 2..3, 5..6]), [1..3, 5..6]);
    }
}
