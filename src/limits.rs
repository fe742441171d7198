//! What a hostile archive may cost. Every bound on work and memory that a claim in an archive could exceed is a field
//! here, and hitting one is a warning that names it.

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
    /// Bytes that compressed input may inflate to, in all (default 1 TiB).
    pub unpacked_bytes: u64,
    /// How many times its own size compressed input may inflate to, above the first 4 GiB (default 250).
    pub unpacked_ratio: u64,
    /// Members of an archive, or files of a directory (default 1,000,000).
    pub members: u64,
    /// Bytes of one member's extended header: long names, PAX records (default 1 MiB).
    pub header_bytes: u64,
    /// Bytes of inflated members kept in memory; what is more goes to an unlinked temporary file (default 96 MiB).
    pub kept_in_memory: u64,
    /// Bytes of one JSON document (default 16 MiB).
    pub json_bytes: u64,
    /// Bytes of one image that has to be put together from the pieces of a sparse member (default 64 MiB). Images that
    /// lie in one piece are borrowed, and pages are never read whole.
    pub assembled_bytes: u64,
    /// Records of one image (default 4,194,304, the kernel's own bound on processes).
    pub records: u64,
    /// Bytes of one protobuf record (default 64 MiB).
    pub record_bytes: u64,
    /// Bytes of one process's argument area and of its environment area, each (default 8 MiB).
    pub argument_bytes: u64,
    /// Bytes of holes that are hashed of sparse files, in all (default 4 GiB).
    pub hole_bytes: u64,
    /// Warnings of one kind that are listed one by one; the rest are counted (default 100).
    pub warnings_per_code: usize,
}

impl Limits {
    /// Bytes that input of `input_bytes` may inflate to: the smaller of the two bounds on inflating.
    pub(crate) fn unpacked(&self, input_bytes: Option<u64>) -> u64 {
        const FREE: u64 = 4 << 30;
        let by_ratio = input_bytes.map_or(u64::MAX, |n| n.saturating_mul(self.unpacked_ratio).max(FREE));
        self.unpacked_bytes.min(by_ratio)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            unpacked_bytes: 1 << 40,
            unpacked_ratio: 250,
            members: 1_000_000,
            header_bytes: 1 << 20,
            kept_in_memory: 96 << 20,
            json_bytes: 16 << 20,
            assembled_bytes: 64 << 20,
            records: 1 << 22,
            record_bytes: 64 << 20,
            argument_bytes: 8 << 20,
            hole_bytes: 4 << 30,
            warnings_per_code: 100,
        }
    }
}
