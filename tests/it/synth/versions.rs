//! Sets as CRIU wrote them in its first years, of which no archive is at hand.

use cryoscope::Checkpoint;
use serde_json::{Value, json};

use super::machines::{ids, no_owner, pstree};
use super::{Message, Set, Writer};
use crate::command::run_with;
use crate::fixtures::rows_of;

const PAGE: u64 = 4096;
const DATA: u64 = 0x20_0000;
const OLD: Writer = Writer { big_endian: false, common: false };

fn rows(checkpoint: &Checkpoint, table: &str) -> Vec<Value> {
    rows_of(checkpoint, &[table]).remove(table).unwrap()
}

/// The layout of a process whose arguments begin right before the end of a page, and the bytes of the two pages.
fn layout() -> (Message, Vec<u8>) {
    let arguments = b"init\0--old\0".as_slice();
    let environment = b"A=1\0".as_slice();
    let start = DATA + PAGE - 4;
    let middle = start + arguments.len() as u64;
    let zeros =
        ["mm_start_code", "mm_end_code", "mm_start_data", "mm_end_data", "mm_start_stack", "mm_start_brk", "mm_brk"];
    let mm = zeros.into_iter().fold(Message::new("mm_entry"), |mm, name| mm.number(name, 0));
    let mm = mm.number("mm_arg_start", start.into()).number("mm_arg_end", middle.into());
    let mm = mm.number("mm_env_start", middle.into()).number("mm_env_end", (middle + environment.len() as u64).into());
    let mut pages = vec![0; 2 * 4096];
    let both = [arguments, environment].concat();
    pages[4092..4092 + both.len()].copy_from_slice(&both);
    (mm.number("exe_file_id", 5).numbers("mm_saved_auxv", [6, PAGE, 0, 0]), pages)
}

fn mapping() -> Message {
    let vma = Message::new("vma_entry").number("start", DATA.into()).number("end", (DATA + 2 * PAGE).into());
    let vma = vma.number("pgoff", 0).number("shmid", 0).number("prot", 3).number("flags", 0x22);
    vma.number("status", 0x201).number("fd", -1)
}

fn regular(id: i128, name: &str) -> Message {
    let file = Message::new("reg_file_entry").number("id", id).number("flags", 0).number("pos", 11);
    file.with("fown", &no_owner()).bytes("name", name)
}

/// A set of before there were pagemaps, file tables in one image, credentials in cores and mappings in layouts.
fn ancient() -> Set {
    let mut set = Set::new(OLD);
    set.image("inventory.img", [&Message::new("inventory_entry").number("img_version", 1)]);
    set.image("pstree.img", [&pstree(1, &[1])]);
    let general = Message::new("user_x86_regs_entry").number("ip", 0x40_1234).number("sp", 0x7ffc_0000_1000);
    let task = Message::new("task_core_entry").number("task_state", 1).number("exit_code", 0);
    let task = task.number("personality", 0).number("flags", 0).number("blk_sigset", 0).bytes("comm", "init");
    let core = Message::new("core_entry").number("mtype", 1).with("tc", &task).with("ids", &ids());
    set.image("core-1.img", [&core.with("thread_info", &Message::new("thread_info_x86").with("gpregs", &general))]);
    let (mm, pages) = layout();
    set.image("mm-1.img", [&mm]);
    set.image("vmas-1.img", [&mapping()]);
    // Not in the order of addresses, as fork left them.
    let page = |number: usize| {
        let address = DATA + PAGE * number as u64;
        [&OLD.u64(address)[..], &pages[4096 * number..4096 * (number + 1)]].concat()
    };
    let image = [&OLD.u32(0x5608_4025)[..], &page(1), &page(0), &OLD.u64(0)].concat();
    set.file("pages-1.img", image);
    let shared = [&OLD.u32(0x5608_4025)[..], &OLD.u64(PAGE), &[b'x'; 4096], &OLD.u64(0)].concat();
    set.file("pages-shmem-77.img", shared);
    set.image("reg-files.img", [&regular(5, "/sbin/init"), &regular(6, "/"), &regular(7, "/var/log/old.log")]);
    let descriptor = Message::new("fdinfo_entry").number("id", 7).number("flags", 1).number("type", 1).number("fd", 4);
    set.image("fdinfo-1.img", [&descriptor]);
    set.image("fs-1.img", [&Message::new("fs_entry").number("cwd_id", 6).number("root_id", 6)]);
    let names = ["uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid"];
    let creds =
        names.into_iter().zip(100..).fold(Message::new("creds_entry"), |creds, (name, id)| creds.number(name, id));
    let creds = creds.numbers("cap_inh", [0, 0]).numbers("cap_prm", [0x20, 1]).numbers("cap_eff", [0x20, 1]);
    set.image("creds-1.img", [&creds.numbers("cap_bnd", [0xffff_ffff, 0x1f]).number("secbits", 0)]);
    set
}

