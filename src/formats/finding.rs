//! What documents say of a finding besides its columns: the rule, numbers for its severity, ATT&CK.

use super::document::plain;
use crate::analysis::{Rule, Severity, rules};
use crate::tables::attack::{self, TACTICS, Technique};
use crate::tables::{Row, Subject};

/// A row of `findings`.
pub(super) struct Found<'r> {
    row: &'r dyn Row,
    /// Its rule. `None` if the row is of another version of the program.
    pub(super) rule: Option<&'static Rule>,
    pub(super) severity: Severity,
}

impl<'r> Found<'r> {
    pub(super) fn of(row: &'r dyn Row) -> Option<Self> {
        if row.table().event.subject != Subject::Finding {
            return None;
        }
        let mut found = Found { row, rule: None, severity: Severity::Info };
        found.rule = found.text("rule").and_then(|id| rules::find(&id));
        found.severity = found.text("severity").and_then(|name| Severity::find(&name)).unwrap_or(Severity::Info);
        Some(found)
    }

    /// The text of a column.
    pub(super) fn text(&self, column: &str) -> Option<String> {
        let value = plain(&self.row.value(self.row.table().column(column)?));
        value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The number of a column.
    pub(super) fn number(&self, column: &str) -> Option<u32> {
        plain(&self.row.value(self.row.table().column(column)?)).as_u64().and_then(|number| number.try_into().ok())
    }

    /// Whether a baseline or a suppression hides it.
    pub(super) fn is_suppressed(&self) -> bool {
        self.text("suppressed").is_some()
    }

    /// Whether somebody should look at it.
    pub(super) fn is_alert(&self) -> bool {
        self.severity >= Severity::Medium && !self.is_suppressed()
    }

    /// The techniques of its rule, the most specific first.
    pub(super) fn techniques(&self) -> impl Iterator<Item = &'static Technique> {
        self.rule.into_iter().flat_map(|rule| rule.attack).filter_map(|id| attack::technique(id))
    }

    /// The tactics of these techniques, each once: id and name.
    pub(super) fn tactics(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let names = self.rule.map_or_else(Vec::new, |rule| attack::tactics(rule.attack));
        names.into_iter().filter_map(tactic)
    }
}

/// Id and name of a tactic.
pub(super) fn tactic(short: &str) -> Option<(&'static str, &'static str)> {
    TACTICS.iter().find(|(name, ..)| *name == short).map(|(_, id, name)| (*id, *name))
}

/// The technique that a sub-technique belongs to.
pub(super) fn parent(technique: &Technique) -> Option<&'static Technique> {
    attack::technique(technique.id.split_once('.')?.0)
}
