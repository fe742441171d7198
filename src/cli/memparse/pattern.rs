//! Builds patterns from flags and files.

use std::io::stdin;
use std::path::Path;

use cryoscope::Limits;
use cryoscope::archive::{read_most, read_small};
use cryoscope::memory::{Encoding, Matcher, Pattern, PatternError};

use super::super::Failure;
use super::super::args::MemparseArgs;
use super::super::limits::hint;

/// Maximum size of a file of patterns, in bytes.
const FILE_MOST: u64 = 64 << 20;

impl From<PatternError> for Failure {
    fn from(error: PatternError) -> Self {
        Failure::Usage(format!("{error}{}", hint(error.limit)))
    }
}

/// All patterns, compiled.
pub(super) fn matcher(args: &MemparseArgs, limits: &Limits) -> Result<Matcher, Failure> {
    let mut patterns = Vec::new();
    for text in &args.search {
        add_text(text, args, &mut patterns)?;
    }
    for hex in &args.search_hex {
        patterns.push(Pattern::hex(hex)?);
    }
    for regex in &args.search_regex {
        add_regex(regex, args, &mut patterns)?;
    }
    for path in &args.patterns {
        add_file(path, args, &mut patterns)?;
    }
    if patterns.is_empty() {
        return Err(Failure::Usage("no patterns in the files of --patterns".to_owned()));
    }
    Ok(Matcher::within(&patterns, limits)?)
}

fn add_text(text: &str, args: &MemparseArgs, patterns: &mut Vec<Pattern>) -> Result<(), Failure> {
    patterns.push(Pattern::text(text, Encoding::Utf8, args.ignore_case)?);
    if args.utf16 {
        patterns.push(Pattern::text(text, Encoding::Utf16Le, args.ignore_case)?);
        patterns.push(Pattern::text(text, Encoding::Utf16Be, args.ignore_case)?);
    }
    Ok(())
}

fn add_regex(regex: &str, args: &MemparseArgs, patterns: &mut Vec<Pattern>) -> Result<(), Failure> {
    if regex.is_empty() {
        return Err(Failure::Usage("the regular expression is empty; it would match everywhere".to_owned()));
    }
    patterns.push(Pattern::regex(regex, args.ignore_case));
    Ok(())
}

/// Reads the patterns of a file, one per line. Empty lines and lines that begin with `#` are skipped.
fn add_file(path: &Path, args: &MemparseArgs, patterns: &mut Vec<Pattern>) -> Result<(), Failure> {
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let fail = |what: String| Failure::Usage(format!("cannot read patterns from {name}: {what}"));
    let bytes = if is_stdin { read_most(stdin(), FILE_MOST) } else { read_small(path, FILE_MOST) };
    let bytes = bytes.map_err(|error| fail(error.to_string()))?;
    for (number, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let place = |error: Failure| fail(format!("line {}: {error}", number.saturating_add(1)));
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let Ok(text) = std::str::from_utf8(line) else {
            // Text in another encoding is searched as bytes.
            patterns.push(Pattern::bytes(&String::from_utf8_lossy(line), line)?);
            continue;
        };
        if let Some(hex) = text.strip_prefix("hex:") {
            patterns.push(Pattern::hex(hex).map_err(|error| place(error.into()))?);
        } else if let Some(regex) = text.strip_prefix("re:") {
            add_regex(regex, args, patterns).map_err(place)?;
        } else {
            add_text(text.strip_prefix("text:").unwrap_or(text), args, patterns).map_err(place)?;
        }
    }
    Ok(())
}
