//! Limits on what a hostile archive may use. There is a field for every amount of work or memory that an archive could
//! otherwise inflate without bound. Reaching a limit is a warning that names it.

/// A limit, as the command and the documentation name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// The field of [`Limits`].
    pub field: &'static str,
    /// The flag of the command that sets it.
    pub flag: &'static str,
    /// What the limit bounds.
    pub doc: &'static str,
    /// The default value.
    pub default: u64,
}

/// Defines [`Limits`]: one line for each limit, with its flag.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $field:ident: $flag:literal = $default:expr;)+) => {
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
            $($(#[doc = $doc])+ #[doc = concat!(" (`", $flag, "` of the command.)")] pub $field: u64,)+
        }

        impl Limits {
            /// All limits, in the order of their definition.
            pub const ALL: &'static [Limit] = &[$(Limit {
                field: stringify!($field),
                flag: $flag,
                doc: concat!($($doc),+).trim_ascii(),
                default: $default,
            },)+];

            /// Each flag with its value.
            pub fn values(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$(($flag, self.$field),)+].into_iter()
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
    unpacked_bytes: "--max-unpacked" = 1 << 40;
    /// Greatest ratio of inflated to compressed bytes, beyond the first 4 GiB.
    unpacked_ratio: "--max-ratio" = 250;
    /// Total bytes that compressed nested archives may inflate to.
    nested_bytes: "--max-nested" = 16 << 30;
    /// Total number of members in nested archives, such as file systems in memory.
    nested_members: "--max-nested-members" = 300_000;
    /// Number of nested archives and container image layers that are opened.
    inner_archives: "--max-archives" = 10_000;
    /// Number of members in an archive, or files in a directory.
    members: "--max-members" = 1_000_000;
    /// Bytes of one member's extended header: long names, PAX records, maps of sparse members.
    header_bytes: "--max-header" = 1 << 20;
    /// Total bytes that headers declare for the members of an archive: names, link targets, attributes, maps of sparse
    /// members.
    metadata_bytes: "--max-metadata" = 64 << 20;
    /// Bytes of inflated members kept in memory. The rest goes to an unlinked temporary file.
    kept_in_memory: "--max-memory" = 96 << 20;
    /// Bytes of one JSON document.
    json_bytes: "--max-json" = 16 << 20;
    /// Bytes of one line in a log.
    line_bytes: "--max-line" = 1 << 20;
    /// Lines of one log.
    lines: "--max-lines" = 100_000_000;
    /// Total bytes that are extracted, not counting holes.
    extracted_bytes: "--max-extracted" = 1 << 40;
    /// Greatest ratio of extracted bytes to the archive's size, beyond the first GiB. Shared contents are written again
    /// for each process.
    extracted_ratio: "--max-extracted-ratio" = 32;
    /// Number of files and directories that are extracted.
    extracted_files: "--max-files" = 1_000_000;
    /// Nesting depth of a JSON document, 1024 at most.
    json_depth: "--max-json-depth" = 128;
    /// Bytes of one image that must be assembled from the pieces of a sparse member. Images in one piece are borrowed,
    /// and pages are never read whole.
    assembled_bytes: "--max-assembled" = 64 << 20;
    /// Number of records in one image. The default is the kernel's limit on processes.
    records: "--max-records" = 1 << 22;
    /// Number of processes in a dump. Each takes a few KiB to show.
    processes: "--max-processes" = 1 << 18;
    /// Number of checkpoints in an archive.
    checkpoints: "--max-checkpoints" = 100;
    /// Total bytes of images that are links to other images. An image with several names is read once for each of them.
    /// Pages do not count.
    linked_bytes: "--max-linked" = 4 << 20;
    /// Number of descriptors in tables that processes share, counted for each process after the first.
    shared_descriptors: "--max-shared" = 1 << 18;
    /// Bytes of an open file's name. The default is the kernel's limit.
    path_bytes: "--max-path" = 4096;
    /// Bytes of memory for the rows of one table, in addition to 32 for each byte of the archive.
    table_bytes: "--max-table" = 64 << 20;
    /// Bytes of the `/proc` view, in addition to 32 for each byte of the archive.
    view_bytes: "--max-view" = 256 << 20;
    /// Number of steps to follow all system call filters.
    filter_steps: "--max-filter-steps" = 200_000_000;
    /// Bytes of one protobuf record.
    record_bytes: "--max-record" = 64 << 20;
    /// Number of page runs in one address space. By default, the kernel allows a process 65,530 mappings.
    pagemap_entries: "--max-pagemap" = 1 << 22;
    /// Total bytes that the patterns of a search compile to. A search uses a multiple of this.
    pattern_bytes: "--max-patterns" = 16 << 20;
    /// Bytes of zeros that a dump writes to a stream, which cannot have holes, for memory that is not in the archive.
    zero_bytes: "--max-dump" = 4 << 30;
    /// Bytes of the arguments of one process, and of its environment, each.
    argument_bytes: "--max-arguments" = 8 << 20;
    /// Total bytes of holes in sparse files that are hashed, and in pages images that are read as memory.
    hole_bytes: "--max-holes" = 4 << 30;
    /// Number of warnings of one kind that are listed. The rest are counted.
    warnings_per_code: "--max-warnings" = 100;
}

impl Limits {
    /// Bytes that input of `input_bytes` may inflate to: the smaller of the two limits on inflating.
    pub(crate) fn unpacked(&self, input_bytes: Option<u64>) -> u64 {
        const FREE: u64 = 4 << 30;
        let by_ratio = input_bytes.map_or(u64::MAX, |n| n.saturating_mul(self.unpacked_ratio).max(FREE));
        self.unpacked_bytes.min(by_ratio)
    }
}
