//! `cryoscope memparse`: reads memory.

mod dump;
mod flags;
mod hexdump;
mod pattern;
mod processes;
mod rows;
mod search;
mod selection;
mod sizes;
mod strings;

use std::sync::Arc;

use cryoscope::formats::escape;
use cryoscope::memory::Keep;

use self::flags::Mode;
use self::processes::Wanted;
use self::selection::Selected;
use super::args::{Global, MemparseArgs};
use super::exit::Exit;
use super::fleet::{Fleet, Tally};
use super::lead::Lead;
use super::open::Opener;
use super::rows::One;
use super::screen::{Report, complain, refuse_terminal_of};
use super::{Failure, Outcome, brought};

/// One kind of output, for the checkpoints of one archive after another.
trait Task {
    /// Writes the output for a checkpoint.
    fn read(&mut self, one: &One<'_>, selected: &Selected<'_>) -> Result<(), Failure>;

    /// Completes the output and returns the result.
    fn finish(self: Box<Self>) -> Outcome;
}

/// What a task is created from.
struct Context<'a> {
    args: &'a MemparseArgs,
    global: &'a Global,
    lead: Lead<'a>,
    /// Whether there are several archives.
    several: bool,
}

impl Context<'_> {
    /// A heading with the archive, for output without a column for it.
    fn heading(&self, one: &One<'_>) -> String {
        if !self.several {
            return String::new();
        }
        let set = one.checkpoint.set_name();
        let set = if set.is_empty() { String::new() } else { format!(": {}", escape(set)) };
        format!("==> {}{set} <==\n", escape(&one.id))
    }
}

pub(crate) fn run(args: &MemparseArgs, global: &Global) -> Outcome {
    let mode = flags::mode(args)?;
    // Mistakes in the arguments are reported before anything is read.
    let matcher =
        if mode == Mode::Search { Some(Arc::new(pattern::matcher(args, &global.limits.limits())?)) } else { None };
    selection::check(args)?;
    refuse_terminal_of(args.format.format(), global)?;
    let keep = match mode {
        Mode::Sizes => Keep::Arguments,
        _ if args.everywhere => Keep::Everything,
        _ => Keep::Memory,
    };
    // A stream can be searched while it is inflated, if all memory is searched.
    let whole = args.range.is_none() && args.prot.is_none() && args.kind.is_empty() && args.path.is_none();
    let root = brought::root(&args.root, global)?;
    // What the image fills in is in no stream.
    let whole = whole && root.is_none();
    let early = matcher.clone().filter(|_| whole).map(|matcher| search::early(matcher, args));
    let fleet = Fleet::resolve(&args.archives, &args.fleet, global)?;
    let lead = Lead::new(&args.source, false, global)?;
    lead.check(fleet.entries())?;
    let opener = Opener::new(global, keep).searching(early).hashing_archive(lead.is_hashed()).naming_stdin(lead.name());
    let opener = opener.filling(root);
    let wanted = Wanted::new(args, &fleet)?;
    if mode == Mode::Dump {
        return dumped(&fleet, &opener, &wanted, args, global);
    }
    let context = Context { args, global, lead: lead.clone(), several: fleet.is_several() };
    let mut task: Box<dyn Task + '_> = match (mode, matcher) {
        (Mode::Search, Some(matcher)) => Box::new(search::Search::new(context, matcher)?),
        (Mode::Hexdump, _) => Box::new(hexdump::Hexdump::new(context)?),
        (Mode::Strings, _) => Box::new(strings::StringsTask::new(context)?),
        _ => Box::new(sizes::Sizes::new(context)?),
    };
    let (mut tally, mut selects_nothing) = (Tally::default(), true);
    // Each of them uses all threads.
    fleet.each(&opener, 1, &mut |entry, opened| {
        let read = opened.map_err(Failure::Archive).and_then(|checkpoints| {
            let id = lead.id(entry, &checkpoints);
            wanted.note(&entry.path.display().to_string(), &checkpoints)?;
            checkpoints.iter().try_for_each(|checkpoint| {
                let one = One { checkpoint, id: id.clone(), lead: lead.clone() };
                checkpoint.read_all();
                let selected = Selected::of(checkpoint, &wanted, args, global)?;
                selects_nothing &= selected.is_empty();
                if !selected.has_no_process() {
                    task.read(&one, &selected)?;
                }
                tally.done(entry, &Report::of(checkpoint), global);
                Ok(())
            })
        });
        match read {
            Err(Failure::Output(error)) => Err(error.into()),
            Err(failure) => fleet.failed(&mut tally, failure),
            Ok(()) => {
                tally.opened();
                Ok(())
            }
        }
    })?;
    if tally.is_empty() {
        return Ok(fleet.say_nothing());
    }
    let answer = task.finish()?;
    let exit = fleet.end(tally);
    wanted.end()?;
    if exit == Exit::Done && selects_nothing && mode != Mode::Search {
        if !global.quiet {
            complain("no memory is selected by these filters");
        }
        return Ok(Exit::No);
    }
    Ok(if exit == Exit::Done { answer } else { exit })
}

/// Dumps the memory of one checkpoint, with files and directories named after mappings.
fn dumped(
    fleet: &Fleet<'_>,
    opener: &Opener<'_>,
    wanted: &Wanted<'_>,
    args: &MemparseArgs,
    global: &Global,
) -> Outcome {
    let (entry, checkpoint) = &fleet.one(opener, "--dump")?;
    checkpoint.read_all();
    let archive = entry.path.display().to_string();
    wanted.note(&archive, std::slice::from_ref(checkpoint))?;
    let selected = Selected::of(checkpoint, wanted, args, global)?;
    let exit = dump::run(checkpoint, &selected, args, global)?;
    let partial = Report::of(checkpoint).print(&archive, global);
    Ok(if partial == Exit::Done { exit } else { partial })
}

/// The number of threads.
fn threads(args: &MemparseArgs) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    args.threads.unwrap_or_else(all).max(1)
}
