//! `cryoscope show`: one line a checkpoint.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use bstr::BString;
use cryoscope::Checkpoint;
use cryoscope::checkpointctl::Report as Document;
use cryoscope::formats::{
    Columns, Encoded, Encoder, Format, Grid, GridColumn, RowWriter, Style, escape, pretty, units,
};
use cryoscope::memory::Keep;
use cryoscope::tables::Summary;
use serde_json::Value;

use super::args::{DocumentArgs, Global, ListFormat, RowFormat, Show, SourceArgs};
use super::exit::Exit;
use super::fleet::{self, Entry, Speaker, Tally, in_order};
use super::lead::Lead;
use super::open::Opener;
use super::rows;
use super::screen::{Report, Screen, complain, refuse_terminal_of};
use super::sizes::sizes;
use super::{Failure, Outcome};

pub(crate) fn run(args: &Show, global: &Global) -> Outcome {
    let entries = fleet::entries(&args.archives, &args.fleet)?;
    let ask =
        Ask { threads: args.threads, format: args.format, documents: args.documents.clone(), source: &args.source };
    let (exit, tally) = lines(&entries, &ask, global)?;
    tally.print(&entries, global);
    if tally.read + tally.failed == 0 {
        return Ok(fleet::none_in(args.archives.iter().map(PathBuf::as_path), global));
    }
    Ok(exit)
}

/// What is asked for.
pub(crate) struct Ask<'a> {
    pub(crate) threads: Option<usize>,
    pub(crate) format: ListFormat,
    pub(crate) documents: DocumentArgs,
    pub(crate) source: &'a SourceArgs,
}

/// What is said of one checkpoint. The checkpoint itself is closed by then: there may be thousands.
enum Line {
    /// Its row, for people.
    Row(Box<Summary>),
    /// Its row in another format.
    Encoded(Encoded),
    /// What checkpointctl would say.
    Document(Value),
}

impl Line {
    fn of(archive: &BString, checkpoint: &Checkpoint, ask: &Ask<'_>, lead: &Lead<'_>) -> Result<Self, Failure> {
        match ask.format {
            ListFormat::CheckpointctlJson => Ok(Line::Document(checkpointctl(checkpoint).to_json())),
            ListFormat::Rows(RowFormat::Table) => Ok(Line::Row(Box::new(Summary::of(archive.clone(), checkpoint)))),
            ListFormat::Rows(format) => {
                let format = format.format();
                let style = style(format, lead);
                let before = lead.values(&style.lead, archive, checkpoint);
                let mut encoder = Encoder::new(style);
                encoder.lead(before);
                if let Some(origin) = rows::origin_of_itself(checkpoint, format, archive, lead, &ask.documents)? {
                    encoder.origin(Arc::new(origin));
                }
                Ok(Line::Encoded(encoder.encode(&Summary::of(archive.clone(), checkpoint))?))
            }
        }
    }
}

fn style(format: Format, lead: &Lead<'_>) -> Style {
    Style { format, columns: Columns::All, name_tables: false, lead: lead.names(format, true), width: None }
}

