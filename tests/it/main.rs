//! Integration tests: the library and the command on real archives, on archives made here, and on damage.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod archives;
mod arguments;
mod beside;
mod command;
mod core;
#[cfg(feature = "parquet")]
mod dataset;
mod decode;
mod differentials;
mod docs;
mod door;
mod elf;
mod evidence;
mod examples;
mod extract;
mod facts;
mod field;
mod fixtures;
mod fleet;
mod folders;
mod foreign;
mod forms;
mod fuzz;
mod hostile;
mod identity;
mod indicators;
mod kept;
mod layers;
mod lead;
mod limits;
mod memory;
mod old_places;
mod oracle;
#[cfg(unix)]
mod outputs;
#[cfg(feature = "parquet")]
mod parquet;
mod peers;
mod places;
mod planted;
mod proc_view;
mod programs;
mod query;
mod readme;
mod recovered;
mod remains;
mod root;
mod row_schema;
mod scan;
mod scan_cases;
mod scan_command;
mod schema;
mod schema_forms;
mod screens;
mod search;
mod secrets;
mod siem;
#[cfg(unix)]
mod signals;
mod synth;
mod tars;
mod totals;
mod truth;
mod unwritable;
mod waiting;
mod widths;
mod yara;
