//! Secrets: what is found in a real compromise and in made memory, and what is shown of it.

use std::fs;
use std::path::Path;

use cryoscope::Checkpoint;
use cryoscope::memory::Origin;
use cryoscope::model::ids::Pid;
use serde_json::Value;

use crate::archives::Members;
use crate::command::run;
use crate::fixtures;

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text<'r>(row: &'r Value, column: &str) -> &'r str {
    row[column].as_str().unwrap_or_default()
}

/// Values that were planted in the compromise, without what is shown of them.
const PLANTED: [&str; 6] =
    ["Z5CRYOLAB7FAKE", "Tr0ub4dor", "cryolabFakeSecretAccessKey", "MetadataSecretKey", "hunter2-cry", "ZWIifQ.Y2Nj"];

#[test]
fn what_was_planted_is_found_and_not_shown() {
    let archive = fixtures::archive_of("webapp-compromise").display().to_string();
    let out = run(["table", "secrets", "secret_rotation", "findings", "evidence", &archive, "--format", "ndjson"]).ok();
    let all = rows(&out);
    let of = |table: &str| all.iter().filter(|row| row["table"] == table).collect::<Vec<_>>();
    let secrets = of("secrets");
    for (detector, context, principal) in [
        ("aws-access-key-id", "environment", "account 680923787968"),
        ("aws-access-key-id", "memory", "account 680923787968"),
        ("aws-secret-access-key", "environment", ""),
        ("aws-secret-access-key", "memory", ""),
        ("kubernetes-serviceaccount-token", "memory", "sub system:serviceaccount:shop:web"),
        ("private-key", "changed_file", "EC P-256"),
        ("url-password", "environment", "postgres://shop@db.shop.internal:5432"),
        ("assigned-secret", "deleted_file", "setting password"),
    ] {
        let found = secrets.iter().find(|row| text(row, "detector") == detector && text(row, "context") == context);
        let row = found.unwrap_or_else(|| panic!("{detector} {context}: {secrets:?}"));
        assert!(text(row, "principal").contains(principal), "{row}");
    }
    // All processes that inherit a variable hold it, and one value is one row.
    let url = secrets.iter().find(|row| text(row, "detector") == "url-password").unwrap();
    assert!(url["pids"].as_array().unwrap().len() >= 10 && url["uids"] == serde_json::json!([0]), "{url}");
    assert_eq!(secrets.len(), 8);
    assert_eq!(of("secret_rotation").iter().filter(|row| text(row, "provider") == "AWS").count(), 2);
    // Its own credentials are no sign of a compromise.
    let severe = of("findings").into_iter().filter(|row| text(row, "rule").starts_with("SEC-"));
    let severe: Vec<_> = severe.filter(|row| matches!(text(row, "severity"), "medium" | "high" | "critical")).collect();
    assert!(severe.is_empty(), "{severe:?}");
    for value in PLANTED {
        assert!(!out.contains(value), "{value} is shown: {:?}", out.lines().find(|line| line.contains(value)));
    }
}

#[test]
fn documents_have_no_secrets_unless_wanted() {
    let archive = fixtures::archive_of("webapp-compromise").display().to_string();
    let out = run(["table", "processes", "process_envs", "recovered_files", &archive, "--format", "ecs"]).ok();
    assert!(PLANTED.iter().all(|value| !out.contains(value)), "{out}");
    let all = run(["table", "process_envs", &archive, "--format", "ecs", "--with-env"]).ok();
    assert!(all.contains("Tr0ub4dor"));
}

