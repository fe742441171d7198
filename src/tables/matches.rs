//! Table `matches`.

use std::collections::HashMap;

use bstr::{BString, ByteSlice};
use data_encoding::HEXLOWER;

use super::mappings::Mappings;
use super::table::table;
use crate::Checkpoint;
use crate::images::Kind;
use crate::memory::{AddressSpace, Content, Elsewhere, Found, Matcher, Memory, Origin};
use crate::model::file::Remap;
use crate::model::ids::{Address, FileId, Pid};
use crate::model::process::Process;

/// Greatest number of bytes of a match in a row. Longer matches are cut.
const MOST: u64 = 64 << 10;

table! {
    "matches", key(pid, address, pattern), brief(pid, name, address, pattern, text, permissions, kind, path),
    event(Event::state(&["process"], "memory-match").about(Subject::Process).under("match"));
    /// What a search found, by process and address. A match in memory that processes share has one row for each of
    /// them.
    pub struct Match {
        /// Process id. Null if the match is not in a process's memory.
        pub pid: Option<Pid>,
        /// The process's name.
        pub name: Option<BString>,
        /// Address of the first byte. Null if the match is not in a process's memory.
        pub address: Option<Address>,
        /// The pattern, as it was given.
        pub pattern: String,
        /// Length of the match in bytes.
        pub length: u64,
        /// The matching bytes, with the requested bytes around them; at most 64 KiB.
        pub text: BString,
        /// The same bytes in hexadecimal.
        pub hex: String,
        /// Bytes of `text` that come before the match.
        pub before: u64,
        /// First address of the mapping.
        pub mapping: Option<Address>,
        /// Permissions of the mapping, as `maps` prints them.
        pub permissions: Option<String>,
        /// Kind of the mapping, as in `process_memory_map`; `image` or `file` outside memory.
        pub kind: Option<&'static str>,
        /// Path of the mapping, as `maps` prints it. Outside memory, the file, queue or log that has the bytes.
        pub path: Option<BString>,
        /// The member of the archive that holds the bytes.
        pub image: Option<BString>,
        /// Offset of the first byte in the member, or in the file of `path` if the member is an archive. For compressed
        /// pages, the offset of their block.
        pub offset: Option<u64>,
        /// Id of the shared memory. Null if the memory is not shared.
        pub shared_id: Option<u64>,
        /// Other processes that share the same bytes. At most 256 are listed.
        pub shared_with: Vec<Pid>,
    }
}

table! {
    "match_counts", key(pid, path, pattern), brief(pid, name, path, pattern, count);
    /// Number of matches of each pattern in each process. A match in shared memory counts for each process that shares
    /// it.
    pub struct MatchCount {
        /// Process id. Null if the matches are not in a process's memory.
        pub pid: Option<Pid>,
        /// The process's name.
        pub name: Option<BString>,
        /// Outside memory, the file, queue or log that has the matches.
        pub path: Option<BString>,
        /// The pattern, as it was given.
        pub pattern: String,
        /// Number of matches.
        pub count: u64,
    }
}

/// Makes the rows of a search.
#[derive(Debug)]
pub struct Matches<'c> {
    checkpoint: &'c Checkpoint,
    memory: &'c Memory,
    mappings: Mappings,
    names: Vec<String>,
    /// Bytes around a match that a row shows.
    context: u64,
    /// The files of deleted files' images, by the images' numbers.
    deleted: HashMap<u64, FileId>,
}

impl<'c> Matches<'c> {
    /// Makes rows for a checkpoint. `context` is the number of bytes to show before and after a match.
    pub fn new(checkpoint: &'c Checkpoint, mappings: Mappings, matcher: &Matcher, context: u64) -> Self {
        let memory = checkpoint.searched_memory(matcher, context);
        let mut deleted = HashMap::new();
        for (id, remap) in checkpoint.model().files().remaps() {
            if let Remap::Ghost(number) = remap {
                deleted.entry(number).or_insert(id);
            }
        }
        Matches { checkpoint, memory, mappings, names: matcher.names().to_vec(), context, deleted }
    }

