//! Reads container checkpoint archives (CRIU images of Kubernetes, Podman, CRI-O, containerd) and shows what was
//! running in them, without restoring anything.
//!
//! ```
//! use cryoscope::Checkpoint;
//! use cryoscope::memory::{Encoding, Matcher, Pattern, SearchOptions};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let checkpoint = Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
//!
//!     // What ran.
//!     for process in checkpoint.model().processes() {
//!         println!("{} {:?}", process.pid(), process.name().map(|name| name.escape_ascii().to_string()));
//!     }
//!
//!     // What was in memory.
//!     let matcher = Matcher::new(&[Pattern::text("container=podman", Encoding::Utf8, false)?])?;
//!     let findings = checkpoint.memory().search(&matcher, &SearchOptions::default());
//!     assert!(!findings.found.is_empty());
//!
//!     // What is missing or damaged.
//!     checkpoint.read_all();
//!     for warning in checkpoint.warnings() {
//!         println!("{} {warning}", warning.code);
//!     }
//!     assert!(!checkpoint.is_partial());
//!     Ok(())
//! }
//! ```
//!
//! # Tour
//!
//! Data flows one way through these layers. Each knows only the layers above it in this table.
//!
//! | layer | what it gives | begin with |
//! | --- | --- | --- |
//! | [`abi`] | The kernel's numbers as words: signals, system calls, flags. | [`abi::arch::Arch`] |
//! | [`archive`] | The members of a tar, a compressed tar, a directory or an OCI image. | [`Checkpoint::archive`] |
//! | [`images`] | CRIU's images: their kinds, and the records in them. | [`Checkpoint::images`], [`Checkpoint::decoder`] |
//! | [`model`] | The container as it was: processes, threads, files, sockets, mounts. | [`Checkpoint::model`], [`Checkpoint::details`] |
//! | [`memory`] | Address spaces to read, search and walk. | [`Checkpoint::memory`] |
//! | [`recovered`] | Files that may be in no file system any more, and their contents. | [`Checkpoint::recovered`] |
//! | [`Checkpoint`] | One dump: it builds each layer when it is first asked for. | [`Checkpoint::open`], [`Options`] |
//! | [`tables`] | Everything as rows with documented columns. | [`Checkpoint::rows`], [`tables::ALL`] |
//! | [`timeline`] | The times in rows, and what happened at each. | [`timeline::moments`] |
//! | [`formats`] | Rows as text, JSON, CSV, Parquet and documents for a SIEM. | [`formats::RowWriter`] |
//! | [`extract`], [`elfcore`], [`proc_view`] | A checkpoint as files, as a core for a debugger, as `/proc`. | [`extract::extract`], [`elfcore::write()`], [`proc_view::files`] |
//! | `query`, [`checkpointctl`] | A checkpoint in SQL, and as the JSON that scripts for checkpointctl read. | `query::Database`, [`checkpointctl::Report`] |
//!
//! Most programs need only rows. Each table has a method of [`tables::Rows`] with its name, which returns rows with
//! typed columns:
//!
//! ```
//! # fn main() -> Result<(), cryoscope::Error> {
//! let checkpoint = cryoscope::Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
//! let listening = |row: &cryoscope::tables::OpenSocket| row.state.as_deref() == Some("LISTEN");
//! for socket in checkpoint.rows().process_open_sockets().filter(listening) {
//!     println!("{} {:?} {:?}", socket.pid, socket.local_address, socket.local_port);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The model has what rows leave out, such as whole records of CRIU. Contents are read from [`Checkpoint::memory`],
//! [`Checkpoint::recovered`], [`Checkpoint::rootfs`] and [`Checkpoint::volumes`].
//!
//! # What is missing
//!
//! An archive may be damaged, or written by an attacker. Opening one fails with an [`Error`] only if nothing of it can
//! be read. Everything else that is odd is a [`Warning`] with a stable [`Code`] and a [`Place`], and
//! [`Checkpoint::is_partial`] says whether something is missing from the answers so far. Reading is lazy, so ask after
//! the work is done. Every claim in an archive is bounded by [`Limits`].
//!
//! # Compressed archives
//!
//! A compressed archive is inflated once when it is opened, and of pages and files only what most questions need is
//! kept. If more is asked for, an archive that was opened by its path is read again. A reader can be read only once, so
//! everything of it is kept: in memory up to [`Limits::kept_in_memory`], beyond that in an unlinked temporary file.
//! [`Options::keep`] changes both.
//!
//! # Features
//!
//! The command (`cli`), SQL (`query`), its prompt (`prompt`) and Parquet (`parquet`) are features that are on by
//! default. The library needs none of them: depend on it with `default-features = false`.

pub mod abi;
pub mod analysis;
pub mod archive;
pub mod catalog;
mod checkpoint;
pub mod checkpointctl;
mod elf;
pub mod elfcore;
mod error;
mod escape;
pub mod extract;
pub mod formats;
pub mod images;
mod int;
mod json;
mod limits;
pub mod memory;
pub mod model;
pub mod proc_view;
#[cfg(feature = "query")]
pub mod query;
pub mod recovered;
mod root_image;
pub mod tables;
pub mod timeline;
mod warning;
#[cfg(any(feature = "query", feature = "sigma"))]
mod yaml;

pub use checkpoint::{Checkpoint, Details, ImageFile, MemoryView, Options};
pub use error::{Error, ErrorKind};
pub use limits::{Limit, Limits};
pub use root_image::RootImage;
pub use warning::{Code, Place, Severity, Warning};

/// Types of other crates that appear in this crate's API, so that users need not depend on the same versions.
pub mod foreign {
    pub use bstr::{BStr, BString};
    pub use jiff::Timestamp;
    pub use prost::Message;
    pub use serde::Serialize;
    pub use serde_json::{Map, Value};
}
