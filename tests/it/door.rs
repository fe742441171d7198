//! The one way to archives: every command takes paths, directories, wildcards and lists, and says the same of what it cannot read.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::archives::Members;
use crate::command::{Ran, cryoscope, run, run_with};
use crate::fixtures;

const TICK: &str = "forms-reference/podman-runc.tar";

fn tick() -> String {
    fixtures::path(TICK).to_str().unwrap().to_owned()
}

fn archive(case: &str) -> String {
    fixtures::archive_of(case).to_str().unwrap().to_owned()
}

/// An archive with two checkpoints.
fn two(home: &Path) {
    let mut builder = tar::Builder::new(fs::File::create(home.join("two.tar")).unwrap());
    let members = Members::of(&fixtures::path("forms-bare/runc-images.tar"));
    for folder in ["one", "two"] {
        for member in &members.0 {
            let mut header = tar::Header::new_gnu();
            header.set_size(member.contents.len().try_into().unwrap());
            let name = format!("{folder}/{}", member.name);
            builder.append_data(&mut header, name, member.contents.as_slice()).unwrap();
        }
    }
    builder.into_inner().unwrap();
}

#[test]
fn a_second_standard_input_is_refused() {
    let bytes = fs::read(tick()).unwrap();
    let refused = |arguments: &[&str], places: &str| {
        let ran = run_with(&bytes, arguments);
        let message = format!(
            "cryoscope: standard input can be read only once, but is named {places}; use a file for one of them\n"
        );
        assert_eq!((ran.code, ran.out.as_str(), ran.err), (Some(2), "", message), "{arguments:?}");
    };
    for command in
        [&["show", "-", "-"][..], &["inspect", "-", "-"], &["table", "-", "processes", "-"], &["memparse", "-", "-"]]
    {
        refused(command, "twice as an archive");
    }
    refused(&["show", "-", "--parent", "-"], "as an archive and by --parent");
    refused(&["core", "-", "--pid", "1", "-o", "x", "--parent", "-"], "as an archive and by --parent");
    refused(&["decode", "-", "--info", "--parent", "-"], "as an archive and by --parent");
    refused(&["show", "--files-from", "-", "-"], "as an archive and by --files-from");
    refused(&["show", "--files-from", "-", "--files-from", "-"], "twice by --files-from");
    refused(&["memparse", "-", "--patterns", "-"], "as an archive and by --patterns");
    #[cfg(feature = "query")]
    refused(&["query", "-"], "as an archive and for the query");
    let ran = run_with(b"-\n", ["show", "--files-from", "-"]);
    assert!(ran.code == Some(2) && ran.err.contains("by --files-from and in a list of archives"), "{}", ran.err);
    let found = run_with(b"needle\n", ["memparse", &tick(), "--patterns", "-", "--count", "--format", "csv"]).ok();
    assert!(found.lines().count() > 1, "{found}");
}

#[test]
fn commands_that_take_one_checkpoint_say_so() {
    let home = tempfile::tempdir().unwrap();
    two(home.path());
    fs::copy(tick(), home.path().join("a.tar")).unwrap();
    fs::copy(archive("tree"), home.path().join("b.tar.zst")).unwrap();
    let ran =
        |words: &str| Ran::of(cryoscope(home.path()).args(words.split(' ')).stdin(Stdio::null()).output().unwrap());
    for (what, command) in
        [("core", "core IN --pid 1 -o x"), ("extract", "extract IN -o x"), ("--dump", "memparse IN --pid 1 --dump x")]
    {
        let several = ran(&command.replace("IN", "a.tar b.tar.zst"));
        let message =
            format!("cryoscope: {what} takes one archive, but 2 are given: a.tar, b.tar.zst; name one of them\n");
        assert_eq!((several.code, several.err), (Some(2), message), "{command}");
        let wild = ran(&command.replace("IN", "[ab].tar*"));
        assert!(wild.code == Some(2) && wild.err.contains(" takes one archive, but 2 are given"), "{}", wild.err);
        let sets = ran(&command.replace("IN", "two.tar"));
        let message = format!(
            "cryoscope: two.tar: the archive holds several checkpoints, but {what} takes one; choose it with --set: one, two\n"
        );
        assert_eq!((sets.code, sets.err), (Some(2), message), "{command}");
        let missing = ran(&command.replace("IN", "nowhere.tar"));
        assert!(missing.code == Some(2) && missing.err.contains("nowhere.tar: no such file"), "{}", missing.err);
        let nothing = ran(&command.replace("IN", "*.zip"));
        assert!(nothing.code == Some(1) && nothing.err.contains("no checkpoints in *.zip"), "{}", nothing.err);
        assert!(!home.path().join("x").exists(), "{command}");
    }
    // A directory of one archive, a wildcard and a list name it as well as its path.
    fs::create_dir(home.path().join("evidence")).unwrap();
    fs::copy(tick(), home.path().join("evidence/only.tar")).unwrap();
    fs::write(home.path().join("list"), "evidence/only.tar\n").unwrap();
    let core = |named: &str| {
        let ran = ran(&format!("core {named} --pid 6 -o core --force -q"));
        assert!(matches!(ran.code, Some(0 | 3)), "{named}: {}", ran.err);
        fs::read(home.path().join("core")).unwrap()
    };
    let expected = core("a.tar");
    for named in ["evidence", "evidence/*.tar", "--files-from list"] {
        assert!(core(named) == expected, "{named}");
    }
    assert_eq!(ran("decode evidence pstree.img").ok(), ran("decode a.tar pstree.img").ok());
}

