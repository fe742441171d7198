//! The text of a scan, for people: a verdict, stories, findings, what was not looked at.

use std::collections::HashSet;

use super::line::{Line, Role};
use super::text::{cut, wrapped};
use super::units;
use crate::analysis::{CANNOT_SHOW, Finding, Rule, Scan, Severity, Step, Story, Verdict};
use crate::escape::escape;
use crate::formats::tree::Look;

/// Width without a screen.
const WIDTH: usize = 100;
/// Minimum width of wrapped text.
const LEAST: usize = 24;
/// Columns of the severity, before the text of a finding.
const INDENT: usize = 9;

/// In how many of how many checkpoints of a fleet a finding is, by its id.
pub type Rarity<'s> = dyn Fn(&str) -> (usize, usize) + 's;

/// What to print.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ScanText<'s> {
    /// What was scanned: the container, its image, the time.
    pub subject: &'s str,
    /// The archive as a shell reads its name.
    pub archive: &'s str,
    /// The mildest severity of findings that are printed.
    pub least: Severity,
    /// In how many of how many checkpoints of a fleet each finding is, by its id.
    pub rarity: Option<&'s Rarity<'s>>,
}

impl std::fmt::Debug for ScanText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScanText").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl<'s> ScanText<'s> {
    /// The text of a scan of an archive.
    pub fn new(subject: &'s str, archive: &'s str) -> Self {
        ScanText { subject, archive, least: Severity::Medium, rarity: None }
    }

    /// The text. Each line ends with a newline.
    pub fn render(&self, scan: &Scan, look: Look) -> String {
        let mut page = Page { look, text: String::new() };
        page.line(&Line::of(Role::Title, escape(self.subject.as_bytes())));
        let verdict = scan.verdict();
        let role = if verdict >= Verdict::Likely {
            Role::Alarm
        } else if verdict == Verdict::Suspicious {
            Role::Notable
        } else {
            Role::Plain
        };
        page.line(&Line::of(role, verdict.sentence()));
        page.line(&Line::of(Role::Faint, counts(scan, self.least)));
        for story in &scan.stories {
            self.story(story, scan, &mut page);
        }
        self.secrets(scan, &mut page);
        self.end(scan, &mut page);
        page.text
    }

    fn wants(&self, finding: &Finding) -> bool {
        finding.suppressed.is_none() && finding.severity >= self.least
    }

    fn story(&self, story: &Story, scan: &Scan, page: &mut Page) {
        let wanted = |step: &Step| -> Vec<&Finding> {
            step.findings.iter().filter_map(|&place| scan.findings.get(place)).filter(|one| self.wants(one)).collect()
        };
        let steps: Vec<_> =
            story.steps.iter().map(|step| (step, wanted(step))).filter(|(_, all)| !all.is_empty()).collect();
        let is_one = steps.iter().map(|(_, findings)| findings.len()).sum::<usize>() == 1;
        for (number, (step, findings)) in steps.iter().enumerate() {
            page.text.push('\n');
            if number == 0 && !is_one {
                page.flow(Role::Title, &escape(story.headline.as_bytes()), 0, 2);
                if steps.len() > 1 {
                    page.text.push('\n');
                }
            }
            if steps.len() > 1 {
                page.flow(Role::Title, &escape(step.title.as_bytes()), 0, 2);
            }
            let mut commands = HashSet::new();
            for (number, finding) in findings.iter().enumerate() {
                // Findings about one process are read together: one innocent cause explains them or none does.
                self.finding(finding, number == 0 || step.pid.is_none(), page);
                // Two findings about one connection have the same command.
                let command = finding.next.command(self.archive);
                if commands.insert(command.clone()) {
                    page.command(&command, INDENT);
                }
            }
        }
    }

    fn finding(&self, finding: &Finding, with_benign: bool, page: &mut Page) {
        let severity = format!("{:<8} ", finding.severity.as_str());
        let id = format!("  {}", finding.rule.id);
        let rarity = self.rarity.map(|rarity| rarity(&finding.id())).map(|(n, m)| format!("  in {n} of {m}"));
        let rarity = rarity.unwrap_or_default();
        // The title is cut, not the rule: `--explain` wants that.
        let others = severity.len().saturating_add(id.len()).saturating_add(rarity.len());
        let room = page.look.width.map_or(usize::MAX, |width| width.saturating_sub(others).max(LEAST));
        let mut head = Line::of(role_of(finding.severity), severity);
        head.push(Role::Plain, cut(finding.rule.title, room));
        head.push(Role::Faint, id);
        if !rarity.is_empty() {
            head.push(Role::Notable, rarity);
        }
        page.line(&head);
        page.flow(Role::Plain, &finding.sentence, INDENT, INDENT);
        for reason in &finding.reasons {
            page.flow(Role::Faint, &format!("Severity {reason}."), INDENT, INDENT);
        }
        if with_benign && !finding.benign.is_empty() {
            page.flow(Role::Faint, &format!("Innocent cause: {}", finding.benign), INDENT, INDENT);
        }
    }

    /// How many secrets there are: all of them would drown what is wrong.
    fn secrets(&self, scan: &Scan, page: &mut Page) {
        let all = scan.secrets.iter().map(|(_, count)| count).sum();
        if all == 0 {
            return;
        }
        let kinds: Vec<String> = scan.secrets.iter().map(|(name, count)| format!("{name} {count}")).collect();
        page.text.push('\n');
        let values = units::count(all, "secret value");
        page.flow(
            Role::Plain,
            &format!("{values} to change if the container was compromised: {}.", kinds.join(", ")),
            0,
            2,
        );
        page.command(&format!("cryoscope table secrets {}", self.archive), 2);
        page.command(&format!("cryoscope table secret_rotation {}", self.archive), 2);
    }

    /// What was not looked at, and what cannot be seen.
    fn end(&self, scan: &Scan, page: &mut Page) {
        page.text.push('\n');
        let unchecked: Vec<(&Rule, u64)> = scan
            .coverage
            .iter()
            .filter(|(_, coverage)| coverage.not_checked > 0)
            .map(|(rule, coverage)| (*rule, coverage.not_checked))
            .collect();
        let mut covered = format!("{} run.", units::count(scan.coverage.len(), "rule"));
        if unchecked.is_empty() {
            page.flow(Role::Faint, &covered, 0, 0);
        } else {
            let ids: Vec<&str> = unchecked.iter().take(4).map(|(rule, _)| rule.id).collect();
            let more = unchecked.len().saturating_sub(ids.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            covered.extend([" Not everything could be checked by ", &ids.join(", "), &more, ": "]);
            page.flow(Role::Faint, &covered, 0, 0);
            page.command(&format!("cryoscope table rule_coverage {} --where 'not_checked>0'", self.archive), 2);
        }
        page.flow(Role::Faint, CANNOT_SHOW, 0, 0);
    }
}

