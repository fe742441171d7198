//! YARA: rules of the user's and our own, compiled once and run over bytes. What is scanned, and what becomes of matches,
//! is decided elsewhere: this module knows only bytes. The engine is behind one file, `engine`, with types of ours.

mod builtin;
#[cfg(feature = "yara")]
mod engine;
#[cfg(not(feature = "yara"))]
#[path = "without.rs"]
mod engine;
mod include;
mod load;
mod rules;
#[cfg_attr(not(feature = "yara"), expect(dead_code, reason = "only an engine uses all of them"))]
mod types;

/// The tag of the rule that has the matches of our own YARA rules, and the word for them on the command line.
pub const BUILTIN: &str = "builtin";

pub use load::{Loaded, Loader};
pub use rules::Rules;
pub use types::RuleInfo;
pub(in crate::analysis) use types::{MetaValue, RawMatch, RawString, Regions, Scanned, Variables};
