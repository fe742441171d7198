//! The functions that are fuzzed, for cargo-fuzz.

#[path = "../targets.rs"]
pub mod targets;
