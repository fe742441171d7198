//! The view of `/proc` against what the kernel printed of the same processes, line by line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use bstr::ByteSlice;
use cryoscope::Checkpoint;
use cryoscope::proc_view::{Content, files};
use serde_json::Value;

use crate::archives::{Image, Members};
use crate::fixtures;
use cryoscope::images::proto::UsernsEntry;
use prost::Message;

/// Names of lines that no checkpoint tells; `docs/proc.md` says why.
const UNKNOWN: [&str; 11] = [
    "Ngid",
    "TracerPid",
    "FDSize",
    "HugetlbPages",
    "CoreDumping",
    "THP_enabled",
    "untag_mask",
    "SigQ",
    "Speculation_Store_Bypass",
    "SpeculationIndirectBranch",
    // Of a stopped task only, and the truth was taken without it.
    "State",
];
/// Names of lines that the truth was taken without: they change while a program runs.
const NOT_TAKEN: [&str; 6] = ["VmSize", "VmLck", "VmData", "VmStk", "VmExe", "VmLib"];
/// Names of lines that older versions of CRIU did not record.
const SINCE: [(&str, [u32; 2]); 4] =
    [("CapAmb", [4, 1]), ("NoNewPrivs", [3, 19]), ("Seccomp", [1, 8]), ("Seccomp_filters", [1, 8])];
/// Names of lines of `fdinfo` that are recorded of some types only.
const UNKNOWN_OF_FILES: [&str; 6] = ["pos", "mnt_id", "ino", "eventfd-id", "eventfd-semaphore", "lock"];

/// The files of the view, by path.
fn view(checkpoint: &Checkpoint) -> BTreeMap<String, Content> {
    let mut view = BTreeMap::new();
    for file in files(checkpoint) {
        let safe = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '/';
        assert!(file.path.chars().all(safe) && !file.path.starts_with('/'), "{}", file.path);
        assert!(view.insert(file.path.clone(), file.content).is_none(), "{} twice", file.path);
    }
    view
}

fn bytes<'v>(view: &'v BTreeMap<String, Content>, path: &str) -> Option<&'v [u8]> {
    match view.get(path)? {
        Content::Bytes(bytes) => Some(bytes),
        Content::Link(_) => panic!("{path} is a link"),
    }
}

/// Calls `each` with the view and the truth of every archive of the fixtures.
fn each_case(mut each: impl FnMut(&str, &Members, &BTreeMap<String, Content>, &Value)) {
    for case in fixtures::cases() {
        let truth: Value =
            serde_json::from_slice(&fs::read(fixtures::path(&case).join("truth.json")).unwrap()).unwrap();
        for archive in fixtures::archives_of(&case) {
            let checkpoint = Checkpoint::open(&archive).unwrap();
            each(&case, &Members::of(&archive), &view(&checkpoint), &truth);
        }
    }
}

/// The version of CRIU that a case's name tells; the newest where it tells none.
fn version(case: &str) -> [u32; 2] {
    let numbers = case.strip_prefix("criu-").and_then(|rest| rest.split('-').next());
    let mut numbers = numbers.into_iter().flat_map(|v| v.split('.')).filter_map(|n| n.parse().ok());
    [numbers.next().unwrap_or(99), numbers.next().unwrap_or(0)]
}

/// Files of `/proc` of a kind that the truth has as text, by process.
fn raw<'t>(truth: &'t Value, name: &str) -> Vec<(&'t str, &'t str)> {
    let all = truth["raw"].as_object().into_iter().flatten();
    let of_kind = all.filter_map(|(path, text)| Some((path.strip_suffix(name)?.strip_prefix("proc/")?, text)));
    of_kind.map(|(path, text)| (path, text.as_str().unwrap())).collect()
}

