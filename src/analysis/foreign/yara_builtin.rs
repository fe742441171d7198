//! YARA-002: one of our own YARA rules matches.

use super::super::card::rule;
use super::super::{Facts, Report};
use super::yara_findings;

rule! {
    /// One of the YARA rules that are part of this program matches: code for shells (x86 and arm), miners, commands for reverse
    /// shells, web shells, implants for remote control, rootkits, droppers. They run with `--yara builtin`. Each says how
    /// bad it is.
    ///
    /// Matches in the text of rules, in rules that YARA has compiled, and in lists of many variants of one thing are no
    /// finding each: that is what a database of signatures looks like, such as that of a virus scanner. They are one
    /// finding of severity info with the tag `signature_database`. A program is never taken for one. Matches next to what
    /// many other rules look for have the tag `many_signatures`.
    "YARA-002", yara_builtin, version 2, Yara, Incubating, Medium,
    title: "A built-in YARA rule matches",
    why: "The bytes are those of tools that attackers use.",
    benign: [
        "A scanner, a book or a log that contains what the rule looks for.",
        "A tool that an administrator of this container uses."
    ],
    attack: [],
    cost: Memory,
    tags: ["yara", "builtin"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    yara_findings::report(facts, &RULE, true, report);
}
