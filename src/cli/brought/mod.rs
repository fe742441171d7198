//! Reads what the user brings to a scan besides the archive.

mod rules;

use std::collections::BTreeMap;
use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cryoscope::RootImage;
use cryoscope::analysis::Brought;
use cryoscope::analysis::indicators::{Indicators, Loader};
use cryoscope::analysis::secrets::{SecretsMode, SecretsWanted, UserRules};

use super::Failure;
use super::args::{BroughtArgs, Global, IocArgs, RootArgs, SecretsArgs, Wanted};
use super::screen::{complain, note};
use super::text_file;

/// Largest file of rules that is read, in bytes.
const MOST: u64 = 16 << 20;
/// Rules that cannot be used are listed up to this number.
const LISTED: usize = 20;

/// Reads everything that was named. Refuses to show secrets where others can read them.
pub(crate) fn read(args: &BroughtArgs, global: &Global) -> Result<Arc<Brought>, Failure> {
    refuse_to_reveal(&args.secrets, global)?;
    let say = |message: &str| note(message, global);
    let mut brought = Brought::default().with_secrets(secrets(&args.secrets, &say)?);
    if let Some(root) = root(&args.root, global)? {
        brought = brought.with_root(root);
    }
    if let Some(indicators) = indicators(&args.lists, &say)? {
        brought = brought.with_indicators(indicators);
    }
    if let Some(rules) = rules::yara(args, &say)? {
        brought = brought.with_yara(rules);
    }
    if let Some(rules) = rules::sigma(args, &say)? {
        brought = brought.with_sigma(rules);
    }
    Ok(Arc::new(brought))
}

/// Reads lists of indicators only. Secrets are not looked for.
pub(crate) fn read_lists(args: &IocArgs, global: &Global) -> Result<Arc<Brought>, Failure> {
    let brought = Brought::default().with_secrets(SecretsWanted::new(SecretsMode::No));
    Ok(Arc::new(match indicators(args, &|message| note(message, global))? {
        Some(indicators) => brought.with_indicators(indicators),
        None => brought,
    }))
}

/// The files and directories of lists of indicators.
pub(crate) fn files_of_lists(args: &IocArgs) -> Vec<PathBuf> {
    args.ioc.iter().chain(&args.warninglists).cloned().collect()
}

/// Reads the image of the container, if one was named.
pub(crate) fn root(args: &RootArgs, global: &Global) -> Result<Option<RootImage>, Failure> {
    let limits = global.limits.limits();
    Ok(args.root.as_ref().map(|path| RootImage::open(path, &limits)).transpose()?)
}

/// The files and directories that are read.
pub(crate) fn files(args: &BroughtArgs) -> Vec<PathBuf> {
    let secrets = &args.secrets.secrets_rules;
    let yara = args.yara.iter().filter(|path| !rules::is_builtin(path));
    files_of_lists(&args.lists).into_iter().chain(secrets.iter().chain(yara).chain(&args.sigma).cloned()).collect()
}

fn indicators(args: &IocArgs, say: &dyn Fn(&str)) -> Result<Option<Indicators>, Failure> {
    if args.ioc.is_empty() {
        return Ok(None);
    }
    let mut loader = Loader::new(args.ioc_all);
    if let Some(directory) = &args.warninglists {
        let (_, bad) = loader.add_warninglists(directory).map_err(|error| Failure::Usage(error.to_string()))?;
        for error in &bad {
            say(&format!("{error}; this warninglist is not used"));
        }
    }
    for path in &args.ioc {
        if path == Path::new("-") {
            let read = loader.read(path, std::io::stdin());
            read.map_err(|why| Failure::Usage(format!("standard input: {why}")))?;
        } else {
            loader.add(path).map_err(|error| Failure::Usage(error.to_string()))?;
        }
    }
    let indicators = loader.finish();
    say_not_used(&indicators, &args.ioc, say);
    if indicators.is_empty() {
        let names: Vec<String> = args.ioc.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::Usage(format!("{}: no indicator that can be used", names.join(", "))));
    }
    for (count, place) in [(indicators.not_in_memory(), " in memory"), (indicators.not_in_text(), "")] {
        let (texts, are, them) = match count {
            0 => continue,
            1 => ("1 text".to_owned(), "is", "it"),
            count => (format!("{count} texts"), "are", "them"),
        };
        say(&format!("{texts} of --ioc {are} not searched for{place}: no word in {them} is long and rare enough"));
    }
    if indicators.not_compiled() > 0 {
        say(&format!(
            "{} expressions of --ioc are not used: all together they are too large",
            indicators.not_compiled()
        ));
    }
    Ok(Some(indicators))
}

/// Names what of the lists is not used. Files of a directory or feed are one: there may be thousands.
fn say_not_used(indicators: &Indicators, named: &[PathBuf], say: &dyn Fn(&str)) {
    // By the file or the directory, then by the reason: how many, and where the first is.
    let mut groups: BTreeMap<&Path, BTreeMap<&str, (u64, String)>> = BTreeMap::new();
    for list in indicators.lists() {
        let is_named = named.contains(&list.file);
        let group = if is_named { Some(list.file.as_path()) } else { list.file.parent() };
        let reasons = groups.entry(group.unwrap_or(&list.file)).or_default();
        for (why, (count, place)) in &list.not_used {
            let first = || (0, format!("{}: {place}", list.file.display()));
            let (sum, _) = reasons.entry(why).or_insert_with(first);
            *sum = sum.saturating_add(*count);
        }
    }
    for (group, reasons) in &groups {
        for (why, (count, first)) in reasons.iter().take(LISTED) {
            let more = if *count > 1 { format!(" and {} more", count - 1) } else { String::new() };
            say(&format!("{first}{more}: not used: {why}"));
        }
        let others = reasons.len().saturating_sub(LISTED);
        if others > 0 {
            say(&format!("{}: {others} more reasons why something is not used", group.display()));
        }
    }
}

/// Refuses to show secrets where others can read them.
fn refuse_to_reveal(args: &SecretsArgs, global: &Global) -> Result<(), Failure> {
    let is_private = global.output.as_deref().is_some_and(|path| path != Path::new("-"));
    if args.reveal && !is_private && !stdout().is_terminal() {
        let message = "--reveal prints secrets only on a terminal, or into a file: add --output FILE";
        return Err(Failure::Usage(message.to_owned()));
    }
    if args.reveal {
        complain("--reveal: the output has secrets in plain text; delete it when it is no longer needed");
    }
    Ok(())
}

fn secrets(args: &SecretsArgs, say: &dyn Fn(&str)) -> Result<SecretsWanted, Failure> {
    let mode = match args.secrets {
        Wanted::No => SecretsMode::No,
        Wanted::Yes => SecretsMode::Yes,
        Wanted::All => SecretsMode::All,
    };
    let mut wanted = SecretsWanted::new(mode);
    wanted.stable_hash = args.stable_secret_hash;
    wanted.reveal = args.reveal;
    let mut rules = UserRules::default();
    for path in &args.secrets_rules {
        let name = path.display().to_string();
        let parsed = UserRules::parse(&name, &text_file::read(path, MOST)?);
        rules.extend(parsed.map_err(|error| Failure::Usage(format!("{name}: {error}")))?);
    }
    rules.skipped().iter().take(LISTED).for_each(|one| say(one));
    let others = rules.skipped().len().saturating_sub(LISTED);
    if others > 0 {
        say(&format!("{others} more rules for secrets cannot be used"));
    }
    Ok(if rules.is_empty() { wanted } else { wanted.with_rules(rules) })
}
