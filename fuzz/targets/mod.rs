//! What is fuzzed: functions that take any bytes and must come back. cargo-fuzz calls them (`fuzz/`), and so does
//! `cargo test` with bytes of its own (`tests/it/fuzz.rs`).
//!
//! Most put the bytes in the place of a part of a small real archive, and then ask for everything.

mod look;
mod parts;

/// A function that takes any bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// The function.
    pub run: fn(&[u8]),
    /// Bytes to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Defines [`ALL`]: each target has a file, with `run` and `seeds`.
macro_rules! targets {
    ($($name:ident;)+) => {
        $(pub mod $name;)+

        /// All of them.
        pub const ALL: &[Target] =
            &[$(Target { name: stringify!($name), run: $name::run, seeds: $name::seeds },)+];
    };
}

targets! {
    tar;
    compressed;
    image;
    record;
    unknown;
    memory;
    core;
    filter;
    siginfo;
    queues;
    netlink;
    json;
    log;
    attributes;
    nested;
    inspect;
}
