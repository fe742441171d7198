//! `cryoscope show`: one line a checkpoint.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cryoscope::formats::checkpointctl::Report;
use cryoscope::formats::{Columns, Format, Grid, RowWriter, Style, escape, units};
use cryoscope::tables::Summary;
use cryoscope::{Checkpoint, Error};
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::args::{Global, ListFormat, Show};
use super::exit::Exit;
use super::open::Opener;
use super::screen::{Screen, complain, report};
use super::sizes::sizes;
use super::{Failure, Outcome};

pub(crate) fn run(args: &Show, global: &Global) -> Outcome {
    let read = read(&args.archives, args.threads, global)?;
    if let [Archive { checkpoints: Err(_), .. }] = read.as_slice() {
        // Alone, an archive that cannot be read is the command's failure.
        return read
            .into_iter()
            .next()
            .map_or(Ok(Exit::Done), |archive| archive.checkpoints.map(|_| Exit::Done).map_err(Failure::from));
    }
    write(&read, args.format, global)
}

/// An archive that was read, or why it could not be.
pub(crate) struct Archive {
    pub(crate) path: PathBuf,
    pub(crate) checkpoints: Result<Vec<Checkpoint>, Error>,
}

/// Reads archives, several at once; they come in the order in which they were named.
pub(crate) fn read(paths: &[PathBuf], threads: Option<usize>, global: &Global) -> Result<Vec<Archive>, Failure> {
    let opener = Opener::new(global, false);
    let opener = if paths.len() > 1 { opener.without_progress() } else { opener };
    let open = |path: &PathBuf| {
        let checkpoints = opener.open(path);
        // What is shown is read here, where it is done side by side.
        for checkpoint in checkpoints.iter().flatten() {
            checkpoint.model();
        }
        Archive { path: path.clone(), checkpoints }
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
    let checkpoints: Vec<(&Path, &Checkpoint)> = archives
        .iter()
        .flat_map(|archive| archive.checkpoints.iter().flatten().map(|checkpoint| (archive.path.as_path(), checkpoint)))
        .collect();
    let row_format = match format {
        ListFormat::Json => Some(Format::Json),
        ListFormat::Ndjson => Some(Format::Ndjson),
        ListFormat::Csv => Some(Format::Csv),
        ListFormat::Table | ListFormat::CheckpointctlJson => None,
    };
    let summary = |path: &Path, checkpoint| Summary::of(path.display().to_string(), checkpoint);
    match (format, row_format) {
        (_, Some(format)) => {
            let style = Style { format, columns: Columns::All, name_tables: false, width: None };
            let mut writer = RowWriter::new(&mut screen.out, style);
            writer.begin(&Summary::TABLE)?;
            for (path, checkpoint) in checkpoints {
                writer.row(&summary(path, checkpoint))?;
            }
            writer.finish()?;
        }
        (ListFormat::CheckpointctlJson, _) => {
            let list: Vec<_> = checkpoints.iter().map(|(_, checkpoint)| checkpointctl(checkpoint).to_json()).collect();
            serde_json::to_writer_pretty(&mut screen.out, &list).map_err(io::Error::from)?;
            writeln!(screen.out)?;
        }
        _ => {
            let rows: Vec<Summary> = checkpoints.iter().map(|(path, checkpoint)| summary(path, checkpoint)).collect();
            if !rows.is_empty() {
                screen.out.write_all(grid(&rows).render(screen.width).as_bytes())?;
            }
        }
    }
    screen.out.flush()?;
    Ok(Exit::of_all(archives.iter().map(|archive| match &archive.checkpoints {
        Ok(checkpoints) => {
            let name = archive.path.display().to_string();
            Exit::of_all(checkpoints.iter().map(|checkpoint| report(checkpoint, &name, global)))
        }
        Err(error) => {
            complain(&error.to_string());
            Exit::Failed
        }
    })))
}

/// The lines for people: names as far as there are any.
fn grid(rows: &[Summary]) -> Grid {
    let in_pods = rows.iter().any(|row| row.pod.is_some());
    let titles =
        ["NAME", "POD", "NAMESPACE", "IMAGE", "ENGINE", "CHECKPOINTED", ">PROCESSES", ">SIZE", ">CHANGED", "ARCHIVE"];
    let shown = |title: &&&str| in_pods || !matches!(**title, "POD" | "NAMESPACE");
    let mut grid = Grid::with_titles(&titles.iter().filter(shown).copied().collect::<Vec<_>>());
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
            row.checkpointed.map_or_else(|| "-".to_owned(), units::moment),
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
fn checkpointctl(checkpoint: &Checkpoint) -> Report {
    Report {
        container: Some(checkpoint.container()),
        interfaces: checkpoint.model().container().interfaces.clone(),
        sizes: sizes(checkpoint),
        ..Report::default()
    }
}
