//! Table `rule_coverage`.

use bstr::BString;

use super::super::{Coverage, Rule};
use crate::tables::table;

table! {
    "rule_coverage", key(rule), brief(rule, rule_name, looked_at, hits, skipped, not_checked, reasons);
    /// How far each rule could look. A rule without hits that could not look at something has not found it to be in
    /// order.
    pub struct RuleCoverage {
        /// Id of the rule.
        #[to(ecs("rule.id"))]
        pub rule: &'static str,
        /// Name of the rule.
        pub rule_name: &'static str,
        /// Version of the rule.
        pub rule_version: u32,
        /// `stable`, `incubating` or `experimental`.
        pub maturity: &'static str,
        /// Number of things that the rule looked at: processes, mappings, files, sockets.
        pub looked_at: u64,
        /// Number of findings.
        pub hits: u64,
        /// Number of things that it passed over for a reason that is part of the rule.
        pub skipped: u64,
        /// Number of things that it could not look at.
        pub not_checked: u64,
        /// Why it could not look, each with the number of things.
        pub reasons: Vec<BString>,
    }
}

/// The row of a rule.
pub(super) fn row(rule: &'static Rule, coverage: &Coverage) -> RuleCoverage {
    RuleCoverage {
        rule: rule.id,
        rule_name: rule.slug,
        rule_version: rule.version,
        maturity: rule.maturity.as_str(),
        looked_at: coverage.looked_at,
        hits: coverage.hits,
        skipped: coverage.skipped,
        not_checked: coverage.not_checked,
        reasons: coverage.reasons.iter().map(|(why, count)| format!("{why} ({count})").into()).collect(),
    }
}
