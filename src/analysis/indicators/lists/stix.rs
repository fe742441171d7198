//! Indicators of STIX 2.1.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::super::index::{About, More};
use super::plain::cut;
use super::{Loader, pattern};

/// An object of a bundle, as far as it matters.
#[derive(Debug, Deserialize)]
pub(super) struct Object {
    r#type: String,
    /// Objects of all versions have one.
    id: String,
    name: Option<String>,
    description: Option<String>,
    pattern: Option<String>,
    pattern_type: Option<String>,
    #[serde(default)]
    indicator_types: Vec<String>,
    #[serde(default)]
    labels: Vec<String>,
    confidence: Option<u64>,
    #[serde(default)]
    revoked: bool,
    valid_until: Option<String>,
    created_by_ref: Option<String>,
}

impl Object {
    /// Whether it is an object of STIX.
    pub(super) fn is_known(&self) -> bool {
        self.id.starts_with(&self.r#type) && self.id.contains("--")
    }
}

/// Who made indicators.
#[derive(Debug, Default)]
pub(super) struct Identities(HashMap<String, String>);

impl Identities {
    /// Replaces references by names, for the indicators from a number on.
    pub(super) fn name(&self, loader: &mut Loader, from: usize) {
        if self.0.is_empty() {
            return;
        }
        for about in loader.builder.abouts_mut().iter_mut().skip(from) {
            if let Some(more) = &mut about.more
                && let Some(name) = more.author.as_ref().and_then(|author| self.0.get(author))
            {
                more.author = Some(name.clone());
            }
        }
    }
}

/// Takes an object.
pub(super) fn object(loader: &mut Loader, object: Object, identities: &mut Identities) {
    if object.r#type == "identity" {
        if let Some(name) = object.name.filter(|_| identities.0.len() < 100_000) {
            identities.0.insert(object.id, cut(&name));
        }
        return;
    }
    if object.r#type != "indicator" {
        return;
    }
    let id = object.id.clone();
    let place = || cut(&id);
    let Some(text) = &object.pattern else {
        loader.not_used("the indicator has no pattern", place);
        return;
    };
    match object.pattern_type.as_deref().unwrap_or("stix") {
        "stix" => {}
        "yara" => return loader.not_used("the pattern is a rule of YARA; give such rules with --yara", place),
        "sigma" => return loader.not_used("the pattern is a rule of Sigma; give such rules with --sigma", place),
        _ => return loader.not_used("the pattern is in another language than that of STIX", place),
    }
    if object.revoked && !loader.all {
        return loader.not_used("it was revoked", place);
    }
    let parsed = match pattern::parse(text) {
        Ok(parsed) => parsed,
        Err(why) => return loader.not_used(&why, place),
    };
    for why in &parsed.left_out {
        loader.not_used(why, place);
    }
    if parsed.alternatives.is_empty() {
        return;
    }
    let mut labels = object.indicator_types;
    labels.extend(object.labels);
    labels.truncate(32);
    let more = More {
        id: Some(object.id.clone()),
        title: object.name.as_deref().map(cut),
        description: object.description.as_deref().map(cut),
        labels: labels.iter().map(|label| cut(label)).collect(),
        author: object.created_by_ref,
        level: object.confidence.map(|confidence| format!("confidence {confidence}")),
        is_grave: object.confidence.is_some_and(|confidence| confidence >= 85),
        until: object.valid_until.and_then(|time| time.parse::<Timestamp>().ok()),
        note: parsed.note,
    };
    let about = About { list: loader.list(), line: None, more: Some(Box::new(more)) };
    loader.indicator(about, &parsed.alternatives, place);
}
