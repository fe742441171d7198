//! `cryoscope memparse`: what was in memory.

mod dump;
mod hexdump;
mod pattern;
mod search;
mod selection;
mod sizes;
mod strings;

use std::sync::Arc;

use cryoscope::memory::Keep;

use self::selection::Selected;
use super::args::{Global, MemparseArgs, RowFormat};
use super::exit::Exit;
use super::fleet::Entry;
use super::lead::Lead;
use super::open::Opener;
use super::rows::One;
use super::screen::{Report, refuse_terminal_of};
use super::{Failure, Outcome};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Sizes,
    Search,
    Hexdump,
    Strings,
    Dump,
}

pub(crate) fn run(args: &MemparseArgs, global: &Global) -> Outcome {
    let mode = mode(args)?;
    // What is wrong with what was asked is said before anything is read.
    let matcher =
        if mode == Mode::Search { Some(Arc::new(pattern::matcher(args, &global.limits.limits())?)) } else { None };
    selection::check(args)?;
    refuse_terminal_of(args.format.format(), global)?;
    let keep = match mode {
        Mode::Sizes => Keep::Arguments,
        _ if args.everywhere => Keep::Everything,
        _ => Keep::Memory,
    };
    // What is inflated can be searched on its way, if lines are searched whole.
    let whole = args.range.is_none() && args.prot.is_none() && args.kind.is_empty() && args.path.is_none();
    let early = matcher.clone().filter(|_| whole).map(|matcher| search::early(matcher, args));
    let lead = Lead::new(&args.source, false, global)?;
    let opener = Opener::new(global, keep).searching(early).hashing_archive(lead.is_hashed()).naming_stdin(lead.name());
    let checkpoint = &opener.open_one(&args.archive)?;
    let id = lead.id(&Entry::named(args.archive.clone()), std::slice::from_ref(checkpoint));
    let one = &One { checkpoint, id, lead };
    checkpoint.read_all();
    let selected = Selected::of(checkpoint, args, global)?;
    let exit = match (mode, matcher) {
        (Mode::Search, Some(matcher)) => search::run(one, &selected, &matcher, args, global)?,
        (Mode::Hexdump, _) => hexdump::run(checkpoint, &selected, args, global)?,
        (Mode::Strings, _) => strings::run(one, &selected, args, global)?,
        (Mode::Dump, _) => dump::run(checkpoint, &selected, args, global)?,
        _ => sizes::run(one, &selected, args, global)?,
    };
    let partial = Report::of(checkpoint).print(&args.archive.display().to_string(), global);
    Ok(if partial == Exit::Done { exit } else { partial })
}

/// What the flags ask for; they must not ask for two things.
fn mode(args: &MemparseArgs) -> Result<Mode, Failure> {
    let searches = [&args.search, &args.search_hex, &args.search_regex].iter().any(|list| !list.is_empty());
    let asked = [
        (Mode::Search, "a search", searches || !args.patterns.is_empty()),
        (Mode::Hexdump, "--hexdump", args.hexdump),
        (Mode::Strings, "--strings", args.strings),
        (Mode::Dump, "--dump", args.dump.is_some()),
        (Mode::Sizes, "--by", args.by.is_some()),
    ];
    let asked: Vec<(Mode, &str)> =
        asked.into_iter().filter(|(.., on)| *on).map(|(mode, name, _)| (mode, name)).collect();
    match asked.as_slice() {
        [] if args.everywhere || args.count => Err(Failure::Usage(
            "nothing to search for; give --search, --search-hex, --search-regex or --patterns".to_owned(),
        )),
        // As checkpointctl has it.
        [] if !args.pid.is_empty() && args.format == RowFormat::Table => Ok(Mode::Hexdump),
        [] => Ok(Mode::Sizes),
        [(mode, _)] => Ok(*mode),
        [(_, one), (_, other), ..] => Err(Failure::Usage(format!("{one} and {other} are two things; ask for one"))),
    }
}

/// How many threads work.
fn threads(args: &MemparseArgs) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    args.threads.unwrap_or_else(all).max(1)
}
