//! CTR-005: capabilities beyond those of ordinary containers.

use super::super::card::rule;
use super::super::words::listed;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification::{self, has};
use crate::abi::capability;
use crate::model::engine::Engine;
use crate::tables::usual_capabilities;

rule! {
    /// The container may have capabilities that engines do not give by default. Docker's list of fourteen counts as the
    /// default for all engines. One that opens a way to the host (`SYS_ADMIN`, `DAC_READ_SEARCH`, `BPF`,
    /// `CHECKPOINT_RESTORE`, …) is medium. It is high if the way is complete: without a filter of system calls for
    /// `SYS_MODULE`, `SYS_RAWIO` or two of them, or if the processes of the host or `/proc/sys` are within reach, too.
    "CTR-005", dangerous_capability, version 1, Isolation, Stable, Medium,
    title: "The container has dangerous capabilities",
    why: "They let a process of the container change the kernel, other processes or the network.",
    benign: ["Network plug-ins, VPNs, debuggers and monitoring need one or two of them."],
    attack: ["T1611", "T1068"],
    cost: Free,
    tags: ["escape", "hygiene"],
    posture: true,
    check: check,
}

/// Those that lead to the host unless system calls are filtered.
const KERNEL: [&str; 2] = ["SYS_MODULE", "SYS_RAWIO"];
/// Those that lead to the host with little help.
const ESCAPE: [&str; 5] = ["SYS_ADMIN", "DAC_READ_SEARCH", "BPF", "CHECKPOINT_RESTORE", "SYS_PTRACE"];
/// Those that give much of the machine or of the network.
const STRONG: [&str; 6] = ["NET_ADMIN", "SYS_BOOT", "SYSLOG", "MAC_ADMIN", "MAC_OVERRIDE", "PERFMON"];

/// How bad a set is. `helped` says that something else opens the way to the host, `filtered` that system calls are filtered.
fn severity(set: u64, helped: bool, filtered: bool) -> Severity {
    let count = |names: &[&str]| names.iter().filter(|name| has(set, name)).count();
    let escapes = count(&ESCAPE);
    let kernel = count(&KERNEL);
    let is_open = (kernel > 0 || escapes >= 2) && !filtered;
    if is_open || kernel.saturating_add(escapes) > 0 && helped {
        Severity::High
    } else if kernel.saturating_add(escapes) > 0 || count(&STRONG) > 0 {
        Severity::Medium
    } else {
        Severity::Low
    }
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(spec) = specification::of(facts, report) else { return };
    if specification::is_privileged(facts) {
        report.skip();
        return;
    }
    let Some(bounding) = specification::bounding(facts) else {
        report.not_checked("neither the specification nor the images say which capabilities there are");
        return;
    };
    // Docker gives the most of all engines.
    let usual = usual_capabilities(Engine::Docker.as_str()).unwrap_or_default();
    let usual = usual.iter().filter_map(|name| 1_u64.checked_shl(capability::number(name)?)).fold(0, |a, b| a | b);
    let more = capability::names(bounding & !usual);
    if more.is_empty() {
        return;
    }
    let opens_sysctl = spec.is_of_linux && super::proc_sys_writable::is_sysctl_writable(spec);
    let has_host_processes = specification::is_hosts(facts, "pid");
    let filtered = specification::is_filtered(facts) == Some(true);
    let severity = severity(bounding, opens_sysctl || has_host_processes, filtered);
    let help = match (has_host_processes, opens_sysctl) {
        _ if severity < Severity::High => "",
        (true, _) => " The processes of the host are within reach, too.",
        (_, true) => " /proc/sys is writable, too.",
        _ => "",
    };
    report.add(
        Finding::new(&RULE, Subject::Container("capabilities"))
            .severity(severity)
            .confidence(Confidence::High)
            .identity(more.iter().map(|name| name.as_bytes()))
            .sentence(format!("Beyond the usual capabilities, the container may have {}.{help}", listed(&more)))
            .benign("The program may need it, such as a VPN, a debugger or a network plug-in. Ask what it is for.")
            .next(Next::rows_where("isolation", "fact", "capability_added"))
            .evidence(specification::evidence(facts, "/process/capabilities/bounding")),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> u64 {
        names.iter().map(|name| 1_u64 << capability::number(name).unwrap()).fold(0, |a, b| a | b)
    }

    #[test]
    fn one_dangerous_capability_is_medium_and_a_way_to_the_host_is_high() {
        assert_eq!(severity(set(&["SYS_NICE"]), true, false), Severity::Low);
        assert_eq!(severity(set(&["NET_ADMIN"]), false, false), Severity::Medium);
        assert_eq!(severity(set(&["SYS_ADMIN"]), false, false), Severity::Medium);
        assert_eq!(severity(set(&["SYS_ADMIN"]), true, false), Severity::High);
        assert_eq!(severity(set(&["SYS_ADMIN", "SYS_PTRACE"]), false, false), Severity::High);
        assert_eq!(severity(set(&["SYS_MODULE"]), false, false), Severity::High);
        assert_eq!(severity(set(&["SYS_MODULE"]), false, true), Severity::Medium);
    }

    #[test]
    fn all_names_are_capabilities() {
        for name in KERNEL.iter().chain(&ESCAPE).chain(&STRONG) {
            assert!(capability::number(name).is_some(), "{name}");
        }
    }
}
