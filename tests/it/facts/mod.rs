//! Facts that were once shown wrongly, or not at all: a small set of images for each, written here.

mod engine;
mod host;
mod mounts;
mod networks;
mod seccomp;
mod sockets;
mod spec;

use cryoscope::Checkpoint;
use serde_json::Value;

use crate::fixtures::rows_of;
use crate::synth::{Message, Set, Writer};

/// The rows of one table.
fn rows(checkpoint: &Checkpoint, table: &str) -> Vec<Value> {
    rows_of(checkpoint, &[table]).remove(table).unwrap()
}

/// A set with an inventory and a living process without memory. Its main thread is given, and what the others are.
fn set(threads: &[(u64, Message)]) -> Set {
    let mut set = Set::new(Writer::TODAY);
    let inventory = Message::new("inventory_entry").number("img_version", 2).number("fdinfo_per_id", 1);
    set.image("inventory.img", [&inventory.number("ns_per_id", 1)]);
    process(&mut set, threads);
    set
}

/// Adds the one process of a set, by its threads.
fn process(set: &mut Set, threads: &[(u64, Message)]) {
    let tids = threads.iter().map(|(tid, _)| *tid);
    let pid = i128::from(threads[0].0);
    let entry = ["pgid", "sid"].iter().fold(Message::new("pstree_entry").number("pid", pid), |m, n| m.number(n, pid));
    set.image("pstree.img", [&entry.number("ppid", 0).numbers("threads", tids)]);
    for (index, (tid, own)) in threads.iter().enumerate() {
        let core = Message::new("core_entry").number("mtype", 1).with("thread_core", own);
        let task = Message::new("task_core_entry").number("task_state", 1).bytes("comm", "program");
        let core = if index == 0 { core.with("tc", &task) } else { core };
        set.image(&format!("core-{tid}.img"), [&core]);
    }
    let ids = ["vm_id", "files_id", "fs_id", "sighand_id"];
    let ids = ids.into_iter().fold(Message::new("task_kobj_ids_entry"), |message, name| message.number(name, 1));
    set.image(&format!("ids-{pid}.img"), [&ids]);
}
