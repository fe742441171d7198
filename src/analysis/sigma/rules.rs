//! Loads rules: files and directories that the user names. What does not load is named, and the rest runs.

use std::collections::BTreeMap;
use std::path::Path;

use super::engine::{self, Asked, Compiled, Read};
use super::types::{EventKind, Header};
use crate::analysis::rule_files::{self, Problems};

/// Largest file.
const FILE_MOST: u64 = 1 << 20;
/// Most rules.
const RULES: usize = 20_000;

/// A rule.
#[derive(Debug)]
pub(in crate::analysis) struct SigmaRule {
    /// What is known about it.
    pub(in crate::analysis) header: Header,
    compiled: Compiled,
}

/// Loaded Sigma rules.
#[derive(Debug, Default)]
pub struct Rules {
    all: Vec<SigmaRule>,
    /// Why rules are not evaluated, with their number.
    left_out: BTreeMap<String, u64>,
}

/// What was loaded.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The rules.
    pub rules: Rules,
    /// One line for each rule or file that is wrong, with file and line.
    pub problems: Vec<String>,
    /// Number of files that were read.
    pub files: usize,
}

/// Loads rules.
#[derive(Debug, Default)]
pub struct Loader {
    rules: Rules,
    problems: Problems,
    files: usize,
}

impl Loader {
    /// Whether this build can evaluate Sigma rules.
    pub const EXISTS: bool = engine::EXISTS;

    /// A loader without rules.
    pub fn new() -> Self {
        Loader::default()
    }

    /// Adds a file of rules, or all files below a directory whose names end in `.yml` or `.yaml`.
    pub fn path(&mut self, path: &Path) {
        let found = rule_files::find(path, &["yml", "yaml"]);
        for (place, why) in &found.problems {
            self.problems.add(place, why);
        }
        for (real, shown) in &found.files {
            self.files = self.files.saturating_add(1);
            match rule_files::read(real, FILE_MOST) {
                Ok(bytes) => self.text(&String::from_utf8_lossy(&bytes), shown),
                Err(why) => self.problems.add(shown, &why),
            }
        }
    }

    /// The loaded rules.
    pub fn finish(self) -> Loaded {
        Loaded { rules: self.rules, problems: self.problems.finish(), files: self.files }
    }

    /// Adds the rules of a file.
    fn text(&mut self, text: &str, shown: &str) {
        engine::read(text, shown, &mut |read| match read {
            Read::Rule(..) if self.rules.all.len() >= RULES => {
                self.problems.add(shown, &format!("there are more than {RULES} rules"));
            }
            Read::Rule(header, compiled) => self.rules.all.push(SigmaRule { header, compiled }),
            Read::LeftOut(why) => {
                let count = self.rules.left_out.entry(format!("Sigma rules: {why}")).or_default();
                *count = count.saturating_add(1);
            }
            Read::Wrong(line, why) => {
                let place = line.map_or_else(|| shown.to_owned(), |line| format!("{shown}:{line}"));
                self.problems.add(&place, &why);
            }
        });
    }
}

impl Rules {
    /// Number of rules that are evaluated.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Number of rules that are right, but cannot be evaluated.
    pub fn left_out(&self) -> u64 {
        self.left_out.values().copied().fold(0, u64::saturating_add)
    }

    /// The rules about a kind of event.
    pub(in crate::analysis) fn of(&self, kind: EventKind) -> impl Iterator<Item = &SigmaRule> {
        self.all.iter().filter(move |rule| rule.header.kind == kind)
    }

    /// Why rules are not evaluated, with their number.
    pub(in crate::analysis) fn reasons(&self) -> impl Iterator<Item = (&str, u64)> {
        self.left_out.iter().map(|(why, count)| (why.as_str(), *count))
    }
}

impl SigmaRule {
    /// Whether it holds for an event.
    pub(in crate::analysis) fn holds(&self, event: &Asked) -> bool {
        self.compiled.holds(event)
    }
}

#[cfg(all(test, feature = "sigma"))]
mod tests {
    use super::*;
    use crate::analysis::Severity;

    fn loaded(text: &str) -> Loaded {
        let mut loader = Loader::new();
        loader.text(text, "rules/x.yml");
        loader.finish()
    }

