//! Facts of processes that CRIU before 1.3 and 3.1 wrote to images of their own: moved there, they make the same rows.

use std::collections::BTreeMap;

use cryoscope::images::proto::{CoreEntry, FileLockEntry, RlimitEntry, SaEntry, SiginfoEntry};
use cryoscope::images::{Form, Kind};
use cryoscope::{Code, Limits, Options};
use prost::Message;
use serde_json::Value;

use crate::archives::{Image, Members};
use crate::fixtures;

const TABLES: [&str; 6] = ["signals", "pending_signals", "signal_actions", "timers", "limits", "threads"];

/// An image with some records, framed as CRIU before 1.6 did.
fn image<M: Message>(kind: Kind, records: &[M]) -> Vec<u8> {
    let Form::Records { magic, .. } = kind.form() else { panic!("{kind} is no image of records") };
    let records = records.iter().map(|record| (record.encode_to_vec(), Vec::new())).collect();
    Image { kind, head: magic.to_le_bytes().to_vec(), records }.bytes()
}

/// The name of a core image's folder, and its number.
fn core_images(members: &Members) -> Vec<(String, String)> {
    let number = |name: &str| name.strip_prefix("checkpoint/core-")?.strip_suffix(".img").map(str::to_owned);
    members.0.iter().filter_map(|member| Some((member.name.clone(), number(&member.name)?))).collect()
}

/// Moves what the core images say to where it was in older dumps.
fn make_old(members: &mut Members) {
    for (name, number) in core_images(members) {
        let mut core = CoreEntry::default();
        members.parts(&name, |image| {
            core = CoreEntry::decode(image.records[0].0.as_slice()).unwrap();
            let mut rest = core.clone();
            if let Some(task) = rest.tc.as_mut() {
                (task.timers, task.rlimits, task.signals_s) = (None, None, None);
                task.sigactions.clear();
            }
            if let Some(thread) = rest.thread_core.as_mut() {
                thread.signals_p = None;
            }
            image.records[0].0 = rest.encode_to_vec();
        });
        let mut add = |name: String, contents: Vec<u8>| members.set(&format!("checkpoint/{name}"), contents);
        let private = core.thread_core.and_then(|thread| thread.signals_p).unwrap_or_default();
        add(format!("signal-p-{number}.img"), image::<SiginfoEntry>(Kind::SignalPrivate, &private.signals));
        let Some(task) = core.tc else { continue };
        let (timers, limits) = (task.timers.unwrap_or_default(), task.rlimits.unwrap_or_default());
        let intervals = [timers.real, timers.virt, timers.prof].map(Option::unwrap_or_default);
        add(format!("itimers-{number}.img"), image(Kind::Itimers, &intervals));
        add(format!("posix-timers-{number}.img"), image(Kind::PosixTimers, &timers.posix));
        add(format!("rlimit-{number}.img"), image::<RlimitEntry>(Kind::Rlimit, &limits.rlimits));
        add(format!("signal-s-{number}.img"), image(Kind::SignalShared, &task.signals_s.unwrap_or_default().signals));
        add(format!("sigacts-{number}.img"), image::<SaEntry>(Kind::Sigacts, &task.sigactions));
    }
}

#[test]
fn what_older_dumps_keep_elsewhere_makes_the_same_rows() {
    for case in ["signals", "compat32"] {
        let mut members = Members::of(&fixtures::archive_of(case));
        let new = fixtures::rows_of(&members.open(), &TABLES);
        assert!(TABLES.iter().all(|table| !new[*table].is_empty()), "{case} has something in each table");
        make_old(&mut members);
        let checkpoint = members.open();
        assert_eq!(fixtures::rows_of(&checkpoint, &TABLES), new, "{case}");
        checkpoint.read_all();
        assert!(!checkpoint.is_partial(), "{case}: {:?}", checkpoint.warnings());
    }
}

/// The locks of a fixture, by process.
fn locks(members: &Members) -> BTreeMap<i32, Vec<FileLockEntry>> {
    let mut locks: BTreeMap<i32, Vec<FileLockEntry>> = BTreeMap::new();
    let mut all = members.clone();
    all.parts("checkpoint/filelocks.img", |image| {
        for (record, _) in &image.records {
            let lock = FileLockEntry::decode(record.as_slice()).unwrap();
            locks.entry(lock.pid()).or_default().push(lock);
        }
    });
    locks
}

#[test]
fn locks_of_older_dumps_are_in_an_image_a_process() {
    let mut members = Members::of(&fixtures::archive_of("files"));
    let new = fixtures::rows_of(&members.open(), &["file_locks"]);
    let locks = locks(&members);
    members.remove("checkpoint/filelocks.img");
    for (pid, locks) in locks {
        members.set(&format!("checkpoint/filelocks-{pid}.img"), image(Kind::FileLocksPid, &locks));
    }
    assert_eq!(fixtures::rows_of(&members.open(), &["file_locks"]), new);
}

