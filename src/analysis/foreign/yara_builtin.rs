//! YARA-002: one of our own YARA rules matches.

use super::super::card::rule;
use super::super::{Facts, Report};
use super::yara_findings;

rule! {
    /// One of the YARA rules that are part of this program matches: code for shells (x86 and arm), miners, commands for reverse
    /// shells, web shells, implants for remote control, rootkits, droppers. They run with `--yara builtin`. Each says how
    /// bad it is.
    ///
    /// Rules of several kinds that match within a few pages are no finding each: that is what a database of signatures looks
    /// like. They are one finding of severity info with the tag `signature_database`.
    "YARA-002", yara_builtin, version 1, Yara, Incubating, Medium,
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