#[test]
fn status_is_the_kernels() {
    let (mut compared, mut met) = (0, BTreeSet::new());
    each_case(|case, members, view, truth| {
        let users = user_namespace(members);
        for (process, text) in raw(truth, "status") {
            let ours = bytes(view, &format!("{process}status")).unwrap().to_str().unwrap();
            let ours: Vec<(&str, &str)> = ours.lines().filter_map(|line| line.split_once(":\t")).collect();
            let taken = |name: &str| ours.iter().any(|(n, _)| *n == name);
            let mut expected = Vec::new();
            for (name, value) in text.lines().filter_map(|line| line.split_once(":\t")) {
                let is_old = SINCE.iter().any(|(n, since)| *n == name && version(case) < *since);
                if (UNKNOWN.contains(&name) || is_old) && !taken(name) {
                    met.insert(name.to_owned());
                    continue;
                }
                expected.push((name, inside(name, value, text, &users)));
            }
            let kept = ours.iter().filter(|(name, _)| !NOT_TAKEN.contains(name) && *name != "State");
            let ours: Vec<(&str, String)> = kept.map(|(name, value)| (*name, (*value).to_owned())).collect();
            let expected: Vec<(&str, String)> = expected
                .into_iter()
                .filter(|(name, _)| *name != "PPid" || taken("PPid"))
                .map(|(name, value)| (name, if name == "PPid" { parent(truth, process) } else { value }))
                .collect();
            assert_eq!(ours, expected, "{case}: {process}status");
            compared += ours.len();
        }
    });
    assert!(compared > 2_000, "only {compared} lines");
    let unmet: Vec<_> = UNKNOWN.iter().filter(|name| **name != "State" && !met.contains(**name)).collect();
    assert!(unmet.is_empty(), "listed as not known, but never missing: {unmet:?}");
}

/// The parent as the container numbers it.
fn parent(truth: &Value, process: &str) -> String {
    let pid: u64 = process.trim_end_matches('/').parse().unwrap();
    let rows = truth["tables"]["processes"].as_array().unwrap();
    rows.iter().find(|row| row["pid"] == pid).unwrap()["parent"].to_string()
}

/// A value as the container's own namespaces have it: the truth was read from outside.
fn inside(name: &str, value: &str, text: &str, users: &UsernsEntry) -> String {
    let last_of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        line.unwrap().rsplit('\t').next().unwrap().to_owned()
    };
    let ids = |map: &[cryoscope::images::proto::UidGidExtent], separator: char| {
        let one = |id: &str| match id.parse::<u32>() {
            Ok(id) => map
                .iter()
                .find(|e| (e.lower_first()..e.lower_first() + e.count()).contains(&id))
                .map_or(id, |e| id - e.lower_first() + e.first())
                .to_string(),
            Err(_) => id.to_owned(),
        };
        value.split(separator).map(one).collect::<Vec<_>>().join(&separator.to_string())
    };
    match name {
        "NStgid" | "NSpid" | "NSpgid" | "NSsid" => last_of(name),
        "Tgid" => last_of("NStgid"),
        "Pid" => last_of("NSpid"),
        "Uid" => ids(&users.uid_map, '\t'),
        "Gid" => ids(&users.gid_map, '\t'),
        "Groups" => ids(&users.gid_map, ' '),
        _ => value.to_owned(),
    }
}

fn user_namespace(members: &Members) -> UsernsEntry {
    let schema = crate::oracle::Schema::load();
    let member = members.0.iter().find(|member| member.name.rsplit('/').next().unwrap().starts_with("userns-"));
    let image = member.and_then(|member| Image::of(&schema, member));
    image.map(|image| UsernsEntry::decode(image.records[0].0.as_slice()).unwrap()).unwrap_or_default()
}

#[test]
fn limits_are_the_kernels() {
    let mut compared = 0;
    each_case(|case, _, view, truth| {
        for (process, text) in raw(truth, "limits") {
            let ours = bytes(view, &format!("{process}limits")).unwrap();
            assert_eq!(ours.as_bstr(), text, "{case}: {process}limits");
            compared += 1;
        }
    });
    assert!(compared > 80, "only {compared} files");
}

/// A line of maps; of mapped files without device and inode, which are not recorded.
fn mapping(line: &str) -> Vec<String> {
    let mut fields = line.splitn(6, ' ');
    let mut parts: Vec<String> = fields.by_ref().take(5).map(str::to_owned).collect();
    let path = fields.next().unwrap_or_default().trim_start();
    if !path.is_empty() && !path.starts_with('[') {
        parts.truncate(3);
    }
    // Where the path begins, however long device and inode were.
    parts.push((line.len() - path.len()).to_string());
    parts.push(path.to_owned());
    parts
}

