//! The ledger of a dataset: a file for each batch of archives, with a line for each archive and each part. A batch is
//! committed by renaming its file, so a batch is either complete or absent.
//!
//! Anyone who can write to the directory can also write here. So a path is accepted as a part only if it has the form
//! of one, and everything is bounded.

use std::fs;
use std::io;
use std::path::Path;

use bstr::BString;
use cryoscope::archive::read_most;
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};

use super::key::Key;
use super::partition::is_short;
use crate::cli::Failure;
use crate::cli::args::PartitionBy;

/// The directory of the ledger. Engines skip names that begin with `_`.
pub(crate) const FOLDER: &str = "_cryoscope";
/// Extensions of its files: of committed batches, and of a batch that was being written.
const DONE: &str = "ndjson";
const BEGUN: &str = "begun";
/// The layout of a dataset.
const LAYOUT: u64 = 1;
/// Maximum size of one ledger file, and of all of them.
const EACH_MOST: u64 = 64 << 20;
const ALL_MOST: u64 = 4 << 30;
/// Maximum number of files in its directory.
const FILES_MOST: usize = 1 << 20;
/// Minimum and maximum number of digits of a batch number.
const DIGITS: usize = 6;
const DIGITS_MOST: usize = 15;

/// Why an archive could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// An archive that is part of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    /// The name of the archive in rows.
    pub(crate) archive: BString,
    /// The path of the archive.
    pub(crate) path: BString,
    pub(crate) key: Key,
    pub(crate) failed: Option<Failed>,
}

impl Noted {
    /// Upper bound of the size of its line, in bytes.
    pub(crate) fn size(&self) -> usize {
        let message = self.failed.as_ref().map_or(0, |failed| failed.message.len());
        let names = self.archive.len().saturating_add(self.path.len());
        names.saturating_mul(8).saturating_add(message.saturating_mul(6)).saturating_add(512)
    }
}

/// A file of a batch, by its path in the dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) path: String,
    pub(crate) size: u64,
}

/// Settings that are equal for all batches of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The names of its tables.
    pub(crate) tables: Vec<String>,
    pub(crate) partition: Option<PartitionBy>,
    /// Other settings that affect the rows of an archive or its name: flags with their values.
    pub(crate) asked: Vec<String>,
}

/// A batch of archives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    /// The number of the previous batch, if any. It reveals a missing batch.
    pub(crate) previous: Option<u64>,
    pub(crate) shape: Shape,
    /// The user's own columns for its archives (`--field`).
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) archives: Vec<Noted>,
    pub(crate) parts: Vec<Part>,
    /// Parts of earlier batches that this one replaced.
    pub(crate) replaced: Vec<String>,
}

impl Batch {
    /// Formats the lines of the file.
    pub(crate) fn to_lines(&self) -> String {
        let fields: Map<String, Value> =
            self.fields.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        let mut lines = vec![json!({
            "dataset": LAYOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "batch": self.number,
            "previous": self.previous,
            "tables": self.shape.tables,
            "partition_by": self.shape.partition.map(PartitionBy::as_str),
            "asked": self.shape.asked,
            "fields": fields,
        })];
        lines.extend(self.archives.iter().map(line_of));
        lines.extend(self.parts.iter().map(|part| json!({ "part": part.path, "size": part.size })));
        lines.extend(self.replaced.iter().map(|path| json!({ "replaces": path })));
        // The last line. A truncated file lacks it.
        lines.push(json!({ "lines": lines.len() }));
        lines.iter().flat_map(|line| [line.to_string(), "\n".to_owned()]).collect()
    }

