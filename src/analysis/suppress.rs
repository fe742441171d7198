//! Suppressions: findings that a team has decided to hide, with the reason, from a TOML file.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use thiserror::Error as ThisError;

use super::scan::{names, wild};
use super::{Finding, Scan, rules, toml_error};

/// Suppressions, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Suppressions(Vec<Suppression>);

/// A suppression: all of its conditions must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Suppression {
    /// Id, slug or family of the rule, or a glob of them.
    rule: String,
    /// Glob of the image.
    image: Option<String>,
    /// Glob of the finding's path.
    path: Option<String>,
    /// Glob of the process's name.
    name: Option<String>,
    /// Glob of the finding's id.
    id: Option<String>,
    /// Why.
    reason: String,
    /// The last day, compared with the time of the dump.
    until: Option<String>,
    #[serde(skip)]
    last: Option<Date>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    suppress: Vec<Suppression>,
}

/// Why a file of suppressions cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("{0}")]
pub struct SuppressError(String);

impl Suppressions {
    /// Reads suppressions: tables `[[suppress]]` with `rule` and `reason`, and maybe `image`, `path`, `name`, `id`
    /// (globs) and `until` (a date).
    ///
    /// # Errors
    ///
    /// If it is not such a file.
    pub fn parse(text: &str) -> Result<Self, SuppressError> {
        let file: File = toml::from_str(text).map_err(|error| SuppressError(toml_error::told(&error, text)))?;
        let mut all = file.suppress;
        for (number, one) in (1_usize..).zip(&mut all) {
            if !rules::all().any(|rule| names(&one.rule, rule)) {
                let rule = &one.rule;
                return Err(SuppressError(format!(
                    "suppression {number}: there is no rule {rule}; list them with `scan --list`"
                )));
            }
            if one.reason.trim().is_empty() {
                return Err(SuppressError(format!("suppression {number}: the reason is empty; say why it is hidden")));
            }
            let date = one.until.as_deref().map(str::parse::<Date>).transpose();
            one.last = date.map_err(|_| {
                SuppressError(format!("suppression {number}: `until` is not a date; write it as \"2026-12-31\""))
            })?;
        }
        Ok(Suppressions(all))
    }

    /// Marks the findings that are hidden. Returns for each suppression whether it hid anything.
    pub fn apply(&self, scan: &mut Scan, image: Option<&str>, dumped: Option<Timestamp>) -> Vec<bool> {
        let day = dumped.map(|time| TimeZone::UTC.to_datetime(time).date());
        let mut used = Vec::new();
        for one in &self.0 {
            // Without a time of the dump, a suppression with a date does not hold: showing too much is the safe error.
            let is_over = one.last.is_some_and(|last| day.is_none_or(|day| day > last));
            let mut hid = false;
            for finding in scan.findings.iter_mut().filter(|_| !is_over) {
                if finding.suppressed.is_none() && one.hides(finding, image) {
                    finding.suppressed = Some(format!("suppressed: {}", one.reason));
                    hid = true;
                }
            }
            used.push(hid);
        }
        used
    }

    /// A suppression in words, by its place.
    pub fn describe(&self, place: usize) -> String {
        self.0.get(place).map_or_else(String::new, |one| format!("rule {} ({})", one.rule, one.reason))
    }
}

impl Suppression {
    fn hides(&self, finding: &Finding, image: Option<&str>) -> bool {
        let is = |glob: &Option<String>, text: Option<&[u8]>| {
            glob.as_ref().is_none_or(|glob| text.is_some_and(|text| wild(glob.as_bytes(), text)))
        };
        names(&self.rule, finding.rule)
            && is(&self.image, image.map(str::as_bytes))
            && is(&self.path, finding.path.as_ref().map(|path| path.as_slice()))
            && is(&self.name, finding.name.as_ref().map(|name| name.as_slice()))
            && is(&self.id, Some(finding.id().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_needs_rules_and_reasons() {
        let wrong = |text: &str| Suppressions::parse(text).unwrap_err().to_string();
        assert!(wrong("[[suppress]]\nrule = \"NOPE-1\"\nreason = \"x\"").contains("no rule NOPE-1"));
        assert!(wrong("[[suppress]]\nrule = \"PROC-002\"\nreason = \" \"").contains("reason is empty"));
        assert!(wrong("[[suppress]]\nrule = \"PROC-002\"\nreason = \"x\"\nuntil = \"soon\"").contains("not a date"));
        assert!(wrong("[[suppress]]\nrule = \"PROC-002\"\nwhy = \"x\"").contains("line 3"));
        assert_eq!(Suppressions::parse("[[suppress]]\nrule = \"PROC-*\"\nreason = \"known\"").unwrap().0.len(), 1);
        assert!(Suppressions::parse("").unwrap().0.is_empty());
    }
}
