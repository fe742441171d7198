//! The supported compressions.

/// Compression of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// RFC 1952, one or several members.
    Gzip,
    /// RFC 8878, one or several frames.
    Zstd,
    /// xz, one or several streams.
    Xz,
    /// bzip2, one or several streams.
    Bzip2,
}

impl Compression {
    /// `gzip`, `zstd`, `xz` or `bzip2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Xz => "xz",
            Compression::Bzip2 => "bzip2",
        }
    }
}
