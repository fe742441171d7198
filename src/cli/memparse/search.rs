//! `memparse --search` and its like.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use cryoscope::formats::{Columns, Style, escape, units};
use cryoscope::images::Kind;
use cryoscope::memory::{EarlySearch, Findings, FindingsElsewhere, Matcher, SearchOptions};
use cryoscope::tables::{Mappings, Match, MatchCount, Matches};

use super::super::Outcome;
use super::super::args::{Global, MemparseArgs, RowFormat};
use super::super::exit::Exit;
use super::super::rows::{self, One};
use super::super::screen::{Screen, complain};
use super::selection::Selected;
use super::threads;

/// Screens that are narrower show the path of a match's mapping only.
const NARROW: usize = 100;
/// Characters of a pattern that a message repeats.
const SHOWN: usize = 100;

pub(super) fn run(
    one: &One<'_>,
    selected: &Selected<'_>,
    matcher: &Matcher,
    args: &MemparseArgs,
    global: &Global,
) -> Outcome {
    let checkpoint = one.checkpoint;
    let options = options(args);
    let model = checkpoint.model();
    let findings = checkpoint.memory().search(model, &selected.ranges, matcher, &options);
    let elsewhere = if args.everywhere {
        let left = args.max_matches.saturating_sub(u64::try_from(findings.found.len()).unwrap_or(u64::MAX));
        checkpoint.search_elsewhere(matcher, &SearchOptions { most: left, ..options }, args.context)
    } else if selected.is_all() {
        // Pages that belong to no process are no less in the archive.
        let left = args.max_matches.saturating_sub(u64::try_from(findings.found.len()).unwrap_or(u64::MAX));
        checkpoint.search_unattributed(matcher, &SearchOptions { most: left, ..options }, args.context)
    } else {
        FindingsElsewhere::default()
    };
    let mut screen = Screen::open(global)?;
    let format = args.format;
    let columns = match format {
        RowFormat::Table if args.count && elsewhere.found.is_empty() && !args.everywhere => {
            Columns::Named(["pid", "name", "pattern", "count"].map(str::to_owned).to_vec())
        }
        // Of one pattern, everybody knows which it is. On a narrow screen the text needs the room.
        RowFormat::Table if !args.count && matcher.names().len() == 1 => {
            let is_narrow = screen.width.is_some_and(|width| width < NARROW);
            let mapping: &[&str] = if is_narrow { &["path"] } else { &["permissions", "kind", "path"] };
            let names = ["pid", "name", "address", "text"].iter().chain(mapping);
            Columns::Named(names.map(|&name| name.to_owned()).collect())
        }
        RowFormat::Table => Columns::Brief,
        _ => Columns::All,
    };
    let format = format.with(&args.documents);
    let lead = one.lead.names(format, false);
    let style = Style { format, columns, name_tables: false, lead, width: screen.width };
    let rows = Matches::new(checkpoint, Mappings::of(checkpoint), matcher, args.context);
    let mut writer = rows::writer(&mut screen.out, style, one, &args.documents)?;
    if args.count {
        writer.begin(&MatchCount::TABLE)?;
        for row in counts(&findings, &elsewhere, &rows) {
            writer.row(&row)?;
        }
    } else {
        writer.begin(&Match::TABLE)?;
        for found in &findings.found {
            writer.row(&rows.row(found))?;
        }
        for found in &elsewhere.found {
            writer.row(&rows.elsewhere(found))?;
        }
    }
    writer.finish()?;
    screen.out.flush()?;
    let (more, none) = (findings.more || elsewhere.more, findings.found.is_empty() && elsewhere.found.is_empty());
    let unread = findings.unread.saturating_add(elsewhere.unread);
    if unread > 0 {
        complain(&format!("warning: {} could not be searched: they cannot be read", units::size(unread)));
        return screen.finish(Exit::Partial);
    }
    let has_pages = |kind| checkpoint.images().of_kind(checkpoint.archive(), kind).next().is_some();
    let pages = [Kind::Pages, Kind::PagesFramed, Kind::ShmPagesOld].into_iter().any(has_pages);
    if none && !pages && !args.everywhere && global.parent.is_empty() {
        complain("nothing was searched: there is no image of memory in it; --everywhere searches what else there is");
        return screen.finish(Exit::Partial);
    }
    let exit = verdict(more, none, matcher, args, global);
    screen.finish(exit)
}

fn options(args: &MemparseArgs) -> SearchOptions {
    SearchOptions { threads: threads(args), longest: args.max_match_length, most: args.max_matches }
}

/// The search as it is told to whoever opens the archive.
pub(super) fn early(matcher: Arc<Matcher>, args: &MemparseArgs) -> EarlySearch {
    EarlySearch { matcher, options: options(args), context: args.context }
}

/// How many matches each process has of each pattern.
fn counts(findings: &Findings, elsewhere: &FindingsElsewhere, rows: &Matches<'_>) -> Vec<MatchCount> {
    let mut counts = BTreeMap::new();
    for found in &findings.found {
        let count: &mut u64 = counts.entry((found.pid, found.pattern)).or_default();
        *count = count.saturating_add(1);
    }
    let mut others = BTreeMap::new();
    for found in &elsewhere.found {
        let count: &mut u64 = others.entry((found.place(), found.pattern)).or_default();
        *count = count.saturating_add(1);
    }
    let counts = counts.into_iter().map(|((pid, pattern), count)| rows.count(pid, pattern, count));
    let others = others.into_iter().map(|((path, pattern), count)| rows.count_elsewhere(path, pattern, count));
    counts.chain(others).collect()
}

/// What the search comes to, said where it is not plain from the rows.
fn verdict(more: bool, none: bool, matcher: &Matcher, args: &MemparseArgs, global: &Global) -> Exit {
    let say = |message: &str| {
        if !global.quiet {
            complain(message);
        }
    };
    if more {
        say(&format!("there are more matches than {}; --max-matches raises the limit", args.max_matches));
        return Exit::Partial;
    }
    if none {
        match matcher.names() {
            [one] => {
                let head: String = one.chars().take(SHOWN).collect();
                let rest = if head.len() < one.len() { "…" } else { "" };
                say(&format!("no match for {:?}{rest}", escape(head.as_bytes())));
            }
            names => say(&format!("no match for any of {} patterns", names.len())),
        }
        return Exit::No;
    }
    Exit::Done
}
