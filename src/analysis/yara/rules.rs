//! Compiled rules.

use std::time::Duration;

use super::engine::Engine;
use super::types::{Outcome, RuleInfo, Scanned, Variables};

/// Longest scan of one process or file, unless the user chose another limit.
const SCAN_TIME: Duration = Duration::from_mins(1);

/// Compiled YARA rules. All of them are looked for in one pass.
#[derive(Debug)]
pub struct Rules {
    engine: Engine,
    infos: Vec<RuleInfo>,
    time: Duration,
}

impl Rules {
    pub(super) fn new(engine: Engine, infos: Vec<RuleInfo>) -> Self {
        Rules { engine, infos, time: SCAN_TIME }
    }

    /// Sets how long one process or file may be scanned.
    #[must_use]
    pub fn with_time(self, time: Duration) -> Self {
        Rules { time, ..self }
    }

    /// How long one process or file may be scanned.
    pub fn time(&self) -> Duration {
        self.time
    }

    /// The rules.
    pub fn infos(&self) -> &[RuleInfo] {
        &self.infos
    }

    /// Whether there are rules of the user's, or of ours.
    pub fn has(&self, is_builtin: bool) -> bool {
        self.infos.iter().any(|rule| rule.is_builtin == is_builtin)
    }

    /// Runs all rules over some bytes.
    pub(in crate::analysis) fn scan(&self, what: Scanned<'_>, variables: &Variables) -> Outcome {
        self.engine.scan(what, variables, self.time)
    }
}