/// The counts of findings by severity, and how many are not shown.
fn counts(scan: &Scan, least: Severity) -> String {
    let mut shown = Vec::new();
    let mut hidden = Vec::new();
    for severity in Severity::ALL.into_iter().rev() {
        let count = scan.count(severity);
        if count > 0 {
            let list = if severity >= least { &mut shown } else { &mut hidden };
            list.push(format!("{count} {}", severity.as_str()));
        }
    }
    let suppressed = scan.findings.iter().filter(|finding| finding.suppressed.is_some()).count();
    let mut text = if shown.is_empty() { "No findings".to_owned() } else { shown.join(" · ") };
    if !hidden.is_empty() {
        text.extend([" (", &hidden.join(", "), " not shown)"]);
    }
    if suppressed > 0 {
        text.extend([" (", &suppressed.to_string(), " suppressed)"]);
    }
    text
}

/// The colour of a severity.
pub(super) fn role_of(severity: Severity) -> Role {
    match severity {
        Severity::Critical | Severity::High => Role::Alarm,
        Severity::Medium => Role::Notable,
        Severity::Low => Role::Plain,
        Severity::Info => Role::Faint,
    }
}

/// The text of a rule's card: what `scan --explain` prints.
pub fn explain(rule: &Rule, look: Look) -> String {
    let mut page = Page { look, text: String::new() };
    page.line(&Line::of(Role::Title, format!("{} {}: {}", rule.id, rule.slug, rule.title)));
    let facts = format!(
        "severity {} · {} · version {} · ATT&CK {}",
        rule.severity.as_str(),
        rule.maturity.as_str(),
        rule.version,
        if rule.attack.is_empty() { "-".to_owned() } else { rule.attack.join(", ") }
    );
    page.line(&Line::of(Role::Faint, facts));
    page.text.push('\n');
    for paragraph in rule.help.split("\n\n") {
        page.flow(Role::Plain, paragraph, 0, 0);
        page.text.push('\n');
    }
    page.flow(Role::Plain, &format!("Why it matters: {}", rule.why), 0, 0);
    page.text.push('\n');
    page.line(&Line::of(Role::Title, "Innocent causes"));
    for cause in rule.benign {
        page.flow(Role::Plain, &format!("- {cause}"), 0, 2);
    }
    page.text
}

struct Page {
    look: Look,
    text: String,
}

impl Page {
    fn width(&self) -> usize {
        self.look.width.unwrap_or(WIDTH)
    }

    fn line(&mut self, line: &Line) {
        self.text.push_str(&line.render(self.look.width, self.look.color));
        self.text.push('\n');
    }

    /// Text in as many lines as it needs.
    fn flow(&mut self, role: Role, text: &str, first: usize, rest: usize) {
        let room = self.width().saturating_sub(first.max(rest)).max(LEAST);
        for (number, line) in wrapped(text, room).into_iter().enumerate() {
            let indent = if number == 0 { first } else { rest };
            let mut indented = Line::of(Role::Plain, " ".repeat(indent));
            indented.push(role, line);
            self.text.push_str(&indented.render(None, self.look.color));
            self.text.push('\n');
        }
    }

    /// A command, never broken: it is there to be copied.
    fn command(&mut self, command: &str, indent: usize) {
        let mut line = Line::of(Role::Plain, " ".repeat(indent));
        line.push(Role::Peer, escape(command.as_bytes()));
        self.text.push_str(&line.render(None, self.look.color));
        self.text.push('\n');
    }
}