/// Writes a line for each checkpoint, and complains of archives that could not be read. Tells how many there
/// were of each.
pub(crate) fn lines(entries: &[Entry], ask: &Ask<'_>, global: &Global) -> Result<(Exit, Tally), Failure> {
    let lead = Lead::new(ask.source, false, global)?;
    lead.check(entries)?;
    let opener = Opener::new(global, Keep::Tables).hashing_archive(lead.is_hashed()).naming_stdin(lead.name());
    let opener = if entries.len() > 1 { opener.without_progress() } else { opener };
    let read = |entry: &Entry| -> Option<Result<Vec<(Line, Report)>, Failure>> {
        let found = entry.open(&opener)?.map_err(Failure::Archive);
        Some(found.and_then(|checkpoints| {
            let id = lead.id(entry, &checkpoints);
            let line = |checkpoint| Ok((Line::of(&id, checkpoint, ask, &lead)?, Report::of(checkpoint)));
            checkpoints.iter().map(line).collect()
        }))
    };
    let work = |number: usize, speaker: &Speaker<Result<Vec<(Line, Report)>, Failure>>| {
        if let Some(said) = entries.get(number).and_then(read) {
            let _ = speaker.say(said);
        }
    };
    if let ListFormat::Rows(format) = ask.format {
        refuse_terminal_of(format.format(), global)?;
    }
    let screen = Screen::open(global)?;
    let (width, format) = (
        screen.width,
        match ask.format {
            ListFormat::Rows(format) => format.format(),
            ListFormat::CheckpointctlJson => Format::TABLE,
        },
    );
    let mut writer = RowWriter::new(screen, style(format, &lead));
    if format != Format::TABLE {
        writer.begin(&Summary::TABLE)?;
    }
    let mut tally = Tally::default();
    let (mut parts, mut for_people, mut documents) = (Vec::new(), Vec::new(), Vec::new());
    in_order(entries.len(), ask.threads, work, |number, said| -> Result<(), Failure> {
        let lines = match said {
            Ok(lines) => lines,
            // Alone, an archive that cannot be read is the command's failure.
            Err(failure) if entries.len() == 1 => return Err(failure),
            Err(failure) => {
                tally.failed += 1;
                complain(&failure.to_string());
                parts.push(failure.exit());
                return Ok(());
            }
        };
        tally.read += 1;
        let archive = entries.get(number).map(|entry| entry.path.display().to_string()).unwrap_or_default();
        for (line, report) in lines {
            match line {
                Line::Row(row) => for_people.push(*row),
                Line::Encoded(row) => writer.put(row)?,
                Line::Document(document) => documents.push(document),
            }
            parts.push(report.print(&archive, global));
        }
        Ok(())
    })?;
    let mut screen = writer.finish()?;
    match ask.format {
        ListFormat::CheckpointctlJson => writeln!(screen.out, "{}", pretty(&Value::Array(documents)))?,
        ListFormat::Rows(RowFormat::Table) if !for_people.is_empty() => {
            screen.out.write_all(grid(&for_people).render(width).as_bytes())?;
        }
        ListFormat::Rows(_) => {}
    }
    let exit = screen.finish(Exit::of_found(parts))?;
    Ok((exit, tally))
}

/// The lines for people: names as far as there are any.
fn grid(rows: &[Summary]) -> Grid {
    let in_pods = rows.iter().any(|row| row.pod.is_some());
    let mut columns = vec![GridColumn::text("NAME")];
    if in_pods {
        columns.extend([GridColumn::text("POD"), GridColumn::text("NAMESPACE")]);
    }
    columns.extend([
        GridColumn::path("IMAGE").spared(3),
        GridColumn::text("ENGINE").spared(2),
        GridColumn::fixed("CHECKPOINTED (UTC)"),
        GridColumn::number("PROCS"),
        GridColumn::number("SIZE").spared(1),
        GridColumn::number("CHANGED").spared(4),
        GridColumn::path("ARCHIVE").or_beneath(),
    ]);
    let mut grid = Grid::new(columns);
    for row in rows {
        let text =
            |text: &Option<String>| text.as_ref().map_or_else(|| "-".to_owned(), |t| escape(t.as_bytes()).into_owned());
        let id = row.id.as_ref().map(|id| id.chars().take(12).collect());
        let set = if row.set.is_empty() { String::new() } else { format!(": {}", escape(&row.set)) };
        let mut cells = vec![text(&row.name.clone().or(id))];
        if in_pods {
            cells.extend([text(&row.pod), text(&row.namespace)]);
        }
        cells.extend([
            text(&row.image),
            row.engine.unwrap_or("-").to_owned(),
            row.checkpointed.map_or_else(|| "-".to_owned(), units::second),
            format!("{}{}", row.processes, if row.partial { "?" } else { "" }),
            units::size(row.pages_size),
            row.rootfs_diff_size.map_or_else(|| "-".to_owned(), units::size),
            format!("{}{set}", escape(&row.archive)),
        ]);
        grid.push(cells);
    }
    grid
}

/// What checkpointctl would say without further flags.
fn checkpointctl(checkpoint: &Checkpoint) -> Document {
    Document {
        container: Some(checkpoint.rows().container()),
        interfaces: checkpoint.model().container().interfaces.clone(),
        sizes: sizes(checkpoint),
        ..Document::default()
    }
}
