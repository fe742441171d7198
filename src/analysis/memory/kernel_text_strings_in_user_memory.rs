//! MEM-024: words of kernel exploits in the memory of a process.

use super::super::card::rule;
use super::super::hits::Pattern;
use super::super::words::{listed, shown};
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::code::with_program;

rule! {
    /// Several names that exploits of the kernel and rootkits use stand close to each other in the memory of a process.
    /// Experimental: security tools, their rules, and documentation have the same words.
    "MEM-024", kernel_text_strings_in_user_memory, version 1, Memory, Experimental, Info,
    title: "Memory holds words of kernel exploits",
    why: "An exploit looks up the addresses of these functions by name.",
    benign: ["A security agent or its rules, a build of a kernel, or a page about exploits."],
    attack: ["T1068", "T1014"],
    cost: Memory,
    patterns: [COMMIT, PREPARE, MODPROBE, INIT],
    check: check,
}

const COMMIT: Pattern = Pattern::text("commit_creds");
const PREPARE: Pattern = Pattern::text("prepare_kernel_cred");
const MODPROBE: Pattern = Pattern::text("modprobe_path");
const INIT: Pattern = Pattern::text("find_task_by_vpid");

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    const NEAR: u64 = 4096;
    const FEWEST: usize = 3;
    /// Groups in a database of rules.
    const MANY: usize = 64;
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let mut hits: Vec<(u64, usize)> = Vec::new();
        for (number, pattern) in [COMMIT, PREPARE, MODPROBE, INIT].iter().enumerate() {
            hits.extend(facts.hits().within(pattern, process.pid()).map(|hit| (hit.address, number)));
        }
        hits.sort_unstable();
        if hits.len() > MANY {
            report.skip();
            continue;
        }
        let group = hits.iter().enumerate().find_map(|(place, (from, _))| {
            let near = hits.get(place..)?.iter().take_while(|(at, _)| at.saturating_sub(*from) <= NEAR);
            let mut kinds: Vec<usize> = near.map(|(_, kind)| *kind).collect();
            kinds.sort_unstable();
            kinds.dedup();
            (kinds.len() >= FEWEST).then_some((*from, kinds))
        });
        let Some((address, kinds)) = group else { continue };
        let all = ["commit_creds", "prepare_kernel_cred", "modprobe_path", "find_task_by_vpid"];
        let words: Vec<&str> = kinds.iter().filter_map(|kind| all.get(*kind).copied()).collect();
        let pid = process.pid();
        report.add(
            with_program(facts, process, Finding::new(&RULE, Subject::Process(pid)))
                .severity(Severity::Info)
                .confidence(Confidence::Low)
                .identity(process.identity())
                .sentence(format!(
                    "{} holds words of kernel exploits in its memory: {}.",
                    process.title(),
                    shown(listed(&words).as_bytes())
                ))
                .next(Next::Memory { pid, start: address.saturating_sub(256), end: address.saturating_add(NEAR) })
                .evidence(Evidence::memory(facts, pid, address, NEAR)),
        );
    }
}