    /// Parses the lines of a file.
    pub(crate) fn from_lines(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "not UTF-8 text".to_owned())?;
        let mut lines = text.lines().enumerate().map(|(number, line)| {
            let value = serde_json::from_str(line).map_err(|_| format!("line {}: not JSON", number + 1))?;
            Ok::<(usize, Value), String>((number + 1, value))
        });
        let (_, head) = lines.next().ok_or("the file is empty")??;
        let mut batch = Batch::of_head(&head)?;
        for line in lines {
            let (number, line) = line?;
            if let Some(count) = line["lines"].as_u64() {
                let is_end =
                    usize::try_from(count).is_ok_and(|count| count + 1 == number) && text.lines().count() == number;
                return if is_end { Ok(batch) } else { Err("the number of lines is wrong".to_owned()) };
            }
            batch.add(&line).ok_or_else(|| format!("line {number} is not valid"))?;
        }
        Err("the end is missing".to_owned())
    }

    fn of_head(head: &Value) -> Result<Self, String> {
        if head["dataset"].as_u64() != Some(LAYOUT) {
            return Err(format!("the layout is not {LAYOUT}: another version of cryoscope wrote it"));
        }
        let of = || {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let tables = head["tables"].as_array()?.iter().map(text).collect::<Option<Vec<_>>>()?;
            let partition = match &head["partition_by"] {
                Value::Null => None,
                other => Some(PartitionBy::of(other.as_str()?)?),
            };
            let previous = match &head["previous"] {
                Value::Null => None,
                other => Some(other.as_u64()?),
            };
            let fields = head["fields"].as_object()?.iter();
            let fields = fields.map(|(name, value)| Some((name.clone(), text(value)?))).collect::<Option<_>>()?;
            let asked = head["asked"].as_array()?.iter().map(text).collect::<Option<Vec<_>>>()?;
            let shape = Shape { tables, partition, asked };
            Some(Batch {
                number: head["batch"].as_u64()?,
                previous,
                shape,
                fields,
                archives: Vec::new(),
                parts: Vec::new(),
                replaced: Vec::new(),
            })
        };
        of().ok_or_else(|| "line 1 is not valid".to_owned())
    }

    fn add(&mut self, line: &Value) -> Option<()> {
        if line["archive"].is_string() {
            self.archives.push(noted_of(line)?);
        } else if let Some(path) = line["part"].as_str() {
            if number_of_part(path, &self.shape)? != self.number {
                return None;
            }
            self.parts.push(Part { path: path.to_owned(), size: line["size"].as_u64()? });
        } else {
            let path = line["replaces"].as_str()?;
            if number_of_part(path, &self.shape)? >= self.number {
                return None;
            }
            self.replaced.push(path.to_owned());
        }
        Some(())
    }
}

fn line_of(noted: &Noted) -> Value {
    let (sha256, dumps) = match &noted.key {
        Key::Bytes(hash) => (Some(hash), None),
        Key::Dumps(hash) => (None, Some(hash)),
        Key::Path(_) => (None, None),
    };
    let failed = noted.failed.as_ref().map(|f| json!({ "code": f.code, "message": f.message }));
    let mut line = json!({});
    for (name, bytes) in [("archive", &noted.archive), ("path", &noted.path)] {
        line[name] = bytes.to_string().into();
        if std::str::from_utf8(bytes).is_err() {
            line[format!("{name}_hex")] = HEXLOWER.encode(bytes).into();
        }
    }
    line["archive_sha256"] = json!(sha256);
    line["identity"] = json!(dumps);
    line["failed"] = json!(failed);
    line
}

fn noted_of(line: &Value) -> Option<Noted> {
    let bytes = |name: &str| -> Option<BString> {
        match line.get(format!("{name}_hex")) {
            Some(hex) => Some(HEXLOWER.decode(hex.as_str()?.as_bytes()).ok()?.into()),
            None => Some(line[name].as_str()?.into()),
        }
    };
    let (archive, path) = (bytes("archive")?, bytes("path")?);
    let is_hash =
        |text: &&str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let hash = |value: &Value| match value {
        Value::Null => Some(None),
        other => Some(Some(other.as_str().filter(is_hash)?.to_owned())),
    };
    let key = match (hash(&line["archive_sha256"])?, hash(&line["identity"])?) {
        (Some(hash), _) => Key::Bytes(hash),
        (None, Some(hash)) => Key::Dumps(hash),
        (None, None) => Key::Path(path.clone()),
    };
    let failed = match &line["failed"] {
        Value::Null => None,
        failed => {
            Some(Failed { code: failed["code"].as_str()?.to_owned(), message: failed["message"].as_str()?.to_owned() })
        }
    };
    Some(Noted { archive, path, key, failed })
}

/// The name of a part of a batch, numbered within its directory.
pub(crate) fn part_name(batch: u64, nth: usize) -> String {
    let nth = if nth > 1 { format!("-{nth:04}") } else { String::new() };
    format!("part-{batch:0DIGITS$}{nth}.parquet")
}

