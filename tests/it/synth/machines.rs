//! Sets of every architecture: registers, page sizes, byte order, memory, addresses of sockets, pending signals.

use std::collections::BTreeMap;

use cryoscope::Checkpoint;
use serde_json::{Value, json};

use super::{MESSAGES, Message, Set, Writer};
use crate::fixtures::rows_of;

/// A machine, by CRIU's format and not by the reader.
#[derive(Clone, Copy, Debug)]
struct Machine {
    name: &'static str,
    mtype: u64,
    big_endian: bool,
    page_size: u64,
    /// The field of `core_entry` and the message in it, and the message of the general registers.
    info: (&'static str, &'static str),
    registers: &'static str,
    /// Names of registers that are a list: the field, how many, how each is called before its number.
    lists: &'static [(&'static str, u64, &'static str)],
    instruction_pointer: &'static str,
    stack_pointer: &'static str,
    /// The register that is the thread pointer; `tls` is the field of the message around.
    thread_pointer: &'static str,
    /// Fields of the general registers that are no registers.
    no_registers: &'static [&'static str],
    /// Addresses have 32 bits.
    short: bool,
}

const X86_64: Machine = Machine {
    name: "x86_64",
    mtype: 1,
    big_endian: false,
    page_size: 4096,
    info: ("thread_info", "thread_info_x86"),
    registers: "user_x86_regs_entry",
    lists: &[],
    instruction_pointer: "ip",
    stack_pointer: "sp",
    thread_pointer: "fs_base",
    no_registers: &["mode"],
    short: false,
};

const MACHINES: [Machine; 10] = [
    X86_64,
    Machine {
        name: "arm",
        mtype: 2,
        info: ("ti_arm", "thread_info_arm"),
        registers: "user_arm_regs_entry",
        instruction_pointer: "pc",
        thread_pointer: "tls",
        no_registers: &[],
        short: true,
        ..X86_64
    },
    Machine {
        name: "aarch64",
        mtype: 3,
        page_size: 65536,
        info: ("ti_aarch64", "thread_info_aarch64"),
        registers: "user_aarch64_regs_entry",
        lists: &[("regs", 31, "x")],
        instruction_pointer: "pc",
        thread_pointer: "tls",
        no_registers: &[],
        ..X86_64
    },
    Machine {
        name: "aarch64",
        mtype: 3,
        page_size: 16384,
        info: ("ti_aarch64", "thread_info_aarch64"),
        registers: "user_aarch64_regs_entry",
        lists: &[("regs", 31, "x")],
        instruction_pointer: "pc",
        thread_pointer: "tls",
        no_registers: &[],
        ..X86_64
    },
    Machine {
        name: "ppc64le",
        mtype: 4,
        page_size: 65536,
        info: ("ti_ppc64", "thread_info_ppc64"),
        registers: "user_ppc64_regs_entry",
        lists: &[("gpr", 32, "gpr")],
        instruction_pointer: "nip",
        stack_pointer: "gpr1",
        thread_pointer: "gpr13",
        no_registers: &[],
        ..X86_64
    },
    Machine {
        name: "s390x",
        mtype: 5,
        big_endian: true,
        info: ("ti_s390", "thread_info_s390"),
        registers: "user_s390_regs_entry",
        lists: &[("gprs", 16, "gpr"), ("acrs", 16, "acr")],
        instruction_pointer: "psw_addr",
        stack_pointer: "gpr15",
        thread_pointer: "acr0 acr1",
        no_registers: &[],
        ..X86_64
    },
    Machine {
        name: "mips64",
        mtype: 6,
        page_size: 16384,
        info: ("ti_mips", "thread_info_mips"),
        registers: "user_mips_regs_entry",
        instruction_pointer: "cp0_epc",
        stack_pointer: "r29",
        thread_pointer: "tls",
        no_registers: &[],
        ..X86_64
    },
    Machine {
        name: "mips64",
        mtype: 6,
        big_endian: true,
        info: ("ti_mips", "thread_info_mips"),
        registers: "user_mips_regs_entry",
        instruction_pointer: "cp0_epc",
        stack_pointer: "r29",
        thread_pointer: "tls",
        no_registers: &[],
        ..X86_64
    },
    Machine {
        name: "loongarch64",
        mtype: 7,
        page_size: 16384,
        info: ("ti_loongarch64", "thread_info_loongarch64"),
        registers: "user_loongarch64_gpregs_entry",
        lists: &[("regs", 32, "r")],
        instruction_pointer: "pc",
        stack_pointer: "r3",
        thread_pointer: "tls",
        no_registers: &[],
        ..X86_64
    },
    Machine {
        name: "riscv64",
        mtype: 8,
        info: ("ti_riscv64", "thread_info_riscv64"),
        registers: "user_riscv64_regs_entry",
        instruction_pointer: "pc",
        thread_pointer: "tp",
        no_registers: &[],
        ..X86_64
    },
];

