//! `cryoscope show`: one line a checkpoint.

use std::io::Write;
use std::path::{Path, PathBuf};

use cryoscope::formats::checkpointctl::Report as Document;
use cryoscope::formats::{Columns, Format, Grid, GridColumn, RowWriter, Style, escape, pretty, units};
use cryoscope::memory::Keep;
use cryoscope::tables::Summary;
use cryoscope::{Checkpoint, Error};
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use serde_json::Value;

use super::args::{Global, ListFormat, Show};
use super::exit::Exit;
use super::open::Opener;
use super::screen::{Report, Screen, complain};
use super::sizes::sizes;
use super::{Failure, Outcome};

pub(crate) fn run(args: &Show, global: &Global) -> Outcome {
    let mut archives = read(&args.archives, args.threads, args.format, global)?;
    if let [Archive { lines: Err(_), .. }] = archives.as_slice()
        && let Some(Archive { lines: Err(error), .. }) = archives.pop()
    {
        // Alone, an archive that cannot be read is the command's failure.
        return Err(error.into());
    }
    write(&archives, args.format, global)
}

/// An archive, and what its lines say, or why it could not be read.
pub(crate) struct Archive {
    pub(crate) path: PathBuf,
    pub(crate) lines: Result<Vec<Line>, Error>,
}

/// What is said of one checkpoint. The checkpoint itself is closed by then: there may be thousands.
pub(crate) struct Line {
    summary: Summary,
    /// What checkpointctl would say, if that is asked for.
    document: Option<Value>,
    report: Report,
}

impl Line {
    fn of(path: &Path, checkpoint: &Checkpoint, format: ListFormat) -> Self {
        let summary = Summary::of(path.display().to_string(), checkpoint);
        let document = (format == ListFormat::CheckpointctlJson).then(|| checkpointctl(checkpoint).to_json());
        Line { summary, document, report: Report::of(checkpoint) }
    }
}

/// Reads archives, several at once; they come in the order in which they were named.
pub(crate) fn read(
    paths: &[PathBuf],
    threads: Option<usize>,
    format: ListFormat,
    global: &Global,
) -> Result<Vec<Archive>, Failure> {
    let opener = Opener::new(global, Keep::Tables);
    let opener = if paths.len() > 1 { opener.without_progress() } else { opener };
    let open = |path: &PathBuf| {
        let checkpoints = opener.open(path);
        let lines = checkpoints.map(|all| all.iter().map(|checkpoint| Line::of(path, checkpoint, format)).collect());
        Archive { path: path.clone(), lines }
    };
    if paths.len() < 2 {
        return Ok(paths.iter().map(open).collect());
    }
    let pool = ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build();
    let pool =
        pool.map_err(|error| Failure::Usage(format!("cannot start {} threads: {error}", threads.unwrap_or(0))))?;
    Ok(pool.install(|| paths.par_iter().map(open).collect()))
}

/// Writes a line for each checkpoint, and complains of archives that could not be read.
pub(crate) fn write(archives: &[Archive], format: ListFormat, global: &Global) -> Outcome {
    let mut screen = Screen::open(global)?;
    let lines: Vec<&Line> = archives.iter().flat_map(|archive| archive.lines.iter().flatten()).collect();
    let rows = match format {
        ListFormat::Json => Some(Format::Json),
        ListFormat::Ndjson => Some(Format::Ndjson),
        ListFormat::Csv => Some(Format::Csv),
        ListFormat::Table | ListFormat::CheckpointctlJson => None,
    };
    match (format, rows) {
        (_, Some(format)) => {
            let style = Style { format, columns: Columns::All, name_tables: false, width: None };
            let mut writer = RowWriter::new(&mut screen.out, style);
            writer.begin(&Summary::TABLE)?;
            for line in lines {
                writer.row(&line.summary)?;
            }
            writer.finish()?;
        }
        (ListFormat::CheckpointctlJson, _) => {
            let documents = lines.iter().filter_map(|line| line.document.clone()).collect();
            writeln!(screen.out, "{}", pretty(&Value::Array(documents)))?;
        }
        _ if lines.is_empty() => {}
        _ => screen.out.write_all(grid(&lines).render(screen.width).as_bytes())?,
    }
    screen.out.flush()?;
    let exit = Exit::of_all(archives.iter().map(|archive| match &archive.lines {
        Ok(lines) => {
            let name = archive.path.display().to_string();
            Exit::of_all(lines.iter().map(|line| line.report.print(&name, global)))
        }
        Err(error) => {
            complain(&error.to_string());
            Exit::Failed
        }
    }));
    screen.finish(exit)
}

/// The lines for people: names as far as there are any.
fn grid(lines: &[&Line]) -> Grid {
    let in_pods = lines.iter().any(|line| line.summary.pod.is_some());
    let mut columns = vec![GridColumn::text("NAME")];
    if in_pods {
        columns.extend([GridColumn::text("POD"), GridColumn::text("NAMESPACE")]);
    }
    columns.extend([
        GridColumn::text("IMAGE").spared(3),
        GridColumn::text("ENGINE").spared(2),
        GridColumn::fixed("CHECKPOINTED (UTC)"),
        GridColumn::number("PROCS"),
        GridColumn::number("SIZE").spared(1),
        GridColumn::number("CHANGED").spared(4),
        GridColumn::text("ARCHIVE").cut_at_front(),
    ]);
    let mut grid = Grid::new(columns);
    for row in lines.iter().map(|line| &line.summary) {
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
        container: Some(checkpoint.container()),
        interfaces: checkpoint.model().container().interfaces.clone(),
        sizes: sizes(checkpoint),
        ..Document::default()
    }
}
