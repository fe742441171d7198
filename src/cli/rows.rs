//! Writes tables of checkpoints, for every command that prints rows: from one archive, or from many at once.

use std::io::{self, Read as _, Seek as _, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use bstr::BString;
use cryoscope::Checkpoint;
use cryoscope::analysis::plan;
use cryoscope::formats::{Encoded, Encoder, Format, Origin, RowWriter, Style};
use cryoscope::memory::{EarlySearch, Keep};
use cryoscope::tables::{self, FAILURES, Row, Table, TableSource, Value};
use tempfile::SpooledTempFile;

use super::Failure;
use super::args::{BulkOp, DocumentArgs, Global};
use super::condition::{Condition, Key};
use super::exit::Exit;
use super::fleet::{Entry, Fleet, Heard, Stop, Voice};
use super::lead::{Lead, text_of};
use super::newfile::make_folder;
use super::open::Opener;
use super::record::hash_of;
use super::screen::{Report, Screen, complain};
use super::sorter::{Order, Sorter};
use super::table_file::{Folder, TableFile};
use super::waiting;

/// Bytes of rows that are passed on at once.
const BATCH: usize = 64 << 10;
/// Bytes of rows that wait in memory until the tables before theirs are written.
const SPOOLED: usize = 1 << 20;

/// Selects the rows to write.
pub(crate) trait Filter {
    /// Whether a row of a checkpoint is written.
    fn wants(&self, row: &dyn Row) -> bool;
}

/// Checkpoints, each with a filter for its rows.
pub(crate) type Chosen = Vec<(Checkpoint, Box<dyn Filter>)>;

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

/// Columns that list the processes that hold the object of the row.
const HOLDERS: [&str; 4] = ["holders", "open_by", "readers", "writers"];

/// Rows about some processes, or about objects that they hold.
pub(crate) struct OfProcesses(pub(crate) Vec<u32>);

impl OfProcesses {
    /// Whether the rows of a table are about processes.
    pub(crate) fn are_in(table: &Table) -> bool {
        table.column("pid").is_some() || HOLDERS.iter().any(|name| table.column(name).is_some())
    }
}

impl Filter for OfProcesses {
    fn wants(&self, row: &dyn Row) -> bool {
        match pid_of(row) {
            Some(pid) => self.0.contains(&pid),
            None => holders_of(row).iter().any(|pid| self.0.contains(pid)),
        }
    }
}

/// The processes that hold the object of a row, which lists them as `PID:HOW`.
pub(crate) fn holders_of(row: &dyn Row) -> Vec<u32> {
    let columns = HOLDERS.iter().filter_map(|name| row.table().column(name));
    let listed = columns.flat_map(|column| match row.value(column) {
        Value::List(holders) => holders,
        _ => Vec::new(),
    });
    let pid = |holder: Value<'_>| match holder {
        Value::Text(text) => text.split_once(':')?.0.parse().ok(),
        _ => None,
    };
    listed.filter_map(pid).collect()
}

/// What must be kept of a stream for some tables in a format.
pub(crate) fn keep(sources: &[&TableSource], format: Format) -> Keep {
    // Documents name the processes that they are about.
    let least = if format.needs_origin() { Keep::Arguments } else { Keep::Tables };
    sources.iter().fold(least, |keep, source| keep.and(source.keep))
}

/// The search of memory that rules need, made while archives are read. If all pages are kept, it can wait.
pub(crate) fn early(keep: Keep) -> Option<EarlySearch> {
    (keep == plan::KEEP).then(plan::early_search).flatten()
}

/// The checkpoint's part of documents, if the format writes documents.
pub(crate) fn origin(
    checkpoint: &Checkpoint,
    format: Format,
    archive: &BString,
    lead: &Lead<'_>,
    documents: &DocumentArgs,
) -> Result<Option<Arc<Origin>>, Failure> {
    let Some(origin) = origin_of_itself(checkpoint, format, archive, lead, documents)? else { return Ok(None) };
    let origin =
        origin.with_processes(checkpoint.rows().processes()).with_sockets(checkpoint.rows().process_open_sockets());
    Ok(Some(Arc::new(origin.with_terminals(checkpoint.rows().ttys(), checkpoint.rows().process_open_files()))))
}

