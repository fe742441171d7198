//! Writes a dataset, batch by batch.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use bstr::BString;
use cryoscope::extract::Name;
use cryoscope::formats::{Encoded, Encoder, Style};
use cryoscope::tables;

use super::key::Key;
use super::ledger::{self, Batch, Failed, Noted, Part, Shape};
use super::parts::{Closed, Folder, Parts, Table};
use super::root::Root;
use super::schema;
use crate::cli::Failure;
use crate::cli::args::PartitionBy;
use crate::cli::lead::Lead;
use crate::cli::newfile::not_written;
use crate::cli::record::Record;

/// Approximate size of the rows of a batch, and of its parts, in bytes. A killed run may lose that much, and parts grow
/// that large.
const BYTES_MOST: usize = 256 << 20;
const PARTS_MOST: usize = 10_000;
/// Size of the ledger entries of a batch in bytes: half of what is read from a ledger file.
const NOTED_MOST: usize = 32 << 20;

/// An archive of the dataset.
#[derive(Clone, Debug)]
struct Known {
    failed: Option<Arc<Failed>>,
    archive: BString,
    /// The user's own columns for it.
    fields: Arc<Vec<(String, String)>>,
}

impl Known {
    fn of(noted: &Noted, fields: &Arc<Vec<(String, String)>>) -> Self {
        let failed = noted.failed.clone().map(Arc::new);
        Known { failed, archive: noted.archive.clone(), fields: fields.clone() }
    }
}

/// The contents of a dataset.
pub(crate) struct Contents {
    known: HashMap<Key, Known>,
    /// The parts of `failures`.
    failures: Vec<String>,
    /// Tables that have a part.
    filled: HashSet<String>,
    next: u64,
    /// The number of the last batch.
    last: Option<u64>,
    batches: usize,
    /// Whether known archives may be read again.
    is_added_to: bool,
}

impl Contents {
    /// Reads the ledger. `shape` is that of the rows to be written. With `replace`, the existing dataset is removed.
    pub(crate) fn read(root: &Root, tables: &[Table], shape: &Shape, how: How) -> Result<Self, Failure> {
        root.clear()?;
        let numbers: Vec<u64> = ledger::numbers(&root.ledger())?.into_iter().map(|(number, _)| number).collect();
        let mut left = ledger::most();
        let mut contents = Contents {
            known: HashMap::new(),
            failures: Vec::new(),
            filled: HashSet::new(),
            next: numbers.last().map_or(1, |last| last + 1),
            last: None,
            batches: 0,
            is_added_to: how == How::Add,
        };
        if how == How::Replace {
            for number in numbers.into_iter().rev() {
                take_away(root, number, &mut left)?;
            }
            contents.next = contents.next.max(root.say_others(&BTreeMap::new(), &shape.tables) + 1);
            return Ok(contents);
        }
        let mut parts = BTreeMap::new();
        for number in numbers {
            let batch = ledger::read(&root.ledger(), number, true, &mut left)?;
            if batch.previous != contents.last {
                return Err(ledger::lacks(&root.ledger(), &batch));
            }
            fits(root, &batch.shape, shape)?;
            for part in &batch.replaced {
                parts.remove(part);
                // The run was killed between its last step and this one.
                root.remove(part)?;
            }
            parts.extend(batch.parts.iter().map(|part| (part.path.clone(), part.size)));
            contents.add(&batch);
        }
        if contents.batches > 0 && how == How::New {
            let (path, known) = (root.path().display(), contents.known.len());
            return Err(Failure::Usage(format!(
                "{path} already holds a dataset ({known} archives); add new archives with --skip-known, or replace it with --force"
            )));
        }
        root.check(&parts)?;
        has_columns(root, tables, &parts)?;
        contents.next = contents.next.max(root.say_others(&parts, &shape.tables) + 1);
        Ok(contents)
    }

