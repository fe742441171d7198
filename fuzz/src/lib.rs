//! The functions that are fuzzed, for cargo-fuzz.

#[path = "../targets/mod.rs"]
pub mod targets;