/// The value of the thread pointer where it is no register.
const TLS: u64 = 0x7f00_1000;
/// Where the code and the data of the process are.
const CODE: u64 = 0x10_0000;
const DATA: u64 = 0x20_0000;
const PORT: u64 = 8443;
const ADDRESS: [u8; 4] = [10, 1, 2, 3];
const ADDRESS6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
/// `AT_PAGESZ` and `AT_ENTRY` of `linux/auxvec.h`.
const AT_PAGESZ: u64 = 6;
const AT_ENTRY: u64 = 9;

impl Machine {
    fn writer(&self) -> Writer {
        Writer { big_endian: self.big_endian, common: true }
    }

    /// The general registers with a value each, and what is to be shown of them.
    fn general(&self) -> (Message, BTreeMap<String, u64>) {
        let mut message = Message::new(self.registers);
        let mut shown = BTreeMap::new();
        let mut value = 0x4000_0000_u64;
        for field in &MESSAGES[self.registers] {
            if self.no_registers.contains(&field.name) {
                continue;
            }
            let list = self.lists.iter().find(|(name, ..)| *name == field.name);
            assert_eq!(list.is_some(), field.repeated, "{}.{}", self.registers, field.name);
            let (count, name) = list.map_or((1, field.name), |&(_, count, name)| (count, name));
            for number in 0..count {
                // Not of 64 bits where registers have 32.
                value += if field.ty == "uint32" { 0x10 } else { 0x1_0000_0010 };
                let value = if field.ty == "uint32" { value & 0x7fff_ffff } else { value };
                message = message.number(field.name, value.into());
                let name = if list.is_some() { format!("{name}{number}") } else { name.to_owned() };
                shown.insert(name, value);
            }
        }
        (message, shown)
    }

    /// A set of one process.
    fn set(&self, info: &Message) -> Set {
        let writer = self.writer();
        let mut set = Set::new(writer);
        let inventory = Message::new("inventory_entry").number("img_version", 2).number("fdinfo_per_id", 1);
        set.image("inventory.img", [&inventory.number("ns_per_id", 1)]);
        set.image("pstree.img", [&pstree(1, &[1])]);
        set.image("ids-1.img", [&ids()]);
        set.image("core-1.img", [&self.core(info)]);
        self.memory(&mut set);
        let fs = Message::new("fs_entry").number("cwd_id", 6).number("root_id", 6).number("umask", 0o22);
        set.image("fs-1.img", [&fs]);
        let socket = |id: i128, fd: i128| {
            Message::new("fdinfo_entry").number("id", id).number("flags", 0).number("type", 4).number("fd", fd)
        };
        set.image("fdinfo-1.img", [&socket(7, 3), &socket(8, 4)]);
        let files = [
            &regular(5, "/bin/daemon"),
            &regular(6, "/"),
            &inet(7, 2, &writer.address(&ADDRESS)),
            &inet(8, 10, &writer.address(&ADDRESS6)),
        ];
        set.image("files.img", files);
        set
    }