/// The same for rows that are not about a process or connection, so processes need not be read.
pub(crate) fn origin_of_itself(
    checkpoint: &Checkpoint,
    format: Format,
    archive: &BString,
    lead: &Lead<'_>,
    documents: &DocumentArgs,
) -> Result<Option<Origin>, Failure> {
    if !format.needs_origin() {
        return Ok(None);
    }
    let set = Some(checkpoint.set_name().to_string()).filter(|set| !set.is_empty());
    if format == Format::BULK && documents.bulk_op == BulkOp::Index && documents.index.is_data_stream() {
        let index = &documents.index;
        return Err(Failure::Usage(format!("{index} is a data stream, which does not accept --bulk-op index")));
    }
    let origin = Origin::new(checkpoint.rows().container(), checkpoint.identity(), text_of(archive), set);
    let origin = lead.of(origin, checkpoint).or_time(documents.time).with_index(documents.index.clone());
    let origin = origin.with_bulk_action(documents.bulk_op.into());
    let origin = if documents.with_env { origin.with_secrets() } else { origin };
    let origin = if documents.strict_ecs { origin.without_host_pids() } else { origin };
    let origin = if documents.ecs_start { origin.with_starts() } else { origin };
    let origin = if documents.ocsf_legacy { origin.with_legacy_classes() } else { origin };
    if format.needs_time() && !origin.has_time() {
        return Err(Failure::Usage(format!(
            "{archive}: no time of the dump is stored, and documents need one; give it with --time"
        )));
    }
    Ok(Some(origin))
}

/// A checkpoint whose rows are written separately.
pub(crate) struct One<'a> {
    pub(crate) checkpoint: &'a Checkpoint,
    /// The name of its archive in rows.
    pub(crate) id: BString,
    pub(crate) lead: Lead<'a>,
}

/// The tables of some archives, to be written in a format.
pub(crate) struct Job<'a> {
    pub(crate) fleet: &'a Fleet<'a>,
    pub(crate) sources: &'a [&'static TableSource],
    pub(crate) style: Style,
    pub(crate) threads: Option<usize>,
    pub(crate) documents: &'a DocumentArgs,
    pub(crate) selection: Selection<'a>,
    /// The columns in front of each row.
    pub(crate) lead: Lead<'a>,
    /// Whether contents are hashed in tables that have a column for it.
    pub(crate) hash: bool,
    pub(crate) global: &'a Global,
}

/// Rows of a table, given by number, with their sort keys if they are sorted.
type Rows = (usize, Vec<Key>, Vec<Encoded>);

/// Which rows of each table are written, in which order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Selection<'a> {
    /// Conditions that must all hold.
    pub(crate) conditions: &'a [Condition],
    pub(crate) order: Option<&'a Order>,
    /// Maximum number of rows of each table.
    pub(crate) limit: Option<usize>,
    /// Whether rows are also selected by process. Then an empty result is a valid answer.
    pub(crate) by_process: bool,
}

impl Selection<'_> {
    fn wants(&self, row: &dyn Row) -> bool {
        self.conditions.iter().all(|condition| condition.holds(row))
    }

    fn asks(&self) -> bool {
        self.by_process || !self.conditions.is_empty()
    }
}

/// The rows of one table, filtered, sorted and limited as requested.
struct Arranged<'a> {
    sorter: Option<Sorter<'a>>,
    /// Number of rows that may still be written.
    left: usize,
}

impl<'a> Arranged<'a> {
    fn new(selection: &Selection<'a>) -> Self {
        let sorter = selection.order.map(|order| Sorter::new(order, selection.limit));
        Arranged { sorter, left: selection.limit.unwrap_or(usize::MAX) }
    }

    /// Takes rows, and returns those that can be written at once.
    fn take(&mut self, keys: Vec<Key>, mut rows: Vec<Encoded>) -> Result<Vec<Encoded>, Failure> {
        if let Some(sorter) = &mut self.sorter {
            keys.into_iter().zip(rows).try_for_each(|(key, row)| sorter.push(key, row))?;
            return Ok(Vec::new());
        }
        rows.truncate(self.left);
        self.left = self.left.saturating_sub(rows.len());
        Ok(rows)
    }