#[test]
fn sets_of_before_there_were_pagemaps_are_read() {
    let checkpoint = ancient().members.open();
    checkpoint.read_all();
    assert!(checkpoint.warnings().is_empty(), "{:?}", checkpoint.warnings());
    let process = &rows(&checkpoint, "processes")[0];
    assert_eq!(process["argv"], json!(["init", "--old"]));
    assert_eq!((&process["uid"], &process["euid"]), (&json!(100), &json!(102)));
    assert_eq!(process["cap_eff"], "0000000100000020");
    assert_eq!((&process["path"], &process["recorded_size"]), (&json!("/sbin/init"), &json!(2 * PAGE)));
    let maps = rows(&checkpoint, "process_memory_map");
    assert_eq!(maps.len(), 1);
    assert_eq!((&maps[0]["start"], &maps[0]["permissions"]), (&json!("0x200000"), &json!("rw-p")));
    let files = rows(&checkpoint, "process_open_files");
    let opened = files.iter().find(|row| row["fd"] == 4).unwrap();
    assert_eq!((&opened["path"], &opened["pos"]), (&json!("/var/log/old.log"), &json!(11)));
    assert_eq!(rows(&checkpoint, "threads")[0]["instruction_pointer"], "0x401234");
}

#[test]
fn pages_of_before_there_were_pagemaps_are_decoded() {
    let tar = ancient().members.tar();
    let decoded = run_with(&tar, ["decode", "-", "pages-1.img", "pages-shmem-77.img", "--payload"]).json();
    assert_eq!((&decoded[0]["kind"], &decoded[1]["kind"]), (&json!("PAGES_OLD"), &json!("SHM_PAGES_OLD")));
    let pages = decoded[0]["records"].as_array().unwrap();
    let addresses: Vec<&Value> = pages.iter().map(|page| &page["fields"]["vaddr"]).collect();
    assert_eq!(addresses, ["0x201000", "0x200000"]);
    assert_eq!(decoded[1]["records"][0]["payload"], "78".repeat(4096));
    let info = run_with(&tar, ["decode", "-", "--info", "core-1.img", "--format", "ndjson"]).json();
    assert_eq!((&info["version"], &info["magic"]), (&json!("1.0"), &json!(["0x55053847"])));
}

/// Before pagemaps had flags, `in_parent` said where the pages of an entry are.
#[test]
fn pages_in_the_parent_are_found_by_the_old_field() {
    let (mm, pages) = layout();
    let entry = |number: u64, in_parent: bool| {
        let entry =
            Message::new("pagemap_entry").number("vaddr", (DATA + PAGE * number).into()).number("compat_nr_pages", 1);
        if in_parent { entry.number("in_parent", 1) } else { entry }
    };
    let head = Message::new("pagemap_head").number("pages_id", 1);
    let mut whole = Set::new(OLD);
    whole.image("inventory.img", [&Message::new("inventory_entry").number("img_version", 1)]);
    whole.image("pstree.img", [&pstree(1, &[1])]);
    let task = Message::new("task_core_entry").number("task_state", 1).bytes("comm", "init");
    whole.image("core-1.img", [&Message::new("core_entry").number("mtype", 1).with("tc", &task)]);
    whole.image("mm-1.img", [&mm.with("vmas", &mapping())]);
    whole.image("pagemap-1.img", [&head, &entry(0, true), &entry(1, false)]);
    whole.file("pages-1.img", &pages[4096..]);
    let mut parent = Set::new(OLD);
    parent.image("pagemap-1.img", [&head, &entry(0, false), &entry(1, false)]);
    parent.file("pages-1.img", [&pages[..4096], &[0xff; 4096]].concat());

    let mut checkpoint = whole.members.open();
    assert_eq!(rows(&checkpoint, "process_envs").len(), 1, "the environment is in the page that is here");
    let alone = whole.members.open();
    assert_eq!(rows(&alone, "processes")[0]["argv"], Value::Null, "the arguments begin in the other");
    checkpoint.add_parent(&parent.members.open());
    assert_eq!(rows(&checkpoint, "processes")[0]["argv"], json!(["init", "--old"]));
    let maps = rows(&checkpoint, "process_memory_map");
    assert_eq!((&maps[0]["recorded_bytes"], &maps[0]["parent_bytes"]), (&json!(2 * PAGE), &json!(0)), "{maps:?}");
}