#[test]
fn locks_that_nobody_can_hold_are_shown_and_warned_of() {
    let mut members = Members::of(&fixtures::archive_of("files"));
    let odd = [
        FileLockEntry { pid: Some(-1), fd: Some(-1), start: Some(i64::MAX), len: Some(i64::MAX), ..Default::default() },
        FileLockEntry { pid: Some(1), fd: Some(9999), start: Some(i64::MIN), len: Some(-1), ..Default::default() },
        FileLockEntry::default(),
    ];
    members.set("checkpoint/filelocks.img", image(Kind::FileLocks, &odd));
    let checkpoint = members.open();
    let rows = fixtures::rows_of(&checkpoint, &["file_locks"]).remove("file_locks").unwrap();
    assert_eq!(rows.len(), odd.len());
    assert!(rows.iter().all(|row| row["path"].is_null() && row["end"].is_null()), "{rows:?}");
    let missing = checkpoint.warnings().iter().filter(|warning| warning.code == Code::FileMissing).count();
    assert_eq!(missing, odd.len());
}

#[test]
fn a_lock_that_is_recorded_for_each_holder_is_inherited_by_none() {
    let mut members = Members::of(&fixtures::archive_of("files"));
    let one = locks(&members)[&1].iter().find(|lock| lock.flag() == 2).copied().unwrap();
    members.set("checkpoint/filelocks.img", image(Kind::FileLocks, &[one, FileLockEntry { pid: Some(6), ..one }]));
    let rows = fixtures::rows_of(&members.open(), &["file_locks"]).remove("file_locks").unwrap();
    let holders: Vec<(&Value, &Value)> = rows.iter().map(|row| (&row["pid"], &row["inherited"])).collect();
    assert_eq!(holders, [(&Value::from(1), &Value::from(false)), (&Value::from(6), &Value::from(false))]);
}

#[test]
fn holders_of_locks_are_bounded() {
    let mut members = Members::of(&fixtures::archive_of("files"));
    let one = locks(&members)[&1].iter().find(|lock| lock.flag() == 4).copied().unwrap();
    let all: Vec<FileLockEntry> = (0..150).map(|start| FileLockEntry { start: Some(start), ..one }).collect();
    members.set("checkpoint/filelocks.img", image(Kind::FileLocks, &all));
    let mut limits = Limits::default();
    limits.records = 200;
    let tar = std::io::Cursor::new(members.tar());
    let checkpoint = Options::new().limits(limits).open_reader(tar).unwrap().remove(0);
    assert_eq!(fixtures::rows_of(&checkpoint, &["file_locks"])["file_locks"].len(), 200);
    let reached =
        |warning: &cryoscope::Warning| warning.code == Code::LimitReached && warning.message.contains("locks");
    assert!(checkpoint.warnings().iter().any(reached), "{:?}", checkpoint.warnings());
}

#[test]
fn odd_signals_cost_their_own_columns_only() {
    let mut members = Members::of(&fixtures::archive_of("signals"));
    let lengths = [0, 3, 4, 12, 31, 127, 128, 4096];
    members.edit::<CoreEntry>("checkpoint/core-1.img", |_, core| {
        let task = core.tc.as_mut().unwrap();
        let siginfo = |len| SiginfoEntry { siginfo: Some(vec![0xff; len]) };
        task.signals_s.as_mut().unwrap().signals = lengths.map(siginfo).to_vec();
        task.sigactions.truncate(12);
        let timers = task.timers.as_mut().unwrap();
        let real = timers.real.as_mut().unwrap();
        (real.vsec, real.vusec, real.isec) = (Some(u64::MAX), Some(u64::MAX), Some(u64::MAX));
        timers.posix[0].clock_id = Some(u32::MAX);
        timers.posix[0].notify_thread_id = Some(-1);
        task.rlimits.as_mut().unwrap().rlimits.resize(40, RlimitEntry::default());
    });
    let checkpoint = members.open();
    let rows = fixtures::rows_of(&checkpoint, &TABLES);
    let shared: Vec<&Value> = rows["pending_signals"].iter().filter(|row| row["tid"].is_null()).collect();
    let bytes: Vec<usize> = shared.iter().map(|row| row["hex"].as_str().unwrap().len() / 2).collect();
    assert_eq!(bytes, lengths.map(|len| len.min(128)), "no more than a siginfo_t has is kept");
    assert!(shared[0]["signal"].is_null() && shared[0]["code"].is_null());
    assert_eq!((&shared[6]["number"], &shared[6]["code"]), (&Value::from(u32::MAX), &Value::from("SI_QUEUE")));
    let handled: Vec<&Value> = rows["signal_actions"].iter().map(|row| &row["number"]).collect();
    assert_eq!(handled, [10, 13], "the first twelve actions end with that of SIGPIPE");
    let real = rows["timers"].iter().find(|row| row["kind"] == "real").unwrap();
    assert_eq!((&real["left_ns"], &real["interval_ns"]), (&Value::from(u64::MAX), &Value::from(u64::MAX)));
    let last = rows["limits"].iter().rfind(|row| row["pid"] == 1).unwrap();
    assert_eq!((&last["resource"], &last["soft"], &last["soft_unlimited"]), (&"39".into(), &Value::Null, &Value::Null));
    let odd = checkpoint.warnings().iter().filter(|warning| warning.code == Code::SignalInvalid).count();
    assert_eq!(odd, lengths.len() + 1, "each signal, and the list of actions: {:?}", checkpoint.warnings());
}
