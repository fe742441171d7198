//! `cryoscope show`: prints one line per checkpoint.

use std::io::Write;
use std::sync::Arc;

use bstr::BString;
use cryoscope::Checkpoint;
use cryoscope::checkpointctl::Report as Document;
use cryoscope::formats::{
    Columns, Encoded, Encoder, Format, Grid, GridColumn, RowWriter, Style, escape, pretty, units,
};
use cryoscope::memory::Keep;
use cryoscope::tables::{Summary, Totals};
use serde_json::Value;

use super::args::{DocumentArgs, Global, ListFormat, RowFormat, Show, SourceArgs};
use super::exit::Exit;
use super::fleet::{Entry, Fleet, Heard, Stop, Tally, Voice};
use super::lead::Lead;
use super::open::Opener;
use super::rows;
use super::screen::{Report, Screen, refuse_terminal_of};
use super::sizes::sizes;
use super::{Failure, Outcome};

pub(crate) fn run(args: &Show, global: &Global) -> Outcome {
    let fleet = Fleet::resolve(&args.archives, &args.fleet, global)?;
    let ask =
        Ask { threads: args.threads, format: args.format, documents: args.documents.clone(), source: &args.source };
    let tally = lines(&fleet, &ask, global)?;
    Ok(fleet.end(tally))
}

/// What to print.
pub(crate) struct Ask<'a> {
    pub(crate) threads: Option<usize>,
    pub(crate) format: ListFormat,
    pub(crate) documents: DocumentArgs,
    pub(crate) source: &'a SourceArgs,
}

/// Output for one checkpoint. The checkpoint itself is closed by then, as there may be thousands.
enum Line {
    /// Its row as text, and the size of its changed files.
    Row(Box<Summary>, String),
    /// Its row in another format.
    Encoded(Encoded),
    /// The report in checkpointctl's format.
    Document(Value),
}

impl Line {
    fn of(archive: &BString, checkpoint: &Checkpoint, ask: &Ask<'_>, lead: &Lead<'_>) -> Result<Self, Failure> {
        match ask.format {
            ListFormat::CheckpointctlJson => Ok(Line::Document(checkpointctl(checkpoint).to_json())),
            ListFormat::Rows(RowFormat::Table) => {
                let summary = Summary::of(archive.clone(), checkpoint);
                let changed = changed(checkpoint, &summary);
                Ok(Line::Row(Box::new(summary), changed))
            }
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

/// Writes a line for each checkpoint.
pub(crate) fn lines(fleet: &Fleet<'_>, ask: &Ask<'_>, global: &Global) -> Result<Tally, Failure> {
    let lead = Lead::new(ask.source, false, global)?;
    lead.check(fleet.entries())?;
    // The sizes of changed files are in a tar, of which a stream is kept only if it is needed.
    let keep = if ask.format == ListFormat::Rows(RowFormat::Table) { Keep::Files } else { Keep::Tables };
    let opener = Opener::new(global, keep).hashing_archive(lead.is_hashed()).naming_stdin(lead.name());
    let read = |entry: &Entry, checkpoints: Vec<Checkpoint>, voice: &Voice<'_, Line>| -> Result<(), Stop> {
        let id = lead.id(entry, &checkpoints);
        let line = |checkpoint| Ok((Line::of(&id, checkpoint, ask, &lead)?, Report::of(checkpoint)));
        let lines = checkpoints.iter().map(line).collect::<Result<Vec<_>, Failure>>()?;
        voice.opened()?;
        for (line, report) in lines {
            voice.part(line)?;
            voice.done(report)?;
        }
        Ok(())
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
    let (mut for_people, mut documents) = (Vec::new(), Vec::new());
    let tally = fleet.read(&opener, ask.threads, read, |_, heard| {
        match heard {
            Heard::Part(Line::Row(row, changed)) => for_people.push((*row, changed)),
            Heard::Part(Line::Encoded(row)) => writer.put(row)?,
            Heard::Part(Line::Document(document)) => documents.push(document),
            Heard::Opened | Heard::Done | Heard::Failed(_) => {}
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
    screen.finish(Exit::Done)?;
    Ok(tally)
}

/// The lines as text. Columns of names are shown only if any checkpoint has them.
fn grid(rows: &[(Summary, String)]) -> Grid {
    let in_pods = rows.iter().any(|(row, _)| row.pod.is_some());
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
    for (row, changed) in rows {
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
            changed.clone(),
            format!("{}{set}", escape(&row.archive)),
        ]);
        grid.push(cells);
    }
    grid
}

/// The size of the changed files, as `inspect` shows it. If only the size of their tar is known, that.
fn changed(checkpoint: &Checkpoint, summary: &Summary) -> String {
    match (Totals::changed_files(checkpoint), summary.rootfs_diff_size) {
        (Some((0, _)), _) | (None, None) => "-".to_owned(),
        (Some((_, bytes)), _) => units::size(bytes),
        (None, Some(tar)) => format!("tar {}", units::size(tar)),
    }
}

/// The report that checkpointctl prints without further flags.
fn checkpointctl(checkpoint: &Checkpoint) -> Document {
    Document {
        container: Some(checkpoint.rows().container()),
        interfaces: checkpoint.model().container().interfaces.clone(),
        sizes: sizes(checkpoint),
        ..Document::default()
    }
}
