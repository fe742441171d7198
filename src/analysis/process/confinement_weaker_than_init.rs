//! PROC-015: a process that is confined less than the first one.

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::words::{listed, shown};
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Subject};
use super::common::{program, row_of};
use crate::model::process::Seccomp;

rule! {
    /// A process, or a thread of one, without the seccomp filter of the first process, without its `AppArmor` profile or
    /// `SELinux` label, or without the protection against new privileges. Children inherit all three and cannot drop them. A filter or a protection that
    /// the specification does not give is not looked at: the first process took it upon itself.
    "PROC-015", confinement_weaker_than_init, version 1, Process, Stable, Medium,
    title: "A process is confined less than the container's first one",
    why: "Confinement is inherited. A process without it came from outside, or found a way around it.",
    benign: ["A session of `exec` with more rights (`--privileged`) left a process behind."],
    attack: ["T1562.001"],
    cost: Free,
    tags: ["escape"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(init) = facts.init() else { return };
    let given = Given::of(facts);
    for process in facts.living().filter(|process| process.pid() != init.pid()) {
        if process.row.seccomp.is_none() && process.row.lsm_profile.is_none() {
            report.not_checked("the confinement of a process is not recorded");
            continue;
        }
        if !report.look() {
            return;
        }
        let weaker = weaker(given, init, process);
        if weaker.is_empty() {
            continue;
        }
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .confidence(Confidence::High)
                .identity([program(process), process.name().into(), listed(&weaker).into()])
                .sentence(format!("{} {}, unlike the first process.", process.title(), listed(&weaker)))
                .next(Next::rows_of("processes", process.pid()))
                .evidence(
                    row_of(process)
                        .with("seccomp", process.row.seccomp)
                        .with("lsm_profile", process.row.lsm_profile.as_ref()),
                )
                .evidence(
                    Evidence::process(init.pid())
                        .with("seccomp", init.row.seccomp)
                        .with("lsm_profile", init.row.lsm_profile.as_ref())
                        .with_note("the first process"),
                ),
        );
    }
}

/// What the container gives to all of its processes. What it does not give, the first process took upon itself, perhaps
/// after it had started others.
#[derive(Clone, Copy)]
struct Given {
    filter: bool,
    no_new_privs: bool,
}

impl Given {
    fn of(facts: &Facts<'_>) -> Self {
        let spec = facts.spec().spec.as_ref();
        Given {
            filter: spec.is_none_or(|spec| spec.seccomp.is_some()),
            no_new_privs: spec.is_none_or(|spec| spec.no_new_privs == Some(true)),
        }
    }
}

/// What a process lacks.
fn weaker(given: Given, init: &ProcessFacts<'_>, process: &ProcessFacts<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let is_filtered = |mode: Option<&str>| matches!(mode, Some("filter" | "strict"));
    if given.filter && is_filtered(init.row.seccomp) && process.row.seccomp == Some("disabled") {
        found.push("has no seccomp filter".to_owned());
    } else if is_filtered(process.row.seccomp) {
        let is_free = |thread| process.task.seccomp(thread) == Some(Seccomp::Disabled);
        if process.task.threads.iter().any(is_free) {
            found.push("has a thread without the seccomp filter".to_owned());
        }
    }
    let is_free = |profile: &[u8]| {
        profile == b"unconfined"
            || profile.starts_with(b"unconfined ")
            || profile.windows(12).any(|part| part == b"unconfined_t")
    };
    if let (Some(first), Some(own)) = (&init.row.lsm_profile, &process.row.lsm_profile)
        && !is_free(first)
        && is_free(own)
    {
        found.push(format!("is {}", shown(own)));
    }
    if given.no_new_privs && init.row.no_new_privs == Some(true) && process.row.no_new_privs == Some(false) {
        found.push("may gain privileges".to_owned());
    }
    found
}
