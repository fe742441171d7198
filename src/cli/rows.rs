//! Writing of tables of checkpoints, for every command that prints rows.

use std::io::{self, Write};
use std::ops::ControlFlow;

use cryoscope::Checkpoint;
use cryoscope::formats::{Format, RowWriter, Style};
use cryoscope::tables::{Row, Source, Value};

/// A checkpoint and what tells it from others in the output.
pub(crate) struct Named<'c> {
    pub(crate) checkpoint: &'c Checkpoint,
    /// The archive, if there are several.
    pub(crate) archive: Option<&'c str>,
    /// The folder in the archive, if it holds several.
    pub(crate) set: Option<String>,
}

/// Which rows are written.
pub(crate) trait Filter {
    /// Whether a row of a checkpoint is written.
    fn wants(&self, row: &dyn Row) -> bool;
}

/// Writes all rows.
pub(crate) struct All;

impl Filter for All {
    fn wants(&self, _: &dyn Row) -> bool {
        true
    }
}

/// The process that a row is about.
pub(crate) fn pid_of(row: &dyn Row) -> Option<u32> {
    match row.value(row.table().column("pid")?) {
        Value::Integer(pid) => u32::try_from(pid).ok(),
        _ => None,
    }
}

/// Writes tables of checkpoints: one table after the other, but as NDJSON one checkpoint after the other.
pub(crate) fn write(
    out: &mut dyn Write,
    style: Style,
    sources: &[&'static Source],
    checkpoints: &[(Named<'_>, Box<dyn Filter>)],
) -> io::Result<()> {
    let by_checkpoint = style.format == Format::Ndjson;
    let mut writer = RowWriter::new(out, style);
    if by_checkpoint {
        for (named, filter) in checkpoints {
            for source in sources {
                lead(&mut writer, named);
                writer.begin(source.table)?;
                rows(&mut writer, source, named.checkpoint, &**filter)?;
            }
        }
    } else {
        for source in sources {
            if let Some((first, _)) = checkpoints.first() {
                lead(&mut writer, first);
            }
            writer.begin(source.table)?;
            for (named, filter) in checkpoints {
                lead(&mut writer, named);
                rows(&mut writer, source, named.checkpoint, &**filter)?;
            }
        }
    }
    writer.finish()
}

fn lead<W: Write>(writer: &mut RowWriter<W>, named: &Named<'_>) {
    if let Some(archive) = named.archive {
        writer.lead("archive", archive.to_owned());
    }
    if let Some(set) = &named.set {
        writer.lead("set", set.clone());
    }
}

fn rows<W: Write>(
    writer: &mut RowWriter<W>,
    source: &Source,
    checkpoint: &Checkpoint,
    filter: &dyn Filter,
) -> io::Result<()> {
    let mut result = Ok(());
    source.each(checkpoint, &mut |row| {
        if !filter.wants(row) {
            return ControlFlow::Continue(());
        }
        match writer.row(row) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                result = Err(error);
                ControlFlow::Break(())
            }
        }
    });
    result
}
