//! Table `failures`: archives that could not be read at all.

use bstr::BString;

use super::table::table;

table! {
    "failures", key(archive, archive_sha256), brief(archive, code, message);
    /// Archives that could not be read, one per row. They have no rows in other tables. An archive that is only damaged
    /// has rows, and `warnings` says what is missing.
    pub struct Failure {
        /// The archive, as other tables name it.
        pub archive: BString,
        /// SHA-256 of the archive. Null for a directory and for anything that could not be read as a file.
        pub archive_sha256: Option<String>,
        /// What went wrong, as a stable word: `not_found`, `permission_denied`, `io`, `empty`, `not_an_archive`,
        /// `damaged`, `no_images`, `other_checkpoint`, `not_reached`, `dump_failed`, `unreadable`, `other_hash`,
        /// `several_checkpoints`, `no_such_checkpoint`, `oci`, or `other` (for example, the archive changed while it
        /// was read).
        pub code: String,
        /// What went wrong and what to do about it.
        pub message: String,
    }
}

impl Failure {
    /// The row of an archive.
    pub fn new(
        archive: impl Into<BString>,
        archive_sha256: Option<String>,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Failure { archive: archive.into(), archive_sha256, code: code.into(), message: message.into() }
    }
}
