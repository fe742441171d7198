//! The columns in front of every row: its archive, its checkpoint, and the user's own columns (`--field`). They depend
//! only on the flags, never on the number or content of the archives, so that outputs of several runs fit together.

use std::collections::{HashMap, HashSet};

use bstr::{BStr, BString, ByteSlice as _, ByteVec as _};
use cryoscope::Checkpoint;
use cryoscope::formats::{Format, Origin, escape};

use super::Failure;
use super::args::{Global, NameArgs, SourceArgs, SourceId};
use super::field::{ARCHIVE, SET, SHA256};
use super::fleet::Entry;

/// The columns before a row's own.
#[derive(Clone, Debug)]
pub(crate) struct Lead<'a> {
    args: &'a SourceArgs,
    /// Whether rows have the hash of their archive.
    hashed: bool,
}

impl<'a> Lead<'a> {
    /// The columns that the flags ask for. `hash` is set if archives are hashed anyway.
    pub(crate) fn new(args: &'a SourceArgs, hash: bool, global: &Global) -> Result<Self, Failure> {
        let mut names = HashSet::new();
        if let Some((name, _)) = args.fields.iter().find(|(name, _)| !names.insert(name.to_ascii_lowercase())) {
            return Err(Failure::Usage(format!("--field {name} was given twice")));
        }
        let asked = args.name.source_id == Some(SourceId::Sha256) || !global.expect_sha256.is_empty();
        Ok(Lead { args, hashed: hash || asked || global.wants_hashes() })
    }

    /// How rows name archives.
    pub(crate) fn name(&self) -> &'a NameArgs {
        &self.args.name
    }

    /// The flags that decide how rows name an archive.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.args.name.source_id.map(|id| format!("--source-id {}", id.as_str())).into_iter().collect()
    }

    /// Refuses two archives with the same name: their rows could not be told apart.
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
                    "{one} and {other} are both named {}; tell them apart with --source-id path or sha256",
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

    /// Whether rows name an archive by its hash.
    #[cfg(feature = "parquet")]
    pub(crate) fn is_by_hash(&self) -> bool {
        self.args.name.source_id == Some(SourceId::Sha256)
    }

    /// The names of the columns. Text output omits those that are the same in all rows.
    pub(crate) fn names(&self, format: Format, several: bool) -> Vec<String> {
        let for_people = format == Format::TABLE;
        let archive = (!for_people || several || self.args.name.source_id.is_some()).then_some(ARCHIVE);
        let hash = (!for_people && self.hashed).then_some(SHA256);
        let own = archive.into_iter().chain([SET]).chain(hash);
        own.chain(self.args.fields.iter().map(|(name, _)| name.as_str())).map(str::to_owned).collect()
    }

    /// The names of all columns before a row's own, including those that text output omits.
    pub(crate) fn all_names(&self) -> Vec<String> {
        let own = [ARCHIVE, SET].into_iter().chain(self.hashed.then_some(SHA256));
        own.chain(self.args.fields.iter().map(|(name, _)| name.as_str())).map(str::to_owned).collect()
    }

    /// The values for the rows of a checkpoint, by column.
    pub(crate) fn values(&self, names: &[String], id: &BString, checkpoint: &Checkpoint) -> Vec<Option<BString>> {
        let hash = if names.iter().any(|name| name == SHA256) { checkpoint.archive().sha256() } else { None };
        self.values_of(names, id, Some(checkpoint.set_name()), hash)
    }

    /// The values for an archive whose hash is known. Rows about the archive as a whole have no set.
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

    /// The name of an archive in rows.
    pub(crate) fn id(&self, entry: &Entry, checkpoints: &[Checkpoint]) -> BString {
        id(&self.args.name, entry, checkpoints)
    }

    /// The name of an archive whose hash is known, or that has none.
    pub(crate) fn id_of(&self, entry: &Entry, sha256: Option<&str>) -> BString {
        id_by(&self.args.name, entry, || sha256.map(BString::from))
    }

    /// The user's columns, which are the same for all archives.
    #[cfg(feature = "parquet")]
    pub(crate) fn fields(&self) -> &[(String, String)] {
        &self.args.fields
    }

    /// The columns, for documents.
    pub(crate) fn of(&self, origin: Origin, checkpoint: &Checkpoint) -> Origin {
        let sha256 = if self.hashed { checkpoint.archive().sha256().map(str::to_owned) } else { None };
        origin.with_archive_sha256(sha256).with_fields(self.args.fields.clone())
    }
}

/// The name of an archive in rows.
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

/// A name as text, for formats without a column for raw bytes. Names that are not UTF-8 must not become equal to
/// others.
pub(crate) fn text_of(name: &BString) -> String {
    name.to_str().map_or_else(|_| escape(name).into_owned(), str::to_owned)
}
