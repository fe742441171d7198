//! One indicator a line. Only kinds that other tools know by their look: no ports alone, command lines or names.

use std::collections::BTreeSet;

use super::{Hunted, endpoint};
use crate::analysis::indicators::Kind;

/// The lines, each once.
pub fn txt(hunted: &[Hunted]) -> String {
    let known = |kind: Kind| {
        kind.is_hash()
            || matches!(kind, Kind::Address | Kind::Domain | Kind::Url | Kind::Path | Kind::Directory | Kind::SshKey)
    };
    let mut seen = BTreeSet::new();
    let mut text = String::new();
    for one in hunted.iter().flat_map(Hunted::observables).filter(|one| known(one.kind)) {
        let line = if one.kind == Kind::Directory { format!("{}/", one.value) } else { endpoint(one) };
        let is_line = !line.chars().any(|c| crate::escape::is_unsafe(c) || c.is_whitespace());
        if is_line && seen.insert(line.clone()) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}
