//! The engine: sigma-rust. Nothing else names it, so another can take its place.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize as _;
use serde_norway::Value;
use sigma_rust::{Event as Fields, Rule};

use super::types::{Event, EventKind, Header};
use crate::analysis::Severity;

/// Whether this build has an engine.
pub(super) const EXISTS: bool = true;
/// Most documents of a file.
const DOCUMENTS: usize = 1000;
/// Most words of a condition: each may be a call of the parser within another.
const WORDS: usize = 500;
/// Longest value that is looked for.
const VALUE: usize = 4 << 10;
/// Most values of a rule.
const VALUES: usize = 10_000;

/// A compiled rule.
#[derive(Debug)]
pub(super) struct Compiled(Box<Rule>);

/// An event that rules are asked about.
#[derive(Debug)]
pub(in crate::analysis) struct Asked(Fields);

/// What was read of a file.
pub(super) enum Read {
    /// A rule.
    Rule(Header, Compiled),
    /// Why a rule that is right cannot be evaluated.
    LeftOut(String),
    /// The line of something that is wrong, and why.
    Wrong(Option<usize>, String),
}

/// Reads the rules of a file.
pub(super) fn read(text: &str, shown: &str, take: &mut dyn FnMut(Read)) {
    if let Err(why) = crate::yaml::check(text) {
        return take(Read::Wrong(None, why));
    }
    let mut starts = starts(text).into_iter();
    for (number, document) in serde_norway::Deserializer::from_str(text).enumerate() {
        let start = starts.next().unwrap_or(0);
        if number >= DOCUMENTS {
            let why = format!("there are more than {DOCUMENTS} rules in the file; the rest is not used");
            return take(Read::Wrong(None, why));
        }
        let value = match Value::deserialize(document) {
            Ok(Value::Null) => continue,
            Ok(value) => value,
            Err(error) => {
                // The rest of the file cannot be told apart.
                return take(Read::Wrong(error.location().map(|place| place.line()), error.to_string()));
            }
        };
        match rule(value, shown) {
            Ok(read) => take(read),
            Err(why) => {
                let own = text.lines().enumerate().skip(start);
                let own = own.take_while(|(line, text)| *line == start || !is_separator(text));
                let line = own.filter(|(_, line)| line.starts_with("detection:")).map(|(line, _)| line).next();
                take(Read::Wrong(line.map(|line| line.saturating_add(1)), why));
            }
        }
    }
}

fn is_separator(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r']))
}

/// The lines, from 0, at which the documents of a file begin.
fn starts(text: &str) -> Vec<usize> {
    let is_nothing = |line: &str| line.trim().is_empty() || line.starts_with(['#', '%']);
    let before = text.lines().take_while(|line| !is_separator(line)).any(|line| !is_nothing(line));
    let separators = text.lines().enumerate().filter(|(_, line)| is_separator(line)).map(|(line, _)| line);
    before.then_some(0).into_iter().chain(separators).collect()
}

fn rule(value: Value, shown: &str) -> Result<Read, String> {
    if value.get("correlation").is_some() {
        return Ok(Read::LeftOut("they correlate events over time, and a checkpoint is one moment".to_owned()));
    }
    check(&value)?;
    let fields = fields_of(&value);
    let (severity, level) = level_of(&value);
    let parse = || serde_norway::from_value::<Rule>(value);
    let rule = catch_unwind(AssertUnwindSafe(parse)).map_err(|_| "the engine failed on it".to_owned())?;
    let rule = rule.map_err(|error| error.to_string())?;
    let kind = match kind_of(&rule) {
        Ok(kind) => kind,
        Err(why) => return Ok(Read::LeftOut(why)),
    };
    if let Some(field) = fields.iter().find(|field| !kind.fields().contains(&field.as_str())) {
        let field: String = field.chars().take(60).collect();
        return Ok(Read::LeftOut(format!("they ask for the field {field} of {}", kind.category())));
    }
    let is_said = |cause: &&String| !["unknown", "unlikely", "none"].contains(&cause.to_ascii_lowercase().as_str());
    let benign = rule.falsepositives.iter().flatten().find(is_said).cloned();
    let header = Header {
        id: rule.id.clone().unwrap_or_else(|| rule.title.clone()),
        title: rule.title.clone(),
        author: rule.author.clone(),
        level,
        file: shown.to_owned(),
        severity,
        benign,
        kind,
    };
    Ok(Read::Rule(header, Compiled(Box::new(rule))))
}

/// What a rule is about, or why it cannot be evaluated.
fn kind_of(rule: &Rule) -> Result<EventKind, String> {
    let source = &rule.logsource;
    let cut = |text: &str| text.chars().take(60).collect::<String>();
    if let Some(product) = source.product.as_deref().filter(|product| *product != "linux") {
        return Err(format!("they are for the product {}", cut(product)));
    }
    if let Some(service) = source.service.as_deref() {
        return Err(format!("they are for the log of {}", cut(service)));
    }
    match source.category.as_deref() {
        Some(category) => EventKind::ALL
            .into_iter()
            .find(|kind| kind.category() == category)
            .ok_or_else(|| format!("they are for the category {}", cut(category))),
        None => Err("they are for logs in general".to_owned()),
    }
}

