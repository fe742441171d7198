//! The engine of a build without the feature `yara`: there is none, and no rules load.

use std::time::Duration;

use super::types::{Outcome, RuleInfo, Scanned, Variables};

/// Compiles rules.
#[derive(Debug)]
pub(super) struct Compiler;

/// Runs rules. A build without the feature has none.
#[derive(Debug)]
pub(super) enum Engine {}

impl Compiler {
    /// Whether this build has an engine.
    pub(super) const EXISTS: bool = false;

    pub(super) fn new(_includes: impl FnMut(&str) -> Result<String, String> + Send + Sync + 'static) -> Self {
        Compiler
    }

    #[expect(clippy::unused_self, reason = "the engine adds to itself")]
    pub(super) fn add(&mut self, _text: &str, _namespace: &str) -> Result<(), String> {
        Err("this build of cryoscope has no YARA".to_owned())
    }

    #[expect(clippy::unused_self, reason = "the engine gives itself away")]
    pub(super) fn finish(self) -> Option<(Engine, Vec<RuleInfo>)> {
        None
    }
}

impl Engine {
    pub(super) fn scan(&self, _what: Scanned<'_>, _variables: &Variables, _time: Duration) -> Outcome {
        match *self {}
    }
}
