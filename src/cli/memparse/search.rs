//! `memparse --search` and its like.

use std::collections::BTreeMap;
use std::io::Write;

use cryoscope::Checkpoint;
use cryoscope::formats::{Columns, RowWriter, Style, escape};
use cryoscope::memory::{Findings, Matcher, SearchOptions};
use cryoscope::tables::{Mappings, Match, MatchCount, Matches};

use super::super::Outcome;
use super::super::args::{Global, MemparseArgs, RowFormat};
use super::super::exit::Exit;
use super::super::screen::{Screen, complain};
use super::selection::Selected;
use super::threads;

pub(super) fn run(
    checkpoint: &Checkpoint,
    selected: &Selected<'_>,
    matcher: &Matcher,
    args: &MemparseArgs,
    global: &Global,
) -> Outcome {
    let options = SearchOptions { threads: threads(args), longest: args.max_match_length, most: args.max_matches };
    let model = checkpoint.model();
    let findings = checkpoint.memory().search(model, &selected.ranges, matcher, &options);
    let mut screen = Screen::open(global)?;
    let format = args.format;
    let columns = if format == RowFormat::Table { Columns::Brief } else { Columns::All };
    let style = Style { format: format.into(), columns, name_tables: false, width: screen.width };
    let rows = Matches::new(checkpoint, Mappings::of(checkpoint), matcher, args.context);
    let mut writer = RowWriter::new(&mut screen.out, style);
    if args.count {
        writer.begin(&MatchCount::TABLE)?;
        for row in counts(&findings, &rows) {
            writer.row(&row)?;
        }
    } else {
        writer.begin(&Match::TABLE)?;
        for found in &findings.found {
            writer.row(&rows.row(found))?;
        }
    }
    writer.finish()?;
    screen.out.flush()?;
    let exit = verdict(&findings, matcher, args, global);
    screen.finish(exit)
}

/// How many matches each process has of each pattern.
fn counts(findings: &Findings, rows: &Matches<'_>) -> Vec<MatchCount> {
    let mut counts = BTreeMap::new();
    for found in &findings.found {
        let count: &mut u64 = counts.entry((found.pid, found.pattern)).or_default();
        *count = count.saturating_add(1);
    }
    counts.into_iter().map(|((pid, pattern), count)| rows.count(pid, pattern, count)).collect()
}

/// What the search comes to, said where it is not plain from the rows.
fn verdict(findings: &Findings, matcher: &Matcher, args: &MemparseArgs, global: &Global) -> Exit {
    let say = |message: &str| {
        if !global.quiet {
            complain(message);
        }
    };
    if findings.more {
        say(&format!("there are more matches than {}; --max-matches raises the limit", args.max_matches));
        return Exit::Partial;
    }
    if findings.found.is_empty() {
        match matcher.names() {
            [one] => say(&format!("no match for {:?}", escape(one.as_bytes()))),
            names => say(&format!("no match for any of {} patterns", names.len())),
        }
        return Exit::No;
    }
    Exit::Done
}
