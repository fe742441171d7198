//! Limits on what a hostile archive may use. There is a field for every amount of work or memory that an archive could
//! otherwise inflate without bound. Reaching a limit is a warning that names it.

/// A limit, as warnings and the documentation name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Limit {
    /// The field of [`Limits`].
    pub field: &'static str,
    /// A short name, for people: the limit `table` is the field `table_bytes`.
    pub name: &'static str,
    /// What the limit bounds.
    pub doc: &'static str,
    /// The default value.
    pub default: u64,
}

/// Defines [`Limits`]: one line for each limit, with its constant and its short name.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $field:ident, $constant:ident: $name:literal = $default:expr;)+) => {
        /// Limits on what is read from an archive. The defaults leave real checkpoints plenty of room.
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

            /// All limits, in the order of their definition.
            pub const ALL: &'static [Limit] = &[$(Limits::$constant,)+];

            /// Each limit with its value.
            pub fn values(&self) -> impl Iterator<Item = (&'static Limit, u64)> {
                Limits::ALL.iter().zip([$(self.$field,)+])
            }

            /// Sets a limit.
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
    /// Total bytes that compressed input may inflate to.
    unpacked_bytes, UNPACKED_BYTES: "unpacked" = 1 << 40;
    /// Greatest ratio of inflated to compressed bytes, beyond the first 4 GiB.
    unpacked_ratio, UNPACKED_RATIO: "ratio" = 250;
    /// Total bytes that compressed nested archives may inflate to.
    nested_bytes, NESTED_BYTES: "nested" = 16 << 30;
    /// Total number of members in nested archives, such as file systems in memory.
    nested_members, NESTED_MEMBERS: "nested-members" = 300_000;
    /// Number of nested archives and container image layers that are opened.
    inner_archives, INNER_ARCHIVES: "archives" = 10_000;
    /// Number of members in an archive, or files in a directory.
    members, MEMBERS: "members" = 1_000_000;
    /// Bytes of one member's extended header: long names, PAX records, maps of sparse members.
    header_bytes, HEADER_BYTES: "header" = 1 << 20;
    /// Total bytes that headers declare for the members of an archive: names, link targets, attributes, maps of sparse
    /// members.
    metadata_bytes, METADATA_BYTES: "metadata" = 64 << 20;
    /// Bytes of inflated members kept in memory. The rest goes to an unlinked temporary file.
    kept_in_memory, KEPT_IN_MEMORY: "memory" = 96 << 20;
    /// Bytes of one JSON document.
    json_bytes, JSON_BYTES: "json" = 16 << 20;
    /// Bytes of one line in a log.
    line_bytes, LINE_BYTES: "line" = 1 << 20;
    /// Lines of one log.
    lines, LINES: "lines" = 100_000_000;
    /// Total bytes that are extracted, not counting holes.
    extracted_bytes, EXTRACTED_BYTES: "extracted" = 1 << 40;
    /// Greatest ratio of extracted bytes to the archive's size, beyond the first GiB. Shared contents are written again
    /// for each process.
    extracted_ratio, EXTRACTED_RATIO: "extracted-ratio" = 32;
    /// Number of files and directories that are extracted.
    extracted_files, EXTRACTED_FILES: "files" = 1_000_000;
    /// Nesting depth of a JSON document, 1024 at most.
    json_depth, JSON_DEPTH: "json-depth" = 128;
    /// Bytes of one image that must be assembled from the pieces of a sparse member. Images in one piece are borrowed,
    /// and pages are never read whole.
    assembled_bytes, ASSEMBLED_BYTES: "assembled" = 64 << 20;
    /// Number of records in one image. The default is the kernel's limit on processes.
    records, RECORDS: "records" = 1 << 22;
    /// Number of processes in a dump. Each takes a few KiB to show.
    processes, PROCESSES: "processes" = 1 << 18;
    /// Number of checkpoints in an archive.
    checkpoints, CHECKPOINTS: "checkpoints" = 100;
    /// Total bytes of images that are links to other images. An image with several names is read once for each of them.
    /// Pages do not count.
    linked_bytes, LINKED_BYTES: "linked" = 4 << 20;
    /// Number of descriptors in tables that processes share, counted for each process after the first.
    shared_descriptors, SHARED_DESCRIPTORS: "shared" = 1 << 18;
    /// Bytes of an open file's name. The default is the kernel's limit.
    path_bytes, PATH_BYTES: "path" = 4096;
    /// Bytes of memory for the rows of one table, in addition to 32 for each byte of the archive.
    table_bytes, TABLE_BYTES: "table" = 64 << 20;
    /// Bytes of the `/proc` view, in addition to 32 for each byte of the archive.
    view_bytes, VIEW_BYTES: "view" = 256 << 20;
    /// Number of steps to follow all system call filters.
    filter_steps, FILTER_STEPS: "filter-steps" = 200_000_000;
    /// Bytes of one protobuf record.
    record_bytes, RECORD_BYTES: "record" = 64 << 20;
    /// Number of page runs in one address space. By default, the kernel allows a process 65,530 mappings.
    pagemap_entries, PAGEMAP_ENTRIES: "pagemap" = 1 << 22;
    /// Total bytes that the patterns of a search compile to. A search uses a multiple of this.
    pattern_bytes, PATTERN_BYTES: "patterns" = 16 << 20;
    /// Bytes of zeros that a dump writes to a stream, which cannot have holes, for memory that is not in the archive.
    zero_bytes, ZERO_BYTES: "dump" = 4 << 30;
    /// Bytes of the arguments of one process, and of its environment, each.
    argument_bytes, ARGUMENT_BYTES: "arguments" = 8 << 20;
    /// Total bytes of holes in sparse files that are hashed, and in pages images that are read as memory.
    hole_bytes, HOLE_BYTES: "holes" = 4 << 30;
    /// Bytes of one ELF image that are read. The rest only counts for its hash.
    elf_bytes, ELF_BYTES: "elf" = 64 << 20;
    /// Number of ELF images in an archive: files, mapped files, images in memory.
    elf_images, ELF_IMAGES: "elf-images" = 100_000;
    /// Bytes of one file that YARA rules look at. Larger ones are skipped.
    yara_file_bytes, YARA_FILE_BYTES: "yara-file" = 64 << 20;
    /// Total bytes of memory, files and queues that YARA rules look at, in addition to 32 for each byte of the archive.
    yara_bytes, YARA_BYTES: "yara" = 4 << 30;
    /// Number of matches of YARA rules that are kept. Each is a rule and a process, file or queue.
    yara_matches, YARA_MATCHES: "yara-matches" = 100_000;
    /// Bytes of one file with users, jobs, keys or commands that are read for tables of osquery.
    list_bytes, LIST_BYTES: "list" = 4 << 20;
    /// Number of things that one rule looks at.
    rule_candidates, RULE_CANDIDATES: "candidates" = 1 << 20;
    /// Pieces of evidence of one finding that are listed. The rest are counted.
    evidence, EVIDENCE: "evidence" = 16;
    /// Number of warnings of one kind that are listed. The rest are counted.
    warnings_per_code, WARNINGS_PER_CODE: "warnings" = 100;
}

impl Limits {
    /// Bytes that input of `input_bytes` may inflate to: the smaller of the two limits on inflating.
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
