//! YARA-001: a YARA rule of the user's matches.

use super::super::card::rule;
use super::super::{Facts, Report};
use super::yara_findings;

rule! {
    /// A YARA rule that was given with `--yara` matches the memory of a process, a file of the container, a deleted file, a
    /// memfd, or bytes that wait in a queue. The columns `foreign_…` name the rule, its author and its file. The severity is
    /// that of the rule's metadata: a word in `severity`, or a number in `score` (90 is critical, 75 high, 50 medium);
    /// without either it is medium.
    ///
    /// Matches in the text of rules, in rules that YARA has compiled, and in lists of many variants of one thing are no
    /// finding each: that is what a database of signatures looks like, such as that of a virus scanner. They are one
    /// finding of severity info with the tag `signature_database`. A program is never taken for one. Matches next to what
    /// many other rules look for have the tag `many_signatures`.
    "YARA-001", yara_match, version 2, Yara, Stable, Medium,
    title: "A YARA rule of yours matches",
    why: "Somebody wrote the rule to recognise this.",
    benign: [
        "Rules differ in quality: look at the bytes that matched.",
        "A scanner, a book or a log that contains what the rule looks for."
    ],
    attack: [],
    cost: Memory,
    tags: ["yara"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    yara_findings::report(facts, &RULE, false, report);
}
