//! What is watched: epoll, inotify, fanotify; and eventfds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::planted;
use crate::fixtures::{self, Rows};

/// The bits that names stand for, by the kernel's headers, written down once more.
const EPOLL: &[(&str, u64)] = &[
    ("EPOLLIN", 0x1),
    ("EPOLLPRI", 0x2),
    ("EPOLLOUT", 0x4),
    ("EPOLLERR", 0x8),
    ("EPOLLHUP", 0x10),
    ("EPOLLRDNORM", 0x40),
    ("EPOLLRDHUP", 0x2000),
    ("EPOLLEXCLUSIVE", 1 << 28),
    ("EPOLLWAKEUP", 1 << 29),
    ("EPOLLONESHOT", 1 << 30),
    ("EPOLLET", 1 << 31),
];
const WATCH: &[(&str, u64)] = &[
    ("ACCESS", 0x1),
    ("MODIFY", 0x2),
    ("ATTRIB", 0x4),
    ("CLOSE_WRITE", 0x8),
    ("CLOSE_NOWRITE", 0x10),
    ("OPEN", 0x20),
    ("MOVED_FROM", 0x40),
    ("MOVED_TO", 0x80),
    ("CREATE", 0x100),
    ("DELETE", 0x200),
    ("DELETE_SELF", 0x400),
    ("MOVE_SELF", 0x800),
    ("EVENT_ON_CHILD", 0x800_0000),
];
const GROUP: &[(&str, u64)] = &[("FAN_CLOEXEC", 1), ("FAN_NONBLOCK", 2), ("FAN_CLASS_CONTENT", 4)];
const OPEN: &[(&str, u64)] = &[("O_RDONLY", 0), ("O_WRONLY", 1), ("O_RDWR", 2), ("O_LARGEFILE", 0o100_000)];

/// A list of names as the mask that it stands for.
fn mask(names: &Value, prefix: &str, bits: &[(&str, u64)]) -> u64 {
    let names = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    names
        .map(|name| {
            let bare = name.strip_prefix(prefix).unwrap_or(name);
            bits.iter().find(|(known, _)| *known == bare).unwrap_or_else(|| panic!("{name} is no such bit")).1
        })
        .sum()
}

/// `major:minor` as the kernel's own number, in hexadecimal.
fn device(row: &Value) -> String {
    let (major, minor) = row["device"].as_str().unwrap().split_once(':').unwrap();
    format!("{:x}", major.parse::<u64>().unwrap() << 20 | minor.parse::<u64>().unwrap())
}

fn address(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

fn rows(case: &str, tables: &[&str]) -> Rows {
    let archive = &fixtures::archives_of(case)[0];
    fixtures::rows_of(&cryoscope::Checkpoint::open(archive).unwrap(), tables)
}

/// The rows of a table of a descriptor.
fn of<'r>(rows: &'r Rows, table: &str, pid: u64, fd: u64) -> Vec<&'r Value> {
    rows[table].iter().filter(|row| row["pid"] == pid && row["fd"] == fd).collect()
}

/// A line, as names and values.
type Line = BTreeMap<String, String>;

/// Lines of `/proc/PID/fdinfo/FD` that begin with a word, by descriptor, as fields.
fn fdinfo(case: &str, word: &str) -> BTreeMap<(u64, u64), Vec<Line>> {
    let text = std::fs::read_to_string(fixtures::path(case).join("truth.json")).unwrap();
    let truth: Value = serde_json::from_str(&text).unwrap();
    let mut lines: BTreeMap<_, Vec<Line>> = BTreeMap::new();
    let descriptors = truth["planted"]["fdinfo"].as_object().cloned().unwrap_or_default();
    for (descriptor, text) in &descriptors {
        let (pid, fd) = descriptor.split_once('/').unwrap();
        let key = (pid.parse().unwrap(), fd.parse().unwrap());
        for line in text.as_str().unwrap().lines().filter(|line| line.starts_with(word)) {
            // Blanks may stand between a name and its value.
            let mut words: Vec<String> = Vec::new();
            for part in line.split_whitespace() {
                match words.last_mut() {
                    Some(last) if last.ends_with(':') => last.push_str(part),
                    _ => words.push(part.to_owned()),
                }
            }
            let fields = words.iter().filter_map(|word| word.split_once(':'));
            let map = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            lines.entry(key).or_default().push(map);
        }
    }
    lines
}

#[test]
fn epoll_instances_have_the_targets_that_programs_gave_them() {
    let mut compared = 0;
    for (case, facts) in planted("epoll") {
        let rows = rows(&case, &["epoll"]);
        for fact in facts {
            let (pid, fd) = (fact["pid"].as_u64().unwrap(), fact["fd"].as_u64().unwrap());
            let found = of(&rows, "epoll", pid, fd);
            if let Some(targets) = fact["targets"].as_array() {
                let found: BTreeSet<u64> = found.iter().map(|row| row["target_fd"].as_u64().unwrap()).collect();
                assert_eq!(found, targets.iter().map(|t| t.as_u64().unwrap()).collect(), "{case}: {fact}");
            } else {
                let row = found.iter().find(|row| row["target_fd"] == fact["target"]);
                let row = row.unwrap_or_else(|| panic!("{case}: no row for {fact}"));
                // The kernel always adds these two.
                let always = 0x8 | 0x10;
                assert_eq!(mask(&row["events"], "", EPOLL) & !always, fact["events"].as_u64().unwrap(), "{case}");
                assert_eq!(row["data"], fact["data"], "{case}: {fact}");
                assert!(row["target_type"].is_string(), "{case}: {row}");
            }
            compared += 1;
        }
    }
    assert!(compared > 3, "only {compared}");
}