    fn add(&mut self, batch: &Batch) {
        self.batches += 1;
        self.last = Some(batch.number);
        let fields = Arc::new(batch.fields.clone());
        for noted in &batch.archives {
            // An archive without a hash is known by its path until it can be read.
            self.known.remove(&Key::Path(noted.path.clone()));
            self.known.insert(noted.key.clone(), Known::of(noted, &fields));
        }
        let replaced: HashSet<&String> = batch.replaced.iter().collect();
        self.failures.retain(|part| !replaced.contains(part));
        for part in &batch.parts {
            let table = part.path.split('/').next().unwrap_or_default();
            if table == tables::FAILURES.table.name {
                self.failures.push(part.path.clone());
            }
            if !self.filled.contains(table) {
                self.filled.insert(table.to_owned());
            }
        }
    }

    /// The known archives, and whether they had failed. An archive without a hash may have changed since.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&Key, bool)> {
        let known = self.known.iter().filter(|(key, _)| !matches!(key, Key::Path(_)));
        known.map(|(key, known)| (key, known.failed.is_some()))
    }
}

/// How an existing dataset is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It is refused.
    New,
    /// It gets more batches.
    Add,
    /// It is removed.
    Replace,
}

/// Removes a batch. It is marked as uncommitted first, so that a killed run leaves no half batch.
fn take_away(root: &Root, number: u64, left: &mut u64) -> Result<(), Failure> {
    let batch = ledger::read(&root.ledger(), number, true, left)?;
    let (done, begun) = (ledger::file_name(number, true), ledger::file_name(number, false));
    let path = root.ledger().join(&done);
    fs::rename(&path, root.ledger().join(begun)).map_err(|error| not_written(&path, &error))?;
    root.take_away(&batch).map(drop)
}

/// Refuses to add rows of other tables or partitions, which the existing archives would lack.
fn fits(root: &Root, there: &Shape, wanted: &Shape) -> Result<(), Failure> {
    if there == wanted {
        return Ok(());
    }
    let lacks = |of: &Shape, other: &Shape| -> Vec<String> {
        of.tables.iter().filter(|name| !other.tables.contains(name)).cloned().collect()
    };
    let (more, fewer) = (lacks(wanted, there), lacks(there, wanted));
    if there.partition == wanted.partition && more.is_empty() && fewer.is_empty() {
        let flags =
            |shape: &Shape| if shape.asked.is_empty() { "default flags".to_owned() } else { shape.asked.join(" ") };
        return Err(Failure::Usage(format!(
            "{}: the dataset was written with {}, not with {}, so its rows would not be comparable; use the same \
             flags, name another directory, or replace it with --force",
            root.path().display(),
            flags(there),
            flags(wanted)
        )));
    }
    let by = |shape: &Shape| shape.partition.map_or("no --partition-by", PartitionBy::as_str).to_owned();
    let what = if !more.is_empty() {
        format!("it lacks the tables {}", more.join(", "))
    } else if !fewer.is_empty() {
        format!("it also has the tables {}", fewer.join(", "))
    } else {
        format!("it is partitioned by {}, not by {}", by(there), by(wanted))
    };
    Err(Failure::Usage(format!(
        "{}: the existing dataset is different: {what}; use the same flags, name another directory, or replace it with --force",
        root.path().display()
    )))
}

/// Refuses to add parts to those with other columns.
fn has_columns(root: &Root, tables: &[Table], parts: &BTreeMap<String, u64>) -> Result<(), Failure> {
    for table in tables {
        let prefix = format!("{}/", table.source.table.name);
        let own = parts.range(prefix.clone()..).take_while(|(part, _)| part.starts_with(&prefix));
        // All parts are alike, as no other was ever added. The last is the newest.
        let Some((part, _)) = own.last() else { continue };
        let path = root.path().join(part);
        let there = schema::of_file(&path);
        let there =
            there.map_err(|error| Failure::Usage(format!("{}: {error}; nothing was written", path.display())))?;
        if let Some(how) = schema::differ(&there, &schema::of_table(table.source, &table.style)?) {
            return Err(Failure::Usage(format!(
                "{}: the columns differ from those to be written: {how}; nothing was written: name another directory, or \
                 replace this one with --force",
                path.display()
            )));
        }
    }
    Ok(())
}

/// Writes the batches of a dataset.
pub(crate) struct Writer<'d> {
    root: &'d Root,
    tables: &'d [Table],
    shape: Shape,
    lead: &'d Lead<'d>,
    contents: Contents,
    /// Maximum number of archives of a batch.
    archives_most: usize,
    parts: Parts<'d>,
    archives: Vec<Noted>,
    bytes: usize,
    /// Bytes of ledger entries.
    noted: usize,
    record: &'d Record,
    written: usize,
}

