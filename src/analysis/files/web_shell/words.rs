//! What marks of web shells are called in findings.

pub(super) const RUNS: &str = "input of a request that runs as code or a command";
pub(super) const INDIRECT: &str = "a variable with input of a request that runs as code or a command";
pub(super) const NAMES: &str = "names of functions that are put together";
pub(super) const WRITES: &str = "input of a request that is written to a file of its choice";
pub(super) const LOADS: &str = "code that is decoded and loaded as a class";
pub(super) const OBJECTS: &str = "encoded input of a request that becomes objects";