#[test]
fn epoll_targets_are_those_of_fdinfo() {
    let mut compared = 0;
    for case in fixtures::cases() {
        let lines = fdinfo(&case, "tfd:");
        let rows = if lines.is_empty() { Rows::new() } else { rows(&case, &["epoll"]) };
        for ((pid, fd), lines) in lines {
            let found = of(&rows, "epoll", pid, fd);
            assert_eq!(found.len(), lines.len(), "{case}: {pid}/{fd}");
            for line in lines {
                let row = found.iter().find(|row| row["target_fd"] == line["tfd"].parse::<u64>().unwrap()).unwrap();
                let hex = |name: &str| u64::from_str_radix(&line[name], 16).unwrap();
                assert_eq!(mask(&row["events"], "", EPOLL), hex("events"), "{case}: {line:?}");
                assert_eq!(address(&row["data"]), hex("data"), "{case}: {line:?}");
                if row["inode"].is_u64() {
                    assert_eq!(row["inode"], hex("ino"), "{case}: {line:?}");
                    assert_eq!(device(row), line["sdev"], "{case}: {line:?}");
                    assert_eq!(row["pos"].to_string(), line["pos"], "{case}: {line:?}");
                }
                compared += 1;
            }
        }
    }
    assert!(compared > 10, "only {compared}");
}

#[test]
fn inotify_watches_are_those_that_programs_set() {
    let mut compared = 0;
    for (case, facts) in planted("inotify") {
        let rows = rows(&case, &["inotify"]);
        for fact in facts {
            let found = of(&rows, "inotify", fact["pid"].as_u64().unwrap(), fact["fd"].as_u64().unwrap());
            let row = found.iter().find(|row| row["wd"] == fact["wd"]).unwrap_or_else(|| panic!("{case}: {fact}"));
            assert_eq!(mask(&row["events"], "IN_", WATCH), fact["mask"].as_u64().unwrap(), "{case}: {fact}");
            if row["path"].is_string() {
                assert_eq!(row["path"], fact["path"], "{case}");
            }
            compared += 1;
        }
    }
    assert!(compared > 3, "only {compared}");
}

#[test]
fn inotify_watches_are_those_of_fdinfo() {
    let mut compared = 0;
    for case in fixtures::cases() {
        let lines = fdinfo(&case, "inotify ");
        let rows = if lines.is_empty() { Rows::new() } else { rows(&case, &["inotify"]) };
        for ((pid, fd), lines) in lines {
            let found = of(&rows, "inotify", pid, fd);
            assert_eq!(found.len(), lines.len(), "{case}: {pid}/{fd}");
            for line in lines {
                let row = found.iter().find(|row| row["wd"] == u64::from_str_radix(&line["wd"], 16).unwrap()).unwrap();
                assert_eq!(format!("{:x}", row["inode"].as_u64().unwrap()), line["ino"], "{case}: {line:?}");
                assert_eq!(device(row), line["sdev"], "{case}: {line:?}");
                assert_eq!(format!("{:x}", mask(&row["events"], "IN_", WATCH)), line["mask"], "{case}: {line:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 3, "only {compared}");
}

#[test]
fn fanotify_groups_and_marks_are_those_of_fdinfo() {
    let (mut groups, mut marks) = (0, 0);
    for case in fixtures::cases() {
        let lines = fdinfo(&case, "fanotify ");
        let rows = if lines.is_empty() { Rows::new() } else { rows(&case, &["fanotify"]) };
        for ((pid, fd), lines) in lines {
            let found = of(&rows, "fanotify", pid, fd);
            let (of_group, of_marks): (Vec<_>, Vec<_>) =
                lines.iter().partition(|line| line.contains_key("event-flags"));
            for line in of_group {
                for row in &found {
                    assert_eq!(format!("{:x}", mask(&row["group_flags"], "", GROUP)), line["flags"], "{case}");
                    assert_eq!(format!("{:x}", mask(&row["event_flags"], "", OPEN)), line["event-flags"], "{case}");
                }
                groups += 1;
            }
            assert_eq!(found.iter().filter(|row| row["mark"].is_u64()).count(), of_marks.len(), "{case}: {pid}/{fd}");
            for line in of_marks {
                let row =
                    found.iter().find(|row| format!("{:x}", row["inode"].as_u64().unwrap()) == line["ino"]).unwrap();
                assert_eq!((row["type"].as_str(), device(row)), (Some("inode"), line["sdev"].clone()), "{case}");
                assert_eq!(format!("{:x}", mask(&row["events"], "FAN_", WATCH)), line["mask"], "{case}");
                assert_eq!(
                    format!("{:x}", mask(&row["ignored_events"], "FAN_", WATCH)),
                    line["ignored_mask"],
                    "{case}"
                );
                assert_eq!(row["mark_flags"].as_array().unwrap().is_empty(), line["mflags"] == "0", "{case}");
                marks += 1;
            }
        }
    }
    assert!(groups > 0 && marks > 0, "{groups} groups and {marks} marks");
}

#[test]
fn eventfds_have_the_counters_that_programs_left_in_them() {
    let mut compared = 0;
    for (case, facts) in planted("eventfd") {
        let rows = rows(&case, &["process_open_files"]);
        for fact in facts {
            let (pid, fd) = (fact["pid"].as_u64().unwrap(), fact["fd"].as_u64().unwrap());
            let found = of(&rows, "process_open_files", pid, fd);
            assert_eq!(found[0]["detail"]["counter"], fact["counter"], "{case}: {fact}");
            compared += 1;
        }
    }
    assert!(compared > 3, "only {compared}");
}