    /// The rows that were held back for sorting.
    fn finish(self) -> Vec<Encoded> {
        self.sorter.map_or_else(Vec::new, Sorter::finish)
    }
}

/// Destination of rows.
pub(crate) enum Place<'a> {
    /// One output for all.
    Screen(Screen),
    /// One file per table in a directory.
    Directory(Folder<'a>),
}

impl Job<'_> {
    /// Reads the archives and writes their rows. `choose` selects the rows of a checkpoint. If it selects none, nothing
    /// is written for it.
    pub(crate) fn run(
        &self,
        place: Place<'_>,
        choose: impl Fn(&str, Vec<Checkpoint>) -> Result<Chosen, Failure> + Sync,
    ) -> Result<Exit, Failure> {
        self.lead.check(self.fleet.entries())?;
        let mut output = Output::open(self, place)?;
        let keep = keep(self.sources, self.style.format);
        let keep = if self.hash { keep.and(Keep::Everything) } else { keep };
        let opener = Opener::new(self.global, keep)
            .searching(early(keep))
            .hashing(self.hash)
            .hashing_archive(self.lead.is_hashed())
            .naming_stdin(self.lead.name());
        let mut written: Option<usize> = None;
        let mut tables: Vec<Arranged<'_>> = self.sources.iter().map(|_| Arranged::new(&self.selection)).collect();
        let mut put = |output: &mut Output<'_>, (table, keys, rows): Rows| -> Result<(), Failure> {
            let rows = tables.get_mut(table).map_or(Ok(Vec::new()), |arranged| arranged.take(keys, rows))?;
            written = Some(written.unwrap_or(0) + rows.len());
            output.rows(table, rows)
        };
        let read = |entry: &Entry, checkpoints: Vec<Checkpoint>, voice: &Voice<'_, Rows>| {
            self.read(entry, checkpoints, &choose, voice)
        };
        let mut tally = self.fleet.read(&opener, self.threads, read, |entry, heard| {
            match heard {
                Heard::Opened => output.opened(self)?,
                Heard::Part(rows) => put(&mut output, rows)?,
                Heard::Done => output.flush()?,
                Heard::Failed(failure) => {
                    if let Some(rows) = self.failure(entry, failure)? {
                        output.opened(self)?;
                        put(&mut output, rows)?;
                    }
                }
            }
            Ok(())
        })?;
        for (table, arranged) in tables.into_iter().enumerate() {
            let rows = arranged.finish();
            written = written.map(|written| written + rows.len());
            output.rows(table, rows)?;
        }
        tally.rows = written;
        let is_nothing = self.selection.asks() && written.unwrap_or(0) == 0;
        output.finish(self)?;
        let exit = self.fleet.end(tally);
        if is_nothing && exit == Exit::Done {
            if !self.global.quiet {
                complain("no rows match");
            }
            return Ok(Exit::No);
        }
        Ok(exit)
    }

    /// The row for an archive that could not be read, if such rows were requested.
    fn failure(&self, entry: &Entry, failure: &Failure) -> Result<Option<Rows>, Failure> {
        let table = self.sources.iter().position(|source| source.table.name == FAILURES.table.name);
        let Some(table) = table else { return Ok(None) };
        let archive_sha256 = if self.lead.is_hashed() && !entry.is_stdin() && entry.path.is_file() {
            hash_of(&entry.path).ok()
        } else {
            None
        };
        let archive = self.lead.id_of(entry, archive_sha256.as_deref());
        let mut encoder = Encoder::new(self.style.clone());
        encoder.lead(self.lead.values_of(&self.style.lead, &archive, None, archive_sha256.as_deref()));
        let (code, message) = failure.row();
        let row = tables::Failure::new(archive, archive_sha256, code, message);
        if !self.selection.wants(&row) {
            return Ok(None);
        }
        let keys = self.selection.order.map(|order| order.key(&row)).into_iter().collect();
        Ok(Some((table, keys, vec![encoder.encode(&row)?])))
    }

    /// Sends the rows of an archive.
    fn read(
        &self,
        entry: &Entry,
        checkpoints: Vec<Checkpoint>,
        choose: &impl Fn(&str, Vec<Checkpoint>) -> Result<Chosen, Failure>,
        voice: &Voice<'_, Rows>,
    ) -> Result<(), Stop> {
        let chosen = choose(&entry.path.display().to_string(), checkpoints)?;
        let Some((first, _)) = chosen.first() else { return Ok(()) };
        let id = self.lead.id(entry, std::slice::from_ref(first));
        let origins: Vec<Option<Arc<Origin>>> = chosen
            .iter()
            .map(|(checkpoint, _)| origin(checkpoint, self.style.format, &id, &self.lead, self.documents))
            .collect::<Result<_, _>>()?;
        voice.opened()?;
        for ((checkpoint, filter), origin) in chosen.into_iter().zip(origins) {
            let mut encoder = Encoder::new(self.style.clone());
            encoder.lead(self.lead.values(&self.style.lead, &id, &checkpoint));
            if let Some(origin) = origin {
                encoder.origin(origin);
            }
            for (number, source) in self.sources.iter().enumerate() {
                let wanted = (&*filter, &self.selection);
                say_rows(source, &checkpoint, wanted, &mut encoder, &mut |keys, rows| {
                    Ok(voice.part((number, keys, rows))?)
                })?;
            }
            // Images that no requested table needs may be damaged, too.
            checkpoint.read_all();
            voice.done(Report::of(&checkpoint))?;
        }
        Ok(())
    }
}

