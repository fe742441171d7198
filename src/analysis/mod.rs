//! Judges a checkpoint: what is wrong in it, with the bytes that prove it. A [`Rule`] is a card and a function from
//! [`Facts`] to [`Finding`]s; each has a file of its own in the folder of its family. What rules find is rows again:
//! [`tables`].
//!
//! ```
//! # fn main() -> Result<(), cryoscope::Error> {
//! use cryoscope::Checkpoint;
//! use cryoscope::analysis::{Scan, Selection};
//!
//! let checkpoint = Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
//! let scan = Scan::run(&checkpoint, &Selection::default());
//! println!("{}", scan.verdict().sentence());
//! for finding in scan.shown() {
//!     println!("{} {}: {}", finding.severity.as_str(), finding.rule.id, finding.sentence);
//! }
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

mod active_code;
mod baseline;
mod brought;
mod card;
mod commands;
mod contacts;
mod credentials;
pub(crate) mod elf;
mod evidence;
pub mod facts;
mod files;
mod finding;
mod foreign;
pub mod hits;
pub mod hunt;
pub mod indicators;
pub mod ioc;
mod isolation;
mod marks;
mod memory;
pub(crate) mod modules;
mod network;
mod next;
mod persistence;
pub mod plan;
mod process;
mod quality;
mod report;
mod root;
mod rule_files;
pub mod rules;
mod scan;
mod script_libraries;
pub mod secrets;
mod severity;
mod shows;
pub mod sigma;
mod story;
mod suppress;
pub mod tables;
mod toml_error;
mod traffic;
mod verdict;
pub mod vocabulary;
mod words;
pub mod yara;

pub use baseline::{Baseline, BaselineError};
pub use brought::Brought;
pub use card::{Basis, Confidence, Cost, Family, Maturity, Rule, Severity};
pub use evidence::{BYTES_MOST, Evidence, Fact};
pub use facts::Facts;
pub use finding::{Finding, Foreign, Link, Subject};
pub use marks::{Mark, marks};
pub use next::{Next, quoted};
pub use report::{Coverage, Report};
pub use root::fill;
pub use scan::{Scan, Selection};
pub use story::{Step, Story};
pub use suppress::{SuppressError, Suppressions};
pub use verdict::{CANNOT_SHOW, Verdict};