    /// The memory of the process: its code, and two pages with its arguments and its environment across their border.
    fn memory(&self, set: &mut Set) {
        let page = self.page_size;
        let mapping = |start: u64, pages: u64, prot: i128, flags: i128, status: i128, file: i128| {
            let vma =
                Message::new("vma_entry").number("start", start.into()).number("end", (start + pages * page).into());
            let vma = vma.number("pgoff", 0).number("shmid", file).number("prot", prot).number("flags", flags);
            vma.number("status", status).number("fd", -1)
        };
        let anonymous = if self.name == "mips64" { 0x802 } else { 0x22 };
        let (code, data) = (mapping(CODE, 1, 5, 2, 0x41, 5), mapping(DATA, 3, 3, anonymous, 0x201, 0));
        let arguments = b"/bin/daemon\0--verbose\0".as_slice();
        let environment = b"NEEDLE=found\0".as_slice();
        let start = DATA + page - 5;
        let middle = start + arguments.len() as u64;
        let end = middle + environment.len() as u64;
        let zeros = [
            "mm_start_code",
            "mm_end_code",
            "mm_start_data",
            "mm_end_data",
            "mm_start_stack",
            "mm_start_brk",
            "mm_brk",
        ];
        let mm = zeros.into_iter().fold(Message::new("mm_entry"), |mm, name| mm.number(name, 0));
        let mm = mm.number("mm_arg_start", start.into()).number("mm_arg_end", middle.into());
        let mm = mm.number("mm_env_start", middle.into()).number("mm_env_end", end.into());
        let mm = mm.number("exe_file_id", 5).numbers("mm_saved_auxv", [AT_PAGESZ, page, AT_ENTRY, CODE + 64]);
        set.image("mm-1.img", [&mm.with("vmas", &code).with("vmas", &data)]);
        let entry = |vaddr: u64| {
            let entry = Message::new("pagemap_entry").number("vaddr", vaddr.into());
            entry.number("compat_nr_pages", 1).number("flags", 4)
        };
        let head = Message::new("pagemap_head").number("pages_id", 1);
        set.image("pagemap-1.img", [&head, &entry(DATA), &entry(DATA + page)]);
        let mut pages = vec![0; usize::try_from(2 * page).unwrap()];
        let at = usize::try_from(page - 5).unwrap();
        let both = [arguments, environment].concat();
        pages[at..at + both.len()].copy_from_slice(&both);
        set.file("pages-1.img", pages);
    }

    fn core(&self, info: &Message) -> Message {
        let siginfo = Message::new("siginfo_entry").bytes("siginfo", self.siginfo(15, 0, 77, 1000));
        let queue = Message::new("signal_queue_entry").with("signals", &siginfo);
        let task =
            Message::new("task_core_entry").number("task_state", 1).number("exit_code", 0).number("personality", 0);
        let task =
            task.number("flags", 0).number("blk_sigset", 0x4000).bytes("comm", "daemon").with("signals_s", &queue);
        let own = Message::new("thread_core_entry")
            .number("futex_rla", 0)
            .number("futex_rla_len", 24)
            .number("sched_nice", -3);
        let own = own.number("sched_policy", 0).bytes("comm", "daemon").with("signals_p", &queue);
        let core = Message::new("core_entry").number("mtype", self.mtype.into()).with(self.info.0, info);
        core.with("tc", &task).with("thread_core", &own)
    }

    /// `siginfo_t` of a signal that a process sent: of mips, code and error number stand in each other's place.
    fn siginfo(&self, signal: u32, code: u32, pid: u32, uid: u32) -> Vec<u8> {
        let writer = self.writer();
        let second = if self.mtype == 6 { [code, 0] } else { [0, code] };
        let union = if self.short { vec![pid, uid] } else { vec![0, pid, uid] };
        let words = [signal].into_iter().chain(second).chain(union);
        let mut bytes: Vec<u8> = words.flat_map(|word| writer.u32(word)).collect();
        bytes.resize(128, 0);
        bytes
    }
}

