//! `cryoscope scan`: tells what is wrong in containers.

mod files;
mod listing;

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use bstr::BString;
use cryoscope::Checkpoint;
use cryoscope::analysis::tables::{FindingRow, archive_word, findings};
use cryoscope::analysis::{Baseline, Scan, Selection, Severity, plan, quoted};
use cryoscope::formats::tree::Look;
use cryoscope::formats::{Columns, Encoded, Encoder, Format, Rarity as Rare, RowWriter, ScanText, Style, escape};
use cryoscope::tables::Container;

use super::args::{Global, Level, ScanArgs, ScanFormat};
use super::brought;
use super::exit::Exit;
use super::fleet::{Entry, Fleet, Heard, Stop, Voice};
use super::lead::Lead;
use super::open::Opener;
use super::rows::origin;
use super::screen::{Report, Screen, refuse_terminal_of};
use super::{Failure, Outcome};

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Info => Severity::Info,
            Level::Low => Severity::Low,
            Level::Medium => Severity::Medium,
            Level::High => Severity::High,
            Level::Critical => Severity::Critical,
        }
    }
}

/// What one checkpoint came to.
struct Scanned {
    scan: Scan,
    /// The first line of its text.
    subject: String,
    /// The archive as a shell reads its name.
    archive: String,
    /// Its rows, if rows are printed.
    rows: Vec<Encoded>,
    /// Which suppressions hid something.
    used: Vec<bool>,
}

pub(crate) fn run(args: &ScanArgs, global: &Global) -> Outcome {
    let selection = selection(args)?;
    if args.list {
        return listing::list(&selection, global);
    }
    if let Some(rule) = &args.explain {
        return listing::explain(rule, global);
    }
    if args.archives.is_empty() && args.fleet.files_from.is_empty() {
        return Err(Failure::Usage("name an archive or a directory of archives to scan".to_owned()));
    }
    let hidden = files::Hidden::read(args)?;
    let fleet = Fleet::resolve(&args.archives, &args.fleet, global)?;
    let lead = Lead::new(&args.source, false, global)?;
    lead.check(fleet.entries())?;
    let format = match args.format {
        ScanFormat::Text => None,
        ScanFormat::Rows(format) => Some(format.format()),
    };
    let least: Severity =
        args.min_severity.map_or(if format.is_none() { Severity::Medium } else { Severity::Info }, Into::into);
    let brought = brought::read(&args.brought, global)?;
    let opener = Opener::new(global, plan::keep(&brought))
        .bringing(&brought)
        .hashing_archive(lead.is_hashed())
        .naming_stdin(lead.name());
    if let Some(format) = format {
        refuse_terminal_of(format, global)?;
    }
    let screen = Screen::open(global)?;
    let look = Look { width: screen.width, color: screen.color };
    let style = style(format.unwrap_or(Format::NDJSON), &lead, &fleet, screen.width);
    let read = |entry: &Entry, checkpoints: Vec<Checkpoint>, voice: &Voice<'_, Scanned>| -> Result<(), Stop> {
        let id = lead.id(entry, &checkpoints);
        let several = checkpoints.len() > 1;
        voice.opened()?;
        for checkpoint in checkpoints {
            let mut scan = Scan::run(&checkpoint, &selection);
            let container = checkpoint.rows().container();
            let used = hidden.apply(&mut scan, &container);
            let rows = match format {
                Some(_) => rows(&checkpoint, &scan, least, &style, &id, &lead, args)?,
                None => Vec::new(),
            };
            let scanned = Scanned {
                subject: subject(entry, &checkpoint, &container, several),
                archive: word(entry, &checkpoint, several),
                scan,
                rows,
                used,
            };
            voice.part(scanned)?;
            voice.done(Report::of(&checkpoint))?;
        }
        Ok(())
    };
    let mut writer = RowWriter::new(screen, style.clone());
    if format.is_some() {
        writer.begin(&FindingRow::TABLE)?;
    }
    let mut end = End::default();
    let mut held: Vec<Scanned> = Vec::new();
    let mut is_first = true;
    let mut baseline = String::new();
    let tally = fleet.read(&opener, args.threads, read, |_, heard| {
        let Heard::Part(mut scanned) = heard else { return Ok(()) };
        end.count(&scanned, args.fail_on);
        if args.write_baseline.is_some() {
            baseline.push_str(&Baseline::write(&scanned.scan));
        }
        for row in std::mem::take(&mut scanned.rows) {
            writer.put(row)?;
        }
        if format.is_none() {
            if args.rarity {
                held.push(scanned);
            } else {
                print(writer.out_mut(), &scanned, least, look, None, &mut is_first)?;
            }
        }
        Ok(())
    })?;
    let rarity = Rarity::of(&held);
    for scanned in &held {
        print(writer.out_mut(), scanned, least, look, Some(&rarity), &mut is_first)?;
    }
    writer.finish()?.finish(Exit::Done)?;
    if let Some(path) = &args.write_baseline {
        files::write_baseline(path, &baseline, global)?;
    }
    hidden.complain_of_unused(&end.used, global);
    let exit = fleet.end(tally);
    Ok(if end.is_bad && exit != Exit::Failed { Exit::No } else { exit })
}

