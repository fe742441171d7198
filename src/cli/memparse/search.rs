//! `memparse --search` and the other searches.

use std::collections::BTreeMap;
use std::sync::Arc;

use cryoscope::formats::{Columns, units};
use cryoscope::images::Kind;
use cryoscope::memory::{EarlySearch, Findings, FindingsElsewhere, Matcher, SearchOptions};
use cryoscope::tables::{Mappings, Match, MatchCount, Matches};

use super::super::args::{Global, MemparseArgs, RowFormat};
use super::super::exit::Exit;
use super::super::rows::One;
use super::super::screen::{Screen, complain};
use super::super::shown::shown;
use super::super::{Failure, Outcome};
use super::rows::Rows;
use super::selection::Selected;
use super::{Context, Task, threads};

/// On screens narrower than this, only the path of a match's mapping is shown.
const NARROW: usize = 100;

/// A search and its results so far.
pub(super) struct Search<'a> {
    context: Context<'a>,
    matcher: Arc<Matcher>,
    rows: Rows<'a>,
    found: u64,
    /// Whether there are more matches than the limit.
    more: bool,
    /// Whether part of the memory could not be searched.
    partial: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(context: Context<'a>, matcher: Arc<Matcher>) -> Result<Self, Failure> {
        let Context { args, global, .. } = context;
        let screen = Screen::open(global)?;
        let columns = match args.format {
            // With a single pattern, its column is not needed. On a narrow screen, the text needs the room.
            RowFormat::Table if !args.count && matcher.names().len() == 1 => {
                let is_narrow = screen.width.is_some_and(|width| width < NARROW);
                let mapping: &[&str] = if is_narrow { &["path"] } else { &["permissions", "kind", "path"] };
                let names = ["pid", "name", "address", "text"].iter().chain(mapping);
                Columns::Named(names.map(|&name| name.to_owned()).collect())
            }
            RowFormat::Table => Columns::Brief,
            _ => Columns::All,
        };
        let table = if args.count { &MatchCount::TABLE } else { &Match::TABLE };
        let rows = Rows::new(screen, table, columns, args, &context.lead, context.several);
        Ok(Search { context, matcher, rows, found: 0, more: false, partial: false })
    }

    /// Number of matches that may still be found.
    fn left(&self) -> u64 {
        self.context.args.max_matches.saturating_sub(self.found)
    }

    fn warn(&mut self, one: &One<'_>, message: &str) {
        self.partial = true;
        let archive = if self.context.several { format!("{}: ", one.id) } else { String::new() };
        complain(&format!("{archive}{message}"));
    }
}

impl Task for Search<'_> {
    fn read(&mut self, one: &One<'_>, selected: &Selected<'_>) -> Result<(), Failure> {
        let (checkpoint, args, matcher) = (one.checkpoint, self.context.args, Arc::clone(&self.matcher));
        let options = SearchOptions { most: self.left(), ..options(args) };
        let findings = checkpoint.memory().search_in(&selected.ranges, &matcher, &options);
        self.found = self.found.saturating_add(u64::try_from(findings.found.len()).unwrap_or(u64::MAX));
        let options = SearchOptions { most: self.left(), ..options };
        let elsewhere = if args.everywhere {
            checkpoint.memory().search_elsewhere(&matcher, &options, args.context)
        } else if selected.is_all() {
            // Pages without a process are searched, too.
            checkpoint.memory().search_unattributed(&matcher, &options, args.context)
        } else {
            FindingsElsewhere::default()
        };
        self.found = self.found.saturating_add(u64::try_from(elsewhere.found.len()).unwrap_or(u64::MAX));
        self.more |= findings.more || elsewhere.more;
        let is_plain = args.count && elsewhere.found.is_empty() && !args.everywhere && !self.context.several;
        if is_plain && args.format == RowFormat::Table && !self.rows.has_begun() {
            self.rows.choose(Columns::Named(["pid", "name", "pattern", "count"].map(str::to_owned).to_vec()));
        }
        let rows = Matches::new(checkpoint, Mappings::of(checkpoint), &matcher, args.context);
        let writer = self.rows.of(one)?;
        if args.count {
            counts(&findings, &elsewhere, &rows).iter().try_for_each(|row| writer.row(row))?;
        } else {
            findings.found.iter().try_for_each(|found| writer.row(&rows.row(found)))?;
            elsewhere.found.iter().try_for_each(|found| writer.row(&rows.elsewhere(found)))?;
        }
        self.rows.flush()?;
        let unread = findings.unread.saturating_add(elsewhere.unread);
        if unread > 0 {
            let message = format!("warning: {} could not be searched: pages cannot be read", units::size(unread));
            self.warn(one, &message);
        }
        let has_pages = |kind| checkpoint.images().of_kind(checkpoint.archive(), kind).next().is_some();
        let pages = [Kind::Pages, Kind::PagesFramed, Kind::ShmPagesOld].into_iter().any(has_pages);
        let none = findings.found.is_empty() && elsewhere.found.is_empty();
        if none && !pages && !args.everywhere && self.context.global.parent.is_empty() {
            let message =
                "nothing was searched: the archive has no memory images; --everywhere searches the rest of it";
            self.warn(one, message);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Outcome {
        let Search { context, matcher, rows, found, more, partial } = *self;
        rows.finish()?;
        if partial {
            return Ok(Exit::Partial);
        }
        Ok(verdict(more, found == 0, &matcher, context.args, context.global))
    }
}

fn options(args: &MemparseArgs) -> SearchOptions {
    SearchOptions { threads: threads(args), longest: args.max_match_length, most: args.max_matches }
}

/// The search to be made while the archive is read.
pub(super) fn early(matcher: Arc<Matcher>, args: &MemparseArgs) -> EarlySearch {
    EarlySearch { matcher, options: options(args), context: args.context }
}

/// Number of matches of each pattern in each process.
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

/// Returns the result of the search. Prints it if the rows do not show it.
fn verdict(more: bool, none: bool, matcher: &Matcher, args: &MemparseArgs, global: &Global) -> Exit {
    let say = |message: &str| {
        if !global.quiet {
            complain(message);
        }
    };
    if more {
        say(&format!("more than {} matches; raise the limit with --max-matches", args.max_matches));
        return Exit::Partial;
    }
    if none {
        match matcher.names() {
            [one] => say(&format!("no match for {}", shown(one))),
            names => say(&format!("no match for any of {} patterns", names.len())),
        }
        return Exit::No;
    }
    Exit::Done
}
