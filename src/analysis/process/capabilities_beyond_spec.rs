//! PROC-014: a process with capabilities that the container was not given.

use super::super::card::rule;
use super::super::words::listed;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{program, row_of};
use crate::abi;

rule! {
    /// A process whose permitted, effective or bounding capabilities have bits that the bounding set of the specification
    /// lacks. The kernel never gives them to a child of the first process.
    ///
    /// It is for information if the process is in a user namespace of its own that is not the host's: then the sets are
    /// full, but count only there. Many faults of the kernel can be used only from there.
    "PROC-014", capabilities_beyond_spec, version 2, Process, Stable, High,
    title: "A process has capabilities that the container was not given",
    why: "The capabilities of a process cannot grow beyond the bounding set of its parents by regular means.",
    benign: ["A session of `exec` with more rights (`--privileged`) left a process behind."],
    attack: ["T1068", "T1611"],
    cost: Free,
    tags: ["privilege", "escape"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let spec = facts.spec();
    let Some(allowed) = spec.spec.as_ref().and_then(|spec| spec.capabilities("bounding")) else {
        report.not_checked("the archive has no specification with capabilities");
        return;
    };
    let first = facts.init().and_then(|init| init.task.ids.as_ref()?.user_ns_id);
    for process in facts.living() {
        let sets =
            [("cap_bnd", process.row.cap_bnd), ("cap_prm", process.row.cap_prm), ("cap_eff", process.row.cap_eff)];
        if sets.iter().all(|(_, mask)| mask.is_none()) {
            report.not_checked("the capabilities of a process are not recorded");
            continue;
        }
        if !report.look() {
            return;
        }
        let beyond: Vec<(&'static str, u64)> = sets
            .into_iter()
            .filter_map(|(set, mask)| Some((set, mask?.0 & !allowed)).filter(|(_, more)| *more != 0))
            .collect();
        let Some(more) = beyond.iter().map(|(_, more)| *more).reduce(|a, b| a | b) else { continue };
        let own = process.task.ids.as_ref().and_then(|ids| ids.user_ns_id);
        let is_hosts = crate::model::namespaces::is_shared(facts.model(), process.task, "user") == Some(true);
        let is_nested = own.is_some() && own != first && !is_hosts;
        let names = abi::capability::names(more);
        let shown: Vec<String> = names.iter().take(6).map(ToString::to_string).collect();
        let mut evidence = row_of(process);
        for (set, mask) in
            [("cap_bnd", process.row.cap_bnd), ("cap_prm", process.row.cap_prm), ("cap_eff", process.row.cap_eff)]
        {
            evidence = evidence.with(set, mask.map(|mask| format!("{:016x}", mask.0)));
        }
        let member = spec.member.clone().unwrap_or_default();
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(if is_nested { Severity::Info } else { Severity::High })
                .confidence(Confidence::High)
                .identity([program(process), format!("{more:x}").into()])
                .sentence(format!(
                    "{} has {}{}, which the specification does not give{}.",
                    process.title(),
                    listed(&shown),
                    if names.len() > 6 { " and more" } else { "" },
                    if is_nested { "; it is in a user namespace of its own, and they count only there" } else { "" },
                ))
                .next(Next::rows_of("capabilities", process.pid()))
                .evidence(evidence)
                .evidence(Evidence::json(member, "/process/capabilities/bounding", format!("{allowed:016x}"))),
        );
    }
}