#[test]
fn values_are_revealed_only_where_nobody_else_reads_them() {
    let archive = fixtures::path("forms-reference/podman-runc.tar").display().to_string();
    let ran = run(["table", "secrets", &archive, "--reveal"]);
    assert!(ran.code == Some(2) && ran.err.contains("--output FILE"), "{ran:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.csv");
    let members = planted(&["k3Jd9xTmWq"]);
    let made = folder.path().join("made.tar");
    fs::write(&made, members.tar()).unwrap();
    let ran = run([
        "table".as_ref(),
        "secrets".as_ref(),
        made.as_os_str(),
        "--reveal".as_ref(),
        "--format".as_ref(),
        "csv".as_ref(),
        "--output".as_ref(),
        file.as_os_str(),
    ]);
    assert!(ran.code == Some(0) && ran.err.contains("plain text"), "{ran:?}");
    assert!(fs::read_to_string(&file).unwrap().contains("k3Jd9xTmWq"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

/// A small container with URLs with these passwords in its memory: each across the border of two pages.
fn planted(passwords: &[&str]) -> Members {
    let archive = fixtures::path("forms-reference/podman-runc.tar");
    let mut members = Members::of(&archive);
    let checkpoint = Checkpoint::open(&archive).unwrap();
    let memory = checkpoint.memory();
    let process = checkpoint.model().process(Pid(1)).unwrap();
    let space = memory.space(process).unwrap();
    let page = space.page_size();
    // Borders in the middle of recorded ranges, but not where the environment is.
    let env = space.mm().entry.mm_env_start() / page;
    let borders = memory.recorded_ranges(process).into_iter().flat_map(|range| {
        let first = range.start / page + 1;
        (first..range.end / page).map(move |number| number * page)
    });
    let borders: Vec<u64> = borders.filter(|border| (border / page).abs_diff(env) > 1).collect();
    for (password, border) in passwords.iter().zip(borders) {
        let url = format!("\0postgres://app:{password}@db.shop:5432/x\0");
        let start = border - 18;
        for (byte, address) in url.bytes().zip(start..) {
            let run = space.runs(address, address + 1).next().unwrap();
            let Origin::Recorded { image, offset, .. } = run.origin else { panic!("{address:#x} is not recorded") };
            let name = image.to_string();
            let mut contents = members.get(&name).to_vec();
            contents[usize::try_from(offset).unwrap()] = byte;
            members.set(&name, contents);
        }
    }
    members
}

#[test]
fn a_value_across_pages_is_found_once() {
    let members = planted(&["k3Jd9xTmWq"]);
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("made.tar");
    fs::write(&plain, members.tar()).unwrap();
    let packed = folder.path().join("made.tar.gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &members.tar()).unwrap();
    fs::write(&packed, encoder.finish().unwrap()).unwrap();
    let found = |path: &Path| {
        let out = run([
            "table".as_ref(),
            "secrets".as_ref(),
            path.as_os_str(),
            "--format".as_ref(),
            "ndjson".as_ref(),
            "--stable-secret-hash".as_ref(),
        ])
        .ok();
        let mut all = rows(&out);
        all.retain(|row| text(row, "detector") == "url-password");
        for row in &mut all {
            let _ = row.as_object_mut().unwrap().remove("archive");
        }
        all
    };
    let rows = found(&plain);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0]["count"] == 1 && rows[0]["context"] == "memory" && rows[0]["pids"] == serde_json::json!([1]));
    assert_eq!(text(&rows[0], "value"), "postgres://app:…@db.shop:5432");
    assert_eq!(rows, found(&packed), "the same however it is packed");
}

/// A log that is full of tokens leaves room for what is in other files, and a file keeps the dots of its name.
#[test]
fn a_log_of_tokens_hides_no_key() {
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    let line = |number: u64| {
        let token = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("GET /x?token=k{token:016x}Z\n")
    };
    members.set("ctr.log", (0..5000).map(line).collect::<String>().into_bytes());
    let mut files = tar::Builder::new(Vec::new());
    let env = ["AWS_ACCESS_KEY_ID=AKIA", "Z5CRYQLAB7FUKE42\n"].concat();
    let mut header = tar::Header::new_gnu();
    header.set_size(env.len() as u64);
    header.set_mode(0o644);
    files.append_data(&mut header, "./.env", env.as_bytes()).unwrap();
    members.set("rootfs-diff.tar", files.into_inner().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made.tar").display().to_string();
    fs::write(&made, members.tar()).unwrap();
    let out = run(["table", "secrets", &made, "--format", "ndjson"]).out;
    let all = rows(&out);
    let key: Vec<&Value> = all.iter().filter(|row| text(row, "detector") == "aws-access-key-id").collect();
    assert!(key.len() == 1 && text(key[0], "path") == "/.env", "{key:?}");
    let tokens = rows_of(&out, "assigned-secret");
    assert!((1000..5000).contains(&tokens), "{tokens}");
}

#[test]
fn rules_of_the_user_find_what_they_say_and_can_be_turned_off() {
    let members = planted(&["k3Jd9xTmWq"]);
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made.tar").display().to_string();
    fs::write(&made, members.tar()).unwrap();
    let rules = folder.path().join("rules.toml").display().to_string();
    fs::write(&rules, "[[rules]]\nid = \"shop\"\nregex = '''db\\.(shop):'''\nkeywords = [\"db.shop\"]\n[[rules]]\nid = \"bad\"\nregex = '''a(?=b)'''\n").unwrap();
    let ran = run(["table", "secrets", &made, "--secrets-rules", &rules, "--format", "ndjson"]);
    assert!(ran.err.contains("line 7: rule bad: not a regular expression"), "{ran:?}");
    let all = rows_of(&ran.out, "shop");
    assert_eq!(all, 1, "{}", ran.out);
    let none = run(["table", "secrets", &made, "--secrets", "no", "--format", "ndjson"]);
    assert!(none.out.is_empty(), "{none:?}");
    let bytes = folder.path().join("bytes.toml");
    fs::write(&bytes, b"[[rules]]\nid = \"\xff\"\n").unwrap();
    let ran = run(["table", "secrets", &made, "--secrets-rules", bytes.to_str().unwrap()]);
    assert!(ran.code == Some(2) && ran.err.contains("bytes.toml: this is not a text file"), "{}", ran.err);
    let ran = run(["table", "secrets", &made, "--secrets-rules", "/nowhere.toml"]);
    assert!(ran.code == Some(2) && ran.err.contains("/nowhere.toml: no such file; check the path"), "{ran:?}");
}

fn rows_of(out: &str, detector: &str) -> usize {
    rows(out).iter().filter(|row| text(row, "detector") == detector).count()
}

#[test]
fn queries_look_for_secrets_as_tables_do() {
    let members = planted(&["k3Jd9xTmWq"]);
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made.tar").display().to_string();
    fs::write(&made, members.tar()).unwrap();
    let query = "SELECT detector, value FROM secrets WHERE detector = 'url-password'";
    let out = run(["query", &made, query, "--format", "csv"]).ok();
    assert!(out.contains("postgres://app:…@db.shop:5432") && !out.contains("k3Jd9xTmWq"), "{out}");
    let none = run(["query", &made, query, "--secrets", "no", "--format", "csv"]);
    assert!(!none.out.contains("postgres://"), "{none:?}");
    let ran = run(["query", &made, query, "--reveal"]);
    assert!(ran.code == Some(2) && ran.err.contains("--output FILE"), "{ran:?}");
}
