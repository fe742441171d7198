//! Opens container checkpoint archives and answers what was running in them.

pub mod abi;
pub mod archive;
mod checkpoint;
pub mod checkpointctl;
mod digest;
pub mod elfcore;
mod error;
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
pub mod tables;
pub mod timeline;
mod warning;

pub use checkpoint::{Checkpoint, ImageFile, Options};
pub use error::{Error, ErrorKind};
pub use limits::{Limit, Limits};
pub use warning::{Code, Place, Severity, Warning};
