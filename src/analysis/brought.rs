//! What the user brings to a scan besides the archive: lists of indicators, rules of other tools, the image of the
//! container. Rules read it from [`Facts`](super::Facts); tables find it with the checkpoint.

use std::sync::{Arc, OnceLock};

use super::hits::{Search, Sought};
use super::indicators::Indicators;
use super::secrets::{SecretsMode, SecretsWanted};
use super::{Family, Rule, sigma, yara};
use crate::memory::Sieve;
use crate::{Checkpoint, RootImage};

/// What the user brings to a scan. Give it to [`Options::bring`](crate::Options::bring) before an archive is opened, so
/// that memory is read once for everything.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Brought {
    indicators: Option<Indicators>,
    /// Whether and how secrets are looked for.
    secrets: Arc<SecretsWanted>,
    /// The search for the patterns of rules and of what was brought, made on first use.
    search: OnceLock<Option<Arc<Search>>>,
    /// The image of the container.
    root: Option<RootImage>,
    yara: Option<yara::Rules>,
    sigma: Option<sigma::Rules>,
}

impl Brought {
    /// Adds the image of the container, with which files and code are compared.
    #[must_use]
    pub fn with_root(self, root: RootImage) -> Self {
        Brought { root: Some(root), ..self }
    }

    /// The image of the container.
    pub fn root(&self) -> Option<&RootImage> {
        self.root.as_ref()
    }

    /// What was brought for a checkpoint. Nothing, if [`Options::bring`](crate::Options::bring) was not called.
    pub fn of(checkpoint: &Checkpoint) -> Arc<Brought> {
        static NOTHING: OnceLock<Arc<Brought>> = OnceLock::new();
        checkpoint.brought().unwrap_or_else(|| Arc::clone(NOTHING.get_or_init(Arc::default)))
    }

    /// Sets the indicators.
    #[must_use]
    pub fn with_indicators(self, indicators: Indicators) -> Self {
        Brought { indicators: Some(indicators), search: OnceLock::new(), ..self }
    }

    /// The indicators.
    pub fn indicators(&self) -> Option<&Indicators> {
        self.indicators.as_ref()
    }

    /// Adds YARA rules.
    #[must_use]
    pub fn with_yara(self, rules: yara::Rules) -> Self {
        Brought { yara: Some(rules), ..self }
    }

    /// The YARA rules.
    pub fn yara(&self) -> Option<&yara::Rules> {
        self.yara.as_ref()
    }

    /// Adds Sigma rules.
    #[must_use]
    pub fn with_sigma(self, rules: sigma::Rules) -> Self {
        Brought { sigma: Some(rules), ..self }
    }

    /// The Sigma rules.
    pub fn sigma(&self) -> Option<&sigma::Rules> {
        self.sigma.as_ref()
    }

    /// Whether all memory and all files are read for it, and not only what our rules read.
    pub fn reads_everything(&self) -> bool {
        self.yara.is_some()
    }

    /// Whether there is what a rule needs. A rule without it does not run and is not in the coverage.
    pub(super) fn serves(&self, rule: &Rule) -> bool {
        match rule.family {
            Family::Yara => self.yara.as_ref().is_some_and(|rules| rules.has(rule.tags.contains(&yara::BUILTIN))),
            Family::Sigma => self.sigma.is_some(),
            Family::Indicators => self.indicators.is_some(),
            Family::Secrets => self.secrets.mode != SecretsMode::No,
            _ => true,
        }
    }

    /// Sets whether and how secrets are looked for.
    #[must_use]
    pub fn with_secrets(self, secrets: SecretsWanted) -> Self {
        Brought { secrets: Arc::new(secrets), ..self }
    }

    /// Whether and how secrets are looked for.
    pub fn secrets(&self) -> &SecretsWanted {
        &self.secrets
    }

    /// The search for all patterns, the same for every checkpoint. It is made on first use.
    pub(super) fn search(&self, make: impl FnOnce() -> Option<Search>) -> Option<Arc<Search>> {
        self.search.get_or_init(|| make().map(Arc::new)).clone()
    }

    /// What looks at all memory with the search: for secrets, and for words of lists.
    pub(super) fn sieves(&self) -> Vec<(Sought, Arc<dyn Sieve>)> {
        let secrets = self.secrets.sieve().map(|sieve| (Sought::Secrets, Arc::clone(sieve)));
        let words = self.indicators.as_ref().and_then(Indicators::sieve).map(|sieve| (Sought::Words, sieve));
        secrets.into_iter().chain(words).collect()
    }
}