impl<'d> Writer<'d> {
    pub(crate) fn new(
        root: &'d Root,
        tables: &'d [Table],
        shape: Shape,
        lead: &'d Lead<'d>,
        contents: Contents,
        archives_most: usize,
        record: &'d Record,
    ) -> Self {
        let parts = Parts::new(root, tables, contents.next);
        let archives = Vec::new();
        Writer {
            root,
            tables,
            shape,
            lead,
            contents,
            archives_most,
            parts,
            archives,
            bytes: 0,
            noted: 0,
            record,
            written: 0,
        }
    }

    /// Number of batches written.
    pub(crate) fn written(&self) -> usize {
        self.written
    }

    /// Writes rows of an archive.
    pub(crate) fn rows(&mut self, table: usize, folder: &Folder, rows: Vec<Encoded>) -> Result<(), Failure> {
        self.bytes = rows.iter().map(Encoded::len).fold(self.bytes, usize::saturating_add);
        self.parts.put(table, folder, rows)
    }

    /// Records an archive whose rows are all written, or that could not be read.
    pub(crate) fn done(&mut self, noted: Noted, folder: &Folder) -> Result<(), Failure> {
        if self.shape.partition == Some(PartitionBy::Archive) && folder.is_some() {
            self.parts.close_folder(folder)?;
        }
        self.noted = self.noted.saturating_add(noted.size());
        self.archives.push(noted);
        let is_full = self.archives.len() >= self.archives_most
            || self.bytes >= BYTES_MOST
            || self.noted >= NOTED_MOST
            || self.parts.len() >= PARTS_MOST;
        if is_full { self.commit(false) } else { Ok(()) }
    }

