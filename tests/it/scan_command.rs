//! The command `scan`: what it selects, hides, prints and exits with. What rules find is in `scan/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cryoscope::analysis::{Maturity, rules};
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::archives::Members;
use crate::command::{Ran, cryoscope, run, run_with};
use crate::fixtures;

const REVERSE_SHELL: &str = "PROC-005";

/// The known compromise.
fn shop() -> String {
    fixtures::archive_of("webapp-compromise").display().to_string()
}

/// A container in which nothing is wrong.
fn tick() -> String {
    fixtures::path("forms-reference/podman-runc.tar").display().to_string()
}

/// Runs the command in a directory.
fn run_in(home: &Path, arguments: &[&str]) -> Ran {
    Ran::of(cryoscope(home).args(arguments).output().unwrap())
}

fn rows(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(rows: &[Value]) -> BTreeSet<&str> {
    rows.iter().map(|row| row["rule"].as_str().unwrap()).collect()
}

/// The quick rules about processes only: they are fast in a debug build.
fn quick<'a>(archive: &'a str, flags: &[&'a str]) -> Vec<&'a str> {
    [&["scan", archive, "--rules", "PROC-005,PROC-007,PROC-002"], flags].concat()
}

fn refused(arguments: &[&str], messages: &[&str]) {
    let ran = run(arguments);
    assert!(ran.code == Some(2) && ran.out.is_empty(), "{arguments:?}: {ran:?}");
    assert!(messages.iter().all(|message| ran.err.contains(message)), "{arguments:?}: {}", ran.err);
}

#[test]
fn rules_are_listed_and_explained() {
    let list = run(["scan", "--list"]).ok();
    for rule in rules::all() {
        let line = list.lines().find(|line| line.starts_with(rule.id)).unwrap_or_else(|| panic!("{}: {list}", rule.id));
        assert!(line.contains(rule.slug) && line.contains(rule.title), "{line}");
        assert_eq!(line.ends_with("(experimental)"), rule.maturity == Maturity::Experimental, "{line}");
    }
    let only = run(["scan", "--list", "--rules", "NET"]).ok();
    assert!(only.lines().skip(1).all(|line| line.starts_with("NET-")) && only.lines().count() < list.lines().count());
    for name in ["reverse_shell", "proc-005"] {
        let card = run(["scan", "--explain", name]).ok();
        assert!(card.starts_with("PROC-005 reverse_shell: "), "{card}");
        assert!(
            card.contains("T1059.004") && card.contains("Why it matters: ") && card.contains("Innocent causes\n- ")
        );
        assert!(card.lines().all(|line| line.width() <= 100), "{card}");
    }
    refused(&["scan", "--explain", "reverse_shel"], &["there is no rule reverse_shel; did you mean reverse_shell?"]);
    refused(&["scan"], &["name an archive"]);
}

#[test]
fn rules_are_selected_by_id_name_family_and_wildcard() {
    let shop = shop();
    let of = |flags: &[&str]| {
        let ran = run([&["scan", &shop, "--format", "ndjson"], flags].concat());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        ids(&rows(&ran)).into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let one = BTreeSet::from([REVERSE_SHELL.to_owned()]);
    assert_eq!(of(&["--rules", "PROC-005"]), one);
    assert_eq!(of(&["--rules", "reverse_*"]), one);
    assert_eq!(of(&["--rules", "PROC-005,PROC-007", "--exclude-rules", "service_spawned_shell"]), one);
    let family = of(&["--rules", "proc", "--exclude-rules", "PROC-00?"]);
    assert!(family.len() > 3 && family.iter().all(|id| id.starts_with("PROC-") && !id.starts_with("PROC-00")));
    refused(&["scan", &shop, "--rules", "PROC-005,NOPE"], &["there is no rule NOPE", "scan --list"]);
    refused(&["scan", &shop, "--exclude-rules", "\u{1b}[2J"], &["there is no rule \\x1b[2J"]);
}

#[test]
fn the_exit_code_tells_of_findings_only_if_asked() {
    let (shop, tick) = (shop(), tick());
    for (archive, level, code) in [(&shop, "critical", 1), (&shop, "medium", 1), (&tick, "low", 0)] {
        assert_eq!(run(quick(archive, &["--fail-on", level])).code, Some(code), "{archive} {level}");
    }
    assert_eq!(run(quick(&shop, &[])).code, Some(0));
    assert_eq!(run(["scan", &shop, "--rules", "PROC-002", "--fail-on", "critical"]).code, Some(0), "it is high");
    assert_eq!(run(["scan", "missing.tar", "--fail-on", "high"]).code, Some(2));
}

#[test]
fn a_container_in_which_nothing_is_wrong_is_quiet_and_says_what_was_not_seen() {
    let text = run(["scan", &tick()]).ok();
    assert!(text.contains("No sign of compromise in what was recorded.\nNo findings"), "{text}");
    assert!(text.contains("rules run.") && text.contains("A checkpoint cannot show everything"), "{text}");
}

#[test]
fn a_baseline_hides_what_is_known_and_counts_it() {
    let home = tempfile::tempdir().unwrap();
    let shop = shop();
    let first = run_in(home.path(), &quick(&shop, &["--write-baseline", "known"]));
    assert!(first.out.contains("Compromise confirmed") && first.out.contains(REVERSE_SHELL), "{first:?}");
    let known = fs::read_to_string(home.path().join("known")).unwrap();
    assert!(known.lines().count() >= 3 && known.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));

    let second = run_in(home.path(), &quick(&shop, &["--baseline", "known", "--fail-on", "info"]));
    assert_eq!(second.code, Some(0), "{second:?}");
    let number = known.lines().count();
    assert!(second.out.contains(&format!("No findings ({number} suppressed)")), "{}", second.out);
    assert!(second.out.contains("No sign of compromise") && !second.out.contains(REVERSE_SHELL), "{}", second.out);
    let all = rows(&run_in(home.path(), &quick(&shop, &["--baseline", "known", "--format", "ndjson"])));
    assert!(all.len() == number && all.iter().all(|row| row["suppressed"] == "baseline"));

    // Only ids, and comments.
    let id = all[0]["id"].as_str().unwrap();
    fs::write(home.path().join("one"), format!("# reviewed\n\n{id}\n")).unwrap();
    let left = rows(&run_in(home.path(), &quick(&shop, &["--baseline", "one", "--format", "ndjson"])));
    let hidden = |row: &&Value| !row["suppressed"].is_null();
    assert_eq!((left.iter().filter(hidden).count(), left.len()), (1, number));

    // A baseline is not overwritten, and not guessed at.
    let again = run_in(home.path(), &quick(&shop, &["--write-baseline", "known"]));
    assert!(again.code == Some(2) && again.err.contains("known"), "{again:?}");
    fs::write(home.path().join("bad"), "# fine\nfindings: all of them\n").unwrap();
    let ran = run_in(home.path(), &quick(&shop, &["--baseline", "bad"]));
    assert!(ran.code == Some(2) && ran.err.contains("bad: line 2: expected the id of a finding"), "{ran:?}");
    refused(&quick(&shop, &["--baseline", "missing"]), &["missing: "]);
}

#[test]
fn suppressions_hide_with_a_reason_and_are_named_if_they_match_nothing() {
    let home = tempfile::tempdir().unwrap();
    let shop = shop();
    let scan = |text: &str, flags: &[&str]| {
        fs::write(home.path().join("hide.toml"), text).unwrap();
        run_in(home.path(), &quick(&shop, &[&["--suppress", "hide.toml"], flags].concat()))
    };
    let two = "[[suppress]]\nrule = \"reverse_shell\"\nimage = \"localhost/*\"\nreason = \"an exercise\"\n\
               [[suppress]]\nrule = \"NET\"\nname = \"nobody\"\nreason = \"not here\"\n";
    let ran = scan(two, &["--format", "ndjson"]);
    let found = rows(&ran);
    for row in &found {
        let expected = if row["rule"] == REVERSE_SHELL { Value::from("suppressed: an exercise") } else { Value::Null };
        assert_eq!(row["suppressed"], expected, "{row}");
    }
    assert!(
        found.iter().any(|row| row["rule"] == REVERSE_SHELL) && found.iter().any(|row| row["rule"] != REVERSE_SHELL)
    );
    assert_eq!(ran.err, "cryoscope: the suppression of rule NET (not here) matched nothing\n");
    assert_eq!(scan(two, &["-q"]).err, "");
    // In documents, what is hidden is no alert.
    let documents = rows(&scan(two, &["--format", "ecs"]));
    let hidden = documents.iter().find(|document| document["rule"]["id"] == REVERSE_SHELL).unwrap();
    assert_eq!(hidden["event"]["kind"], "event");
    assert!(hidden["tags"].as_array().unwrap().contains(&Value::from("suppressed")), "{hidden}");

    // It ends with its day, by the time of the dump: 2026-11-23.
    let until =
        |day: &str| format!("[[suppress]]\nrule = \"reverse_shell\"\nreason = \"for a while\"\nuntil = \"{day}\"\n");
    assert!(!scan(&until("2026-11-23"), &[]).out.contains(REVERSE_SHELL));
    let over = scan(&until("2026-11-22"), &[]);
    assert!(over.out.contains(REVERSE_SHELL) && over.err.contains("matched nothing"), "{over:?}");

    for (text, messages) in [
        ("[[suppress]]\nrule = \"MEM-*\"\n", ["hide.toml: ", "missing field `reason`"]),
        ("[[suppress]]\nrule = \"MEM-*\"\nreason = \"\"\n", ["hide.toml: suppression 1: ", "the reason is empty"]),
        ("[[suppress]]\nrule = \"NOPE\"\nreason = \"x\"\n", ["hide.toml: suppression 1: ", "there is no rule NOPE"]),
        (
            "[[suppress]]\nrule = \"MEM\"\nreason = \"x\"\nuntil = \"soon\"\n",
            ["hide.toml: suppression 1: ", "is not a date"],
        ),
        ("[[suppress]]\nrule = \"MEM\"\nreason = \"x\"\npid = 1\n", ["line 4", "unknown field `pid`"]),
        ("[[suppress\n", ["line 1", "hide.toml: "]),
    ] {
        let ran = scan(text, &[]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{text}");
        assert!(messages.iter().all(|message| ran.err.contains(message)), "{text}: {}", ran.err);
    }
}

#[test]
fn a_fleet_is_scanned_at_once_and_rarity_is_counted() {
    let home = tempfile::tempdir().unwrap();
    fs::copy(shop(), home.path().join("one.tar.zst")).unwrap();
    fs::copy(shop(), home.path().join("two.tar.zst")).unwrap();
    fs::copy(tick(), home.path().join("three.tar")).unwrap();
    let ran = run_in(home.path(), &quick(".", &["--rarity", "-q"]));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let heads: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("critical ")).collect();
    assert!(heads.len() >= 4 && heads.iter().all(|line| line.ends_with("  in 2 of 3")), "{heads:?}");
    let order: Vec<usize> = ["one.tar", "three.tar", "two.tar"].map(|name| ran.out.find(name).unwrap()).to_vec();
    assert!(order.is_sorted(), "{}", ran.out);
    // Without it, nothing is counted; the commands name the archive that they are about.
    let ran = run_in(home.path(), &quick(".", &["-q"]));
    assert!(!ran.out.contains(" of 3"), "{}", ran.out);
    assert!(ran.out.contains("one.tar.zst --") && ran.out.contains("two.tar.zst --"), "{}", ran.out);
}

#[test]
fn standard_input_is_scanned_like_a_file() {
    let archive = fs::read(shop()).unwrap();
    let piped = run_with(&archive, quick("-", &["--format", "ndjson"]));
    assert_eq!((piped.code, piped.err.as_str()), (Some(0), ""));
    let named = rows(&run(quick(&shop(), &["--format", "ndjson"])));
    let facts = |rows: &[Value]| -> Vec<Value> {
        let row = |row: &Value| serde_json::json!([row["id"], row["severity"], row["sentence"], row["evidence_count"]]);
        rows.iter().map(row).collect()
    };
    assert_eq!(facts(&rows(&piped)), facts(&named));
    assert!(rows(&piped).iter().all(|row| row["next"].as_str().unwrap().contains(" ARCHIVE")), "it has no name");
}

#[test]
fn rows_have_the_columns_of_the_table() {
    let shop = shop();
    let found = rows(&run(quick(&shop, &["--format", "ndjson"])));
    let told = rows(&run(["table", &shop, "findings", "--format", "ndjson", "--where", "rule=PROC-005"]));
    let keys = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert!(!told.is_empty() && found.len() >= 3);
    let severities = ["info", "low", "medium", "high", "critical"];
    for row in &found {
        assert_eq!(keys(row), keys(&told[0]));
        assert!(severities.contains(&row["severity"].as_str().unwrap()) && row["id"].as_str().unwrap().len() == 32);
        assert!(row["score"].as_u64() <= Some(100) && row["evidence_count"].as_u64() > Some(0), "{row}");
        for text in ["title", "sentence", "benign", "next"] {
            assert!(row[text].as_str().is_some_and(|text| !text.is_empty()), "{text}: {row}");
        }
    }
    let least = rows(&run(quick(&shop, &["--format", "ndjson", "--min-severity", "critical"])));
    assert!(!least.is_empty() && least.iter().all(|row| row["severity"] == "critical"));
}

#[test]
fn text_fits_the_screen_and_commands_are_whole() {
    let shop = shop();
    for width in [80, 200] {
        let text = run(["scan", &shop, "--width", &width.to_string(), "--rules", "PROC"]).ok();
        let is_command = |line: &str| line.trim_start().starts_with("cryoscope ");
        for line in text.lines().filter(|line| !is_command(line)) {
            assert!(line.width() <= width, "{width}: {line}");
            // What is cut is the title, never the rule, which `--explain` wants.
            let is_head = ["critical ", "high ", "medium "].iter().any(|severity| line.starts_with(severity));
            let has_rule = line
                .split_whitespace()
                .any(|word| word.split_once('-').is_some_and(|(family, number)| family == "PROC" && number.len() == 3));
            assert!(!is_head || has_rule, "{width}: {line}");
        }
        assert!(text.lines().filter(|line| is_command(line)).all(|line| line.contains(&shop)), "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with("Compromise confirmed"), "{text}");
        let mut severities = text.lines().filter_map(|line| line.split_once(' ')).map(|(word, _)| word);
        assert!(
            severities.any(|word| word == "critical") && !text.lines().any(|line| line.starts_with("low ")),
            "{text}"
        );
    }
}

/// The name of a process is the attacker's.
#[test]
fn hostile_names_are_escaped_everywhere() {
    let mut members = Members::of(&fixtures::archive_of("webapp-compromise"));
    members.edit("checkpoint/core-11.img", |_, core: &mut cryoscope::images::proto::CoreEntry| {
        core.tc.as_mut().unwrap().comm = Some("\u{1b}[2J\u{202e}x".into());
    });
    let ran = run_with(&members.tar(), ["scan", "-", "--rules", "PROC-005", "--min-severity", "info"]);
    assert!(ran.out.contains("\\x1b[2J"), "{}", ran.out);
    for text in [&ran.out, &ran.err] {
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
    }
}