#[test]
fn maps_are_the_kernels() {
    let (mut compared, mut moved) = (0, 0);
    each_case(|case, _, view, truth| {
        for (process, text) in raw(truth, "maps") {
            let ours = bytes(view, &format!("{process}maps")).unwrap().to_str().unwrap();
            let (ours, text): (Vec<_>, Vec<_>) =
                (ours.lines().map(mapping).collect(), text.lines().map(mapping).collect());
            assert_eq!(ours.len(), text.len(), "{case}: {process}maps");
            for (ours, text) in ours.into_iter().zip(text) {
                // CRIU up to 2.12 counts the page below the stack to it; 3.4 does so no more.
                if ours.last().unwrap() == "[stack]" && version(case) < [3, 4] && ours != text {
                    assert_eq!(ours[1..], text[1..], "{case}: {process}maps");
                    moved += 1;
                    continue;
                }
                assert_eq!(ours, text, "{case}: {process}maps");
                compared += 1;
            }
        }
    });
    assert!(compared > 1_400 && moved > 0, "only {compared} lines, {moved} stacks");
}

#[test]
fn mount_tables_are_the_kernels() {
    let (mut compared, mut unnamed) = (0, 0);
    each_case(|case, _, view, truth| {
        for (process, text) in raw(truth, "mountinfo") {
            let ours = bytes(view, &format!("{process}mountinfo")).unwrap().to_str().unwrap();
            assert_eq!(ours.lines().count(), text.lines().count(), "{case}: {process}mountinfo");
            for (ours, text) in ours.lines().zip(text.lines()) {
                if let Some((before, after)) = ours.split_once(" - unknown ") {
                    let (left, right) = text.split_once(" - ").unwrap();
                    let expected = (left, right.split_once(' ').unwrap().1);
                    assert_eq!((before, after), expected, "{case}: {process}mountinfo");
                    unnamed += 1;
                } else {
                    assert_eq!(ours, text, "{case}: {process}mountinfo");
                }
                compared += 1;
            }
        }
    });
    assert!(compared > 300, "only {compared} lines");
    assert!(unnamed * 5 < compared, "{unnamed} of {compared} have no type");
}

#[test]
fn timers_and_personalities_are_the_kernels() {
    let mut compared = 0;
    each_case(|case, _, view, truth| {
        for (pid, text) in truth["planted"]["posix_timers"].as_object().into_iter().flatten() {
            let ours = bytes(view, &format!("{pid}/timers")).unwrap().to_str().unwrap();
            // Who is notified is told by the numbers of outside.
            let plain = |text: &str| -> Vec<String> {
                let cut = |line: &str| {
                    if line.starts_with("notify: ") {
                        line.split('.').next().unwrap().to_owned()
                    } else {
                        line.to_owned()
                    }
                };
                text.lines().map(cut).collect()
            };
            assert_eq!(plain(ours), plain(text.as_str().unwrap()), "{case}: {pid}/timers");
            compared += ours.lines().count();
        }
        for (pid, text) in truth["planted"]["personality"].as_object().into_iter().flatten() {
            let Some(ours) = bytes(view, &format!("{pid}/personality")) else {
                let zombie = bytes(view, &format!("{pid}/status")).unwrap();
                assert!(zombie.contains_str("State:\tZ (zombie)"), "{case}: {pid}/personality");
                continue;
            };
            assert_eq!(ours.trim_end().as_bstr(), text.as_str().unwrap(), "{case}: {pid}/personality");
            compared += 1;
        }
    });
    assert!(compared > 100, "only {compared} lines");
}

#[test]
fn open_files_are_the_kernels() {
    let mut compared = 0;
    each_case(|case, _, view, truth| {
        for (key, text) in truth["planted"]["fdinfo"].as_object().into_iter().flatten() {
            let (pid, fd) = key.split_once('/').unwrap();
            let ours = bytes(view, &format!("{pid}/fdinfo/{fd}")).unwrap().to_str().unwrap();
            let name = |line: &str| line.split(':').next().unwrap().to_owned();
            let missing = |line: &str| {
                let name = name(line);
                UNKNOWN_OF_FILES.contains(&name.as_str())
                    && !ours.lines().any(|line| line.starts_with(&format!("{name}:")))
            };
            let expected: Vec<&str> = text.as_str().unwrap().lines().filter(|line| !missing(line)).collect();
            let ours: Vec<&str> = ours.lines().collect();
            assert_eq!(ours.len(), expected.len(), "{case}: {key}: {ours:?} {expected:?}");
            for (ours, expected) in ours.iter().zip(expected) {
                match name(ours).as_str() {
                    // The numbers of outside come first.
                    "Pid" => continue,
                    "NSpid" => assert!(expected.ends_with(&ours["NSpid:".len()..]), "{case}: {key}"),
                    // It ran on until the freeze.
                    "it_value" => assert_eq!(name(expected), "it_value"),
                    _ => assert_eq!(*ours, expected, "{case}: {key}"),
                }
                compared += 1;
            }
        }
    });
    assert!(compared > 100, "only {compared} lines");
}