    /// Writes the last batch. Every table then has at least one part, which defines its columns.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        let is_filled = self.tables.iter().all(|table| self.contents.filled.contains(&*table.source.table.name));
        if self.archives.is_empty() && is_filled { Ok(()) } else { self.commit(true) }
    }

    /// Commits a batch.
    fn commit(&mut self, is_last: bool) -> Result<(), Failure> {
        let replaced = self.failures()?;
        self.fill(is_last)?;
        let number = self.contents.next;
        let parts = std::mem::replace(&mut self.parts, Parts::new(self.root, self.tables, number + 1)).close()?;
        let batch = Batch {
            number,
            previous: self.contents.last,
            shape: self.shape.clone(),
            fields: self.lead.fields().to_vec(),
            archives: std::mem::take(&mut self.archives),
            parts: parts.iter().map(|part| Part { path: part.path.clone(), size: part.size }).collect(),
            replaced,
        };
        self.publish(&batch, parts)?;
        for part in &batch.replaced {
            self.root.remove(part)?;
        }
        self.contents.add(&batch);
        self.contents.next = number + 1;
        (self.bytes, self.noted, self.written) = (0, 0, self.written + 1);
        Ok(())
    }

    /// Gives the parts of a batch their names, together.
    fn publish(&self, batch: &Batch, parts: Vec<Closed>) -> Result<(), Failure> {
        let root = self.root;
        let folder = root.ledger();
        let (begun, done) = (ledger::file_name(batch.number, false), ledger::file_name(batch.number, true));
        let (begun, done) = (folder.join(begun), folder.join(done));
        let lines = batch.to_lines();
        let failed = |error: std::io::Error| not_written(&done, &error);
        let mut file = root.scratch().create(&begun, true).map_err(failed)?;
        file.write_all(lines.as_bytes()).and_then(|()| file.file().sync_all()).map_err(failed)?;
        root.sync().map_err(failed)?;
        let mut files: Vec<(Name, PathBuf)> = vec![(file.close(), begun.clone())];
        let mut paths = Vec::new();
        let mut made = HashSet::new();
        for part in parts {
            let folder = part.path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
            if made.insert(folder) {
                root.make_folders(&part.path)?;
            }
            let path = root.path().join(&part.path);
            paths.push(path.clone());
            files.push((part.name, path));
        }
        let given = root.scratch().give_all(files, || {
            root.sync()?;
            fs::rename(&begun, &done)
        });
        given.map_err(|(path, error)| not_written(&path, &error))?;
        // The batch is committed, even if a later step fails.
        root.sync_ledger().map_err(failed)?;
        for path in &paths {
            self.record.output(path);
        }
        Ok(())
    }

    /// Writes the rows of archives that could not be read. If an archive was read in the meantime, its row is dropped
    /// and the remaining ones are rewritten. Returns the parts that were replaced.
    fn failures(&mut self) -> Result<Vec<String>, Failure> {
        // Only rows from before can be dropped.
        let again = self.archives.iter().filter(|_| self.contents.is_added_to);
        let gone: HashSet<Key> = again
            .flat_map(|noted| [noted.key.clone(), Key::Path(noted.path.clone())])
            .filter(|key| self.contents.known.get(key).is_some_and(|known| known.failed.is_some()))
            .collect();
        // The first one of a key counts.
        let noted: HashMap<&Key, &Noted> = self.archives.iter().rev().map(|noted| (&noted.key, noted)).collect();
        let is_same = |key: &Key| {
            let now = noted.get(key).and_then(|noted| noted.failed.as_ref());
            let before = self.contents.known.get(key).and_then(|known| known.failed.as_deref());
            now.is_some() && now == before
        };
        let replaces = !gone.iter().all(is_same);
        let mut rows: Vec<(Key, Known)> = Vec::new();
        if replaces {
            let stay = self.contents.known.iter().filter(|(key, _)| !gone.contains(*key));
            rows.extend(stay.map(|(key, known)| (key.clone(), known.clone())));
        }
        let fields = Arc::new(self.lead.fields().to_vec());
        // A repeated failure gives the same row.
        let news = self.archives.iter().filter(|noted| replaces || !gone.contains(&noted.key));
        rows.extend(news.map(|noted| (noted.key.clone(), Known::of(noted, &fields))));
        rows.sort_by(|(a, of_a), (b, of_b)| (&of_a.archive, a).cmp(&(&of_b.archive, b)));
        let name = &*tables::FAILURES.table.name;
        let Some((number, table)) = self.tables.iter().enumerate().find(|(_, table)| table.source.table.name == name)
        else {
            return Ok(Vec::new());
        };
        for (key, known) in &rows {
            if let Some(failed) = &known.failed {
                let row = row(&known.archive, key, failed);
                self.parts.put(number, &None, vec![encoded(&table.style, &row, &known.fields)?])?;
            }
        }
        if replaces && !self.parts.has(number) {
            self.parts.begin(number, &None)?;
        }
        Ok(if replaces { self.contents.failures.clone() } else { Vec::new() })
    }

    /// Gives every table without a part an empty one, which defines its columns. It is placed in a directory that
    /// exists anyway, as some engines would turn a directory for unknown values into a value.
    fn fill(&mut self, is_last: bool) -> Result<(), Failure> {
        let folder = match self.shape.partition {
            None => None,
            Some(by) => match self.parts.any_folder() {
                Some(folder) => folder,
                None if is_last => Some(Arc::from(by.unknown())),
                None => return Ok(()),
            },
        };
        for (number, table) in self.tables.iter().enumerate() {
            let name = &*table.source.table.name;
            if !self.contents.filled.contains(name) && !self.parts.has(number) {
                let is_failures = name == tables::FAILURES.table.name;
                self.parts.begin(number, if is_failures { &None } else { &folder })?;
            }
        }
        Ok(())
    }

    /// The contents of the dataset.
    pub(crate) fn contents(&self) -> &Contents {
        &self.contents
    }
}

/// The row for an archive that could not be read.
fn row(archive: &BString, key: &Key, failed: &Failed) -> tables::Failure {
    let archive_sha256 = if let Key::Bytes(hash) = key { Some(hash.clone()) } else { None };
    let Failed { code, message } = failed.clone();
    tables::Failure::new(archive.clone(), archive_sha256, code, message)
}

fn encoded(style: &Style, row: &tables::Failure, fields: &[(String, String)]) -> Result<Encoded, Failure> {
    let mut encoder = Encoder::new(style.clone());
    let value = |name: &String| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str().into());
    encoder.lead(style.lead.iter().map(value).collect());
    Ok(encoder.encode(row)?)
}