    /// The row of a count.
    pub fn count(&self, pid: Pid, pattern: usize, count: u64) -> MatchCount {
        let process = self.memory.process(pid, self.checkpoint.model());
        MatchCount {
            pid: Some(pid),
            name: process.and_then(Process::name).map(BString::from),
            path: None,
            pattern: self.names.get(pattern).cloned().unwrap_or_default(),
            count,
        }
    }

    /// The row of a count outside memory.
    pub fn count_elsewhere(&self, path: BString, pattern: usize, count: u64) -> MatchCount {
        let pattern = self.names.get(pattern).cloned().unwrap_or_default();
        MatchCount { pid: None, name: None, path: Some(path), pattern, count }
    }

    /// The row of a match outside memory.
    pub fn elsewhere(&self, found: &Elsewhere) -> Match {
        let kind = Kind::from_file_name(found.member.rsplit_once_str("/").map_or(&*found.member, |(_, name)| name));
        let files = self.checkpoint.model().files();
        // A deleted file is named by its path.
        let deleted = match kind {
            Some((Kind::GhostFile, number)) => self.deleted.get(&number).copied(),
            _ => None,
        };
        let path = deleted.and_then(|id| files.path(id)).map(|path| BString::from(path.text));
        Match {
            pid: None,
            name: None,
            address: None,
            pattern: self.names.get(found.pattern).cloned().unwrap_or_default(),
            length: found.len,
            hex: HEXLOWER.encode(&found.bytes),
            text: found.bytes.clone().into(),
            before: found.before,
            mapping: None,
            permissions: None,
            kind: Some(if kind.is_some() { "image" } else { "file" }),
            path: Some(path.unwrap_or_else(|| found.place())),
            image: Some(found.member.clone()),
            offset: Some(found.offset),
            shared_id: None,
            shared_with: Vec::new(),
        }
    }

    /// The row of a match.
    pub fn row(&self, found: &Found) -> Match {
        let model = self.checkpoint.model();
        let process = self.memory.process(found.pid, model);
        let space = process.and_then(|process| self.memory.pages(process, model));
        let (text, before) = space.map_or((Vec::new(), 0), |space| around(&space, found, self.context));
        let mapping = self.mappings.at(found.pid, found.address);
        let place = space.and_then(|space| space.runs(found.address, found.address.saturating_add(1)).next());
        let (image, offset, shared_id) = match place.map(|run| run.origin) {
            Some(Origin::Recorded { image, offset, shared }) => (Some(image.to_owned()), Some(offset), shared),
            _ => (None, None, None),
        };
        let others = mapping.filter(|_| shared_id.is_some()).map(|m| self.mappings.sharing(m, found.address));
        Match {
            pid: Some(found.pid),
            name: process.and_then(Process::name).map(BString::from),
            address: Some(Address(found.address)),
            pattern: self.names.get(found.pattern).cloned().unwrap_or_default(),
            length: found.len,
            hex: HEXLOWER.encode(&text),
            text: text.into(),
            before,
            mapping: mapping.map(|mapping| mapping.start),
            permissions: mapping.map(|mapping| mapping.permissions.clone()),
            kind: mapping.map(|mapping| mapping.kind),
            path: mapping.map(|mapping| mapping.path.clone()).filter(|path| !path.is_empty()),
            image,
            offset,
            shared_id,
            shared_with: others.unwrap_or_default(),
        }
    }
}

/// The bytes of a match and the available bytes around it, and how many come before the match.
fn around(space: &AddressSpace<'_>, found: &Found, context: u64) -> (Vec<u8>, u64) {
    let end = found.address.saturating_add(found.len);
    let mut bytes = Vec::new();
    for (_, content) in space.pieces(found.address.saturating_sub(context), found.address) {
        match content {
            Content::Bytes(part) => bytes.extend_from_slice(&part),
            // A gap separates the match from the bytes before it.
            _ => bytes.clear(),
        }
    }
    let before = crate::int::u64_of(bytes.len());
    let cut = end.min(found.address.saturating_add(MOST));
    for (_, content) in space.pieces(found.address, cut.saturating_add(if cut == end { context } else { 0 })) {
        match content {
            Content::Bytes(part) => bytes.extend_from_slice(&part),
            Content::Zeros(len) => bytes.resize(bytes.len().saturating_add(crate::int::usize_of(len)), 0),
            Content::Untouched(_) | Content::Missing(..) => break,
        }
    }
    (bytes, before)
}
