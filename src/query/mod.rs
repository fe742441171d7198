//! SQL over the [tables](crate::tables) of one checkpoint or of many, on SQLite: the tables that a query names are put
//! into a database in memory, as far as the query reads them. Nothing but these tables can be reached.
//!
//! Copying costs a fraction of what reading the images does, while virtual tables would have to keep rows in memory all
//! the same, could not be indexed by the engine, and need `unsafe` code.
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
mod result;
mod watch;

pub use database::{Bounds, Database, Query};
pub use error::{Error, Position};
pub use functions::{FUNCTIONS, Function};

/// The words of SQL that queries are made of.
pub const KEYWORDS: &[&str] = &[
    "AND", "AS", "ASC", "BETWEEN", "BY", "CASE", "DESC", "DISTINCT", "ELSE", "END", "EXISTS", "FROM", "GROUP",
    "HAVING", "IN", "IS", "JOIN", "LEFT", "LIKE", "LIMIT", "NOT", "NULL", "ON", "OR", "ORDER", "REGEXP", "SELECT",
    "THEN", "UNION", "USING", "WHEN", "WHERE", "WITH",
];

/// The column that every table has before its own: which archive a row is of.
pub const ARCHIVE: &str = "archive";

/// The second of these columns: which checkpoint of the archive it is of, empty for one at its root. It is a word of SQL, so a
/// query has it in quotation marks: `"set"`.
pub const SET: &str = "set";
