//! Signals, timers, limits, locks and properties of processes.

use serde_json::{Map, Value};

use super::{captured, each, opened, planted};
use crate::fixtures;

/// Seconds that may pass between what was planted or captured and the freeze.
const SLACK: f64 = 120.0;

/// The rows of a table in every checkpoint of a case.
fn rows(case: &str, table: &str) -> Vec<Vec<Value>> {
    opened(case).iter().map(|checkpoint| fixtures::rows_of(checkpoint, &[table]).remove(table).unwrap()).collect()
}

/// Compares every planted fact of a kind with the rows of a table.
fn each_fact(kind: &str, table: &str, check: impl Fn(&str, &[Value], &Value)) {
    each(kind, &[table], |case, fact, rows| check(case, &rows[table], fact));
}

/// Compares everything that was captured of a kind with the rows of a table.
fn each_capture(kind: &str, table: &str, check: impl Fn(&str, &[Value], &Map<String, Value>)) {
    for (case, facts) in captured(kind) {
        for rows in rows(&case, table) {
            check(&case, &rows, &facts);
        }
    }
}

/// The one row in which some columns have some values.
fn row<'r>(case: &str, rows: &'r [Value], wanted: &[(&str, Value)]) -> &'r Value {
    let found: Vec<&Value> =
        rows.iter().filter(|row| wanted.iter().all(|(column, value)| row[column] == *value)).collect();
    match found.as_slice() {
        [one] => one,
        others => panic!("{case}: {} rows have {wanted:?}", others.len()),
    }
}

/// Names of signals that were planted.
fn signal(number: u64) -> String {
    match number {
        1 => "SIGHUP".to_owned(),
        10 => "SIGUSR1".to_owned(),
        12 => "SIGUSR2".to_owned(),
        34 => "SIGRTMIN".to_owned(),
        35..64 => format!("SIGRTMIN+{}", number - 34),
        other => panic!("no name for signal {other}"),
    }
}

/// Names of clocks that were planted.
fn clock(number: i64) -> &'static str {
    match number {
        0 => "CLOCK_REALTIME",
        1 => "CLOCK_MONOTONIC",
        7 => "CLOCK_BOOTTIME",
        other => panic!("no name for clock {other}"),
    }
}

