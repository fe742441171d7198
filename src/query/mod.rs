//! SQL over the [tables](crate::tables) of one or more checkpoints, on SQLite. The tables that a query names are copied
//! to a database in memory, as far as the query reads them. Nothing else can be reached.
//!
//! Copying takes a fraction of the time for reading the images. Virtual tables would have to keep rows in memory
//! anyway, could not be indexed by the engine, and need `unsafe` code.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::ops::ControlFlow;
//!
//! use cryoscope::Checkpoint;
//! use cryoscope::query::{Bounds, Database};
//! use cryoscope::tables::Value;
//!
//! let mut database = Database::new(Bounds::default())?;
//! let mut query = database.prepare("SELECT name FROM processes WHERE pid = 1")?;
//! let path = "fixtures/forms-reference/podman-runc.tar";
//! database.load(&mut query, path, &Checkpoint::open(path)?)?;
//! let mut names = Vec::new();
//! database.run(&mut query, &mut |row| {
//!     if let [Value::Text(name)] = row {
//!         names.push(name.to_string());
//!     }
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(names, ["tick"]);
//! # Ok(())
//! # }
//! ```

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

mod cell;
mod database;
mod error;
mod functions;
mod guard;
pub mod osquery;
mod result;
mod watch;

pub use database::{Bounds, Database, Query};
pub use error::{Error, Position};
pub use functions::{FUNCTIONS, Function};

/// SQL keywords used in queries.
pub const KEYWORDS: &[&str] = &[
    "AND", "AS", "ASC", "BETWEEN", "BY", "CASE", "DESC", "DISTINCT", "ELSE", "END", "EXISTS", "FROM", "GROUP",
    "HAVING", "IN", "IS", "JOIN", "LEFT", "LIKE", "LIMIT", "NOT", "NULL", "ON", "OR", "ORDER", "REGEXP", "SELECT",
    "THEN", "UNION", "USING", "WHEN", "WHERE", "WITH",
];

/// The first column of every table: the archive of a row.
pub const ARCHIVE: &str = "archive";

/// The second column of every table: the checkpoint within the archive. Empty for one at the root. It is an SQL
/// keyword, so queries must quote it: `"set"`.
pub const SET: &str = "set";
