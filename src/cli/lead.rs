//! What stands before the columns of every row: which archive and checkpoint it is from, and what the user said of them
//! (`--field`). It depends on what was asked for, never on how many archives there are or what is in them, so that outputs of many
//! runs fit together.

use std::collections::{HashMap, HashSet};

use bstr::{BStr, BString, ByteSlice as _, ByteVec as _};
use cryoscope::Checkpoint;
use cryoscope::formats::{Format, Origin, escape};
use cryoscope::tables;

use super::Failure;
use super::args::{Global, NameArgs, SourceArgs, SourceId};
use super::fleet::Entry;

/// The column that says which archive a row is from.
pub(crate) const ARCHIVE: &str = "archive";
const SET: &str = "set";
const SHA256: &str = "archive_sha256";

/// Names that a field must not have: those of our own columns that are in no table.
const RESERVED: [&str; 7] = [ARCHIVE, SET, SHA256, "table", "_hex", "date", "event_id"];

/// Bytes of a field's name.
const LONGEST: usize = 64;

/// The columns before a row's own.
#[derive(Clone, Debug)]
pub(crate) struct Lead<'a> {
    args: &'a SourceArgs,
    /// Whether rows say the hash of their archive.
    hashed: bool,
}

impl<'a> Lead<'a> {
    /// Those that were asked for; `hash` if archives are hashed anyway.
    pub(crate) fn new(args: &'a SourceArgs, hash: bool, global: &Global) -> Result<Self, Failure> {
        let mut names = HashSet::new();
        if let Some((name, _)) = args.fields.iter().find(|(name, _)| !names.insert(name.to_ascii_lowercase())) {
            return Err(Failure::Usage(format!("--field {name} was given twice; give it once")));
        }
        let asked = args.name.source_id == Some(SourceId::Sha256) || !global.expect_sha256.is_empty();
        Ok(Lead { args, hashed: hash || asked || global.wants_hashes() })
    }

    /// What rows call archives.
    pub(crate) fn name(&self) -> &'a NameArgs {
        &self.args.name
    }

    /// The flags that decide what rows call an archive.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.args.name.source_id.map(|id| format!("--source-id {}", id.as_str())).into_iter().collect()
    }

    /// Refuses archives that would be called alike: rows of one would be taken for the other's.
    pub(crate) fn check(&self, entries: &[Entry]) -> Result<(), Failure> {
        if self.args.name.source_id != Some(SourceId::Name) {
            return Ok(());
        }
        let mut known: HashMap<BString, &Entry> = HashMap::new();
        for entry in entries {
            let name = entry.file_name();
            if let Some(other) = known.insert(name.clone(), entry)
                && other.path != entry.path
            {
                let (one, other) = (other.path.display(), entry.path.display());
                return Err(Failure::Usage(format!(
                    "{one} and {other} are both called {}; tell them apart by --source-id path or sha256",
                    text_of(&name)
                )));
            }
        }
        Ok(())
    }

    /// Whether archives have to be hashed.
    pub(crate) fn is_hashed(&self) -> bool {
        self.hashed
    }

    /// Whether rows call an archive by its hash.
    #[cfg(feature = "parquet")]
    pub(crate) fn is_by_hash(&self) -> bool {
        self.args.name.source_id == Some(SourceId::Sha256)
    }

    /// The columns' names. On a screen, what is the same in all rows says nothing.
    pub(crate) fn names(&self, format: Format, several: bool) -> Vec<String> {
        let for_people = format == Format::TABLE;
        let archive = (!for_people || several || self.args.name.source_id.is_some()).then_some(ARCHIVE);
        let hash = (!for_people && self.hashed).then_some(SHA256);
        let own = archive.into_iter().chain([SET]).chain(hash);
        own.chain(self.args.fields.iter().map(|(name, _)| name.as_str())).map(str::to_owned).collect()
    }

    /// What they have in rows of a checkpoint, by the names of the columns.
    pub(crate) fn values(&self, names: &[String], id: &BString, checkpoint: &Checkpoint) -> Vec<Option<BString>> {
        let hash = if names.iter().any(|name| name == SHA256) { checkpoint.archive().sha256() } else { None };
        self.values_of(names, id, Some(checkpoint.set_name()), hash)
    }

    /// The same, of an archive whose hash is known; of what is about the archive as a whole, there is no set.
    pub(crate) fn values_of(
        &self,
        names: &[String],
        id: &BString,
        set: Option<&BStr>,
        sha256: Option<&str>,
    ) -> Vec<Option<BString>> {
        let value = |name: &String| match name.as_str() {
            ARCHIVE => Some(id.clone()),
            SET => set.map(BStr::to_owned),
            SHA256 => sha256.map(BString::from),
            other => self.args.fields.iter().find(|(name, _)| name == other).map(|(_, value)| value.as_str().into()),
        };
        names.iter().map(value).collect()
    }

    /// What rows call an archive.
    pub(crate) fn id(&self, entry: &Entry, checkpoints: &[Checkpoint]) -> BString {
        id(&self.args.name, entry, checkpoints)
    }

    /// The same of one whose hash is known, or that has none.
    pub(crate) fn id_of(&self, entry: &Entry, sha256: Option<&str>) -> BString {
        id_by(&self.args.name, entry, || sha256.map(BString::from))
    }

    /// What the user said of all archives.
    #[cfg(feature = "parquet")]
    pub(crate) fn fields(&self) -> &[(String, String)] {
        &self.args.fields
    }

    /// The same, for documents.
    pub(crate) fn of(&self, origin: Origin, checkpoint: &Checkpoint) -> Origin {
        let sha256 = if self.hashed { checkpoint.archive().sha256().map(str::to_owned) } else { None };
        origin.with_archive_sha256(sha256).with_fields(self.args.fields.clone())
    }
}

