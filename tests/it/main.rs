//! Integration tests: the library and the command on real archives, on archives made here, and on damage.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod archives;
mod command;
mod core;
mod docs;
mod fixtures;
mod fleet;
mod forms;
mod hostile;
mod memory;
mod peers;
mod planted;
mod readme;
mod row_schema;
mod schema;
mod screens;
mod search;
mod siem;
mod tars;
mod truth;
