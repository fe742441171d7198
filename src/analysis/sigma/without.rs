//! The engine of a build without the feature `sigma`: there is none, and no rules load.

use super::types::{Event, Header};

/// Whether this build has an engine.
pub(super) const EXISTS: bool = false;

/// A compiled rule. A build without the feature has none.
#[derive(Debug)]
pub(super) enum Compiled {}

/// An event that rules are asked about.
#[derive(Debug)]
pub(in crate::analysis) struct Asked;

/// What was read of a file.
#[expect(dead_code, reason = "only what is wrong is told")]
pub(super) enum Read {
    /// A rule.
    Rule(Header, Compiled),
    /// Why a rule that is right cannot be evaluated.
    LeftOut(String),
    /// The line of something that is wrong, and why.
    Wrong(Option<usize>, String),
}

/// Reads no rules.
pub(super) fn read(_text: &str, _shown: &str, take: &mut dyn FnMut(Read)) {
    take(Read::Wrong(None, "this build of cryoscope has no Sigma".to_owned()));
}

impl Asked {
    /// Prepares an event.
    pub(in crate::analysis) fn new(_event: &Event) -> Self {
        Asked
    }
}

impl Compiled {
    /// Whether the rule holds for an event.
    pub(super) fn holds(&self, _event: &Asked) -> bool {
        match *self {}
    }
}
