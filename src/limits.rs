//! What a hostile archive may cost. Every bound on work and memory that a claim in an archive could exceed is a field
//! here, and hitting one is a warning that names it.

/// A bound, as warnings and the documentation know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Limit {
    /// The field of [`Limits`].
    pub field: &'static str,
    /// A short name, for people: the limit `table` is the field `table_bytes`.
    pub name: &'static str,
    /// What is bounded.
    pub doc: &'static str,
    /// The value by default.
    pub default: u64,
}

/// Defines [`Limits`]: one line a bound, with its constant and its short name.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $field:ident, $constant:ident: $name:literal = $default:expr;)+) => {
        /// Bounds on what is read from an archive. The defaults fit real checkpoints with much room.
        ///
        /// ```
        /// use cryoscope::Limits;
        ///
        /// let mut limits = Limits::default();
        /// limits.members = 10_000;
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $field: u64,)+
        }

        impl Limits {
            $($(#[doc = $doc])+
            pub const $constant: Limit = Limit {
                field: stringify!($field),
                name: $name,
                doc: concat!($($doc),+).trim_ascii(),
                default: $default,
            };)+

            /// All bounds, in the order of their definition.
            pub const ALL: &'static [Limit] = &[$(Limits::$constant,)+];

            /// The bounds, each with its value.
            pub fn values(&self) -> impl Iterator<Item = (&'static Limit, u64)> {
                Limits::ALL.iter().zip([$(self.$field,)+])
            }

            /// Sets a bound.
            pub fn set(&mut self, limit: &Limit, value: u64) {
                match limit.field {
                    $(stringify!($field) => self.$field = value,)+
                    _ => {}
                }
            }
        }

        impl Default for Limits {
            fn default() -> Self {
                Limits { $($field: $default,)+ }
            }
        }
    };
}

limits! {
    /// Bytes that compressed input may inflate to, in all.
    unpacked_bytes, UNPACKED_BYTES: "unpacked" = 1 << 40;
    /// How many times its own size compressed input may inflate to, above the first 4 GiB.
    unpacked_ratio, UNPACKED_RATIO: "ratio" = 250;
    /// Bytes that compressed archives within an archive may inflate to, all of them together.
    nested_bytes, NESTED_BYTES: "nested" = 16 << 30;
    /// Members of archives within an archive, such as file systems in memory, all of them together.
    nested_members, NESTED_MEMBERS: "nested-members" = 300_000;
    /// Archives within the archive, and layers of images, that are looked into.
    inner_archives, INNER_ARCHIVES: "archives" = 10_000;
    /// Members of an archive, or files of a directory.
    members, MEMBERS: "members" = 1_000_000;
    /// Bytes of one member's extended header: long names, PAX records, maps of sparse members.
    header_bytes, HEADER_BYTES: "header" = 1 << 20;
    /// Bytes of what headers say of all members of an archive: names, targets, attributes, maps of sparse members.
    metadata_bytes, METADATA_BYTES: "metadata" = 64 << 20;
    /// Bytes of inflated members kept in memory; what is more goes to an unlinked temporary file.
    kept_in_memory, KEPT_IN_MEMORY: "memory" = 96 << 20;
    /// Bytes of one JSON document.
    json_bytes, JSON_BYTES: "json" = 16 << 20;
    /// Bytes of one line of a log.
    line_bytes, LINE_BYTES: "line" = 1 << 20;
    /// Lines of one log.
    lines, LINES: "lines" = 100_000_000;
    /// Bytes that are extracted in all, without holes.
    extracted_bytes, EXTRACTED_BYTES: "extracted" = 1 << 40;
    /// How many times the bytes of the archive may be extracted, above the first GiB: what many processes share is written
    /// for each of them.
    extracted_ratio, EXTRACTED_RATIO: "extracted-ratio" = 32;
    /// Files and folders that are extracted.
    extracted_files, EXTRACTED_FILES: "files" = 1_000_000;
    /// Brackets within brackets of one JSON document, 1024 at most.
    json_depth, JSON_DEPTH: "json-depth" = 128;
    /// Bytes of one image that has to be put together from the pieces of a sparse member. Images that lie in one piece are
    /// borrowed, and pages are never read whole.
    assembled_bytes, ASSEMBLED_BYTES: "assembled" = 64 << 20;
    /// Records of one image; the default is the kernel's own bound on processes.
    records, RECORDS: "records" = 1 << 22;
    /// Processes of a dump, of which each costs some KiB to show.
    processes, PROCESSES: "processes" = 1 << 18;
    /// Checkpoints of an archive.
    checkpoints, CHECKPOINTS: "checkpoints" = 100;
    /// Bytes of images that are links to others: what several names share is read once for each of them. Pages do not
    /// count.
    linked_bytes, LINKED_BYTES: "linked" = 4 << 20;
    /// Descriptors of tables that processes share, counted for each process but the first.
    shared_descriptors, SHARED_DESCRIPTORS: "shared" = 1 << 18;
    /// Bytes of the name of an open file; the kernel knows none that is longer.
    path_bytes, PATH_BYTES: "path" = 4096;
    /// Bytes of memory that the rows of one table take together, besides 32 for each byte of the archive.
    table_bytes, TABLE_BYTES: "table" = 64 << 20;
    /// Bytes of the view of `/proc`, besides 32 for each byte of the archive.
    view_bytes, VIEW_BYTES: "view" = 256 << 20;
    /// Steps that it may take to follow all filters of system calls.
    filter_steps, FILTER_STEPS: "filter-steps" = 200_000_000;
    /// Bytes of one protobuf record.
    record_bytes, RECORD_BYTES: "record" = 64 << 20;
    /// Runs of pages of one address space; a process cannot have more mappings than 65,530 unless its kernel was told.
    pagemap_entries, PAGEMAP_ENTRIES: "pagemap" = 1 << 22;
    /// Bytes that the patterns of a search compile to, all of them together; a search takes a multiple of it.
    pattern_bytes, PATTERN_BYTES: "patterns" = 16 << 20;
    /// Bytes of zeros that a dump writes to a stream, which has no holes, for memory that is not in the archive.
    zero_bytes, ZERO_BYTES: "dump" = 4 << 30;
    /// Bytes of one process's argument area and of its environment area, each.
    argument_bytes, ARGUMENT_BYTES: "arguments" = 8 << 20;
    /// Bytes of holes of sparse files that are hashed, in all, and of pages images that are read as memory.
    hole_bytes, HOLE_BYTES: "holes" = 4 << 30;
    /// Warnings of one kind that are listed one by one; the rest are counted.
    warnings_per_code, WARNINGS_PER_CODE: "warnings" = 100;
}

