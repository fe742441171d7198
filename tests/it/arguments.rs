//! Arguments: what they select, and what is said about those that cannot be.

use std::ffi::OsStr;

use serde_json::Value;

use crate::command::{Ran, cryoscope, run, run_with};
use crate::fixtures;

const WEBAPP: &str = "webapp-compromise/webapp-compromise.tar.zst";

/// Two processes: 1 and 6.
fn tick() -> String {
    fixtures::path("forms-reference/podman-runc.tar").display().to_string()
}

/// Many processes, among them 1, 6 and 7.
fn tree() -> String {
    fixtures::archive_of("tree").display().to_string()
}

fn rows(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn refused(arguments: &[&str], message: &str) {
    let ran = run(arguments);
    assert!(ran.code == Some(2) && ran.err.contains(message), "{arguments:?}: {}", ran.err);
    assert_eq!(ran.out, "", "{arguments:?}");
}

#[test]
fn columns_that_the_command_adds_select_and_sort() {
    let (tick, tree) = (tick(), tree());
    let fleet = |flags: &[&str]| {
        let flags = [&["table", &tick, &tree, "processes", "--field", "node=w3", "--format", "ndjson", "-q"], flags];
        rows(&run(flags.concat()))
    };
    let all = fleet(&[]);
    let of = |archive: &str| all.iter().filter(|row| row["archive"] == archive).cloned().collect::<Vec<_>>();
    let (of_tick, of_tree) = (of(&tick), of(&tree));
    assert!(of_tick.len() == 2 && of_tree.len() > 5);
    assert_eq!(fleet(&["--where", "archive~podman-runc"]), of_tick);
    assert_eq!(fleet(&["--where", &format!("archive={tree}")]), of_tree);
    assert_eq!(fleet(&["--where", "node=w3", "--where", "set="]), all);
    assert_eq!(fleet(&["--where", "node!=w3"]), Vec::<Value>::new());
    let (mut sorted, mut reversed) = (all.clone(), all.clone());
    let archive = |row: &Value| row["archive"].as_str().unwrap().to_owned();
    sorted.sort_by_key(archive);
    reversed.sort_by_key(|row| std::cmp::Reverse(archive(row)));
    assert_eq!(fleet(&["--sort", "archive"]), sorted);
    assert_eq!(fleet(&["--sort", "archive:desc"]), reversed);
    refused(&["table", &tick, "processes", "--where", "archve=x"], "did you mean archive?\nIt has these columns:\n");
    refused(&["table", &tick, "processes", "--sort", "node"], "--sort: the table processes has no column node");
    refused(&["table", &tick, "--all", "--sort", "nodes"], "--sort: no table has a column nodes");
}

#[test]
fn columns_that_the_command_adds_can_be_printed_anywhere() {
    let tick = tick();
    let head = |columns: &str, format: &str| {
        let flags = ["--field", "node=w3", "--columns", columns, "--format", format];
        let ran = run([&["table", &tick, "processes"], &flags[..]].concat());
        assert_eq!(ran.code, Some(0), "{columns}: {}", ran.err);
        ran.out.lines().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let row = |cells: &str| cells.replace("TICK", &tick);
    assert_eq!(head("pid", "csv"), ["archive,set,node,pid".to_owned(), row("TICK,,w3,1")]);
    assert_eq!(head("pid,archive", "csv"), ["set,node,pid,archive".to_owned(), row(",w3,1,TICK")]);
    assert_eq!(head("node,pid,set,archive", "csv"), ["node,pid,set,archive".to_owned(), row("w3,1,,TICK")]);
    let json = row(r#"{"pid":1,"node":"w3","set":"","archive":"TICK"}"#);
    assert_eq!(head("pid,node,set,archive", "ndjson")[0], json);
    // Text output leaves the archive out if there is only one, unless it is named.
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&head("pid", "table")[0]), ["NODE", "PID"]);
    assert_eq!(words(&head("pid,archive", "table")[0]), ["NODE", "PID", "ARCHIVE"]);
    assert_eq!(words(&head("pid,archive", "table")[1]), ["w3", "1", &tick]);
    // Documents have them at a place of their own.
    let document = |columns: &str| run(["table", &tick, "processes", "--format", "ecs", "--columns", columns]).ok();
    assert_eq!(document("pid,archive"), document("pid"));
    refused(&["table", &tick, "processes", "--columns", "node"], "there is no column node");
    refused(&["table", &tick, "processes", "--columns", "pid,"], "--columns: a name is empty");
}

#[cfg(feature = "parquet")]
#[test]
fn a_dataset_has_the_added_columns_whatever_is_named() {
    let home = tempfile::tempdir().unwrap();
    let flags = ["--format", "parquet", "--output-dir", "d", "--columns", "pid,archive"];
    let ran = Ran::of(cryoscope(home.path()).args(["table", &tick(), "processes"]).args(flags).output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let flags = ["--format", "parquet", "--output-dir", "x", "--sort", "pid"];
    let message = "--sort sorts rows, but those of a dataset are sorted by archive; remove it";
    refused(&[&["table", &tick(), "processes"], &flags[..]].concat(), message);
}

#[test]
fn a_process_may_be_in_some_archives_only() {
    let (tick, tree) = (tick(), tree());
    let only_in_tree = |command: &[&str]| {
        let ran = run([command, &["--format", "ndjson"]].concat());
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.err);
        let rows = rows(&ran);
        assert!(!rows.is_empty() && rows.iter().all(|row| row["archive"] == *tree), "{command:?}: {rows:?}");
        assert!(ran.err.contains("2 archives: 2 read, 0 failed"), "{command:?}: {}", ran.err);
    };
    only_in_tree(&["table", &tick, &tree, "processes", "--pid", "7"]);
    only_in_tree(&["inspect", &tick, &tree, "--pid", "7"]);
    only_in_tree(&["memparse", &tick, &tree, "--pid", "7"]);
    only_in_tree(&["memparse", &tick, &tree, "--name", "chain-*"]);
    only_in_tree(&["memparse", &tick, &tree, "--name", "chain-*", "--strings", "-n", "40"]);
    let trees = run(["inspect", &tick, &tree, "--pid", "7"]).out;
    assert!(trees.contains("Only process 7") && !trees.contains("podman-runc"), "{trees}");
    let documents = run(["inspect", &tick, &tree, "--pid", "7", "--format", "checkpointctl-json"]).json();
    assert_eq!(documents.as_array().map(Vec::len), Some(1));
    // Each archive has its own.
    let both = rows(&run(["table", &tick, &tree, "processes", "--pid", "6,7", "--format", "ndjson"]));
    assert_eq!(both.iter().map(|row| row["pid"].as_u64().unwrap()).collect::<Vec<_>>(), [6, 6, 7]);
}

#[test]
fn a_process_that_no_archive_has_is_an_error() {
    let (tick, tree) = (tick(), tree());
    let pid = "no process has pid 4711 in any of the archives; `cryoscope table ARCHIVE processes` lists those";
    let name = "no running process is named \"nobody\" in any of the archives; `cryoscope table ARCHIVE processes`";
    for (command, message) in [
        (&["table", "processes", "--pid", "4711"][..], pid),
        (&["inspect", "--pid", "4711"], pid),
        (&["memparse", "--pid", "4711"], pid),
        (&["memparse", "--pid", "1,4711", "--hexdump", "--range", "0-1000"], pid),
        (&["memparse", "--name", "nobody"], name),
    ] {
        let ran = run([command, &[&tick, &tree]].concat());
        assert!(ran.code == Some(2) && ran.err.contains(message), "{command:?}: {}", ran.err);
        assert!(!ran.err.contains("no rows match"), "{}", ran.err);
    }
    // What was found is written all the same, and whole.
    let ran = run(["table", &tick, &tree, "processes", "--pid", "6,4711", "--format", "json"]);
    assert_eq!((ran.code, ran.json().as_array().map(Vec::len)), (Some(2), Some(2)));
    // Of one archive it is said which pids there are.
    refused(&["memparse", &tick, "--name", "nobody"], ": no running process is named \"nobody\"; `cryoscope inspect`");
    refused(&["memparse", &tick, "--pid", "1,4711"], ": no process has pid 4711; the pids are 1, 6");
    // An archive that cannot be read may have had it.
    let elf = fixtures::path("malformed/elf").display().to_string();
    let ran = run(["table", &elf, &elf, "processes", "--pid", "1"]);
    assert!(ran.code == Some(2) && !ran.err.contains("in any of the archives"), "{}", ran.err);
}

#[test]
fn no_row_can_be_asked_for() {
    let tick = tick();
    for flags in [&["--limit", "0"][..], &["--limit", "0", "--where", "pid=1"], &["--limit", "0", "--sort", "pid"]] {
        let ran = run([&["table", &tick, "processes", "--pid", "1", "--format", "ndjson"], flags].concat());
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", ""), "{flags:?}");
    }
}

#[test]
fn a_value_that_cannot_be_compared_says_what_is_wrong_with_it() {
    let tick = tick();
    let condition = |condition: &str, message: &str| {
        refused(&["table", &tick, "processes", "process_memory_map", "--where", condition], message);
    };
    let large = "9".repeat(50);
    condition(
        &format!("pid={large}"),
        &format!("--where pid: the number \"{large}\" is too large; the largest is 1701"),
    );
    condition("pid=1.5", "--where pid: expected a whole number, found \"1.5\"");
    condition("pid~(", "\"(\" is not a regular expression: unclosed group");
    condition(r"pid~(\w{1000}){1000}", "is too large; shorten it, or repeat parts of it fewer times");
    refused(
        &["table", &tick, "process_memory_map", "--where", "start>0x10000000000000000"],
        "--where start: the number \"0x10000000000000000\" is too large; the largest is 0xffffffffffffffff",
    );
    for order in ["", ":desc"] {
        refused(&["table", &tick, "processes", "--sort", order], "no column named; write COLUMN, COLUMN:asc");
    }
}

#[test]
fn lists_are_sorted_item_by_item() {
    let tree = tree();
    let lists = |flags: &[&str]| {
        let table = ["table", &tree, "seccomp_filters", "--columns", "pids", "--format", "ndjson", "-q"];
        let rows = rows(&run([&table, flags].concat()));
        let numbers = |row: &Value| row["pids"].as_array().unwrap().iter().map(|pid| pid.as_u64().unwrap()).collect();
        rows.iter().map(numbers).collect::<Vec<Vec<u64>>>()
    };
    let mut expected = lists(&[]);
    expected.sort();
    assert!(expected.contains(&vec![9]) && expected.contains(&vec![10]), "{expected:?}");
    assert_eq!(lists(&["--sort", "pids"]), expected);
}

#[cfg(feature = "query")]
#[test]
fn what_is_wrong_with_a_query_is_told_apart_from_what_is_wrong_with_its_archives() {
    let tick = tick();
    let given = |input: &str, arguments: &[&str]| run_with(input.as_bytes(), [&["query", &tick], arguments].concat());
    let ran = given("", &["nosuch.tar"]);
    assert!(ran.code == Some(2) && ran.err.contains("nosuch.tar: no such file"), "{}", ran.err);
    let ran = given(" \n", &[]);
    let message = "cryoscope: there is no query; write one after the archives, or on standard input\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(2), message));
    let ran = given("", &["SELECT 1", "SELECT 2"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(2), "cryoscope: more than one query; give one at a time\n"));
    for sql in ["values(1)", "select(1)", "SELECT*FROM(values(1))"] {
        let ran = given("", &[sql, "--format", "csv"]);
        assert_eq!((ran.code, ran.out.lines().last()), (Some(0), Some("1")), "{sql}: {}", ran.err);
    }
    let ran = given("", &[".tables"]);
    assert!(ran.code == Some(2) && ran.err.contains(".tables is for the prompt"), "{}", ran.err);
    let ran = given("", &["SELECT 1", "no such.tar"]);
    assert!(ran.err.contains("no such.tar: no such file"), "{}", ran.err);
}

#[cfg(feature = "query")]
#[test]
fn an_ambiguous_column_comes_with_a_tip_that_works() {
    let tick = tick();
    let tip = |sql: &str, tip: &str, mended: &str| {
        refused(&["query", &tick, sql], tip);
        let ran = run(["query", &tick, mended]);
        assert_eq!(ran.code, Some(0), "{mended}: {}", ran.err);
    };
    tip(
        "SELECT pid FROM processes p JOIN threads t",
        "ambiguous column name: pid; write its table before it, or the alias of the table: `TABLE.pid`",
        "SELECT p.pid FROM processes p JOIN threads t",
    );
    tip(
        "SELECT \"set\" FROM processes JOIN threads",
        "or the alias of the table: `TABLE.\"set\"`",
        "SELECT processes.\"set\" FROM processes JOIN threads",
    );
    tip(
        "SELECT pid FROM processes JOIN processes",
        "give each processes an alias, `AS a` and `AS b`, and write `a.pid`",
        "SELECT a.pid FROM processes AS a JOIN processes AS b",
    );
    tip(
        "SELECT processes.pid FROM processes JOIN processes",
        "two tables are called processes; give each an alias: `AS a` and `AS b`",
        "SELECT a.pid FROM processes AS a JOIN processes AS b",
    );
}

#[test]
fn a_flag_without_effect_is_refused() {
    let tick = tick();
    let search = "is for a search, and none is asked for; add --search,";
    for (flags, message) in [
        (&["--context", "8"][..], search),
        (&["--utf16"], search),
        (&["-i"], search),
        (&["--max-matches", "8"], search),
        (&["--max-match-length", "8"], search),
        (&["--everywhere"], search),
        (&["--hexdump", "--count"], search),
        (&["--strings", "--context", "8"], search),
        (&["--pid", "1", "--context", "8"], search),
        (&["--min-length", "8"], "--min-length is for --strings; add that, or remove it"),
        (&["-s", "x", "-n", "8"], "--min-length is for --strings"),
        (&["--strings", "--no-squeeze"], "--no-squeeze is for --hexdump"),
        (&["--search-hex", "00", "--utf16"], "--utf16 searches for text; add --search or --patterns"),
        (&["--search-hex", "00", "-i"], "--ignore-case has no effect on bytes in hexadecimal"),
        (&["--dump", "x", "--format", "json"], "--format has no effect on --dump, which writes raw bytes"),
        (&["--range", "1000-1000"], "--range \"1000-1000\": the range is empty"),
        (&["--range", "2000-1000"], "it ends before it begins; did you mean 0x1000-0x2000?"),
    ] {
        refused(&[&["memparse", &tick], flags].concat(), message);
    }
}

#[test]
fn a_path_with_brackets_matches_itself() {
    let tick = tick();
    let mapped =
        |flags: &[&str]| rows(&run([&["memparse", &tick, "--pid", "1", "--format", "ndjson"], flags].concat()));
    let (by_path, by_kind) = (mapped(&["--path", "[stack]"]), mapped(&["--kind", "stack"]));
    assert!(by_path.len() == 1 && by_path == by_kind, "{by_path:?}");
    assert_ne!(by_path[0]["mapped_bytes"], 0);
}

#[test]
fn a_path_or_a_slip_in_place_of_a_command_leads_on() {
    let tick = tick();
    for (arguments, message) in [
        (&[tick.as_str()][..], format!("there is no command {tick}; did you mean `cryoscope inspect {tick}`?")),
        (&["t.tar", "-q"], "did you mean `cryoscope inspect t.tar -q`?".to_owned()),
        (&["help", "t.tar"], "did you mean `cryoscope inspect t.tar`?".to_owned()),
        (&["core-1.img"], "did you mean `cryoscope decode core-1.img`?".to_owned()),
        (&["evidence/a b"], "did you mean `cryoscope inspect 'evidence/a b'`?".to_owned()),
        (&["help", "tabel"], "there is no command tabel; did you mean `cryoscope help table`?".to_owned()),
        (&["help", "inspct"], "did you mean `cryoscope help inspect`?".to_owned()),
        (&["help", "processes"], "did you mean `cryoscope table ARCHIVE processes`?".to_owned()),
    ] {
        refused(arguments, &message);
    }
    refused(&["inspct"], "'inspect'");
}

/// `show` and `inspect` say the same of the changed files.
#[test]
fn changed_files_have_one_size() {
    let mut compared = 0;
    for name in [WEBAPP, "forms-reference/podman-runc.tar", "rootfs-diff/rootfs-diff.tar.zst"] {
        let path = fixtures::path(name);
        let ran = |command: &str| run([OsStr::new(command), path.as_os_str()]).out;
        let shown = ran("show");
        let (head, row) = shown.split_once('\n').unwrap();
        let end = head.find("CHANGED").unwrap() + "CHANGED".len();
        let cell = row[..end].rsplit("  ").next().unwrap().trim().to_owned();
        let inspected = ran("inspect");
        match inspected.split_once("changed files ") {
            Some((_, size)) => {
                compared += 1;
                assert!(size.starts_with(&cell) && cell.contains('B'), "{name}: {cell:?} {inspected}");
            }
            None => assert_eq!(cell, "-", "{name}: {inspected}"),
        }
    }
    assert!(compared >= 2);
}
