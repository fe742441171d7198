//! Sigma rules and packs of osquery over archives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::command::{Ran, run};
use crate::fixtures;

fn shop() -> String {
    fixtures::archive_of("webapp-compromise").display().to_string()
}

/// A small archive.
fn tick() -> String {
    fixtures::path("forms-reference/podman-runc.tar").display().to_string()
}

fn rows(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A folder with files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[cfg(feature = "sigma")]
fn sigma(title: &str, category: &str, detection: &str) -> String {
    format!(
        "title: {title}\nid: {title}-id\nauthor: somebody\nlevel: high\nlogsource:\n  product: linux\n  category: {category}\n\
         detection:\n{detection}"
    )
}

#[cfg(feature = "sigma")]
#[test]
fn sigma_rules_hold_for_processes_files_and_connections() {
    let rules = folder(&[
        (
            "p.yml",
            &sigma(
                "shell",
                "process_creation",
                "  s:\n    Image|endswith: '/dash'\n    ParentImage|contains: python\n    LogonId: 0\n  condition: s",
            ),
        ),
        ("f.yml", &sigma("preload", "file_event", "  s:\n    TargetFilename: /etc/ld.so.preload\n  condition: s")),
        (
            "n.yml",
            &sigma(
                "out",
                "network_connection",
                "  s:\n    DestinationPort: 4444\n    Initiated: 'true'\n  f:\n    DestinationIp|cidr: 10.0.0.0/8\n  condition: s and not f",
            ),
        ),
        ("u.yml", &sigma("field", "process_creation", "  s:\n    TerminalSessionId: 1\n  condition: s")),
        ("bad.yml", "title: [\n"),
    ]);
    let path = rules.path().display().to_string();
    let ran = run(["scan", &shop(), "--rules", "SIGMA", "--sigma", &path, "--format", "ndjson"]);
    let found = rows(&ran);
    let titles: BTreeSet<&str> = found.iter().map(|row| row["foreign_name"].as_str().unwrap()).collect();
    assert_eq!(titles, BTreeSet::from(["shell", "preload", "out"]), "{ran:?}");
    let shell = found.iter().find(|row| row["foreign_rule"] == "shell-id").unwrap();
    assert_eq!(
        (&shell["rule"], &shell["severity"], &shell["foreign_author"]),
        (&"SIGMA-001".into(), &"high".into(), &"somebody".into())
    );
    assert!(ran.err.contains("bad.yml:2") && ran.err.lines().count() == 1, "{ran:?}");
    let coverage =
        run(["table", "rule_coverage", &tick(), "--sigma", &path, "--where", "rule=SIGMA-001", "--format", "ndjson"]);
    assert!(coverage.out.contains("they ask for the field TerminalSessionId of process_creation"), "{coverage:?}");
}

#[cfg(feature = "sigma")]
#[test]
fn without_a_sigma_rule_nothing_is_scanned() {
    let rules = folder(&[("bad.yml", "title: [\n")]);
    let ran = run(["scan", &shop(), "--sigma", &rules.path().display().to_string()]);
    assert!(ran.code == Some(2) && ran.err.contains("no Sigma rule can be used"), "{ran:?}");
}

#[test]
fn packs_run_and_what_cannot_run_is_named() {
    let pack = folder(&[(
        "p.conf",
        "{\n # comment\n \"queries\": {\n  \"files\": {\"query\": \"select path, \\\n  place from file where path = '/etc/ld.so.preload';\"},\n  \
         \"shells\": {\"query\": \"select p.name, l.remote_port from processes p join process_open_sockets l using (pid) where l.remote_port = 4444;\", \"description\": \"why\"},\n  \
         \"mac\": {\"query\": \"select * from launchd;\", \"platform\": \"darwin\"},\n  \"no\": {\"query\": \"select * from no_such_table;\"},\n  \
         \"logins\": {\"query\": \"select * from last;\"},\n  \"ours\": {\"query\": \"select argv from processes;\"}\n }\n}\n",
    )]);
    let path = pack.path().join("p.conf").display().to_string();
    let ran = run(["query", &shop(), "--pack", &path, "--format", "ndjson"]);
    let found = rows(&ran);
    let of = |query: &str| -> Vec<&Value> {
        found.iter().filter(|row| row["query"] == query).map(|row| &row["columns"]).collect()
    };
    assert_eq!(of("files"), [&serde_json::json!({"path": "/etc/ld.so.preload", "place": "rootfs"})], "{ran:?}");
    assert!(of("shells").iter().any(|row| row["remote_port"] == 4444), "{ran:?}");
    assert!(found.iter().all(|row| row["pack"] == "p"), "{ran:?}");
    for told in ["query p/no cannot run", "query p/ours cannot run", "1 queries are for other platforms", "table last:"]
    {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    let text = run(["query", &tick(), "--pack", &path]);
    assert!(text.out.contains("p/shells: why\n(no rows)\n") && text.out.contains("p/logins\n(no rows)\n"), "{text:?}");
}

/// Views have the names of our tables, and hide them. Rows go into ours.
#[test]
fn queries_join_views_that_have_the_names_of_our_tables() {
    let queries = [
        (
            "listening",
            "select p.pid, p.name, l.port from listening_ports as l join processes as p on l.pid = p.pid where l.port > 0",
        ),
        (
            "files",
            "select distinct p.name, f.path from process_open_files f join processes p using (pid) where f.path like '/%'",
        ),
        (
            "parents",
            "select c.pid from processes c left outer join processes p on c.parent = p.pid where c.pid = 6 and p.pid = 1",
        ),
        (
            "maps",
            "select pid from process_memory_map where pid in (select pid from processes where on_disk >= 0) limit 1",
        ),
        ("envs", "select pid, key from process_envs join processes using (pid) where key = 'PATH' and pid = 1"),
        (
            "mounts",
            "select path from mounts where path = '/proc' and exists (select 1 from processes where processes.pid = 1)",
        ),
        ("hashes", "select count(*) as n from file join hash using (path)"),
        (
            "twice",
            "with p as (select * from processes) select p.pid from p join main.processes as o using (pid) where pid = 1",
        ),
    ];
    let queries: Vec<String> =
        queries.iter().map(|(name, sql)| format!("{name:?}: {{\"query\": {sql:?}, \"interval\": 60}}")).collect();
    let pack = folder(&[("p.conf", &format!("{{\"queries\": {{{}}}}}", queries.join(", ")))]);
    let path = pack.path().join("p.conf").display().to_string();
    // A second archive is a second machine, with a database of its own.
    let ran = run(["query", &tick(), &tick(), "--pack", &path, "--format", "ndjson", "--quiet"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows(&ran) {
        *count.entry(row["query"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    for query in ["files", "parents", "maps", "envs", "mounts", "hashes", "twice"] {
        assert!(count.get(query).is_some_and(|rows| rows % 2 == 0), "{query}: {count:?}");
    }
    assert_eq!((count["parents"], count["twice"], count["hashes"]), (2, 2, 2));
}

#[test]
fn every_table_of_osquerys_can_be_read() {
    let queries: Vec<String> = cryoscope::query::osquery::tables()
        .map(|table| format!("\"{table}\": {{\"query\": \"select * from {table};\"}}"))
        .collect();
    let pack = folder(&[("all.conf", &format!("{{\"queries\": {{{}}}}}", queries.join(",\n")))]);
    let path = pack.path().join("all.conf").display().to_string();
    let ran = run(["query", &shop(), "--pack", &path, "--format", "ndjson", "--quiet"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.err);
    let with_rows: BTreeSet<String> = rows(&ran).iter().map(|row| row["query"].as_str().unwrap().to_owned()).collect();
    for table in
        ["file", "hash", "processes", "listening_ports", "mounts", "process_envs", "users", "docker_containers", "time"]
    {
        assert!(with_rows.contains(table), "{table}: {with_rows:?}");
    }
    // As osquery has it: the name, not a number.
    let all = rows(&ran);
    let time = all.iter().find(|row| row["query"] == "time").unwrap().to_string();
    assert!(
        ["Mon", "Tues", "Wednes", "Thurs", "Fri", "Satur", "Sun"].iter().any(|day| time.contains(&format!("{day}day"))),
        "{time}"
    );
}

#[test]
fn what_is_wrong_with_a_pack_is_named_with_its_line() {
    let pack = folder(&[("p.conf", "{\n \"queries\": {\n  \"a\": 1,\n }\n}"), ("q.yaml", "queries: [")]);
    for (name, line) in [("p.conf", "line 4"), ("q.yaml", "line")] {
        let ran = run(["query", &shop(), "--pack", &pack.path().join(name).display().to_string()]);
        assert!(ran.code == Some(2) && ran.err.contains(name) && ran.err.contains(line), "{ran:?}");
    }
    let ran = run(["query", &shop(), "SELECT 1", "--pack", "x"]);
    assert!(ran.code == Some(2) && ran.err.contains("leave out the query"), "{ran:?}");
}
