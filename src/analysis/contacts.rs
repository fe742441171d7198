//! Connections of processes in which something else runs than their names say. By itself a connection to the internet is
//! inventory; of such a process it is what whoever controls it talks through.

use std::collections::HashMap;

use super::Severity;
use super::finding::Finding;
use super::severity::score;
use crate::model::ids::Pid;

/// Rules that say that foreign code runs in a process, or that it is not what it says.
const FOREIGN: [&str; 22] = [
    "MEM-001", "MEM-002", "MEM-004", "MEM-005", "MEM-006", "MEM-007", "MEM-008", "MEM-010", "MEM-027", "MEM-029",
    "MEM-030", "MEM-034", "MEM-035", "MEM-037", "PROC-001", "PROC-002", "PROC-003", "PROC-004", "PROC-036", "PROC-038",
    "FS-008", "FS-037",
];
/// The rule about connections.
const CONTACT: &str = "NET-002";

/// Makes findings about connections as grave as what is known about their processes: of a medium one, which has a plausible
/// innocent cause, they only come to be shown.
pub(super) fn raise(findings: &mut [Finding]) {
    let mut worst: HashMap<Pid, (Severity, &'static str)> = HashMap::new();
    let is_foreign = |finding: &&Finding| FOREIGN.contains(&finding.rule.id) && finding.severity >= Severity::Medium;
    for finding in findings.iter().filter(is_foreign) {
        let severity = if finding.severity == Severity::Medium { Severity::Low } else { finding.severity };
        for pid in finding.pid.into_iter().chain(finding.also_pids.iter().copied()) {
            let here = worst.entry(pid).or_insert((severity, finding.rule.id));
            if severity > here.0 {
                *here = (severity, finding.rule.id);
            }
        }
    }
    for finding in findings.iter_mut().filter(|finding| finding.rule.id == CONTACT) {
        let Some((severity, rule)) = finding.pid.and_then(|pid| worst.get(&pid)) else { continue };
        if *severity > finding.severity {
            finding.severity = *severity;
            finding.reasons.push(format!("raised, as {rule} is about the same process"));
            "Nothing is known that makes this connection innocent: see the other finding about the process."
                .clone_into(&mut finding.benign);
            finding.score = score(finding.severity, finding.confidence, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, Subject, rules};
    use super::*;

    fn finding(id: &str, pid: u32, severity: Severity) -> Finding {
        let rule: &'static Rule = rules::all().find(|rule| rule.id == id).unwrap();
        Finding::new(rule, Subject::Process(Pid(pid))).severity(severity)
    }

    #[test]
    fn a_connection_is_as_grave_as_what_runs_in_its_process() {
        use Severity::*;
        let of = |id: &str, severity: Severity| {
            let mut all = [finding(id, 7, severity), finding("NET-002", 7, Info), finding("NET-002", 8, Info)];
            raise(&mut all);
            (all[1].severity, all[2].severity)
        };
        assert_eq!(of("MEM-008", Critical), (Critical, Info));
        assert_eq!(of("PROC-001", High), (High, Info));
        assert_eq!(of("MEM-007", Medium), (Low, Info));
        assert_eq!(of("MEM-007", Low), (Info, Info));
        assert_eq!(of("PROC-014", High), (Info, Info), "rights do not say what runs");
    }

    #[test]
    fn the_rules_exist() {
        for id in FOREIGN.iter().chain([&CONTACT]) {
            assert!(rules::find(id).is_some(), "{id}");
        }
    }
}
