//! The columns before those of each row: the same ones whatever is read, so that the outputs of many runs fit together.

use std::fs;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::command::{run, run_with};
use crate::fixtures;

fn archive(case: &str) -> String {
    fixtures::archive_of(case).to_str().unwrap().to_owned()
}

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(row: &Value) -> Vec<&str> {
    row.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn columns_do_not_depend_on_how_many_archives_there_are() {
    let (one, other) = (archive("tree"), archive("pod"));
    let alone = rows(&run(["table", &one, "processes", "--format", "ndjson"]).ok());
    let both = rows(&run(["table", "-q", &one, &other, "processes", "--format", "ndjson"]).ok());
    assert_eq!(alone[0], both[0]);
    assert_eq!(names(&alone[0])[..2], ["archive", "set"]);
    let streamed = run_with(&fs::read(&one).unwrap(), ["table", "-", "processes", "--format", "ndjson"]).ok();
    assert_eq!(names(&rows(&streamed)[0]), names(&alone[0]));
    let header = |archives: &[&str]| {
        let mut arguments = vec!["table", "-q", "processes", "--format", "csv"];
        arguments.extend(archives);
        run(arguments).ok().lines().next().unwrap().to_owned()
    };
    assert_eq!(header(&[&one]), header(&[&one, &other]));
    assert!(header(&[&one]).starts_with("archive,set,pid,"));
}

#[test]
fn every_command_says_where_rows_are_from() {
    let archive = archive("tree");
    let of = |arguments: &[&str]| {
        let all: Vec<&str> = [&arguments[..1], &[&archive, "--format", "ndjson"], &arguments[1..]].concat();
        rows(&run(all).out)[0].clone()
    };
    let commands: [&[&str]; 7] = [
        &["show"],
        &["inspect"],
        &["table", "mounts"],
        &["memparse"],
        &["memparse", "--by", "class"],
        &["memparse", "--strings"],
        &["memparse", "--search", "a", "--count"],
    ];
    for command in commands {
        let row = of(command);
        assert_eq!((row["archive"].as_str(), row["set"].as_str()), (Some(&*archive), Some("")), "{command:?}: {row}");
    }
}

#[test]
fn a_table_without_rows_has_its_columns() {
    let archive = archive("tree");
    let csv = run(["table", &archive, "bpf_maps", "--format", "csv"]).ok();
    assert_eq!(csv.lines().count(), 1, "{csv}");
    assert!(csv.starts_with("archive,set,"), "{csv}");
}

#[test]
fn an_archive_is_called_by_its_path_its_name_or_its_hash() {
    let archive = archive("tree");
    let bytes = fs::read(&archive).unwrap();
    let hash = fixtures::hex(&Sha256::digest(&bytes));
    let called = |id: &str| {
        let row = rows(&run(["table", &archive, "container", "--format", "ndjson", "--source-id", id]).ok())[0].clone();
        (row["archive"].as_str().unwrap().to_owned(), row.get("archive_sha256").cloned())
    };
    assert_eq!(called("path"), (archive.clone(), None));
    assert_eq!(called("name"), ("tree.tar.zst".to_owned(), None));
    assert_eq!(called("sha256"), (hash.clone(), Some(hash.clone().into())));
    // What was read from standard input is hashed, compressed or not.
    for bytes in [&bytes, &crate::archives::inflated(&bytes)] {
        let arguments = ["table", "-", "container", "--format", "ndjson", "--source-id", "sha256"];
        let row = &rows(&run_with(bytes, arguments).ok())[0];
        assert_eq!(row["archive"], fixtures::hex(&Sha256::digest(bytes)));
        let named = ["table", "-", "container", "--format", "ndjson", "--source-name", "s3://bucket/key:1"];
        assert_eq!(rows(&run_with(bytes, named).ok())[0]["archive"], "s3://bucket/key:1");
    }
    // Where it is hashed anyway, rows say so.
    let verified = run(["table", &archive, "container", "--format", "ndjson", "--expect-sha256", &hash]).ok();
    assert_eq!(rows(&verified)[0]["archive_sha256"], hash);
}

#[test]
fn what_somebody_says_of_archives_is_in_every_row() {
    let archive = archive("tree");
    let fields = ["--field", "node=worker-3", "--field", "case=17 \"a\", b"];
    let with = |format: &str| {
        let mut arguments = vec!["table", &archive, "processes", "--format", format];
        arguments.extend(fields);
        run(arguments).ok()
    };
    let found = rows(&with("ndjson"));
    assert!(found.len() > 5);
    for row in &found {
        assert_eq!(names(row)[..4], ["archive", "set", "node", "case"]);
        assert_eq!((&row["node"], &row["case"]), (&"worker-3".into(), &"17 \"a\", b".into()));
    }
    assert!(with("csv").starts_with("archive,set,node,case,pid,"), "{}", with("csv"));
    let refused = run(["table", &archive, "processes", "--field", "pid=1"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("choose another name"), "{}", refused.err);
    let twice = run(["table", &archive, "processes", "--field", "a=1", "--field", "A=2"]);
    assert!(twice.err.contains("twice"), "{}", twice.err);
}

#[test]
fn times_are_in_order_where_their_texts_are() {
    let archive = fixtures::archive_of("rootfs-diff").to_str().unwrap().to_owned();
    let rows = rows(&run(["table", &archive, "rootfs_changes", "--format", "ndjson"]).ok());
    let times: Vec<&str> = rows.iter().filter_map(|row| row["mtime"].as_str()).collect();
    assert!(times.len() > 3);
    assert!(times.iter().all(|time| time.len() == "2026-11-23T11:12:27.000000000Z".len()), "{times:?}");
    let sql = "SELECT DISTINCT length(mtime) FROM rootfs_changes WHERE mtime IS NOT NULL";
    assert_eq!(run(["query", &archive, sql, "--format", "csv"]).ok(), "length(mtime)\n30\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_not_lost() {
    use std::os::unix::ffi::OsStrExt as _;
    let home = tempfile::tempdir().unwrap();
    for name in [b"a\xff:\n b.tar.zst", b"a\xfe:\n b.tar.zst"] {
        fs::copy(fixtures::archive_of("tree"), home.path().join(std::ffi::OsStr::from_bytes(name))).unwrap();
    }
    let folder = home.path().to_str().unwrap();
    let found = rows(&run(["table", "-q", folder, "container", "--format", "ndjson"]).ok());
    let hex: Vec<&str> = found.iter().map(|row| row["archive_hex"].as_str().unwrap()).collect();
    assert!(hex[0].ends_with("61fe3a0a20622e7461722e7a7374") && hex[1].ends_with("61ff3a0a20622e7461722e7a7374"));
    let counted = run(["query", "-q", folder, "SELECT count(DISTINCT archive) FROM container", "--format", "csv"]).ok();
    assert_eq!(counted, "count(DISTINCT archive)\n2\n", "none takes another's place");
}

#[test]
fn queries_take_lists_and_directories() {
    let home = tempfile::tempdir().unwrap();
    for case in ["tree", "pod"] {
        let from = fixtures::archive_of(case);
        fs::copy(&from, home.path().join(from.file_name().unwrap())).unwrap();
    }
    let sql = "SELECT count(DISTINCT archive) AS n FROM processes";
    let folder = home.path().to_str().unwrap();
    assert_eq!(run(["query", "-q", folder, sql, "--format", "csv"]).ok(), "n\n2\n");
    let list = home.path().join("list");
    fs::write(&list, format!("{}\n{}\n", archive("tree"), archive("pod"))).unwrap();
    let from = run(["query", "-q", "--files-from", list.to_str().unwrap(), sql, "--format", "csv"]).ok();
    assert_eq!(from, "n\n2\n");
    let by_name = run(["query", "-q", folder, &archive("tree"), sql, "--source-id", "name"]);
    assert_eq!(by_name.code, Some(2));
    assert!(by_name.err.contains("both called tree.tar.zst"), "{}", by_name.err);
}

#[test]
fn a_name_for_standard_input_says_what_the_name_of_a_file_does() {
    let bytes = fs::read(fixtures::path("forms-bare/runc-images.tar")).unwrap();
    let name = "s3://evidence/day 1/checkpoint-web-0_shop-nginx-2026-11-23T11:16:51Z.tar";
    let arguments = ["table", "-", "container", "-q", "--format", "ndjson", "--source-name", name];
    let row = &rows(&run_with(&bytes, arguments).out)[0];
    assert_eq!((row["archive"].as_str(), row["pod"].as_str()), (Some(name), Some("web-0")), "{row}");
    assert_eq!((row["namespace"].as_str(), row["name"].as_str()), (Some("shop"), Some("nginx")), "{row}");
}

#[test]
fn ids_of_documents_do_not_tell_how_an_archive_is_packed_or_called() {
    let path = fixtures::archive_of("rootfs-diff");
    let members = crate::archives::Members::of(&path);
    let below =
        members.0.iter().map(|m| crate::archives::Member { name: format!("case 17/a/{}", m.name), ..m.clone() });
    let packed = [members.tar(), crate::archives::Members(below.collect()).tar()];
    let ids = |arguments: &[&str], input: &[u8]| -> Vec<String> {
        let out = run_with(input, arguments.iter().copied()).out;
        rows(&out).iter().map(|row| row["event"]["id"].as_str().unwrap().to_owned()).collect()
    };
    for arguments in [
        &[
            "table",
            "-",
            "-q",
            "--format",
            "ecs",
            "processes",
            "rootfs_changes",
            "recovered_files",
            "log_lines",
            "images",
        ][..],
        &["show", "-", "-q", "--format", "ecs"],
    ] {
        let [one, other] = packed.each_ref().map(|tar| ids(arguments, tar));
        assert!(!one.is_empty());
        assert_eq!(one, other, "{arguments:?}");
        let named: Vec<&str> = arguments.iter().copied().chain(["--source-name", "another.tar"]).collect();
        assert_eq!(ids(&named, &packed[0]), one);
    }
}

#[test]
fn a_process_is_called_alike_in_two_checkpoints_of_its_container() {
    let mut members = crate::archives::Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    let entities = |tar: &[u8]| -> Vec<(String, String)> {
        let out = run_with(tar, ["table", "-", "processes", "-q", "--format", "ecs"]).out;
        let text = |row: &Value, path: &str| row.pointer(path).unwrap().as_str().unwrap().to_owned();
        rows(&out).iter().map(|row| (text(row, "/process/entity_id"), text(row, "/event/id"))).collect()
    };
    let first = entities(&members.tar());
    // A later dump of the same container: another run of CRIU.
    let statistics = members.0.iter().position(|member| member.name == "stats-dump").unwrap();
    *members.0[statistics].contents.last_mut().unwrap() ^= 1;
    let second = entities(&members.tar());
    assert_eq!(first.len(), 2);
    for (one, other) in first.iter().zip(&second) {
        assert_eq!(one.0, other.0, "the process");
        assert_ne!(one.1, other.1, "but not the document");
    }
}

#[test]
fn a_directory_named_as_standard_input_is_not_read_for_it() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("-")).unwrap();
    let input = fs::File::open(fixtures::archive_of("tree")).unwrap();
    let mut command = crate::command::cryoscope(home.path());
    let output = command.args(["table", "-", "container", "--format", "ndjson"]).stdin(input).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
}

#[test]
fn archives_that_would_be_called_alike_are_refused() {
    let home = tempfile::tempdir().unwrap();
    for folder in ["1", "2"] {
        fs::create_dir(home.path().join(folder)).unwrap();
        fs::copy(fixtures::archive_of("tree"), home.path().join(folder).join("x.tar.zst")).unwrap();
    }
    let folder = home.path().to_str().unwrap();
    for command in [&["table", "processes"][..], &["show"]] {
        let ran = run(command.iter().copied().chain([folder, "--format", "ndjson", "--source-id", "name"]));
        assert_eq!(ran.code, Some(2), "{command:?}");
        assert!(ran.err.contains("both named x.tar.zst"), "{}", ran.err);
    }
}