/// The batch number in the name of a part.
pub(crate) fn number_in(name: &str) -> Option<u64> {
    let name = name.strip_prefix("part-")?.strip_suffix(".parquet")?;
    let (number, nth) = name.split_once('-').map_or((name, None), |(number, nth)| (number, Some(nth)));
    let digits = |text: &str| text.len() <= DIGITS_MOST && text.bytes().all(|byte| byte.is_ascii_digit());
    (number.len() >= DIGITS && digits(number) && nth.is_none_or(|nth| !nth.is_empty() && digits(nth)))
        .then(|| number.parse().ok())?
}

/// The batch number of a part. `None` if the path does not have the form of one: `TABLE/part-N.parquet`, optionally
/// with a directory between.
fn number_of_part(path: &str, shape: &Shape) -> Option<u64> {
    let parts: Vec<&str> = path.split('/').collect();
    let (table, folder, name) = match *parts.as_slice() {
        [table, name] => (table, None, name),
        [table, folder, name] => (table, Some(folder), name),
        _ => return None,
    };
    let is_own = |folder: &str| {
        !folder.contains(['\0', '\\']) && is_short(folder) && shape.partition.is_some_and(|by| by.is_folder(folder))
    };
    if table_of(table).is_none() || !folder.is_none_or(is_own) {
        return None;
    }
    shape.tables.iter().any(|name| name == table).then_some(())?;
    number_in(name)
}

/// The name, if it is one that a table can have.
pub(crate) fn table_of(name: &str) -> Option<&str> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (!name.is_empty() && !name.starts_with('_') && name.bytes().all(is_letter)).then_some(name)
}

/// The name of a batch's file, before or after it is committed.
pub(crate) fn file_name(number: u64, is_done: bool) -> String {
    format!("batch-{number:0DIGITS$}.{}", if is_done { DONE } else { BEGUN })
}

/// Parses the name of a ledger file: the number of its batch, and whether that is committed.
fn kind_of(name: &str) -> Option<(u64, bool)> {
    let (stem, end) = name.strip_prefix("batch-")?.split_once('.')?;
    let digits = stem.len() >= DIGITS && stem.len() <= DIGITS_MOST && stem.bytes().all(|byte| byte.is_ascii_digit());
    let is_done = match end {
        DONE => true,
        BEGUN => false,
        _ => return None,
    };
    digits.then(|| Some((stem.parse().ok()?, is_done)))?
}

/// The batches with a file, by number, and whether they are committed.
pub(crate) fn numbers(folder: &Path) -> Result<Vec<(u64, bool)>, Failure> {
    let unreadable = |error: io::Error| Failure::Usage(format!("{}: {error}", folder.display()));
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        numbers.extend(name.to_str().and_then(kind_of));
        if numbers.len() > FILES_MOST {
            return Err(Failure::Usage(format!("{}: too many files to read", folder.display())));
        }
    }
    numbers.sort_unstable();
    if let Some(twice) = numbers.windows(2).find(|pair| matches!(pair, [(a, _), (b, _)] if a == b)) {
        return Err(damaged(&folder.join(file_name(twice[0].0, false)), "the same batch is already committed"));
    }
    Ok(numbers)
}

/// Reads the file of a batch. `left` is the number of bytes that all files may still have.
pub(crate) fn read(folder: &Path, number: u64, is_done: bool, left: &mut u64) -> Result<Batch, Failure> {
    let path = folder.join(file_name(number, is_done));
    let is_file = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
    if !is_file {
        return Err(damaged(&path, "not a regular file"));
    }
    let text = fs::File::open(&path).and_then(|file| read_most(file, EACH_MOST.min(*left)));
    let text = text.map_err(|error| damaged(&path, &error.to_string()))?;
    *left = left.saturating_sub(u64::try_from(text.len()).unwrap_or(u64::MAX));
    let batch = Batch::from_lines(&text).map_err(|what| damaged(&path, &what))?;
    if batch.number == number { Ok(batch) } else { Err(damaged(&path, "the file belongs to another batch")) }
}

/// Maximum size of all files of a ledger together.
pub(crate) fn most() -> u64 {
    ALL_MOST
}

