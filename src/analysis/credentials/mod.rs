//! Secrets of a checkpoint, and the rules about them (`SEC`): a file each, listed here. They turn the values of the table `secrets` into findings. A
//! container that holds its own credentials is not suspicious: such findings are information.

mod cloud_credential_triplet;
mod found;
mod harmless;
mod key_material;
mod places;
mod private_key_in_foreign_process;
mod secret_in_arguments;
mod secret_in_changed_file;
mod secret_in_environment;
mod secret_in_memory;
mod serviceaccount_token;

pub(super) use self::found::Secrets;
use super::facts::ProcessFacts;
use super::secrets::masked;
use super::secrets::value::{Context, Secret, Site};
use super::words::{counted, listed, shown};
use super::{Confidence, Evidence, Facts, Finding, Next, Report, Rule, Subject};

use crate::model::ids::Pid;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[
    &secret_in_memory::RULE,
    &secret_in_environment::RULE,
    &secret_in_arguments::RULE,
    &secret_in_changed_file::RULE,
    &private_key_in_foreign_process::RULE,
    &cloud_credential_triplet::RULE,
    &serviceaccount_token::RULE,
    &key_material::RULE,
];

/// Findings of one rule. The table has all values.
const FINDINGS: usize = 1000;

/// Calls `each` with the values that count, while the rule may look at more.
fn each_value(facts: &Facts<'_>, report: &mut Report<'_>, mut each: impl FnMut(&Secret, &mut Report<'_>) -> bool) {
    let secrets = Secrets::of(facts);
    for gap in &secrets.gaps {
        report.not_checked(gap);
    }
    let mut found = 0_usize;
    for secret in &secrets.values {
        if secret.is_harmless() {
            report.skip();
            continue;
        }
        if !report.look() {
            return;
        }
        if found >= FINDINGS {
            report.not_checked("the rule has a thousand findings; the table `secrets` has all values");
            continue;
        }
        if each(secret, report) {
            found = found.saturating_add(1);
        }
    }
}

/// Whether a process is none of the container's own: its program was put there later, or lies where nobody installs
/// programs.
fn is_foreign(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    process.is_program_suspicious() || process.program.deleted && facts.is_program_new(process)
}

/// What a value is and how it is shown: `GitHub token ghp_…4fT2`.
fn named(secret: &Secret) -> String {
    let title = shown(secret.title.as_bytes());
    let value = masked(&secret.id, secret.style, &secret.value, secret.public, secret.principal.as_deref());
    let value = shown(value.as_bytes());
    let whom =
        secret.principal.as_deref().filter(|_| value == "…" || value == "eyJ…").map(|whom| shown(whom.as_bytes()));
    match whom {
        Some(whom) if value == "…" => format!("{title} ({whom})"),
        Some(whom) => format!("{title} {value} ({whom})"),
        None => format!("{title} {value}"),
    }
}

/// Who holds a value besides a process: ` It is in 3 processes.`
fn holders(secret: &Secret) -> String {
    match secret.holders.len() {
        0 | 1 => String::new(),
        number => format!(" It is in {}.", counted(number, ["process", "processes"])),
    }
}

/// A finding about a value, with the places of a kind as evidence.
fn finding(facts: &Facts<'_>, rule: &'static Rule, secret: &Secret, subject: Subject, wanted: &[Context]) -> Finding {
    let mut finding = Finding::new(rule, subject)
        .confidence(secret.confidence.min(Confidence::High))
        .identity(secret.identity())
        .next(Next::rows_where("secrets", "detector", secret.id.as_str()));
    for site in secret.sites.iter().filter(|site| wanted.contains(&site.context)).take(16) {
        finding = finding.evidence(evidence(facts, secret, site));
    }
    // The processes that hold it too are in the table. A variable that all inherit must not join all stories.
    finding
}

/// The evidence of a place. Its bytes are never shown.
fn evidence(facts: &Facts<'_>, secret: &Secret, site: &Site) -> Evidence {
    let mut evidence = match (site.context, site.pid) {
        (Context::Environment, Some(pid)) => {
            let key = site.variable.clone().unwrap_or_default();
            Evidence::row("process_envs", [("pid", pid.into()), ("key", (&key).into())])
        }
        (Context::Arguments, Some(pid)) => Evidence::process(pid),
        _ => Evidence { kind: "bytes", ..Evidence::default() },
    };
    evidence.pid = site.pid;
    evidence.address = site.address;
    evidence.length = Some(site.len).filter(|len| *len > 0);
    evidence.member.clone_from(&site.member);
    evidence.member_offset = site.offset.filter(|_| site.path.is_none());
    if let (Some(member), Some(offset)) = (&evidence.member, evidence.member_offset) {
        evidence.archive_offset = facts.archive_offset(member, offset);
    }
    let value = masked(&secret.id, secret.style, &secret.value, secret.public, secret.principal.as_deref());
    let note = match &site.path {
        Some(path) => format!("{value} in {}", shown(path)),
        None => format!("{value} in {}", site.context.as_str().replace('_', " ")),
    };
    evidence.with_note(note)
}

/// The processes of sites of a kind.
fn pids(secret: &Secret, wanted: &[Context]) -> Vec<Pid> {
    let mut pids: Vec<Pid> =
        secret.sites.iter().filter(|site| wanted.contains(&site.context)).filter_map(|site| site.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// Names of processes for a sentence: `process 7 (nginx)`, at most three.
fn titles(facts: &Facts<'_>, pids: &[Pid]) -> String {
    let name = |pid: &Pid| facts.process(*pid).map(|process| process.title().replacen('P', "p", 1));
    let mut names: Vec<String> = pids.iter().take(3).filter_map(name).collect();
    let more = pids.len().saturating_sub(names.len());
    if more > 0 {
        names.push(format!("{more} more"));
    }
    listed(&names)
}
