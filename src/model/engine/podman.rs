//! Podman: `config.dump` is the complete libpod configuration.

use super::{Documents, Facts};

pub(super) fn facts(documents: &Documents<'_>) -> Facts {
    let Some(config) = &documents.config else { return Facts::default() };
    Facts { labels: config.object(&["labels"]).cloned(), ..Facts::default() }
}
