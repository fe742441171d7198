//! Table `memory_classes`.

use std::collections::BTreeMap;

use bstr::BString;

use super::memory_sizes::{Part, Sizes, sizes, sizes_of};
use super::table::table;
use crate::Checkpoint;
use crate::model::ids::Pid;
use crate::model::process::Process;

table! {
    "memory_classes", key(pid, class), brief(pid, name, class, mappings, mapped_bytes, recorded_bytes, missing_bytes, why);
    /// The mappings of each living process by class. All sizes are in bytes.
    pub struct MemoryClass {
        /// Process id.
        pub pid: Pid,
        /// The process's name.
        pub name: Option<BString>,
        /// Class of the mappings: `heap`, `stack`, `anonymous`, `file`, `memfd`, `shared`, `vdso` or `other`.
        pub class: &'static str,
        /// Number of mappings.
        pub mappings: u64,
        /// Total size of the mappings.
        pub mapped_bytes: u64,
        /// Bytes that are in the archive.
        pub recorded_bytes: u64,
        /// Bytes of anonymous memory that was never written to.
        pub untouched_bytes: u64,
        /// Bytes that were not captured.
        pub missing_bytes: u64,
        /// Reasons why bytes were not captured.
        pub why: Vec<String>,
    }
}

/// The classes, in the order in which they are shown.
const CLASSES: [&str; 8] = ["heap", "stack", "anonymous", "file", "memfd", "shared", "vdso", "other"];

/// The rows of `memory_classes`.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = MemoryClass> + '_ {
    rows_of(sizes(checkpoint))
}

impl MemoryClass {
    /// The rows of a part of memory.
    pub fn of_part<'c>(checkpoint: &'c Checkpoint, part: &'c Part<'_>) -> impl Iterator<Item = MemoryClass> + 'c {
        rows_of(sizes_of(checkpoint, part))
    }
}

fn rows_of<'c>(
    sizes: impl Iterator<Item = (&'c Process, BTreeMap<&'static str, Sizes>)>,
) -> impl Iterator<Item = MemoryClass> {
    sizes.flat_map(|(process, mut classes)| {
        CLASSES.into_iter().filter_map(move |class| {
            let sizes = classes.remove(class)?;
            Some(MemoryClass {
                pid: process.pid(),
                name: process.name().map(BString::from),
                class,
                mappings: sizes.mappings,
                mapped_bytes: sizes.mapped,
                recorded_bytes: sizes.recorded,
                untouched_bytes: sizes.untouched,
                missing_bytes: sizes.missing.values().copied().fold(0, u64::saturating_add),
                why: sizes.missing.keys().map(|why| why.as_str().to_owned()).collect(),
            })
        })
    })
}
