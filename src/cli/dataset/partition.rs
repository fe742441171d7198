//! Directories below that of a table, by date or by archive, with names as in Hive: `date=2026-11-23`. Engines read the
//! value from the name.

use std::fmt::Write as _;

use bstr::BStr;
use cryoscope::Checkpoint;

use crate::cli::args::PartitionBy;

/// Hive's directory for rows without a value.
const UNKNOWN: &str = "__HIVE_DEFAULT_PARTITION__";
/// Longest name that file systems accept, in bytes.
const NAME_MOST: usize = 255;
/// Characters with a meaning in paths or in such names: Hive's own list.
const ESCAPED: &[char] =
    &['"', '#', '%', '\'', '*', '/', ':', '=', '?', '\\', '\u{7f}', '{', '}', '[', ']', '^', '<', '>', '|'];

impl PartitionBy {
    /// The name in the ledger.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            PartitionBy::Date => "date",
            PartitionBy::Archive => "archive",
        }
    }

    /// Parses a name from the ledger.
    pub(crate) fn of(name: &str) -> Option<Self> {
        [PartitionBy::Date, PartitionBy::Archive].into_iter().find(|by| by.as_str() == name)
    }

    /// The directory for the rows of a checkpoint.
    pub(crate) fn folder(self, archive: &BStr, checkpoint: &Checkpoint) -> String {
        match self {
            PartitionBy::Date => format!("date={}", date(checkpoint).unwrap_or_else(|| UNKNOWN.to_owned())),
            PartitionBy::Archive => folder_of(archive),
        }
    }

    /// The directory for rows whose value is not known.
    pub(crate) fn unknown(self) -> String {
        format!("{}={UNKNOWN}", self.as_str())
    }

    /// Whether a name is one of this kind of directory.
    pub(crate) fn is_folder(self, name: &str) -> bool {
        name.split_once('=').is_some_and(|(key, value)| key == self.as_str() && !value.is_empty())
    }
}

/// The directory of an archive.
pub(crate) fn folder_of(archive: &BStr) -> String {
    let mut name = String::from("archive=");
    for c in archive.to_string().chars() {
        if ESCAPED.contains(&c) || c.is_ascii_control() {
            let _ = write!(name, "%{:02X}", u32::from(c));
        } else {
            name.push(c);
        }
    }
    name
}

/// Whether file systems accept the name of a directory.
pub(crate) fn is_short(folder: &str) -> bool {
    folder.len() <= NAME_MOST
}

/// The day of the dump, in UTC. `None` if it is unknown or not a valid date: engines would no longer read the others as
/// dates.
fn date(checkpoint: &Checkpoint) -> Option<String> {
    let time = checkpoint.rows().container().checkpointed?;
    let text = time.to_string();
    let (day, _) = text.split_once('T')?;
    (day.len() == 10 && day >= "1970-01-01").then(|| day.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_escaped_as_hive_does() {
        assert_eq!(folder_of(b"/var/a b:1=%\n\xc3\xa9.tar".into()), "archive=%2Fvar%2Fa b%3A1%3D%25%0Aé.tar");
        assert_eq!(folder_of(b"..".into()), "archive=..");
        // No byte leads out of the directory, and only bytes that are not text are lost.
        for byte in 0..=255_u8 {
            let folder = folder_of([byte].as_slice().into());
            assert!(!folder.contains(['/', '\0', '\n']) && folder.len() > 8, "{folder}");
        }
        assert!(is_short(&folder_of("n".repeat(247).as_str().into())));
        assert!(!is_short(&folder_of("n".repeat(248).as_str().into())));
    }

    #[test]
    fn folders_belong_to_what_rows_are_parted_by() {
        for by in [PartitionBy::Date, PartitionBy::Archive] {
            assert_eq!(PartitionBy::of(by.as_str()), Some(by));
            assert!(
                by.is_folder(&by.unknown())
                    && !by.is_folder("other=1")
                    && !by.is_folder("date")
                    && !by.is_folder("date=")
            );
        }
        assert_eq!(PartitionBy::of("set"), None);
    }
}