impl Limits {
    /// Bytes that input of `input_bytes` may inflate to: the smaller of the two bounds on inflating.
    pub(crate) fn unpacked(&self, input_bytes: Option<u64>) -> u64 {
        self.unpacked_bytes.min(self.by_ratio(input_bytes))
    }

    /// Which of the two bounds on inflating that is.
    pub(crate) fn unpacked_by(&self, input_bytes: Option<u64>) -> &'static Limit {
        let is_ratio = self.by_ratio(input_bytes) < self.unpacked_bytes;
        if is_ratio { &Limits::UNPACKED_RATIO } else { &Limits::UNPACKED_BYTES }
    }

    fn by_ratio(&self, input_bytes: Option<u64>) -> u64 {
        const FREE: u64 = 4 << 30;
        input_bytes.map_or(u64::MAX, |n| n.saturating_mul(self.unpacked_ratio).max(FREE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_bounds_on_inflating_the_smaller_counts() {
        let limits = Limits::default();
        assert_eq!((limits.unpacked(Some(1)), limits.unpacked_by(Some(1)).name), (4 << 30, "ratio"));
        assert_eq!((limits.unpacked(None), limits.unpacked_by(None).name), (1 << 40, "unpacked"));
        assert_eq!(limits.unpacked_by(Some(1 << 40)).name, "unpacked");
    }

    #[test]
    fn limits_are_set_by_what_defines_them() {
        let mut limits = Limits::default();
        for (number, limit) in (1000..).zip(Limits::ALL) {
            limits.set(limit, number);
        }
        let values: Vec<u64> = limits.values().map(|(_, value)| value).collect();
        assert_eq!(values, (1000..).take(Limits::ALL.len()).collect::<Vec<u64>>());
        assert!(Limits::default().values().all(|(limit, value)| limit.default == value));
    }
}
