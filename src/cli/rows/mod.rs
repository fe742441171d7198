//! Writes tables of checkpoints, for every command that prints rows: from one archive, or from many at once.

mod documents;
mod filter;
mod output;
mod selection;

use std::sync::Arc;

use bstr::BString;
use cryoscope::Checkpoint;
use cryoscope::analysis::Brought;
use cryoscope::formats::{Encoded, Encoder, Format, Origin, Style};
use cryoscope::memory::Keep;
use cryoscope::tables::{self, FAILURES, Table, TableSource};

use self::output::Output;
use self::selection::Arranged;
use super::Failure;
use super::args::{DocumentArgs, Global};
use super::condition::Key;
use super::exit::Exit;
use super::fleet::{Entry, Fleet, Heard, Stop, Voice};
use super::lead::Lead;
use super::open::Opener;
use super::processes::Sought;
use super::record::hash_of;
use super::screen::{Report, complain};
use super::wide::Wide;

pub(crate) use self::documents::{keep_for, origin, origin_of_itself};
pub(crate) use self::filter::{All, Filter, OfProcesses, holders_of, pid_of};
pub(crate) use self::output::Place;
pub(crate) use self::selection::{Selection, Wanted, say_rows};

/// Checkpoints, each with a filter for its rows.
pub(crate) type Chosen = Vec<(Checkpoint, Box<dyn Filter>)>;

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
    /// Whether `--columns` names some of them, so that they are written where it names them.
    pub(crate) is_wide: bool,
    /// Whether contents are hashed in tables that have a column for it.
    pub(crate) hash: bool,
    /// What the user brought for the tables of rules.
    pub(crate) brought: Arc<Brought>,
    pub(crate) global: &'a Global,
}

/// Rows of a table, given by number, with their sort keys if they are sorted.
type Rows = (usize, Vec<Key>, Vec<Encoded>);

impl Job<'_> {
    /// Reads the archives and writes their rows. `choose` selects the rows of a checkpoint. If it selects none, nothing
    /// is written for it.
    pub(crate) fn run(
        &self,
        place: Place<'_>,
        choose: impl Fn(&str, Vec<Checkpoint>) -> Result<Chosen, Failure> + Sync,
    ) -> Result<Exit, Failure> {
        self.lead.check(self.fleet.entries())?;
        let names = self.lead.all_names();
        let wide: Vec<Wide> = self.sources.iter().map(|source| Wide::new(source.table, &names)).collect();
        let tables: Vec<&Table> = if self.is_wide {
            wide.iter().map(|wide| &wide.table).collect()
        } else {
            self.sources.iter().map(|source| source.table).collect()
        };
        let mut output = Output::open(self, &tables, place)?;
        let keep = keep_for(self.sources, self.style.format, &self.brought);
        let keep = if self.hash { keep.and(Keep::Everything) } else { keep };
        let opener = Opener::new(self.global, keep)
            .bringing(&self.brought)
            .hashing(self.hash)
            .hashing_archive(self.lead.is_hashed())
            .naming_stdin(self.lead.name());
        let mut written: Option<usize> = None;
        let mut arranged: Vec<Arranged<'_>> = self.sources.iter().map(|_| Arranged::new(&self.selection)).collect();
        let mut put = |output: &mut Output<'_>, (table, keys, rows): Rows| -> Result<(), Failure> {
            let rows = arranged.get_mut(table).map_or(Ok(Vec::new()), |arranged| arranged.take(keys, rows))?;
            written = Some(written.unwrap_or(0) + rows.len());
            output.rows(table, rows)
        };
        let read = |entry: &Entry, checkpoints: Vec<Checkpoint>, voice: &Voice<'_, Rows>| {
            self.read(entry, checkpoints, &wide, &choose, voice)
        };
        let mut tally = self.fleet.read(&opener, self.threads, read, |entry, heard| {
            match heard {
                Heard::Opened => output.opened()?,
                Heard::Part(rows) => put(&mut output, rows)?,
                Heard::Done => output.flush()?,
                Heard::Failed(failure) => {
                    if let Some(rows) = self.failure(entry, failure, &wide)? {
                        output.opened()?;
                        put(&mut output, rows)?;
                    }
                }
            }
            Ok(())
        })?;
        for (table, arranged) in arranged.into_iter().enumerate() {
            let rows = arranged.finish();
            written = written.map(|written| written + rows.len());
            output.rows(table, rows)?;
        }
        tally.rows = written;
        let is_nothing = self.selection.asks() && self.selection.limit != Some(0) && written.unwrap_or(0) == 0;
        output.finish(&self.global.record)?;
        let exit = self.fleet.end(tally);
        self.selection.sought.map_or(Ok(()), Sought::end)?;
        if is_nothing && exit == Exit::Done {
            if !self.global.quiet {
                complain("no rows match");
            }
            return Ok(Exit::No);
        }
        // A single empty table leaves the screen empty, which could be taken for a failure.
        let is_blank = self.style.format == Format::TABLE && self.sources.len() == 1 && written.unwrap_or(0) == 0;
        let is_asked = self.selection.limit == Some(0);
        if is_blank && !is_asked && exit == Exit::Done && !self.global.quiet && !self.fleet.is_several() {
            complain("no rows");
        }
        Ok(exit)
    }

    /// The row for an archive that could not be read, if such rows were requested.
    fn failure(&self, entry: &Entry, failure: &Failure, wide: &[Wide]) -> Result<Option<Rows>, Failure> {
        let table = self.sources.iter().position(|source| source.table.name == FAILURES.table.name);
        let Some((table, wide)) = table.and_then(|table| Some((table, wide.get(table)?))) else { return Ok(None) };
        let archive_sha256 = if self.lead.is_hashed() && !entry.is_stdin() && entry.path.is_file() {
            hash_of(&entry.path).ok()
        } else {
            None
        };
        let archive = self.lead.id_of(entry, archive_sha256.as_deref());
        let mut encoder = Encoder::new(self.style.clone());
        encoder.lead(self.lead.values_of(&self.style.lead, &archive, None, archive_sha256.as_deref()));
        let (code, message) = failure.row();
        let values = self.lead.values_of(wide.added(), &archive, None, archive_sha256.as_deref());
        let row = tables::Failure::new(archive, archive_sha256, code, message);
        let wide = wide.row(&row, &values);
        if !self.selection.wants(&wide) {
            return Ok(None);
        }
        let keys = self.selection.order.map(|order| order.key(&wide)).into_iter().collect();
        let row = if self.is_wide { encoder.encode(&wide) } else { encoder.encode(&row) };
        Ok(Some((table, keys, vec![row?])))
    }

    /// Sends the rows of an archive.
    fn read(
        &self,
        entry: &Entry,
        checkpoints: Vec<Checkpoint>,
        wide: &[Wide],
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
            for (number, (source, wide)) in self.sources.iter().zip(wide).enumerate() {
                let values = self.lead.values(wide.added(), &id, &checkpoint);
                let wanted = Wanted {
                    filter: &*filter,
                    selection: &self.selection,
                    wide: Some((wide, &values)),
                    is_wide: self.is_wide,
                };
                say_rows(source, &checkpoint, &wanted, &mut encoder, &mut |keys, rows| {
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