fn rows(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn memory_of_many_archives_is_searched() {
    let (tick, bare, tree) =
        (tick(), fixtures::path("forms-bare/runc-images.tar").display().to_string(), archive("tree"));
    let alone = |archive: &str, flags: &[&str]| {
        let ran = run([&["memparse", archive, "--format", "ndjson", "-q"], flags].concat());
        rows(&ran)
    };
    for flags in
        [&["-s", "needle"][..], &["-s", "needle", "--count"], &[], &["--by", "class"], &["--strings", "-n", "40"]]
    {
        let together = run([&["memparse", &tick, &bare, &tree, "--format", "ndjson", "-q"], flags].concat());
        let expected: Vec<Value> = [&tick, &bare, &tree].iter().flat_map(|archive| alone(archive, flags)).collect();
        assert!(!expected.is_empty(), "{flags:?}");
        assert_eq!(rows(&together), expected, "{flags:?}");
    }
    let none = run(["memparse", &tick, &tree, "-s", "nothing has this", "-q"]);
    assert_eq!((none.code, none.out.as_str()), (Some(1), ""));
    let text = run(["memparse", &tick, &bare, "-q"]);
    assert!(
        text.out.starts_with("ARCHIVE ")
            && text.out.contains("podman-runc.tar ")
            && text.out.contains("runc-images.tar ")
    );
    let dumped =
        run(["memparse", &tick, &tick, "-p", "1", "--range", "0x7f722c504fc0-0x7f722c505080", "--hexdump"]).out;
    assert_eq!(dumped.matches(&format!("==> {tick} <==\n")).count(), 2, "{dumped}");
    // One that cannot be read costs its own rows.
    let elf = fixtures::path("malformed/elf").display().to_string();
    let beside = run(["memparse", &elf, &tick, "-s", "needle", "--format", "ndjson"]);
    assert_eq!(beside.code, Some(3), "{}", beside.err);
    assert_eq!(rows(&beside), alone(&tick, &["-s", "needle"]));
    assert!(
        beside.err.contains("this is an ELF file") && beside.err.contains("2 archives: 1 read, 1 failed"),
        "{}",
        beside.err
    );
    let limited = run(["memparse", &tick, &tick, "-s", "needle", "--max-matches", "1", "--format", "ndjson"]);
    assert_eq!((limited.code, limited.out.lines().count()), (Some(3), 1), "{}", limited.err);
}

#[test]
fn processes_can_be_listed_with_commas() {
    let tick = tick();
    let by = |pids: &[&str]| {
        let arguments = [&["memparse", &tick, "--format", "ndjson"][..], pids].concat();
        rows(&run(arguments)).iter().map(|row| row["pid"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(by(&["-p", "1,6"]), [1, 6]);
    assert_eq!(by(&["-p", "1", "-p", "6"]), [1, 6]);
    assert_eq!(by(&["-p", "6"]), [6]);
}

/// The same words in every command.
#[test]
fn a_wrong_pid_is_told_in_one_way() {
    let tick = tick();
    let message = format!("cryoscope: {tick}: no process has pid 4711; the pids are 1, 6\n");
    for command in [
        &["inspect", &tick, "--pid", "4711"][..],
        &["memparse", &tick, "--pid", "1,4711"],
        &["core", &tick, "--pid", "4711", "-o", "x"],
        &["extract", &tick, "--pid", "4711", "-o", "x"],
        &["table", &tick, "processes", "--pid", "4711"],
    ] {
        let ran = run(command);
        assert_eq!((ran.code, ran.err.as_str()), (Some(2), message.as_str()), "{command:?}");
    }
}

/// Each filter changes what each mode prints.
#[test]
fn filters_act_on_every_mode() {
    let tick = tick();
    let stack =
        rows(&run(["table", &tick, "process_memory_map", "--where", "kind=stack", "--pid", "1", "--format", "ndjson"]));
    let [stack] = stack.as_slice() else { panic!("one stack: {stack:?}") };
    let range = format!("{}-{}", stack["start"].as_str().unwrap(), stack["end"].as_str().unwrap());
    let modes: [&[&str]; 5] =
        [&[], &["--by", "class"], &["--strings"], &["--hexdump"], &["-r", "[a-z]{4}", "--format", "ndjson"]];
    for mode in modes {
        let out = |filter: &[&str]| {
            let ran = run([&["memparse", &tick, "-p", "1"], mode, filter].concat());
            assert!(matches!(ran.code, Some(0 | 1)), "{mode:?} {filter:?}: {}", ran.err);
            ran.out
        };
        let all = out(&["--range", "0-ffffffffffffffff"]);
        let by_range = out(&["--range", &range]);
        assert!(by_range.len() < all.len(), "{mode:?}");
        assert_eq!(out(&["--kind", "stack"]), by_range, "{mode:?}");
        for filter in [&["--path", "/tick"][..], &["--prot", "x"]] {
            assert!(out(filter) != all, "{mode:?} {filter:?}");
        }
    }
    let sizes = rows(&run(["memparse", &tick, "-p", "1", "--kind", "stack", "--format", "ndjson"]));
    let all = rows(&run(["memparse", &tick, "-p", "1", "--format", "ndjson"]));
    assert_eq!((&sizes[0]["stack"], &sizes[0]["recorded_bytes"]), (&all[0]["stack"], &all[0]["stack"]));
    assert_eq!(sizes[0]["heap"], 0);
}

#[test]
fn a_pattern_may_begin_with_a_hyphen() {
    for flag in ["-r", "-s"] {
        let ran = run(["memparse", &tick(), flag, "-----BEGIN"]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(1), "cryoscope: no match for \"-----BEGIN\"\n"), "{flag}");
    }
}

fn pids(arguments: &[&str]) -> Vec<u64> {
    let ran = run([&["table"], arguments, &["--format", "ndjson", "-q"]].concat());
    rows(&ran).iter().map(|row| row["pid"].as_u64().unwrap()).collect()
}

#[test]
fn rows_are_selected_by_columns() {
    let tree = archive("tree");
    let all = pids(&[&tree, "processes"]);
    assert!(all.len() > 5);
    let above: Vec<u64> = all.iter().copied().filter(|pid| *pid > 6).collect();
    assert_eq!(pids(&[&tree, "processes", "--where", "pid > 6"]), above);
    let few: Vec<u64> = above.iter().copied().filter(|pid| *pid <= 9).collect();
    assert_eq!(pids(&[&tree, "processes", "--where", "pid>6", "--where", "pid<=9"]), few);
    let chain = pids(&[&tree, "processes", "--where", "name~^chain-"]);
    let others = pids(&[&tree, "processes", "--where", "name~^([^c]|c[^h])"]);
    assert!(!chain.is_empty() && !others.is_empty());
    assert_eq!(chain.len() + others.len(), all.len());
    assert_eq!(pids(&[&tree, "processes", "--pid", "1,6"]), [1, 6]);
    let none = run(["table", &tree, "processes", "--where", "pid=99999"]);
    assert_eq!((none.code, none.out.as_str(), none.err.as_str()), (Some(1), "", "cryoscope: no rows match\n"));
    for (arguments, message) in [
        (
            &["processes", "--where", "pd=1"][..],
            "--where: the table processes has no column pd; did you mean pid?\nIt has these columns:\n  pid",
        ),
        (&["processes", "--sort", "x"], "--sort: the table processes has no column x"),
        (&["processes", "--where", "pid=one"], "--where pid: expected a whole number, found \"one\""),
        (&["mounts", "--pid", "1"], "the table mounts is not about processes"),
        (&["processes", "--where", "pid"], "write COLUMN=VALUE"),
        (&["processes", "--sort", "pid:up"], "write COLUMN, COLUMN:asc or COLUMN:desc"),
    ] {
        let ran = run([&["table", &tree], arguments].concat());
        assert!(ran.code == Some(2) && ran.err.contains(message), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn rows_are_sorted_and_limited_in_every_format() {
    let (tree, tick) = (archive("tree"), tick());
    let mut expected = [pids(&[&tree, "processes"]), pids(&[&tick, "processes"])].concat();
    expected.sort_unstable_by(|a, b| b.cmp(a));
    let sorted = ["--sort", "pid:desc"];
    assert_eq!(pids(&[&[&tree, &tick, "processes"], &sorted[..]].concat()), expected);
    assert_eq!(pids(&[&[&tree, &tick, "processes"], &sorted[..], &["--limit", "3"]].concat()), expected[..3]);
    assert_eq!(pids(&[&tree, &tick, "processes", "--limit", "2"]), pids(&[&tree, "processes"])[..2]);
    for (format, lines) in [("csv", 4), ("table", 4), ("ecs", 3), ("ocsf", 3), ("json", 5), ("bulk", 6)] {
        let ran =
            run(["table", &tree, &tick, "processes", "--sort", "pid:desc", "--limit", "3", "--format", format, "-q"]);
        assert_eq!(ran.out.lines().count(), lines, "{format}: {}", ran.out);
    }
    for threads in ["1", "4"] {
        let ran = run(["table", &tree, &tick, "processes", "--sort", "ppid", "--where", "pid>1", "--threads", threads]);
        assert_eq!(ran.code, Some(2), "{}", ran.out);
        let ran =
            run(["table", &tree, &tick, "processes", "--sort", "parent", "--where", "pid>1", "--threads", threads]);
        assert!(ran.out.starts_with("ARCHIVE ") && ran.out.contains("podman-runc.tar"), "{}", ran.out);
    }
}

#[cfg(feature = "parquet")]
#[test]
fn a_dataset_has_all_rows() {
    for (flag, value) in [("--where", "pid=1"), ("--limit", "1"), ("--pid", "1")] {
        let ran = run(["table", &tick(), "processes", "--format", "parquet", "--output-dir", "x", flag, value]);
        assert!(ran.code == Some(2) && ran.err.contains(&format!("{flag} selects rows")), "{}", ran.err);
    }
}

#[test]
fn what_is_misspelt_leads_on() {
    let tick = tick();
    for (arguments, message) in [
        (&["processes", "A"][..], "there is no command processes; did you mean `cryoscope table A processes`?"),
        (
            &["sockets", "a b.tar", "-q"],
            "there is no command sockets; did you mean `cryoscope table 'a b.tar' -q process_open_sockets`?",
        ),
        (&["process_open_file"], "did you mean `cryoscope table ARCHIVE process_open_files`?"),
        (&["inspct", "A"], "'inspect'"),
        (
            &["table", &tick, "sockets"],
            "there is no table sockets; did you mean process_open_sockets?\nThe tables are:\n  container",
        ),
        (&["table", &tick, "files"], "did you mean process_open_files?"),
        (&["table", &tick, "maps"], "did you mean process_memory_map?"),
        (&["schema", "maps"], "there is no table maps; did you mean process_memory_map?\nThe tables are:\n"),
    ] {
        let ran = run(arguments);
        assert!(ran.code == Some(2) && ran.err.contains(message), "{arguments:?}: {}", ran.err);
        assert!(
            ran.err.lines().all(|line| line.len() <= 80 || line.contains(" no ")) && !ran.err.contains("\\n"),
            "{}",
            ran.err
        );
    }
    // What could move the cursor stays escaped, and begins no line.
    let ran = run(["table", &tick, "x\nforged"]);
    assert!(!ran.err.contains("\nforged"), "{}", ran.err);
    let ran = run(["processes", "x\nforged"]);
    assert!(!ran.err.contains("\nforged") && ran.err.contains("did you mean"), "{}", ran.err);
    let help = run(["help", "table"]).ok();
    assert!(help.contains("--where") && help == run(["table", "--help"]).ok());
}

/// `-h` fits a screen.
#[test]
fn help_is_one_screen() {
    let mut long = Vec::new();
    for command in [
        "show",
        "list",
        "scan",
        "iocs",
        "inspect",
        "memparse",
        "core",
        "extract",
        "table",
        "decode",
        "query",
        "schema",
        "completions",
        "man",
    ] {
        if command == "query" && cfg!(not(feature = "query")) {
            continue;
        }
        let lines = run([command, "-h"]).ok().lines().count();
        let all = run([command, "--help"]).ok();
        assert!(all.contains("\nLimits:\n") && all.contains("\nEvidence:\n"), "{command}");
        assert!(lines <= 60, "{command}: {lines}");
        if lines > 40 {
            long.push(command);
        }
    }
    assert!(long.iter().all(|command| ["inspect", "memparse", "query", "scan", "table"].contains(command)), "{long:?}");
    let extract = run(["extract", "-h"]).ok();
    assert!(extract.contains("-o, --output <DIR>") && extract.contains("Directory to write to"), "{extract}");
}

#[test]
fn inspect_says_that_descendants_are_in() {
    let out = run(["inspect", &archive("tree"), "--pid", "1"]).ok();
    assert!(out.contains("\nOnly process 1 and its ") && out.contains(" descendants are shown.\n"), "{out}");
    let out = run(["inspect", &tick(), "--pid", "6"]).ok();
    assert!(out.ends_with("\nOnly process 6 is shown. It has no descendants.\n"), "{out}");
}
