//! What the flags of `memparse` ask for. A flag that would have no effect is refused.

use super::super::Failure;
use super::super::args::{MemparseArgs, RowFormat};

/// The kinds of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Sizes,
    Search,
    Hexdump,
    Strings,
    Dump,
}

/// The flags that begin a search.
const SEARCHES: &str = "--search, --search-hex, --search-regex or --patterns";

/// The kind of output that the flags ask for. They must not ask for two.
pub(super) fn mode(args: &MemparseArgs) -> Result<Mode, Failure> {
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
    let mode = match asked.as_slice() {
        // As in checkpointctl.
        [] if !args.pid.is_empty() && args.format == RowFormat::Table => Mode::Hexdump,
        [] => Mode::Sizes,
        [(mode, _)] => *mode,
        [(_, one), (_, other), ..] => {
            return Err(Failure::Usage(format!("{one} and {other} cannot be combined; choose one")));
        }
    };
    refuse_unused(mode, args)?;
    Ok(mode)
}

/// Refuses flags of another kind of output.
fn refuse_unused(mode: Mode, args: &MemparseArgs) -> Result<(), Failure> {
    let of_search = [
        ("--count", args.count),
        ("--everywhere", args.everywhere),
        ("--context", args.context > 0),
        ("--utf16", args.utf16),
        ("--ignore-case", args.ignore_case),
        ("--max-matches", args.max_matches != MemparseArgs::MATCHES),
        ("--max-match-length", args.max_match_length != MemparseArgs::MATCH_LENGTH),
    ];
    let unused = of_search.iter().find(|(_, is_given)| *is_given && mode != Mode::Search);
    if let Some((flag, _)) = unused {
        return Err(Failure::Usage(format!("{flag} is for a search, and none is asked for; add {SEARCHES}")));
    }
    let has_text = !args.search.is_empty() || !args.patterns.is_empty();
    let others = [
        ("--utf16", args.utf16 && !has_text, "searches for text; add --search or --patterns"),
        (
            "--ignore-case",
            args.ignore_case && !has_text && args.search_regex.is_empty(),
            "has no effect on bytes in hexadecimal; remove it",
        ),
        (
            "--min-length",
            args.min_length != MemparseArgs::STRING_LENGTH && mode != Mode::Strings,
            "is for --strings; add that, or remove it",
        ),
        ("--no-squeeze", args.no_squeeze && mode != Mode::Hexdump, "is for --hexdump; add that, or remove it"),
        (
            "--format",
            args.format != RowFormat::Table && mode == Mode::Dump,
            "has no effect on --dump, which writes raw bytes; remove it",
        ),
    ];
    match others.iter().find(|(_, is_unused, _)| *is_unused) {
        None => Ok(()),
        Some((flag, _, why)) => Err(Failure::Usage(format!("{flag} {why}"))),
    }
}