/// A number of seconds; nothing is 0.
fn seconds(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

/// Whether so much is left of a timer as should be. The kernel rounds up to its next tick.
fn is_left(row: &Value, of: f64) -> bool {
    let left = row["left_ns"].as_f64().unwrap() / 1e9;
    row["armed"] == (left != 0.0) && if of == 0.0 { left == 0.0 } else { left <= of + 1.0 && left > of - SLACK }
}

/// Nanoseconds of an interval, up to the few that a planted timer was given to be told from others.
fn is_interval(row: &Value, of: f64) -> bool {
    (row["interval_ns"].as_f64().unwrap() / 1e9 - of).abs() < 1e-6
}

#[test]
fn handlers() {
    each_fact("handler", "signal_actions", |case, rows, fact| {
        let row = row(case, rows, &[("pid", fact["pid"].clone()), ("number", fact["signal"].clone())]);
        assert_eq!((&row["action"], &row["handler"]), (&Value::from("handler"), &fact["handler"]), "{case}");
        let mut flags: Vec<&str> = row["flags"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
        // The C library adds it.
        flags.retain(|flag| *flag != "SA_RESTORER");
        let mut wanted: Vec<&str> = fact["flags"].as_str().unwrap().split(' ').collect();
        flags.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(flags, wanted, "{case}");
        assert!(row["permissions"].as_str().unwrap().contains('x'), "{case}: {row}");
        assert!(row["path"].as_str().unwrap().starts_with("/lab/"), "{case}: {row}");
    });
}

#[test]
fn alternate_stacks() {
    each_fact("altstack", "signals", |case, rows, fact| {
        let row = row(case, rows, &[("pid", fact["pid"].clone()), ("tid", fact["tid"].clone())]);
        assert_eq!((&row["altstack_start"], &row["altstack_size"]), (&fact["sp"], &fact["size"]), "{case}");
    });
}

#[test]
fn queued_signals() {
    for (case, mut facts) in planted("queued") {
        // Within a queue the order counts; queues come by process, and its threads after it.
        facts.sort_by_key(|fact| (fact["pid"].as_u64(), fact["tid"].as_u64()));
        for rows in rows(&case, "pending_signals") {
            assert_eq!(rows.len(), facts.len(), "{case}");
            for (fact, row) in facts.iter().zip(&rows) {
                assert_eq!((&row["pid"], &row["tid"], &row["number"]), (&fact["pid"], &fact["tid"], &fact["signal"]));
                assert_eq!(row["signal"], signal(fact["signal"].as_u64().unwrap()), "{case}");
                if fact["value"].is_i64() {
                    assert_eq!((&row["value"], &row["code"]), (&fact["value"], &"SI_QUEUE".into()), "{case}");
                }
            }
            // As `kill` sends it.
            let sent = row(&case, &rows, &[("signal", "SIGUSR2".into())]);
            assert_eq!((&sent["code"], &sent["sender_uid"]), (&Value::from("SI_USER"), &Value::from(0)), "{case}");
            assert_eq!(sent["sender_pid"], sent["pid"], "{case}: it was sent by the process itself");
        }
    }
}

#[test]
fn interval_timers() {
    each_fact("itimer", "timers", |case, rows, fact| {
        let row = row(case, rows, &[("pid", fact["pid"].clone()), ("kind", fact["which"].clone())]);
        assert!(is_left(row, seconds(&fact["value_s"])), "{case}: {fact} {row}");
        let interval = seconds(&fact["interval_s"]) + seconds(&fact["interval_us"]) / 1e6;
        assert!(is_interval(row, interval), "{case}: {fact} {row}");
    });
}

#[test]
fn posix_timers() {
    each_fact("posix_timer", "timers", |case, rows, fact| {
        let clock = clock(fact["clock"].as_i64().unwrap());
        let row = row(case, rows, &[("pid", fact["pid"].clone()), ("kind", "posix".into()), ("clock", clock.into())]);
        let notify = if fact["notify"] == "thread" { &Value::from("thread_id") } else { &fact["notify"] };
        assert_eq!((&row["notify"], &row["tid"]), (notify, &fact["tid"]), "{case}");
        assert_eq!(row["signal"], Value::from(fact["signal"].as_u64().map(signal)), "{case}");
        assert!(is_left(row, seconds(&fact["value_s"])), "{case}: {fact} {row}");
        assert!(is_interval(row, seconds(&fact["interval_s"])), "{case}: {fact} {row}");
    });
    each_capture("posix_timers", "timers", |case, rows, facts| {
        for (pid, text) in facts {
            let pid: u64 = pid.parse().unwrap();
            let mut timers = 0;
            for timer in text.as_str().unwrap().split("ID: ").filter(|timer| timer.contains("notify")) {
                let line = |name: &str| timer.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                let id: u64 = timer.lines().next().unwrap().parse().unwrap();
                let row = row(case, rows, &[("pid", pid.into()), ("kind", "posix".into()), ("id", id.into())]);
                let (number, pointer) = line("signal: ").split_once('/').unwrap();
                let pointer = u64::from_str_radix(pointer, 16).unwrap();
                assert_eq!(row["pointer"], format!("{pointer:#x}"), "{case}");
                let (how, whom) = line("notify: ").split_once('/').unwrap();
                if how != "none" {
                    assert_eq!(row["signal"], signal(number.parse().unwrap()), "{case}");
                }
                assert_eq!(row["notify"] == "thread_id", whom.starts_with("tid"), "{case}");
                timers += 1;
            }
            let found = rows.iter().filter(|row| row["pid"] == pid && row["kind"] == "posix").count();
            assert_eq!(found, timers, "{case}: timers of {pid}");
        }
    });
}

#[test]
fn timers_with_descriptors() {
    each_fact("timerfd", "timers", |case, rows, fact| {
        let row = row(case, rows, &[("pid", fact["pid"].clone()), ("fd", fact["fd"].clone())]);
        assert_eq!((&row["kind"], &row["id"]), (&Value::from("timerfd"), &Value::Null), "{case}");
        assert_eq!(row["clock"], clock(fact["clock"].as_i64().unwrap()), "{case}");
        assert!(is_left(row, seconds(&fact["value_s"])), "{case}: {fact} {row}");
        assert!(is_interval(row, seconds(&fact["interval_s"])), "{case}: {fact} {row}");
        assert!(row["expires"].is_string(), "{case}: {row}");
    });
    let mut compared = 0;
    for (case, facts) in captured("fdinfo") {
        for rows in rows(&case, "timers") {
            for (place, text) in facts.iter().filter(|(_, text)| text.as_str().unwrap().contains("clockid:")) {
                let (pid, fd) = place.split_once('/').unwrap();
                let (pid, fd): (u64, u64) = (pid.parse().unwrap(), fd.parse().unwrap());
                let row = row(&case, &rows, &[("pid", pid.into()), ("fd", fd.into())]);
                let lines = text.as_str().unwrap().lines().filter_map(|line| line.split_once(": "));
                for (name, value) in lines {
                    // (seconds, nanoseconds)
                    let time = || {
                        let (seconds, nanoseconds) = value.trim_matches(['(', ')']).split_once(", ").unwrap();
                        seconds.parse::<f64>().unwrap() + nanoseconds.parse::<f64>().unwrap() / 1e9
                    };
                    match name {
                        "clockid" => assert_eq!(row["clock"], clock(value.parse().unwrap()), "{case} {place}"),
                        "ticks" => assert_eq!(row["ticks"].to_string(), value, "{case} {place}"),
                        "settime flags" => assert_eq!(row["settime_flags"] == Value::Array(vec![]), value == "00"),
                        "it_value" => assert!(is_left(row, time()), "{case} {place}: {value} {row}"),
                        "it_interval" => assert!(is_interval(row, time()), "{case} {place}: {value} {row}"),
                        _ => continue,
                    }
                    compared += 1;
                }
            }
        }
    }
    assert!(compared >= 20, "only {compared} settings of timers");
}

#[test]
fn limits() {
    each_capture("limits", "limits", |case, rows, facts| {
        for (pid, text) in facts {
            let pid: u64 = pid.parse().unwrap();
            let mut of_pid = rows.iter().filter(|row| row["pid"] == pid);
            for line in text.as_str().unwrap().lines().skip(1) {
                let row = of_pid.next().unwrap_or_else(|| panic!("{case}: {pid} has no {line}"));
                let column = |name: &str| match (&row[name], &row[format!("{name}_unlimited")]) {
                    (Value::Null, Value::Bool(true)) => "unlimited".to_owned(),
                    (number, Value::Bool(false)) => number.to_string(),
                    other => panic!("{case}: {other:?} in {row}"),
                };
                let text = format!(
                    "{:<25} {:<20} {:<20} {:<10}",
                    row["name"].as_str().unwrap(),
                    column("soft"),
                    column("hard"),
                    row["unit"].as_str().unwrap_or_default()
                );
                assert_eq!(text.trim_end(), line.trim_end(), "{case}: {pid}");
            }
            assert_eq!(of_pid.next(), None, "{case}: {pid}");
        }
    });
}

#[test]
fn signal_sets() {
    each_capture("signal_sets", "signals", |case, rows, facts| {
        for (place, sets) in facts {
            let (pid, tid) = place.split_once('/').unwrap();
            let (pid, tid): (u64, u64) = (pid.parse().unwrap(), tid.parse().unwrap());
            let row = row(case, rows, &[("pid", pid.into()), ("tid", tid.into())]);
            let columns =
                [("SigPnd", "pending"), ("ShdPnd", "shared_pending"), ("SigIgn", "ignored"), ("SigCgt", "caught")];
            let mut compared = 0;
            for (name, column) in columns.iter().filter(|(name, _)| sets.get(*name).is_some()) {
                assert_eq!(row[column], sets[name], "{case}: {name} of {place}");
                compared += 1;
            }
            assert_eq!(compared, sets.as_object().unwrap().len(), "{case}: {sets}");
        }
    });
}

#[test]
fn personalities() {
    each_capture("personality", "processes", |case, rows, facts| {
        for (pid, personality) in facts {
            let row = row(case, rows, &[("pid", pid.parse::<u64>().unwrap().into())]);
            if row["state"] != "zombie" {
                assert_eq!(row["personality"], *personality, "{case}: {pid}");
            }
        }
    });
}

#[test]
fn secure_bits() {
    const NAMES: [&str; 8] = [
        "SECBIT_NOROOT",
        "SECBIT_NOROOT_LOCKED",
        "SECBIT_NO_SETUID_FIXUP",
        "SECBIT_NO_SETUID_FIXUP_LOCKED",
        "SECBIT_KEEP_CAPS",
        "SECBIT_KEEP_CAPS_LOCKED",
        "SECBIT_NO_CAP_AMBIENT_RAISE",
        "SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED",
    ];
    each_fact("securebits", "processes", |case, rows, fact| {
        let row = row(case, rows, &[("pid", fact["pid"].clone())]);
        let value = fact["value"].as_u64().unwrap();
        let wanted: Vec<&str> = (0..8).filter(|bit| value >> bit & 1 == 1).map(|bit| NAMES[bit]).collect();
        assert_eq!(row["securebits"], Value::from(wanted), "{case}");
    });
}

#[test]
fn scheduling_of_threads() {
    each_fact("thread", "threads", |case, rows, fact| {
        let row = row(case, rows, &[("pid", fact["pid"].clone()), ("tid", fact["tid"].clone())]);
        let policy = match fact["policy"].as_u64().unwrap() {
            0 => "SCHED_OTHER",
            1 => "SCHED_FIFO",
            2 => "SCHED_RR",
            3 => "SCHED_BATCH",
            5 => "SCHED_IDLE",
            other => panic!("no name for policy {other}"),
        };
        assert_eq!((&row["scheduler_policy"], &row["nice"]), (&Value::from(policy), &fact["nice"]), "{case}");
        let priority = match fact["rt_priority"].as_i64().unwrap() {
            0 => 20 + fact["nice"].as_i64().unwrap(),
            real_time => -1 - real_time,
        };
        assert_eq!(row["priority"], priority, "{case}");
    });
}

#[test]
fn stopped_processes() {
    let mut told = 0;
    for (case, facts) in planted("stopped") {
        for rows in rows(&case, "processes") {
            for fact in &facts {
                let row = row(&case, &rows, &[("pid", fact["stopped"].clone())]);
                assert_eq!(row["state"], "stopped", "{case}");
                // CRIU before 3.18 does not tell.
                if !row["stop_signal"].is_null() {
                    assert_eq!(row["stop_signal"], "SIGSTOP", "{case}");
                    told += 1;
                }
            }
        }
    }
    assert!(told > 0, "no stopped process has its signal");
}

#[test]
fn zombies() {
    each_fact("zombie", "processes", |case, rows, fact| {
        let row = row(case, rows, &[("pid", fact["zombie"].clone())]);
        assert_eq!((&row["state"], &row["exit_status"]), (&Value::from("zombie"), &fact["exit_status"]), "{case}");
        let killed =
            fact["signal"].as_u64().map(|number| if number == 9 { "SIGKILL".to_owned() } else { signal(number) });
        assert_eq!(row["exit_signal"], Value::from(killed), "{case}");
        assert_eq!((&row["personality"], &row["loginuid"], &row["vm_id"]), (&Value::Null, &Value::Null, &Value::Null));
    });
}

/// The line that `/proc/PID/fdinfo/FD` has of a lock, as far as a row tells: without the owner and the inode.
fn line_of(row: &Value) -> String {
    let kind = match row["kind"].as_str().unwrap() {
        "posix" => "POSIX ADVISORY",
        "flock" => "FLOCK ADVISORY",
        "ofd" => "OFDLCK ADVISORY",
        "lease" if row["breaking"] == true => "LEASE BREAKING",
        "lease" => "LEASE ACTIVE",
        other => panic!("no kind of locks: {other}"),
    };
    let access = row["type"].as_str().unwrap().to_uppercase();
    let end = row["end"].as_u64().map_or("EOF".to_owned(), |end| end.to_string());
    format!("{kind} {access} {} {end}", row["start"])
}

#[test]
fn locks() {
    let mut compared = 0;
    for (case, facts) in captured("fdinfo") {
        for rows in rows(&case, "file_locks") {
            for (place, text) in &facts {
                let (pid, fd) = place.split_once('/').unwrap();
                let (pid, fd): (u64, u64) = (pid.parse().unwrap(), fd.parse().unwrap());
                let of_descriptor = rows.iter().filter(|row| row["pid"] == pid && row["fd"] == fd);
                let mut found: Vec<String> = of_descriptor.map(line_of).collect();
                let lines = text.as_str().unwrap().lines().filter(|line| line.starts_with("lock:"));
                let mut wanted: Vec<String> = lines
                    .map(|line| {
                        // lock: NUMBER KIND MODE TYPE PID DEVICE START END
                        let words: Vec<&str> = line.split_whitespace().skip(2).collect();
                        [&words[..3], &words[5..]].concat().join(" ")
                    })
                    .collect();
                found.sort();
                wanted.sort();
                assert_eq!(found, wanted, "{case}: {place}");
                compared += wanted.len();
            }
            assert!(rows.iter().all(|row| !row["path"].is_null()), "{case}: {rows:?}");
            // Whatever is inherited is recorded for somebody else.
            for row in rows.iter().filter(|row| row["inherited"] == true) {
                let is_holder = |other: &&Value| other["inherited"] == false && other["file_id"] == row["file_id"];
                assert!(rows.iter().any(|other| is_holder(&other)), "{case}: {row}");
            }
        }
    }
    assert!(compared >= 20, "only {compared} locks");
}