#[test]
fn links_arguments_and_names_are_those_of_the_tables() {
    let mut compared = 0;
    each_case(|case, _, view, truth| {
        for row in truth["tables"]["processes"].as_array().into_iter().flatten() {
            let pid = &row["pid"];
            let text = |name: &str| match view.get(&format!("{pid}/{name}"))? {
                Content::Bytes(bytes) | Content::Link(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            };
            for (file, column) in [("exe", "path"), ("cwd", "cwd"), ("root", "root")] {
                if let Some(expected) = row.get(column) {
                    assert_eq!(text(file).as_deref(), expected.as_str(), "{case}: {pid}/{file}");
                    compared += 1;
                }
            }
            let name = row["name"].as_str().unwrap();
            assert_eq!(text("comm").unwrap(), format!("{name}\n"), "{case}: {pid}/comm");
            if let Some(argv) = row["argv"].as_array() {
                let argv: Vec<&str> = argv.iter().map(|argument| argument.as_str().unwrap()).collect();
                let cmdline = text("cmdline").unwrap();
                assert_eq!(
                    cmdline.trim_end_matches('\0'),
                    argv.join("\0").trim_end_matches('\0'),
                    "{case}: {pid}/cmdline"
                );
            }
        }
    });
    assert!(compared > 300, "only {compared} links");
}

/// Fields of `stat` by their numbers in the manual page.
#[test]
fn stat_has_52_fields_that_agree_with_the_tables() {
    let mut compared = 0;
    each_case(|case, _, view, truth| {
        for row in truth["tables"]["processes"].as_array().into_iter().flatten() {
            let path = format!("{}/stat", row["pid"]);
            let text = bytes(view, &path).unwrap().to_str_lossy().into_owned();
            let (before, after) = text.rsplit_once(") ").unwrap();
            assert!(before.starts_with(&format!("{} (", row["pid"])), "{case}: {path}");
            let fields: Vec<&str> = after.trim_end().split(' ').collect();
            assert_eq!(fields.len() + 2, 52, "{case}: {path}");
            let expected = [(4, &row["parent"]), (5, &row["pgroup"]), (6, &row["session"])];
            for (number, value) in expected {
                assert_eq!(fields[number - 3], value.to_string(), "{case}: {path}");
                compared += 1;
            }
        }
    });
    assert!(compared > 300, "only {compared} fields");
}

#[test]
fn files_of_networks_have_the_sockets_of_the_tables() {
    let mut compared = 0;
    each_case(|case, _, view, truth| {
        let nets: Vec<&String> = view.keys().filter(|path| path.contains("/net/")).collect();
        for row in truth["tables"]["process_open_sockets"].as_array().into_iter().flatten() {
            let (Some(family), Some(inode)) = (row["family"].as_str(), row["socket"].as_u64()) else { continue };
            let text = |column: &str| row[column].as_str().unwrap_or_default();
            let name = match (family, text("type"), text("protocol")) {
                ("unix" | "netlink", ..) => family.to_owned(),
                ("inet", "raw", _) => "raw".to_owned(),
                ("inet6", "raw", _) => "raw6".to_owned(),
                ("inet", _, protocol) => protocol.to_owned(),
                ("inet6", _, "icmpv6") => "icmp6".to_owned(),
                ("inet6", _, protocol) => format!("{protocol}6"),
                _ => continue,
            };
            let suffix = format!("/net/{name}");
            let files: Vec<&[u8]> =
                nets.iter().filter(|path| path.ends_with(&suffix)).map(|path| bytes(view, path).unwrap()).collect();
            let field = if name == "unix" { 6 } else { 9 };
            let of_inode = |line: &&[u8]| {
                let mut fields = line.fields();
                fields.nth(field).is_some_and(|f| f == inode.to_string().as_bytes())
            };
            let line = files.iter().flat_map(|file| file.lines()).find(of_inode);
            let line = line.unwrap_or_else(|| panic!("{case}: no line of socket {inode} in {suffix}"));
            if let (Some(port), "tcp" | "tcp6") = (row["local_port"].as_u64(), name.as_str()) {
                let local = line.fields().nth(1).unwrap();
                assert!(local.ends_with(format!(":{port:04X}").as_bytes()), "{case}: {}", line.as_bstr());
            }
            compared += 1;
        }
    });
    assert!(compared > 100, "only {compared} sockets");
}