/// Sends the rows of a table in batches, with their keys if they are sorted.
pub(crate) fn say_rows(
    source: &TableSource,
    checkpoint: &Checkpoint,
    (filter, selection): (&dyn Filter, &Selection<'_>),
    encoder: &mut Encoder,
    say: &mut dyn FnMut(Vec<Key>, Vec<Encoded>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let (mut keys, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    // Without sorting, the first rows are those to print.
    let mut left = selection.limit.filter(|_| selection.order.is_none()).unwrap_or(usize::MAX);
    let mut result = Ok(());
    source.each(checkpoint, &mut |row| {
        if left == 0 {
            return ControlFlow::Break(());
        }
        if !filter.wants(row) || !selection.wants(row) {
            return ControlFlow::Continue(());
        }
        left -= 1;
        keys.extend(selection.order.map(|order| order.key(row)));
        let said = encoder.encode(row).map_err(|error| Stop::Failed(error.into())).and_then(|row| {
            bytes = bytes.saturating_add(row.len());
            batch.push(row);
            if bytes < BATCH {
                return Ok(());
            }
            bytes = 0;
            say(std::mem::take(&mut keys), std::mem::take(&mut batch))
        });
        match said {
            Ok(()) => ControlFlow::Continue(()),
            Err(stop) => {
                result = Err(stop);
                ControlFlow::Break(())
            }
        }
    });
    result?;
    if !batch.is_empty() {
        say(keys, batch)?;
    }
    Ok(())
}

/// Rows on their way to their destination.
enum Output<'a> {
    /// Rows are written as they come.
    Straight { writer: Box<RowWriter<Screen>>, begun: bool },
    /// One table below the other: rows wait until all archives are read.
    Waiting { screen: Screen, tables: Vec<Spool> },
    /// One file per table.
    Files { files: Vec<TableFile<'a>>, begun: bool },
}

impl<'a> Output<'a> {
    /// Opens the destination. An existing file is refused before anything is read.
    fn open(job: &Job<'_>, place: Place<'a>) -> Result<Self, Failure> {
        match place {
            Place::Screen(_) if job.style.format.is_one_table() && job.sources.len() > 1 => {
                let message = "a file in this format holds one table; name one, or write one file per table with `table --output-dir`";
                Err(Failure::Usage(message.to_owned()))
            }
            Place::Screen(screen) if job.style.format.is_by_table() && job.sources.len() > 1 => {
                let tables = job.sources.iter().map(|_| Spool::default()).collect();
                Ok(Output::Waiting { screen, tables })
            }
            Place::Screen(screen) => {
                Ok(Output::Straight { writer: Box::new(RowWriter::new(screen, job.style.clone())), begun: false })
            }
            Place::Directory(folder) => {
                let message = |error: io::Error| {
                    Failure::Usage(format!("cannot create the directory {}: {error}", folder.path.display()))
                };
                make_folder(folder.path).map_err(message)?;
                let file = |source: &&'static TableSource| TableFile::create(folder, source, job.style.clone());
                let files = job.sources.iter().map(file).collect::<Result<_, Failure>>()?;
                Ok(Output::Files { files, begun: false })
            }
        }
    }

    /// Begins with the first archive that can be read. Without one, there is nothing to write.
    fn opened(&mut self, job: &Job<'_>) -> io::Result<()> {
        match self {
            Output::Straight { writer, begun } if !*begun => {
                *begun = true;
                job.sources.first().map_or(Ok(()), |source| writer.begin(source.table))
            }
            Output::Files { files, begun } if !*begun => {
                *begun = true;
                files.iter_mut().try_for_each(TableFile::begin)
            }
            _ => Ok(()),
        }
    }

    fn rows(&mut self, table: usize, rows: Vec<Encoded>) -> Result<(), Failure> {
        let mut rows = rows.into_iter();
        match self {
            Output::Straight { writer, .. } => Ok(rows.try_for_each(|row| writer.put(row))?),
            Output::Waiting { tables, .. } => match tables.get_mut(table) {
                Some(spool) => Ok(rows.try_for_each(|row| spool.add(row))?),
                None => Ok(()),
            },
            Output::Files { files, .. } => {
                if let Some(file) = files.get_mut(table) {
                    rows.try_for_each(|row| file.put(row))?;
                }
                Ok(waiting::bound(files, waiting::MOST)?)
            }
        }
    }

    /// Writes all pending rows, so that warnings come after them.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Straight { writer, .. } => writer.flush(),
            _ => Ok(()),
        }
    }

    /// Completes the output: files get their names.
    fn finish(mut self, job: &Job<'_>) -> Result<(), Failure> {
        // Without any row, an empty table is written.
        if let Output::Straight { begun: false, .. } | Output::Files { begun: false, .. } = self {
            self.opened(job)?;
        }
        match self {
            Output::Straight { writer, .. } => writer.finish()?.finish(Exit::Done).map(drop),
            Output::Files { files, .. } => {
                let whole = files.into_iter().map(TableFile::close).collect::<Result<Vec<_>, Failure>>()?;
                whole.into_iter().flatten().try_for_each(|file| {
                    job.global.record.output(&file.finish()?);
                    Ok(())
                })
            }
            Output::Waiting { screen, tables } => {
                let mut writer = RowWriter::new(screen, job.style.clone());
                for (spool, source) in tables.into_iter().zip(job.sources) {
                    writer.begin(source.table)?;
                    spool.take(&mut writer)?;
                }
                writer.finish()?.finish(Exit::Done).map(drop)
            }
        }
    }
}

/// Rows that wait. Many of them are kept in a file without a name.
struct Spool {
    bytes: SpooledTempFile,
    cells: Vec<Encoded>,
}

impl Default for Spool {
    fn default() -> Self {
        Spool { bytes: SpooledTempFile::new(SPOOLED), cells: Vec::new() }
    }
}

impl Spool {
    fn add(&mut self, row: Encoded) -> io::Result<()> {
        match row {
            Encoded::Cells(..) => self.cells.push(row),
            // Output in this format has one table, so its rows need not wait.
            #[cfg(feature = "parquet")]
            Encoded::Typed(_) => {}
            Encoded::Bytes(bytes) => {
                self.bytes.write_all(&bytes.len().to_ne_bytes())?;
                self.bytes.write_all(&bytes)?;
            }
        }
        Ok(())
    }

    fn take<W: Write>(mut self, writer: &mut RowWriter<W>) -> io::Result<()> {
        self.cells.drain(..).try_for_each(|cells| writer.put(cells))?;
        let mut left = self.bytes.stream_position()?;
        self.bytes.rewind()?;
        let mut bytes = io::BufReader::new(self.bytes);
        while left > 0 {
            let mut len = [0; size_of::<usize>()];
            bytes.read_exact(&mut len)?;
            let mut row = vec![0; usize::from_ne_bytes(len)];
            bytes.read_exact(&mut row)?;
            left = left.saturating_sub(u64::try_from(row.len() + len.len()).unwrap_or(u64::MAX));
            writer.put(Encoded::Bytes(row))?;
        }
        Ok(())
    }
}
