//! Threads without a seccomp mode of their own.

use cryoscope::formats::Format;
use cryoscope::proc_view::{Content, files};
use serde_json::{Value, json};

use super::{rows, set};
use crate::command::run_with;
use crate::synth::{Message, Set};

/// `SECCOMP_FILTER_FLAG_TSYNC` and `SECCOMP_FILTER_FLAG_LOG`.
const TSYNC: i128 = 1;
const LOG: i128 = 2;

/// A thread with a mode and the number of a filter.
fn thread(mode: Option<i128>, filter: Option<i128>) -> Message {
    let own = Message::new("thread_core_entry").number("futex_rla", 0).number("futex_rla_len", 24);
    let own = mode.into_iter().fold(own, |own, mode| own.number("seccomp_mode", mode));
    filter.into_iter().fold(own, |own, filter| own.number("seccomp_filter", filter))
}

/// A process whose main thread has a chain of two filters, with flags; a thread without a mode, and one that has another
/// filter of its own.
fn filtered(flags: i128) -> Set {
    let none = thread(None, None);
    let mut set = set(&[(4, thread(Some(2), Some(1))), (5, none), (6, thread(Some(2), Some(2)))]);
    // Everything is allowed.
    let program = [6, 0, 0, 0, 0, 0, 0xff, 0x7f];
    let filter = |previous: Option<i128>, flags: i128| {
        let filter = Message::new("seccomp_filter").bytes("filter", program).number("flags", flags);
        previous.into_iter().fold(filter, |filter, previous| filter.number("prev", previous))
    };
    let entry = Message::new("seccomp_entry").with("seccomp_filters", &filter(None, flags));
    let entry = entry.with("seccomp_filters", &filter(Some(0), flags)).with("seccomp_filters", &filter(None, 0));
    set.image("seccomp.img", [&entry]);
    set
}

fn modes(set: &Set) -> Vec<(Value, Value)> {
    let threads = rows(&set.members.open(), "threads");
    threads.into_iter().map(|row| (row["seccomp"].clone(), row["seccomp_filter"].clone())).collect()
}

/// CRIU marks the leader's filters where all threads have them, and leaves the others without a mode.
#[test]
fn a_thread_has_the_filters_of_its_leader_where_criu_marked_them() {
    let set = filtered(TSYNC | LOG);
    let with = |filter: u64| (json!("filter"), json!(filter));
    assert_eq!(modes(&set), [with(1), with(1), with(2)]);

    let checkpoint = set.members.open();
    let filters = rows(&checkpoint, "seccomp_filters");
    let tids: Vec<&Value> = filters.iter().map(|row| &row["tids"]).collect();
    assert_eq!(tids, [&json!([4, 5]), &json!([4, 5]), &json!([6])]);
    let flags: Vec<&Value> = filters.iter().map(|row| &row["flags"]).collect();
    assert_eq!(flags, [&json!(["log"]), &json!(["log"]), &json!([])], "the mark is CRIU's, not the program's");

    let status = files(&checkpoint).into_iter().find(|file| file.path == "4/task/5/status").unwrap();
    let Content::Bytes(status) = status.content else { panic!("a link") };
    let status = String::from_utf8(status).unwrap();
    assert!(status.contains("Seccomp:\t2\nSeccomp_filters:\t2\n"), "{status}");

    let shown = run_with(&set.members.tar(), ["inspect", "-", "--threads"]).out;
    assert_eq!(shown.matches("filter  ").count(), 3, "{shown}");
    for format in [Format::ECS, Format::OCSF] {
        let name = format!("{format:?}").to_lowercase();
        let documents = run_with(&set.members.tar(), ["table", "-", "threads", "--format", &name]).out;
        assert!(!documents.contains(r#""seccomp":"disabled""#), "{documents}");
        assert_eq!(documents.matches(r#""seccomp":"filter""#).count(), 3, "{documents}");
    }
}

#[test]
fn without_the_mark_a_thread_without_a_mode_has_no_filter() {
    let disabled = (json!("disabled"), Value::Null);
    assert_eq!(modes(&filtered(LOG))[1], disabled);
    let of = |leader: Message| modes(&set(&[(4, leader), (5, thread(None, None))]));
    assert_eq!(of(thread(None, None)), [disabled.clone(), disabled.clone()]);
    assert_eq!(of(thread(Some(1), None)), [(json!("strict"), Value::Null), disabled]);
}

/// A mode of its own is a thread's own, whatever the leader's filters bear.
#[test]
fn a_mode_of_its_own_is_kept() {
    let mut set = filtered(TSYNC);
    set.image(
        "core-5.img",
        [&Message::new("core_entry").number("mtype", 1).with("thread_core", &thread(Some(0), None))],
    );
    assert_eq!(modes(&set)[1], (json!("disabled"), Value::Null));
}

#[test]
fn what_the_archive_cannot_tell_of_a_thread_is_null() {
    let unknown = (Value::Null, Value::Null);
    let mut without = filtered(TSYNC);
    without.members.remove("checkpoint/seccomp.img");
    assert_eq!(modes(&without)[1], unknown, "the filters are not in the archive");
    let beyond = set(&[(4, thread(Some(2), Some(9))), (5, thread(None, None))]);
    assert_eq!(modes(&beyond)[1], unknown);
    let mut headless = filtered(TSYNC);
    headless.members.remove("checkpoint/core-4.img");
    assert_eq!(modes(&headless)[1], unknown, "nothing is known of the leader");
}