pub(super) fn pstree(pid: i128, threads: &[u64]) -> Message {
    let entry =
        Message::new("pstree_entry").number("pid", pid).number("ppid", 0).number("pgid", pid).number("sid", pid);
    entry.numbers("threads", threads.iter().copied())
}

pub(super) fn ids() -> Message {
    let ids = ["vm_id", "files_id", "fs_id", "sighand_id"];
    ids.into_iter().fold(Message::new("task_kobj_ids_entry"), |message, name| message.number(name, 1))
}

fn regular(id: i128, name: &str) -> Message {
    let file = Message::new("reg_file_entry").number("id", id).number("flags", 0).number("pos", 0);
    let file = file.with("fown", &no_owner()).bytes("name", name).number("mode", 0o100_755);
    Message::new("file_entry").number("type", 1).number("id", id).with("reg", &file)
}

pub(super) fn no_owner() -> Message {
    ["uid", "euid", "signum", "pid_type", "pid"]
        .into_iter()
        .fold(Message::new("fown_entry"), |message, name| message.number(name, 0))
}

fn inet(id: i128, family: i128, address: &[u64]) -> Message {
    let socket = Message::new("inet_sk_entry").number("id", id).number("ino", id + 1000).number("family", family);
    let socket = socket.number("type", 1).number("proto", 6).number("state", 10).number("src_port", PORT.into());
    let socket = socket.number("dst_port", 0).number("flags", 2).number("backlog", 128);
    let socket = socket.numbers("src_addr", address.iter().copied()).numbers("dst_addr", address.iter().map(|_| 0));
    let socket = socket.with("fown", &no_owner()).with("opts", &Message::new("sk_opts_entry"));
    Message::new("file_entry").number("type", 4).number("id", id).with("isk", &socket)
}

/// The rows of one table.
fn rows(checkpoint: &Checkpoint, table: &str) -> Vec<Value> {
    rows_of(checkpoint, &[table]).remove(table).unwrap()
}

#[test]
fn every_machine_is_read_by_its_own_rules() {
    for machine in MACHINES {
        let context = format!("{} with pages of {}", machine.name, machine.page_size);
        let (general, shown) = machine.general();
        let mut info = Message::new(machine.info.1).with("gpregs", &general);
        if machine.thread_pointer == "tls" {
            info = info.number("tls", TLS.into());
        }
        let checkpoint = machine.set(&info).members.open();

        let threads = rows(&checkpoint, "threads");
        let [thread] = threads.as_slice() else { panic!("{context}: {threads:?}") };
        let registers = thread["registers"].as_object().unwrap();
        assert_eq!(registers.len(), shown.len(), "{context}: {registers:?}");
        for (name, value) in &shown {
            assert_eq!(registers.get(name), Some(&json!(format!("{value:#x}"))), "{context}: {name}");
        }
        let address = |value: u64| json!(format!("{value:#x}"));
        assert_eq!(thread["instruction_pointer"], address(shown[machine.instruction_pointer]), "{context}");
        assert_eq!(thread["stack_pointer"], address(shown[machine.stack_pointer]), "{context}");
        let tls = match machine.thread_pointer {
            "tls" => TLS,
            // The upper half is in the first access register.
            "acr0 acr1" => shown["acr0"] << 32 | shown["acr1"],
            register => shown[register],
        };
        assert_eq!(thread["tls"], address(tls), "{context}");
        assert_eq!(thread["nice"], -3, "{context}");
        // Signal 15, whose number has the byte order of the machine.
        assert_eq!(thread["signals_pending"], "0000000000004000", "{context}");

        let container = &rows(&checkpoint, "container")[0];
        assert_eq!(
            (&container["architecture"], &container["page_size"]),
            (&json!(machine.name), &json!(machine.page_size))
        );
        let process = &rows(&checkpoint, "processes")[0];
        assert_eq!(process["argv"], json!(["/bin/daemon", "--verbose"]), "{context}: memory is read by its own pages");
        assert_eq!(process["recorded_size"], 2 * machine.page_size, "{context}");
        let envs = rows(&checkpoint, "process_envs");
        assert_eq!((&envs[0]["key"], &envs[0]["value"]), (&json!("NEEDLE"), &json!("found")), "{context}");
        let sockets = rows(&checkpoint, "process_open_sockets");
        let addresses: Vec<&Value> = sockets.iter().map(|row| &row["local_address"]).collect();
        assert_eq!(addresses, [&json!("10.1.2.3"), &json!("2001:db8::5")], "{context}");
        assert_eq!(sockets[0]["local_port"], PORT, "{context}");
        let maps = rows(&checkpoint, "process_memory_map");
        assert_eq!(maps[1]["flags"], json!([]), "{context}: anonymous is no flag worth a name");

        checkpoint.read_all();
        assert!(checkpoint.warnings().is_empty(), "{context}: {:?}", checkpoint.warnings());
    }
}

