//! What archives yield to hunt for elsewhere, for other tools: STIX 2.1, MISP, CSV, plain text.

mod csv;
mod misp;
mod stix;
mod txt;
mod uuid;

use std::fmt::Write as _;

use bstr::ByteSlice as _;
use jiff::Timestamp;

pub use self::csv::csv;
pub use self::misp::misp;
pub use self::stix::stix;
pub use self::txt::txt;
use crate::analysis::hunt::{Observable, Yield};
use crate::analysis::indicators::Kind;
use crate::tables::Container;

/// What one checkpoint yields, with what names it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Hunted {
    /// The archive, as rows name it.
    pub archive: String,
    /// The container.
    pub container: Container,
    /// What it yields.
    pub found: Yield,
    /// Whether what is left out is printed, too.
    pub all: bool,
}

impl Hunted {
    /// What a checkpoint yields, to be printed.
    pub fn new(archive: impl Into<String>, container: Container, found: Yield, all: bool) -> Self {
        Hunted { archive: archive.into(), container, found, all }
    }

    /// The observables that are printed.
    fn observables(&self) -> impl Iterator<Item = &Observable> {
        self.found.all.iter().filter(|one| self.all || one.left_out.is_none())
    }

    /// When the container was checkpointed, or else started or created.
    fn time(&self) -> Timestamp {
        let container = &self.container;
        container.checkpointed.or(container.started).or(container.created).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// What names the checkpoint in any archive of it.
    fn identity(&self) -> String {
        let container = &self.container;
        let id = container.id.clone().or(container.name.clone()).unwrap_or_else(|| self.archive.clone());
        format!("{id} {}", self.time())
    }

    /// The container in a few words.
    fn title(&self) -> String {
        let container = &self.container;
        let host = container.hostname.as_ref().map(|name| name.to_str_lossy().into_owned());
        let parts = [container.pod.clone().or(host), container.name.clone(), container.image.clone()];
        let mut parts: Vec<String> = parts.into_iter().flatten().collect();
        parts.dedup();
        if parts.is_empty() { self.archive.clone() } else { parts.join(", ") }
    }
}

/// Why it is there and where it is from, in words.
fn description(one: &Observable) -> String {
    let mut text = one.from.join("; ");
    let rules: Vec<&str> = rules(one);
    if !rules.is_empty() {
        let _ = write!(text, " (rules {})", rules.join(", "));
    }
    if let Some(why) = &one.left_out {
        let _ = write!(text, "; left out: {why}");
    }
    crate::escape::escape(text.as_bytes()).into_owned()
}

/// The rules, each once.
fn rules(one: &Observable) -> Vec<&'static str> {
    let mut rules: Vec<&'static str> = one.findings.iter().map(|(rule, _)| *rule).collect();
    rules.dedup();
    rules
}

/// An address, a domain or a port as text.
fn endpoint(one: &Observable) -> String {
    match (one.kind, one.port) {
        (Kind::Address, Some(port)) if one.value.contains(':') => format!("[{}]:{port}", one.value),
        (Kind::Address | Kind::Domain, Some(port)) => format!("{}:{port}", one.value),
        _ => one.value.clone(),
    }
}
