//! Recovered files: files whose contents are in the archive though no file system that is left may have them. They are
//! deleted files (ghosts and further links), memfds, System V segments, `/dev/shm` and other file systems in memory. Shared
//! anonymous memory is not a file and not among them.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

mod file;
mod files;

pub use file::{RecoveredFile, RecoveredFrom};
pub use files::RecoveredFiles;
