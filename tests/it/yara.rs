//! YARA rules over archives: what is scanned, what comes out, and what happens to rules that are wrong.

#![cfg(feature = "yara")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{Ran, run};
use crate::fixtures;

/// An archive with known text in memory.
fn tick() -> String {
    fixtures::path("forms-reference/podman-runc.tar").display().to_string()
}

fn shop() -> String {
    fixtures::archive_of("webapp-compromise").display().to_string()
}

/// A folder with files of rules.
fn rules(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn rows(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn table(archive: &str, rules: &Path) -> Ran {
    run(["table", "yara_matches", archive, "--yara", &rules.display().to_string(), "--format", "ndjson"])
}

/// Findings of YARA rules.
fn findings(archive: &str, flags: &[&str]) -> Ran {
    run([&["scan", archive, "--rules", "YARA", "--format", "ndjson"], flags].concat())
}

#[test]
fn a_match_in_memory_has_its_address_and_its_place_in_the_archive() {
    let folder = rules(&[(
        "needle.yar",
        "rule needle : found text { meta: author = \"somebody\" score = 80 strings: $a = \"cryoscope needle 0\" \
         condition: $a and pid == 1 and kind == \"process\" and filename == \"\" }",
    )]);
    let ran = table(&tick(), folder.path());
    let rows = rows(&ran);
    assert!(!rows.is_empty(), "{ran:?}");
    let row = rows.iter().find(|row| row["address"] == "0x7f722c505040").unwrap();
    assert_eq!(
        (&row["rule"], &row["pid"], &row["string"], &row["length"]),
        (&"needle".into(), &1.into(), &"$a".into(), &18.into())
    );
    assert_eq!(
        (&row["severity"], &row["builtin"], &row["in_database"]),
        (&"high".into(), &false.into(), &false.into())
    );
    assert_eq!(row["tags"], serde_json::json!(["found", "text"]));
    assert_eq!(row["meta"], serde_json::json!(["author=somebody", "score=80"]));
    assert_eq!(row["text"], "cryoscope needle 0");
    assert!(row["namespace"].as_str().unwrap().ends_with("needle.yar") && row["mapping"].is_string(), "{row}");
    // The bytes are where the row says.
    let member = row["member"].as_str().unwrap();
    let offset = usize::try_from(row["member_offset"].as_u64().unwrap()).unwrap();
    let archive = cryoscope::Checkpoint::open(tick()).unwrap();
    let member = archive.archive().members().iter().find(|one| one.path == member).unwrap();
    let bytes = archive.archive().contents(member).slice(offset as u64, offset as u64 + 18).unwrap();
    assert_eq!(&*bytes, b"cryoscope needle 0");
}

#[test]
fn a_finding_names_the_rule_its_author_and_its_level() {
    let folder = rules(&[(
        "r.yar",
        "rule needle { meta: author = \"somebody\" description = \"a needle\" severity = \"low\" \
         strings: $a = \"cryoscope needle 0\" condition: $a }",
    )]);
    let path = folder.path().display().to_string();
    let ran = findings(&tick(), &["--yara", &path]);
    let found = rows(&ran);
    // The parent has it, and its child.
    let row = found.first().unwrap_or_else(|| panic!("{ran:?}"));
    assert_eq!((&row["rule"], &row["severity"]), (&"YARA-001".into(), &"low".into()));
    assert_eq!((&row["foreign_rule"], &row["foreign_author"]), (&"needle".into(), &"somebody".into()));
    assert_eq!((&row["foreign_name"], &row["foreign_level"]), (&"a needle".into(), &"low".into()));
    assert!(row["sentence"].as_str().unwrap().contains("$a at 0x"), "{row}");
    // The evidence has the bytes.
    let evidence =
        rows(&run(["table", "evidence", &tick(), "--yara", &path, "--where", "rule=YARA-001", "--format", "ndjson"]));
    assert!(
        evidence.iter().any(|row| row["bytes"].as_str().is_some_and(|hex| hex.starts_with("6372796f"))),
        "{evidence:?}"
    );
    // Without rules the rule does not run, and nobody is told that it found nothing.
    let coverage = run(["table", "rule_coverage", &tick(), "--format", "ndjson"]);
    assert!(!coverage.out.contains("YARA-"), "{coverage:?}");
    let coverage = run(["table", "rule_coverage", &tick(), "--yara", &path, "--format", "ndjson"]);
    assert!(coverage.out.contains("YARA-001") && !coverage.out.contains("YARA-002"), "{coverage:?}");
}

#[test]
fn files_memory_and_queues_are_scanned() {
    let folder = rules(&[("all.yar", "rule all { condition: kind != \"\" }")]);
    let kinds = |archive: &str| -> BTreeSet<String> {
        rows(&table(archive, folder.path())).iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect()
    };
    let mut all = BTreeSet::new();
    for case in ["ipc", "files", "sockets-unix"] {
        all.extend(kinds(&fixtures::archive_of(case).display().to_string()));
    }
    for kind in ["process", "file", "ghost", "memfd", "sysv", "pipe", "socket", "message"] {
        assert!(all.contains(kind), "{kind}: {all:?}");
    }
}

#[test]
fn images_in_memory_are_scanned_as_the_files_that_they_were() {
    let miner = "/tmp/.cache/.x/xmrig";
    // The hash of that file.
    let sha256 = "d7e5b3b78bdfb8ad06849aeee497b11e539dd30962419f869e6ae4ed6dc3bd54";
    let folder = rules(&[(
        "f.yar",
        &format!(
            "import \"hash\" import \"elf\"\n\
             rule miner {{ condition: uint32(0) == 0x464c457f and filesize < 64KB and elf.number_of_segments > 4 and \
             hash.sha256(0, filesize) == \"{sha256}\" }}\n\
             rule address {{ strings: $a = \"203.0.113.77\" condition: $a and kind != \"file\" }}\n\
             rule names {{ condition: kind == \"elf\" and pid == 6 and name != \"\" and filename contains \"rebuilt\" }}"
        ),
    )]);
    let found = rows(&table(&shop(), folder.path()));
    let of = |rule: &str| -> Vec<(&str, &str)> {
        let of = found.iter().filter(|row| row["rule"] == rule);
        of.map(|row| (row["kind"].as_str().unwrap(), row["path"].as_str().unwrap())).collect()
    };
    // It is a file, and twice in the memory of a process: with its header, and with a header that was wiped.
    let [file, wiped, whole] = of("miner")[..] else { panic!("{found:?}") };
    assert_eq!(file, ("file", miner));
    assert!(wiped.0 == "elf" && wiped.1.starts_with("elf/6/") && wiped.1.ends_with("-header-rebuilt.elf"), "{wiped:?}");
    assert!(whole.0 == "elf" && whole.1.starts_with("elf/6/") && !whole.1.contains("rebuilt"), "{whole:?}");
    assert_eq!(of("names"), [wiped]);
    // What matches in the memory of the process is not told again.
    assert!(of("address").iter().any(|(kind, _)| *kind == "process"), "{found:?}");
    assert!(of("address").iter().all(|(kind, _)| *kind != "elf"), "{found:?}");
    // The finding is about the place in memory.
    let path = folder.path().display().to_string();
    let found = rows(&findings(&shop(), &["--yara", &path]));
    let image = found.iter().find(|row| row["sentence"].as_str().unwrap().starts_with("The ELF image at 0x")).unwrap();
    assert_eq!((&image["pid"], &image["foreign_rule"]), (&6.into(), &"miner".into()), "{image}");
}

#[test]
fn a_match_that_is_a_secret_is_cut() {
    let folder = rules(&[(
        "r.yar",
        "rule keys { strings: $a = /AWS_ACCESS_KEY_ID=A[0-9A-Z]{19}/ $b = \"AWS_SECRET\" condition: any of them }",
    )]);
    let found = rows(&table(&shop(), folder.path()));
    let of = |string: &'static str| found.iter().filter(move |row| row["string"] == string);
    assert!(of("$a").count() > 0, "{found:?}");
    for row in of("$a") {
        let text = row["text"].as_str().unwrap();
        assert!(text.starts_with("AWS_ACCESS_KEY_ID=A") && text.contains('…') && row["hex"].is_null(), "{row}");
    }
    assert!(of("$b").all(|row| row["hex"].is_string()));
}

#[test]
fn files_are_scanned_as_files() {
    let folder = rules(&[(
        "f.yar",
        "import \"hash\"\nrule files { condition: kind == \"file\" and filesize > 0 and filepath startswith \"/\" and \
         hash.sha256(0, filesize) != \"\" }",
    )]);
    let rows = rows(&table(&fixtures::archive_of("rootfs-diff").display().to_string(), folder.path()));
    assert!(!rows.is_empty() && rows.iter().all(|row| row["path"].as_str().unwrap().starts_with('/')), "{rows:?}");
    assert!(rows.iter().all(|row| row["address"].is_null()), "no string, no address");
}

#[test]
fn an_archive_that_is_inflated_gives_the_same_matches() {
    let folder = rules(&[(
        "r.yar",
        "rule secret { strings: $a = \"PATH=\" $b = /[a-z]{3,8}=\\/[a-z]{3,8}/ condition: any of them }",
    )]);
    let archive = fixtures::archive_of("memory");
    let of_file = table(&archive.display().to_string(), folder.path());
    let place = tempfile::tempdir().unwrap();
    let plain = place.path().join("plain.tar");
    fs::write(&plain, crate::archives::inflated(&fs::read(&archive).unwrap())).unwrap();
    let of_plain = table(&plain.display().to_string(), folder.path());
    let rows_of = |ran: &Ran| -> Vec<Value> {
        let mut rows = rows(ran);
        for row in &mut rows {
            row["archive"] = Value::Null;
        }
        rows
    };
    assert!(!of_file.out.is_empty());
    assert_eq!(rows_of(&of_file), rows_of(&of_plain));
}

#[test]
fn a_file_that_does_not_load_is_named_and_the_rest_runs() {
    let folder = rules(&[
        ("a.yar", "rule good { strings: $a = \"cryoscope needle 0\" condition: $a }"),
        ("b.yar", "rule bad {\n strings: $a = \"x\"\n condition: $b }"),
    ]);
    let ran = findings(&tick(), &["--yara", &folder.path().display().to_string()]);
    assert_eq!((ran.code, rows(&ran).is_empty()), (Some(0), false), "{ran:?}");
    assert!(ran.err.contains("b.yar:3:") && ran.err.lines().count() == 1, "{ran:?}");
    // If nothing loads, the command says so and does not scan.
    let ran = findings(&tick(), &["--yara", &folder.path().join("b.yar").display().to_string()]);
    assert!(ran.code == Some(2) && ran.err.contains("no YARA rule can be used"), "{ran:?}");
    let ran = run(["table", "yara_matches", &tick()]);
    assert!(ran.code == Some(2) && ran.err.contains("--yara"), "{ran:?}");
}

#[test]
fn a_rule_that_takes_for_ever_is_in_the_coverage() {
    let folder = rules(&[(
        "loop.yar",
        "rule endless { condition: kind == \"process\" and for all i in (1..2000000000) : (i > 0) }",
    )]);
    let path = folder.path().display().to_string();
    let ran = run([
        "table",
        "rule_coverage",
        &tick(),
        "--yara",
        &path,
        "--yara-timeout",
        "0.05",
        "--where",
        "rule=YARA-001",
        "--format",
        "ndjson",
    ]);
    assert!(ran.out.contains("at rule endless"), "{ran:?}");
}

#[test]
fn our_own_rules_find_the_known_compromise_and_are_silent_about_ordinary_ones() {
    let found = rows(&findings(&shop(), &["--yara", "builtin"]));
    assert!(found.iter().all(|row| row["rule"] == "YARA-002"), "{found:?}");
    let names: BTreeSet<&str> = found.iter().map(|row| row["foreign_rule"].as_str().unwrap_or_default()).collect();
    for name in ["cron_dropper", "miner_stratum_session", "miner_xmrig_config", "shellcode_connect_x64"] {
        assert!(names.contains(name), "{name}: {names:?}");
    }
    for quiet in ["mounts", "real-jobs", "crio-logs"] {
        let ran = findings(&fixtures::archive_of(quiet).display().to_string(), &["--yara", "builtin"]);
        assert_eq!(ran.out, "", "{quiet}");
    }
}

/// Many rules that look for the same bytes of a miner are no database of signatures.
#[test]
fn many_rules_about_one_program_hide_nothing() {
    let one = |name: &str, text: &str| {
        format!("rule {name} {{ meta: severity = \"critical\" strings: $a = \"{text}\" condition: $a }}\n")
    };
    let texts: Vec<(String, String)> = (0..4)
        .map(|file| {
            let both = [one(&format!("a{file}"), "donate-level"), one(&format!("b{file}"), "stratum+tcp://")].concat();
            (format!("f{file}.yar"), both)
        })
        .collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let folder = rules(&files);
    let ran = findings(&shop(), &["--yara", &folder.path().display().to_string()]);
    let rows = rows(&ran);
    assert!(rows.len() >= 8, "{ran:?}");
    assert!(rows.iter().all(|row| row["severity"] == "critical" && row["foreign_rule"].is_string()), "{rows:#?}");
}