    fn rule(body: &str) -> String {
        format!(
            "title: A test\nid: 11111111-2222-4333-8444-555555555555\nauthor: somebody\nlevel: high\nlogsource:\n  product: \
             linux\n  category: process_creation\ndetection:\n{body}"
        )
    }

    #[test]
    fn a_rule_holds_for_its_events_and_not_for_others() {
        let loaded = loaded(&rule(
            "  selection:\n    Image|endswith: '/curl'\n    CommandLine|contains|all:\n      - 'http'\n      - '-o /tmp/'\n  \
             filter:\n    User: root\n  condition: selection and not filter\nfalsepositives:\n  - Unknown\n  - An administrator",
        ));
        assert_eq!((loaded.problems, loaded.rules.count()), (vec![], 1));
        let [rule] = loaded.rules.all.as_slice() else { panic!() };
        assert_eq!((rule.header.severity, rule.header.author.as_deref()), (Severity::High, Some("somebody")));
        assert_eq!(rule.header.benign.as_deref(), Some("An administrator"));
        let event = |image: &str, line: &str, user: &str| {
            Asked::new(&vec![("Image", image.to_owned()), ("CommandLine", line.to_owned()), ("User", user.to_owned())])
        };
        assert!(rule.holds(&event("/usr/bin/curl", "curl HTTP://x -o /tmp/y", "www-data")));
        assert!(!rule.holds(&event("/usr/bin/curl", "curl http://x -o /tmp/y", "root")));
        assert!(!rule.holds(&event("/usr/bin/wget", "curl http://x -o /tmp/y", "1000")));
        assert!(!rule.holds(&Asked::new(&Vec::new())));
    }

    #[test]
    fn what_cannot_be_evaluated_is_told_once_a_reason() {
        let of_field = rule("  selection:\n    TerminalSessionId: 1\n  condition: selection");
        let windows = of_field.replace("product: linux", "product: windows");
        let of_log = of_field.replace("category: process_creation", "service: auditd");
        let dns = of_field.replace("process_creation", "dns_query");
        let correlation = "title: Many\ncorrelation:\n  type: event_count";
        let loaded = loaded(&[of_field.as_str(), &of_field, &windows, &of_log, &dns, correlation].join("\n---\n"));
        assert_eq!((loaded.problems, loaded.rules.count(), loaded.rules.left_out()), (vec![], 0, 6));
        let reasons: Vec<_> = loaded.rules.reasons().collect();
        assert_eq!(reasons.len(), 5, "{reasons:?}");
        assert!(
            reasons.contains(&("Sigma rules: they ask for the field TerminalSessionId of process_creation", 2)),
            "{reasons:?}"
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_file_and_line() {
        let loaded = loaded_of("title: x\nlogsource: [\n");
        assert!(loaded[0].starts_with("rules/x.yml:3"), "{loaded:?}");
        let loaded = loaded_of(&rule("  selection:\n    Image|nonsense: x\n  condition: selection"));
        assert!(loaded[0].starts_with("rules/x.yml:8: ") && loaded[0].contains("nonsense"), "{loaded:?}");
        let loaded = loaded_of(&rule("  selection:\n    Image: x\n  condition: other"));
        assert!(loaded[0].contains("other"), "{loaded:?}");
        let loaded = loaded_of(&rule("  selection:\n    Image|re: '('\n  condition: selection"));
        assert_eq!(loaded.len(), 1, "{loaded:?}");
    }

    fn loaded_of(text: &str) -> Vec<String> {
        loaded(text).problems
    }

    #[test]
    fn rules_that_would_break_the_engine_are_refused() {
        let deep = format!("  selection:\n    Image: x\n  condition: {}selection", "not ".repeat(100_000));
        assert!(loaded_of(&rule(&deep))[0].contains("500 words"));
        let nested = format!("  selection:\n    Image: x\n  condition: {}selection", "(".repeat(100_000));
        assert!(loaded_of(&rule(&nested))[0].contains("500 words"));
        let long = format!("  selection:\n    Image: {}\n  condition: selection", "x".repeat(5000));
        assert!(loaded_of(&rule(&long))[0].contains("4096 bytes"));
        let aliases = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                       d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n\
                       g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n";
        assert_eq!(loaded_of(aliases).len(), 1);
        let deep = format!("a: {}", "[".repeat(100_000));
        assert_eq!(loaded_of(&deep).len(), 1);
    }
}