/// The error for a batch whose previous batch is not the one it names.
pub(crate) fn lacks(folder: &Path, batch: &Batch) -> Failure {
    let what = batch.previous.map_or_else(
        || "it claims to be the first batch, but there is an earlier one".to_owned(),
        |previous| format!("{}, the batch before it, is missing", file_name(previous, true)),
    );
    damaged(&folder.join(file_name(batch.number, true)), &what)
}

fn damaged(path: &Path, what: &str) -> Failure {
    Failure::Usage(format!(
        "{} is damaged: {what}; nothing was written. It is the record of the dataset: name another directory, or remove this one",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let noted = |archive: &[u8], key, failed| Noted { archive: archive.into(), path: archive.into(), key, failed };
        let failed = Failed { code: "empty".to_owned(), message: "a\nb".to_owned() };
        Batch {
            number: 12,
            previous: Some(11),
            shape: Shape {
                tables: vec!["mounts".to_owned(), "processes".to_owned()],
                partition: Some(PartitionBy::Date),
                asked: vec!["--set a".to_owned()],
            },
            fields: vec![("node".to_owned(), "w\"3".to_owned())],
            archives: vec![
                noted(b"a.tar", Key::Bytes("0".repeat(64)), None),
                noted(b"/x\xff\n.tar", Key::Dumps("a1".repeat(32)), None),
                noted(b"none", Key::Path("none".into()), Some(failed)),
            ],
            parts: vec![
                Part { path: "processes/part-000012.parquet".to_owned(), size: 7 },
                Part { path: "mounts/date=2026-01-02/part-000012-0003.parquet".to_owned(), size: u64::MAX },
            ],
            replaced: vec!["mounts/part-000011.parquet".to_owned()],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let lines = batch().to_lines();
        assert_eq!(Batch::from_lines(lines.as_bytes()).unwrap(), batch());
    }

    #[test]
    fn a_line_is_no_longer_than_it_is_said_to_be() {
        for byte in 0..=255_u8 {
            let text = String::from_utf8_lossy(&[byte; 50]).into_owned();
            let failed = Some(Failed { code: "no_such_checkpoint".to_owned(), message: text });
            let archive: BString = vec![byte; 50].into();
            let noted = Noted { key: Key::Bytes("0".repeat(64)), path: archive.clone(), archive, failed };
            assert!(line_of(&noted).to_string().len() <= noted.size(), "{byte}");
        }
    }

    #[test]
    fn what_is_cut_off_or_lengthened_is_damaged() {
        let lines = batch().to_lines();
        for end in 0..lines.len() - 1 {
            assert!(Batch::from_lines(&lines.as_bytes()[..end]).is_err(), "{end}");
        }
        assert!(Batch::from_lines(format!("{lines}{{}}\n").as_bytes()).is_err());
    }

    #[test]
    fn no_part_lies_elsewhere() {
        let mut whole = batch();
        for path in [
            "../part-000012.parquet",
            "/etc/part-000012.parquet",
            "processes/../part-000012.parquet",
            "processes/date=/part-000012.parquet",
            "processes/archive=x/part-000012.parquet",
            "processes/date=1/x/part-000012.parquet",
            "_cryoscope/part-000012.parquet",
            "other/part-000012.parquet",
            "processes/part-000013.parquet",
            "processes/part-12.parquet",
            "processes/part-000012-.parquet",
            "processes/part-000012.parquet/",
            "processes/part-000012",
            "processes/notes.txt",
            "",
        ] {
            whole.parts[0].path = path.to_owned();
            assert!(Batch::from_lines(whole.to_lines().as_bytes()).is_err(), "{path}");
        }
    }

    #[test]
    fn names_tell_their_batch() {
        for (batch, nth) in [(1, 1), (999_999, 2), (1_000_000, 12345)] {
            assert_eq!(number_in(&part_name(batch, nth)), Some(batch));
            assert_eq!(kind_of(&file_name(batch, true)), Some((batch, true)));
            assert_eq!(kind_of(&file_name(batch, false)), Some((batch, false)));
        }
        for other in
            ["batch-1.ndjson", "batch-000001.txt", "batch-0000000000000001.ndjson", "lock", "batch-+00001.begun"]
        {
            assert_eq!(kind_of(other), None, "{other}");
        }
    }
}