/// The rules that run.
fn selection(args: &ScanArgs) -> Result<Selection, Failure> {
    let mut selection = Selection::default();
    selection.only.clone_from(&args.rules);
    selection.without.clone_from(&args.exclude_rules);
    selection.experimental = args.experimental;
    if let Some(word) = selection.unknown().next() {
        return Err(Failure::Usage(format!(
            "there is no rule {}; list the rules with: cryoscope scan --list",
            escape(word.as_bytes())
        )));
    }
    Ok(selection)
}

fn style(format: Format, lead: &Lead<'_>, fleet: &Fleet<'_>, width: Option<usize>) -> Style {
    let columns = if format == Format::TABLE { Columns::Brief } else { Columns::All };
    Style { format, columns, name_tables: false, lead: lead.names(format, fleet.is_several()), width }
}

/// The rows of a scan.
fn rows(
    checkpoint: &Checkpoint,
    scan: &Scan,
    least: Severity,
    style: &Style,
    archive: &BString,
    lead: &Lead<'_>,
    args: &ScanArgs,
) -> Result<Vec<Encoded>, Failure> {
    let mut encoder = Encoder::new(style.clone());
    encoder.lead(lead.values(&style.lead, archive, checkpoint));
    if let Some(origin) = origin(checkpoint, style.format, archive, lead, &args.documents)? {
        encoder.origin(Arc::clone(&origin));
    }
    let rows = findings(checkpoint, scan).zip(&scan.findings);
    let wanted = rows.filter(|(_, finding)| finding.severity >= least);
    wanted.map(|(row, _)| Ok(encoder.encode(&row)?)).collect()
}

/// The first line: the archive, the container, its image, the time.
fn subject(entry: &Entry, checkpoint: &Checkpoint, container: &Container, several: bool) -> String {
    let mut parts = vec![entry.path.display().to_string()];
    if several {
        parts.push(checkpoint.set_name().to_string());
    }
    let pod = container.pod.as_ref().map(|pod| match &container.namespace {
        Some(namespace) => format!("{namespace}/{pod}"),
        None => pod.clone(),
    });
    parts.extend(pod);
    parts.extend(container.name.clone());
    parts.extend(container.image.clone());
    parts.extend(container.checkpointed.map(|time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()));
    parts.join(" · ")
}

/// The archive in command lines, with the set if there are several.
fn word(entry: &Entry, checkpoint: &Checkpoint, several: bool) -> String {
    let archive = if entry.is_stdin() { "ARCHIVE".to_owned() } else { archive_word(checkpoint) };
    if several { format!("{archive} --set {}", quoted(&checkpoint.set_name().to_string())) } else { archive }
}

fn print(
    out: &mut Screen,
    scanned: &Scanned,
    least: Severity,
    look: Look,
    rarity: Option<&Rarity>,
    is_first: &mut bool,
) -> Result<(), Failure> {
    let mut text = ScanText::new(&scanned.subject, &scanned.archive);
    text.least = least;
    let seen = rarity.map(|rarity| |id: &str| rarity.seen(id));
    text.rarity = seen.as_ref().map(|seen| seen as &Rare<'_>);
    if !std::mem::take(is_first) {
        out.out.write_all(b"\n")?;
    }
    out.out.write_all(text.render(&scanned.scan, look).as_bytes())?;
    Ok(())
}

/// In how many checkpoints each finding is.
struct Rarity {
    all: usize,
    by_id: HashMap<String, usize>,
}

impl Rarity {
    fn of(all: &[Scanned]) -> Self {
        let mut by_id: HashMap<String, usize> = HashMap::new();
        for scanned in all {
            let mut ids: Vec<String> = scanned.scan.findings.iter().map(cryoscope::analysis::Finding::id).collect();
            ids.sort_unstable();
            ids.dedup();
            for id in ids {
                *by_id.entry(id).or_default() += 1;
            }
        }
        Rarity { all: all.len(), by_id }
    }

    fn seen(&self, id: &str) -> (usize, usize) {
        (self.by_id.get(id).copied().unwrap_or(0), self.all)
    }
}

/// What the exit code depends on.
#[derive(Debug, Default)]
struct End {
    is_bad: bool,
    used: Vec<bool>,
}

impl End {
    fn count(&mut self, scanned: &Scanned, fail_on: Option<Level>) {
        let worst = scanned.scan.shown().map(|finding| finding.severity).max();
        self.is_bad |= fail_on.is_some_and(|level| worst >= Some(level.into()));
        self.used.resize(scanned.used.len(), false);
        for (used, here) in self.used.iter_mut().zip(&scanned.used) {
            *used |= here;
        }
    }
}