/// What rows call an archive.
pub(crate) fn id(args: &NameArgs, entry: &Entry, checkpoints: &[Checkpoint]) -> BString {
    id_by(args, entry, || checkpoints.first()?.archive().sha256().map(BString::from))
}

fn id_by(args: &NameArgs, entry: &Entry, by_hash: impl FnOnce() -> Option<BString>) -> BString {
    let hash = if args.source_id == Some(SourceId::Sha256) { by_hash() } else { None };
    hash.unwrap_or_else(|| match args.source_id {
        _ if entry.is_stdin() => Vec::from_os_str_lossy(&args.source_name).into_owned().into(),
        Some(SourceId::Name) => entry.file_name(),
        _ => entry.path_name(),
    })
}

/// A name as text, where there is nothing beside it for bytes: what is no UTF-8 must not become what another one is.
pub(crate) fn text_of(name: &BString) -> String {
    name.to_str().map_or_else(|_| escape(name).into_owned(), str::to_owned)
}

/// A field: `KEY=VALUE`.
pub(crate) fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give a name and a value: node=worker-3")?;
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty()
        || name.len() > LONGEST
        || !name.chars().all(is_letter)
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(format!("a name has letters, digits and _, begins with no digit, and is at most {LONGEST} long"));
    }
    let is = |other: &str| {
        name.eq_ignore_ascii_case(other)
            || name.strip_suffix("_hex").is_some_and(|name| name.eq_ignore_ascii_case(other))
    };
    let columns = || {
        tables::ALL
            .iter()
            .flat_map(|source| source.table.columns.iter().map(|column| (&*source.table.name, &*column.name)))
    };
    if RESERVED.iter().any(|reserved| is(reserved)) {
        return Err(format!("{name} is a column of every row already; choose another name, such as my_{name}"));
    }
    if let Some((table, _)) = columns().find(|(_, column)| is(column)) {
        return Err(format!("the table {table} has a column {name}; choose another name, such as my_{name}"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_name_and_a_value() {
        assert_eq!(field("node=a=b"), Ok(("node".to_owned(), "a=b".to_owned())));
        assert_eq!(field("case="), Ok(("case".to_owned(), String::new())));
        for wrong in ["node", "=x", "a b=x", "host.name=x", "1st=x", &format!("{}=x", "a".repeat(65))] {
            assert!(field(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_field_takes_the_name_of_no_column() {
        for taken in ["archive=x", "Set=x", "pid=1", "PATH=x", "path_hex=x", "table=x"] {
            assert!(field(taken).unwrap_err().contains("choose another"), "{taken}");
        }
    }
}
