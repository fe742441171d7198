//! Table `strings`.

use bstr::BString;

use super::mappings::Mappings;
use super::table::table;
use crate::Checkpoint;
use crate::memory::{Origin, StringAt, StringBlock};
use crate::model::ids::{Address, Pid};
use crate::model::process::Process;

/// Greatest number of characters of a string in a row.
const MOST: usize = 64 << 10;

table! {
    "strings", key(pid, address, encoding), brief(pid, address, encoding, permissions, kind, path, text);
    /// Printable text in memory, by process and address. Text in shared memory is listed once, after all other text.
    pub struct StringRow {
        /// Process id.
        pub pid: Pid,
        /// The process's name.
        pub name: Option<BString>,
        /// Address of the first byte.
        pub address: Address,
        /// Encoding: `ascii` or `utf-16le`.
        pub encoding: &'static str,
        /// Length in characters.
        pub length: u64,
        /// The text, first 65,536 characters.
        pub text: BString,
        /// First address of the mapping.
        pub mapping: Option<Address>,
        /// Permissions of the mapping, as `maps` prints them.
        pub permissions: Option<String>,
        /// Kind of the mapping, as in `process_memory_map`.
        pub kind: Option<&'static str>,
        /// Path of the mapping, as `maps` prints it.
        pub path: Option<BString>,
        /// The member of the archive that holds the bytes.
        pub image: Option<BString>,
        /// Offset of the first byte in the member, in bytes.
        pub offset: Option<u64>,
        /// Other processes that share the same bytes. At most 256 are listed.
        pub shared_with: Vec<Pid>,
    }
}

/// Makes the rows of strings.
#[derive(Debug)]
pub struct Strings<'c> {
    checkpoint: &'c Checkpoint,
    mappings: Mappings,
}

impl<'c> Strings<'c> {
    /// Makes rows for a checkpoint.
    pub fn new(checkpoint: &'c Checkpoint, mappings: Mappings) -> Self {
        Strings { checkpoint, mappings }
    }

    /// The row of a string.
    pub fn row(&self, block: &StringBlock<'_>, string: &StringAt) -> StringRow {
        let model = self.checkpoint.model();
        let process = self.checkpoint.whole_memory().process(string.pid, model);
        let space = process.and_then(|process| self.checkpoint.whole_memory().pages(process, model));
        let mapping = self.mappings.at(string.pid, string.address);
        let run = space.and_then(|space| space.runs(string.address, string.address.saturating_add(1)).next());
        let (image, offset, shared) = match run.map(|run| run.origin) {
            Some(Origin::Recorded { image, offset, shared }) => (Some(image.to_owned()), Some(offset), shared),
            _ => (None, None, None),
        };
        let others = mapping.filter(|_| shared.is_some()).map(|m| self.mappings.sharing(m, string.address));
        let mut text = block.text(string).into_owned();
        text.truncate(MOST);
        StringRow {
            pid: string.pid,
            name: process.and_then(Process::name).map(BString::from),
            address: Address(string.address),
            encoding: if string.utf16 { "utf-16le" } else { "ascii" },
            length: string.len,
            text: text.into(),
            mapping: mapping.map(|mapping| mapping.start),
            permissions: mapping.map(|mapping| mapping.permissions.clone()),
            kind: mapping.map(|mapping| mapping.kind),
            path: mapping.map(|mapping| mapping.path.clone()).filter(|path| !path.is_empty()),
            image,
            offset,
            shared_with: others.unwrap_or_default(),
        }
    }
}