/// The fields that a rule asks for.
fn fields_of(value: &Value) -> BTreeSet<String> {
    let Some(Value::Mapping(detection)) = value.get("detection") else { return BTreeSet::new() };
    let mut groups: Vec<&Value> = detection.values().collect();
    let mut fields = BTreeSet::new();
    while let Some(group) = groups.pop() {
        match group {
            Value::Sequence(items) => groups.extend(items),
            Value::Mapping(map) => {
                // A field may have modifiers: `Image|endswith`.
                let names = map.keys().filter_map(Value::as_str).filter_map(|key| key.split('|').next());
                fields.extend(names.map(str::to_owned));
            }
            _ => {}
        }
    }
    fields
}

/// The severity by the level of a rule, and the level. Without one, the severity is medium.
fn level_of(value: &Value) -> (Severity, Option<&'static str>) {
    match value.get("level").and_then(Value::as_str) {
        Some("informational") => (Severity::Info, Some("informational")),
        Some("low") => (Severity::Low, Some("low")),
        Some("medium") => (Severity::Medium, Some("medium")),
        Some("high") => (Severity::High, Some("high")),
        Some("critical") => (Severity::Critical, Some("critical")),
        _ => (Severity::Medium, None),
    }
}

/// Refuses what would make the engine slow, or its stack too deep.
fn check(value: &Value) -> Result<(), String> {
    let Some(detection) = value.get("detection") else { return Err("it has no detection".to_owned()) };
    let condition = match detection.get("condition") {
        Some(Value::String(condition)) => condition,
        Some(_) => return Err("its condition is no text; lists of conditions are not supported".to_owned()),
        None => return Err("its detection has no condition".to_owned()),
    };
    let words = condition.split(|c: char| c.is_whitespace() || "()".contains(c)).count();
    if words > WORDS {
        return Err(format!("its condition has more than {WORDS} words"));
    }
    let mut values = 0_usize;
    let mut stack = vec![detection];
    while let Some(value) = stack.pop() {
        values = values.saturating_add(1);
        if values > VALUES {
            return Err(format!("it has more than {VALUES} values"));
        }
        match value {
            Value::String(text) if text.len() > VALUE => {
                return Err(format!("it looks for a value of more than {VALUE} bytes"));
            }
            Value::Sequence(items) => stack.extend(items),
            Value::Mapping(map) => stack.extend(map.iter().flat_map(|(key, value)| [key, value])),
            _ => {}
        }
    }
    Ok(())
}

impl Asked {
    /// Prepares an event.
    pub(in crate::analysis) fn new(event: &Event) -> Self {
        let mut fields = Fields::new();
        for (name, value) in event {
            // Rules compare numbers and booleans with values of their own types.
            let is_number = ["Port", "ProcessId", "LogonId"].iter().any(|end| name.ends_with(end));
            if let Some(number) = value.parse::<i64>().ok().filter(|_| is_number) {
                fields.insert(*name, number);
            } else if let Some(on) = value.parse::<bool>().ok().filter(|_| *name == "Initiated") {
                fields.insert(*name, on);
            } else {
                fields.insert(*name, value.as_str());
            }
        }
        Asked(fields)
    }
}

impl Compiled {
    /// Whether the rule holds for an event.
    pub(super) fn holds(&self, event: &Asked) -> bool {
        catch_unwind(AssertUnwindSafe(|| self.0.is_match(&event.0))).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Vec<(Option<usize>, String)> {
        let mut all = Vec::new();
        read(text, "x.yml", &mut |read| {
            if let Read::Wrong(line, why) = read {
                all.push((line, why));
            }
        });
        all
    }

    #[test]
    fn a_wrong_rule_is_named_by_its_own_line() {
        let good = "title: a\nlogsource:\n  category: process_creation\n  product: linux\ndetection:\n  selection:\n    \
                    Image: /bin/x\n  condition: selection\n";
        let bad =
            "title: b\nlogsource:\n  category: process_creation\n  product: linux\ndetection:\n  condition: nothing\n";
        for (text, line) in [
            (bad.to_owned(), 5),
            (format!("{good}---\n{bad}"), 14),
            (format!("# rules\n---\n{good}--- # next\n{bad}"), 16),
        ] {
            let lines: Vec<Option<usize>> = wrong(&text).into_iter().map(|(line, _)| line).collect();
            assert_eq!(lines, [Some(line)], "{text}");
        }
    }

    #[test]
    fn rules_beyond_the_limit_are_told() {
        let text = "---\ncorrelation: x\n".repeat(DOCUMENTS + 1);
        let all = wrong(&text);
        assert!(all.len() == 1 && all[0].1.contains("more than 1000 rules"), "{all:?}");
    }
}
