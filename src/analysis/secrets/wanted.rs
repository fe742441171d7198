//! Whether and how secrets are looked for.

use std::sync::{Arc, OnceLock};

use super::engine::{Engine, plain_engine};
use super::sieve::Sieve;
use super::user::UserRules;
use crate::memory::{self, Matcher, Pattern};

/// Which secrets are looked for and shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretsMode {
    /// None.
    No,
    /// All but published examples, lists of signatures, and states of random number generators.
    #[default]
    Yes,
    /// All.
    All,
}

/// Whether and how secrets are looked for.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SecretsWanted {
    /// Which.
    pub mode: SecretsMode,
    /// Whether values are shown whole.
    pub reveal: bool,
    /// Whether hashes of passwords are the same in each run.
    pub stable_hash: bool,
    rules: std::sync::Mutex<Option<UserRules>>,
    made: OnceLock<Option<Made>>,
}

#[derive(Debug)]
struct Made {
    engine: Arc<Engine>,
    sieve: Arc<dyn memory::Sieve>,
    matcher: Option<Arc<Matcher>>,
}

impl SecretsWanted {
    /// Secrets by mode.
    pub fn new(mode: SecretsMode) -> Self {
        SecretsWanted { mode, ..SecretsWanted::default() }
    }

    /// Adds rules of the user's.
    #[must_use]
    pub fn with_rules(self, rules: UserRules) -> Self {
        SecretsWanted { rules: std::sync::Mutex::new(Some(rules)), ..self }
    }

    fn made(&self) -> Option<&Made> {
        let make = || {
            if self.mode == SecretsMode::No {
                return None;
            }
            let rules = self.rules.lock().ok().and_then(|mut rules| rules.take());
            let engine = rules.map_or_else(|| Arc::clone(plain_engine()), |rules| Arc::new(Engine::new(rules)));
            let sieve: Arc<dyn memory::Sieve> = Arc::new(Sieve(Arc::clone(&engine)));
            let matcher = Matcher::new(&Pattern::kinds("kind", &sieve)).ok().map(Arc::new);
            Some(Made { engine, sieve, matcher })
        };
        self.made.get_or_init(make).as_ref()
    }

    /// The detectors and rules. `None` if secrets are not looked for.
    pub(crate) fn engine(&self) -> Option<&Engine> {
        self.made().map(|made| &*made.engine)
    }

    /// The same for the one search of memory.
    pub(crate) fn sieve(&self) -> Option<&Arc<dyn memory::Sieve>> {
        self.made().map(|made| &made.sieve)
    }

    /// The same for files.
    pub(crate) fn matcher(&self) -> Option<Arc<Matcher>> {
        self.made()?.matcher.clone()
    }
}
