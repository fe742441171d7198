//! What a hostile archive may cost. Every bound on work and memory that a claim in an archive could exceed is a field
//! here, and hitting one is a warning that names it.

/// A bound, as the command and the documentation know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// The field of [`Limits`].
    pub field: &'static str,
    /// The flag of the command that sets it.
    pub flag: &'static str,
    /// What is bounded.
    pub doc: &'static str,
    /// What it is unless told.
    pub default: u64,
}

/// Defines [`Limits`]: one line a bound, with its flag.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $field:ident: $flag:literal = $default:expr;)+) => {
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
            $($(#[doc = $doc])+ #[doc = concat!(" (`", $flag, "` of the command.)")] pub $field: u64,)+
        }

        impl Limits {
            /// All bounds, in the order of their definition.
            pub const ALL: &'static [Limit] = &[$(Limit {
                field: stringify!($field),
                flag: $flag,
                doc: concat!($($doc),+).trim_ascii(),
                default: $default,
            },)+];

            /// The flags and what they are set to.
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
    /// Bytes that compressed input may inflate to, in all.
    unpacked_bytes: "--max-unpacked" = 1 << 40;
    /// How many times its own size compressed input may inflate to, above the first 4 GiB.
    unpacked_ratio: "--max-ratio" = 250;
    /// Bytes that compressed archives within an archive may inflate to, all of them together.
    nested_bytes: "--max-nested" = 16 << 30;
    /// Members of archives within an archive, such as file systems in memory, all of them together.
    nested_members: "--max-nested-members" = 300_000;
    /// Archives within the archive, and layers of images, that are looked into.
    inner_archives: "--max-archives" = 10_000;
    /// Members of an archive, or files of a directory.
    members: "--max-members" = 1_000_000;
    /// Bytes of one member's extended header: long names, PAX records, maps of sparse members.
    header_bytes: "--max-header" = 1 << 20;
    /// Bytes of what headers say of all members of an archive: names, targets, attributes, maps of sparse members.
    metadata_bytes: "--max-metadata" = 64 << 20;
    /// Bytes of inflated members kept in memory; what is more goes to an unlinked temporary file.
    kept_in_memory: "--max-memory" = 96 << 20;
    /// Bytes of one JSON document.
    json_bytes: "--max-json" = 16 << 20;
    /// Bytes of one line of a log.
    line_bytes: "--max-line" = 1 << 20;
    /// Lines of one log.
    lines: "--max-lines" = 100_000_000;
    /// Bytes that are extracted in all, without holes.
    extracted_bytes: "--max-extracted" = 1 << 40;
    /// How many times the bytes of the archive may be extracted, above the first GiB: what many processes share is written
    /// for each of them.
    extracted_ratio: "--max-extracted-ratio" = 32;
    /// Files and folders that are extracted.
    extracted_files: "--max-files" = 1_000_000;
    /// Brackets within brackets of one JSON document, 1024 at most.
    json_depth: "--max-json-depth" = 128;
    /// Bytes of one image that has to be put together from the pieces of a sparse member. Images that lie in one piece are
    /// borrowed, and pages are never read whole.
    assembled_bytes: "--max-assembled" = 64 << 20;
    /// Records of one image; the default is the kernel's own bound on processes.
    records: "--max-records" = 1 << 22;
    /// Processes of a dump, of which each costs some KiB to show.
    processes: "--max-processes" = 1 << 18;
    /// Checkpoints of an archive.
    checkpoints: "--max-checkpoints" = 100;
    /// Bytes of images that are links to others: what several names share is read once for each of them. Pages do not
    /// count.
    linked_bytes: "--max-linked" = 4 << 20;
    /// Descriptors of tables that processes share, counted for each process but the first.
    shared_descriptors: "--max-shared" = 1 << 18;
    /// Bytes of the name of an open file; the kernel knows none that is longer.
    path_bytes: "--max-path" = 4096;
    /// Bytes of memory that the rows of one table take together, besides 32 for each byte of the archive.
    table_bytes: "--max-table" = 64 << 20;
    /// Bytes of the view of `/proc`, besides 32 for each byte of the archive.
    view_bytes: "--max-view" = 256 << 20;
    /// Steps that it may take to follow all filters of system calls.
    filter_steps: "--max-filter-steps" = 200_000_000;
    /// Bytes of one protobuf record.
    record_bytes: "--max-record" = 64 << 20;
    /// Runs of pages of one address space; a process cannot have more mappings than 65,530 unless its kernel was told.
    pagemap_entries: "--max-pagemap" = 1 << 22;
    /// Bytes that the patterns of a search compile to, all of them together; a search takes a multiple of it.
    pattern_bytes: "--max-patterns" = 16 << 20;
    /// Bytes of zeros that a dump writes to a stream, which has no holes, for memory that is not in the archive.
    zero_bytes: "--max-dump" = 4 << 30;
    /// Bytes of one process's argument area and of its environment area, each.
    argument_bytes: "--max-arguments" = 8 << 20;
    /// Bytes of holes of sparse files that are hashed, in all, and of pages images that are read as memory.
    hole_bytes: "--max-holes" = 4 << 30;
    /// Warnings of one kind that are listed one by one; the rest are counted.
    warnings_per_code: "--max-warnings" = 100;
}

impl Limits {
    /// Bytes that input of `input_bytes` may inflate to: the smaller of the two bounds on inflating.
    pub(crate) fn unpacked(&self, input_bytes: Option<u64>) -> u64 {
        const FREE: u64 = 4 << 30;
        let by_ratio = input_bytes.map_or(u64::MAX, |n| n.saturating_mul(self.unpacked_ratio).max(FREE));
        self.unpacked_bytes.min(by_ratio)
    }
}
