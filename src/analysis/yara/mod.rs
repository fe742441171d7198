//! YARA: rules of the user's and our own, compiled once and run over bytes. What is scanned, and what becomes of matches,
//! is decided elsewhere: this module knows only bytes. The engine is behind one file, [`engine`], with types of ours.

mod builtin;
#[cfg(feature = "yara")]
mod engine;
#[cfg(not(feature = "yara"))]
#[path = "without.rs"]
mod engine;
mod include;
mod load;
mod rules;
mod types;

pub use load::{Loaded, Loader};
pub use rules::Rules;
pub use types::RuleInfo;
pub(in crate::analysis) use types::{MetaValue, RawMatch, RawString, Regions, Scanned, Variables};
