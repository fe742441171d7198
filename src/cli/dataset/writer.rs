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

/// Bytes of rows of a batch, and its parts, about: so much may be lost by a run that is killed, and so large parts become.
const BYTES_MOST: usize = 256 << 20;
const PARTS_MOST: usize = 10_000;
/// Bytes of what is noted of a batch: half of what the ledger reads of a file.
const NOTED_MOST: usize = 32 << 20;

/// What is known of an archive of the dataset.
#[derive(Clone, Debug)]
struct Known {
    failed: Option<Arc<Failed>>,
    archive: BString,
    /// What the user had said of it.
    fields: Arc<Vec<(String, String)>>,
}

impl Known {
    fn of(noted: &Noted, fields: &Arc<Vec<(String, String)>>) -> Self {
        let failed = noted.failed.clone().map(Arc::new);
        Known { failed, archive: noted.archive.clone(), fields: fields.clone() }
    }
}

/// What a dataset has.
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
    /// Whether archives may be read again that are known.
    is_added_to: bool,
}

impl Contents {
    /// What the ledger tells; `shape` is what is to be written. With `replace`, what is there is taken away.
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
                // It was killed between its last step and this one.
                root.remove(part)?;
            }
            parts.extend(batch.parts.iter().map(|part| (part.path.clone(), part.size)));
            contents.add(&batch);
        }
        if contents.batches > 0 && how == How::New {
            let (path, known) = (root.path().display(), contents.known.len());
            return Err(Failure::Usage(format!(
                "{path} has a dataset already ({known} archives); --skip-known adds what is new, --force writes it anew"
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
            // What has no hash is known by its path, until it can be read.
            self.known.remove(&Key::Path(noted.path.clone()));
            self.known.insert(noted.key.clone(), Known::of(noted, &fields));
        }
        self.failures.retain(|part| !batch.replaced.contains(part));
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

    /// The archives that are known, and whether they had failed. What had no hash may be another by now.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&Key, bool)> {
        let known = self.known.iter().filter(|(key, _)| !matches!(key, Key::Path(_)));
        known.map(|(key, known)| (key, known.failed.is_some()))
    }
}

/// What becomes of a dataset that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// There must be none.
    New,
    /// It gets more.
    Add,
    /// It is taken away.
    Replace,
}

/// Takes a batch away: first it is one that was begun, so that a run that is killed meanwhile leaves none that is half.
fn take_away(root: &Root, number: u64, left: &mut u64) -> Result<(), Failure> {
    let batch = ledger::read(&root.ledger(), number, true, left)?;
    let (done, begun) = (ledger::file_name(number, true), ledger::file_name(number, false));
    let path = root.ledger().join(&done);
    fs::rename(&path, root.ledger().join(begun)).map_err(|error| not_written(&path, &error))?;
    root.take_away(&batch).map(drop)
}

/// Refuses to add rows of other tables, or in other folders: of those that are there, the same would be missing.
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
            |shape: &Shape| if shape.asked.is_empty() { "no such flags".to_owned() } else { shape.asked.join(" ") };
        return Err(Failure::Usage(format!(
            "{}: it was written with {}, and would now be with {}: what it has of an archive would not be the same; use the same \
             flags, name another directory, or let --force write it anew",
            root.path().display(),
            flags(there),
            flags(wanted)
        )));
    }
    let by = |shape: &Shape| shape.partition.map_or("no --partition-by", PartitionBy::as_str).to_owned();
    let what = if !more.is_empty() {
        format!("it lacks the tables {}", more.join(", "))
    } else if !fewer.is_empty() {
        format!("it has the tables {}, too", fewer.join(", "))
    } else {
        format!("its folders are by {}, and would be by {}", by(there), by(wanted))
    };
    Err(Failure::Usage(format!(
        "{}: the dataset is another: {what}; ask for what it has, name another directory, or let --force write it anew",
        root.path().display()
    )))
}

/// Refuses to add parts to those with other columns.
fn has_columns(root: &Root, tables: &[Table], parts: &BTreeMap<String, u64>) -> Result<(), Failure> {
    for table in tables {
        let prefix = format!("{}/", table.source.table.name);
        let own = parts.range(prefix.clone()..).take_while(|(part, _)| part.starts_with(&prefix));
        // They are alike, as none was added that is not. The last is the newest.
        let Some((part, _)) = own.last() else { continue };
        let path = root.path().join(part);
        let there = schema::of_file(&path);
        let there =
            there.map_err(|error| Failure::Usage(format!("{}: {error}; nothing was written", path.display())))?;
        if let Some(how) = schema::differ(&there, &schema::of_table(table.source, &table.style)?) {
            return Err(Failure::Usage(format!(
                "{}: it has other columns than would be written now: {how}; nothing was written: name another directory, or let \
                 --force write this one anew",
                path.display()
            )));
        }
    }
    Ok(())
}

/// What a batch is made of.
pub(crate) struct Writer<'d> {
    root: &'d Root,
    tables: &'d [Table],
    shape: Shape,
    lead: &'d Lead<'d>,
    contents: Contents,
    /// Archives of a batch, at most.
    archives_most: usize,
    parts: Parts<'d>,
    archives: Vec<Noted>,
    bytes: usize,
    /// Bytes of what is noted.
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

    /// Batches that were written.
    pub(crate) fn written(&self) -> usize {
        self.written
    }

    /// Writes rows of an archive.
    pub(crate) fn rows(&mut self, table: usize, folder: &Folder, rows: Vec<Encoded>) -> Result<(), Failure> {
        self.bytes = rows.iter().map(Encoded::len).fold(self.bytes, usize::saturating_add);
        self.parts.put(table, folder, rows)
    }

    /// Notes an archive of which all rows are written, or that has none as it could not be read.
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

    /// Writes the last batch. Every table has a part then, if only to tell its columns.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        let is_filled = self.tables.iter().all(|table| self.contents.filled.contains(&*table.source.table.name));
        if self.archives.is_empty() && is_filled { Ok(()) } else { self.commit(true) }
    }

    /// Ends a batch.
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
        // The batch is there, come what may.
        root.sync_ledger().map_err(failed)?;
        for path in &paths {
            self.record.output(path);
        }
        Ok(())
    }

    /// Writes the rows of archives that could not be read. If such a row goes, as the archive was read again, those that stay are
    /// written anew; gives the parts that go.
    fn failures(&mut self) -> Result<Vec<String>, Failure> {
        // Only what was there before can go.
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
        // The same again is the same row.
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

    /// Tables that have no part yet get one, which tells their columns. It lies in a folder that is there anyway: of a folder for
    /// what is not known, some engines make a value.
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

    /// What is known of the dataset.
    pub(crate) fn contents(&self) -> &Contents {
        &self.contents
    }
}

/// The row of an archive that could not be read.
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
