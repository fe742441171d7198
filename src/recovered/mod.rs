//! Recovered files: files whose contents are in the archive, but may not be in any remaining file system. They are
//! deleted files (ghosts and further links), memfds, System V segments, `/dev/shm` and other in-memory file systems.
//! Shared anonymous memory is not a file and not included.
//!
//! It knows the model and memory, and nothing about rows: the table `recovered_files` and the extraction of files are
//! made of it. Begin with [`Checkpoint::recovered`](crate::Checkpoint::recovered).

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