/// A 32-bit program of a 64-bit machine: its thread pointer is in the descriptor table, its auxiliary vector has two numbers
/// a word.
#[test]
fn programs_of_32_bits_are_told_by_their_registers() {
    let (general, shown) = X86_64.general();
    let descriptor = |entry: i128, base: i128| {
        Message::new("user_desc_t").number("entry_number", entry).number("base_addr", base).number("limit", 0xf_ffff)
    };
    let info = Message::new("thread_info_x86").with("gpregs", &general.number("mode", 2));
    let info = info.with("tls", &descriptor(13, 0)).with("tls", &descriptor(12, 0xf7d0_0500));
    let mut set = X86_64.set(&info);
    set.members.edit("checkpoint/mm-1.img", |_, mm: &mut cryoscope::images::proto::MmEntry| {
        mm.mm_saved_auxv = vec![AT_PAGESZ | (4096 << 32), AT_ENTRY | (0x10_0040 << 32)];
    });
    let checkpoint = set.members.open();
    let thread = &rows(&checkpoint, "threads")[0];
    assert_eq!(thread["tls"], "0xf7d00500");
    assert_eq!(thread["registers"]["ax"], format!("{:#x}", shown["ax"]));
    let process = &rows(&checkpoint, "processes")[0];
    assert_eq!(process["argv"][0], "/bin/daemon");
    assert_eq!(rows(&checkpoint, "container")[0]["page_size"], 4096);
}

/// A 32-bit CRIU extended the sign of addresses above 2 GiB.
#[test]
fn addresses_of_32_bits_lose_their_extended_sign() {
    let arm = MACHINES[1];
    let (general, _) = arm.general();
    let info = Message::new("thread_info_arm").with("gpregs", &general).number("tls", TLS.into());
    let mut set = arm.set(&info);
    let (low, high) = (DATA, 0xb6f0_0000_u64);
    set.members.edit("checkpoint/pagemap-1.img", |number, entry: &mut cryoscope::images::proto::PagemapEntry| {
        if number > 0 {
            entry.vaddr = entry.vaddr.map(|vaddr| (vaddr - low + high) | 0xffff_ffff_0000_0000);
        }
    });
    set.members.edit("checkpoint/mm-1.img", |_, mm: &mut cryoscope::images::proto::MmEntry| {
        let moved = |address: &mut Option<u64>| *address = address.map(|address| address - low + high);
        [&mut mm.mm_arg_start, &mut mm.mm_arg_end, &mut mm.mm_env_start, &mut mm.mm_env_end]
            .into_iter()
            .for_each(moved);
        moved(&mut mm.vmas[1].start);
        moved(&mut mm.vmas[1].end);
    });
    let checkpoint = set.members.open();
    checkpoint.read_all();
    assert!(checkpoint.warnings().is_empty(), "{:?}", checkpoint.warnings());
    assert_eq!(rows(&checkpoint, "processes")[0]["argv"], json!(["/bin/daemon", "--verbose"]));
}
