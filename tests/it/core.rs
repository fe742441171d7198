//! `cryoscope core`: cores are checked by another reader of ELF and, where there is one, by gdb.

use std::fs;
use std::path::Path;
use std::process::Command;

use cryoscope::elfcore;
use cryoscope::images::proto::{CoreEntry, MmEntry, VmaEntry};
use cryoscope::memory::{Keep, Missing, Origin};
use cryoscope::model::process::Process;
use cryoscope::{Checkpoint, Options};
use goblin::elf::Elf;
use goblin::elf::program_header::{PT_LOAD, PT_NOTE};
use serde_json::Value;

use crate::archives::Members;
use crate::command::{Ran, cryoscope, run};
use crate::fixtures;
use crate::programs;

/// Cases with threads, shared memory, 32-bit tasks, and one plain.
const CASES: [&str; 4] = ["criu-4.2-threads", "memory", "compat32", "forms-reference"];

/// An archive with all its memory.
fn open(archive: &Path) -> Checkpoint {
    Options::new().keep(Keep::Memory).open(archive).unwrap().pop().unwrap()
}

/// The core of a process.
fn core(checkpoint: &Checkpoint, process: &Process) -> Vec<u8> {
    let mut bytes = Vec::new();
    elfcore::write(checkpoint, process, &mut bytes).unwrap();
    bytes
}

/// Every process with memory of a case, with its core.
fn each(case: &str, check: impl Fn(&Checkpoint, &Process, &[u8])) {
    let checkpoint = open(&fixtures::archive_of(case));
    let mut checked = 0;
    for process in checkpoint.model().processes().iter().filter(|process| process.mm.is_some()) {
        check(&checkpoint, process, &core(&checkpoint, process));
        checked += 1;
    }
    assert!(checked > 0, "{case} has processes");
}

/// What a core has at an address: bytes in the file, or zeros that are not in it; `None` where it has no segment.
#[derive(Debug, PartialEq, Eq)]
enum There<'b> {
    Bytes(&'b [u8]),
    Untouched,
}

fn there<'b>(elf: &Elf<'_>, core: &'b [u8], at: u64, len: u64) -> Option<There<'b>> {
    let load = elf.program_headers.iter().filter(|header| header.p_type == PT_LOAD).find(|header| {
        header.p_vaddr <= at && at - header.p_vaddr < header.p_memsz && at + len <= header.p_vaddr + header.p_memsz
    })?;
    let skip = at - load.p_vaddr;
    if skip >= load.p_filesz {
        return Some(There::Untouched);
    }
    assert!(skip + len <= load.p_filesz);
    let from = usize::try_from(load.p_offset + skip).unwrap();
    Some(There::Bytes(&core[from..from + usize::try_from(len).unwrap()]))
}

/// The notes of a core: name, type, description.
fn notes(elf: &Elf<'_>, core: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
    let notes = elf.iter_note_headers(core).unwrap();
    notes.map(|note| note.unwrap()).map(|note| (note.name.to_owned(), note.n_type, note.desc.to_vec())).collect()
}

fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    bytes[at..at + len].iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte))
}

#[test]
fn segments_are_sorted_aligned_and_within_the_file() {
    for case in CASES {
        each(case, |_, process, core| {
            let elf = Elf::parse(core).unwrap();
            assert_eq!((elf.header.e_type, elf.program_headers[0].p_type), (4, PT_NOTE));
            let mut end = 0;
            let mut data = elf.program_headers[0].p_offset + elf.program_headers[0].p_filesz;
            for load in &elf.program_headers[1..] {
                assert_eq!(load.p_type, PT_LOAD);
                assert!(load.p_vaddr >= end && load.p_memsz > 0 && load.p_filesz <= load.p_memsz, "{load:?}");
                assert!(load.p_offset >= data, "{case} {}: {load:?}", process.pid());
                assert_eq!((load.p_align, load.p_offset % 4096, load.p_vaddr % 4096), (4096, 0, 0));
                end = load.p_vaddr + load.p_memsz;
                data = load.p_offset + load.p_filesz;
            }
            assert_eq!(data, core.len() as u64, "nothing is behind the last segment");
        });
    }
}

#[test]
fn memory_is_that_of_the_archive() {
    for case in CASES {
        each(case, |checkpoint, process, core| {
            let elf = Elf::parse(core).unwrap();
            let space = checkpoint.memory().space(process).unwrap();
            let mut recorded = 0;
            for vma in &space.mm().vmas {
                for run in space.runs(vma.start.0, vma.end.0) {
                    let there = there(&elf, core, run.start, run.end - run.start);
                    match run.origin {
                        Origin::Recorded { .. } => {
                            let bytes = space.read(run.start, run.end - run.start).unwrap();
                            assert_eq!(there, Some(There::Bytes(&bytes)), "{case}: {run:?}");
                            recorded += 1;
                        }
                        Origin::Untouched => assert_eq!(there, Some(There::Untouched), "{case}: {run:?}"),
                        Origin::Missing(_) => assert_eq!(there, None, "{case}: {run:?}"),
                        Origin::Given { .. } => panic!("no image was given"),
                    }
                }
            }
            assert!(recorded > 0, "{case} {}", process.pid());
        });
    }
}

/// Where `PRSTATUS` has the thread's id and which registers, by their names in the table: machine, size, id, registers.
type Layout = (u16, usize, usize, usize, &'static [&'static str]);
const LAYOUTS: [Layout; 2] = [
    (
        62,
        336,
        32,
        112,
        &[
            "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di", "orig_ax",
            "ip", "cs", "flags", "sp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs",
        ],
    ),
    (
        3,
        144,
        24,
        72,
        &["bx", "cx", "dx", "si", "di", "bp", "ax", "ds", "es", "fs", "gs", "orig_ax", "ip", "cs", "flags", "sp", "ss"],
    ),
];

#[test]
fn each_thread_has_its_registers_the_leader_first() {
    for case in CASES {
        each(case, |checkpoint, process, core| {
            let elf = Elf::parse(core).unwrap();
            let &(_, size, id, registers, names) =
                LAYOUTS.iter().find(|layout| layout.0 == elf.header.e_machine).unwrap();
            let notes = notes(&elf, core);
            let statuses: Vec<&Vec<u8>> = notes.iter().filter(|note| note.1 == 1).map(|note| &note.2).collect();
            let rows = fixtures::rows_of(checkpoint, &["threads"]).remove("threads").unwrap();
            let rows: Vec<&Value> = rows.iter().filter(|row| row["pid"] == process.pid().0).collect();
            assert_eq!(statuses.len(), rows.len());
            assert_eq!(number(statuses[0], id, 4), u64::from(process.pid().0));
            let word = if elf.is_64 { 8 } else { 4 };
            for row in rows {
                let tid = row["tid"].as_u64().unwrap();
                let status = statuses.iter().find(|status| number(status, id, 4) == tid).unwrap();
                assert_eq!(status.len(), size);
                for (place, name) in names.iter().enumerate() {
                    let text = row["registers"][*name].as_str().unwrap();
                    let expected = u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
                    let expected = if elf.is_64 { expected } else { expected & 0xffff_ffff };
                    assert_eq!(number(status, registers + place * word, word), expected, "{case} {tid} {name}");
                }
            }
            for kind in [1, 2, 0x202] {
                let count = notes.iter().filter(|note| note.1 == kind).count();
                assert_eq!(count, statuses.len(), "one of {kind:#x} a thread");
            }
            let of_process: Vec<u32> = notes.iter().skip(1).take(4).map(|note| note.1).collect();
            assert_eq!(of_process, [3, 0x5349_4749, 6, 0x4649_4c45], "as the kernel has them");
        });
    }
}

#[test]
fn mapped_files_are_named_as_maps_names_them() {
    for case in CASES {
        each(case, |checkpoint, process, core| {
            let elf = Elf::parse(core).unwrap();
            let word = if elf.is_64 { 8 } else { 4 };
            let notes = notes(&elf, core);
            let note = &notes.iter().find(|note| note.1 == 0x4649_4c45).unwrap().2;
            let count = usize::try_from(number(note, 0, word)).unwrap();
            let mut names = note[word * (2 + 3 * count)..].split(|&byte| byte == 0);
            let rows = fixtures::rows_of(checkpoint, &["process_memory_map"]).remove("process_memory_map").unwrap();
            for entry in 0..count {
                let field = |n: usize| number(note, word * (2 + 3 * entry + n), word);
                let name = String::from_utf8(names.next().unwrap().to_vec()).unwrap();
                let covers = |row: &&Value| {
                    let address = |name: &str| {
                        u64::from_str_radix(row[name].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
                    };
                    row["pid"] == process.pid().0
                        && (address("start")..address("end")).contains(&field(0))
                        && field(1) <= address("end")
                        && row["offset"].as_u64().unwrap() + field(0) - address("start") == field(2) * 4096
                };
                let row = rows.iter().find(covers).unwrap_or_else(|| panic!("{case}: {name}"));
                assert_eq!(row["path"], *name, "{case}");
            }
            assert_eq!((names.next(), names.next()), (Some(&b""[..]), None));
        });
    }
}

/// Pages of a lazy dump are nowhere: a debugger says that it cannot read them, and sees no zeros.
#[test]
fn what_is_not_in_the_archive_has_no_segment() {
    let archive = fixtures::archive_of("criu-3.6-aged-lazy");
    let checkpoint = open(&archive);
    let mut lazy = 0;
    for process in checkpoint.model().processes().iter().filter(|process| process.mm.is_some()) {
        let core = core(&checkpoint, process);
        let elf = Elf::parse(&core).unwrap();
        let space = checkpoint.memory().space(process).unwrap();
        for run in space.runs(0, u64::MAX).filter(|run| run.origin == Origin::Missing(Missing::Lazy)) {
            assert_eq!(there(&elf, &core, run.start, 1), None);
            assert_eq!(there(&elf, &core, run.end - 1, 1), None);
            lazy += 1;
        }
    }
    assert!(lazy > 0);
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("core");
    let pid = checkpoint.model().processes()[0].pid().to_string();
    let ran = run([Path::new("core"), &archive, Path::new("--pid"), Path::new(&pid), Path::new("-o"), &file]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("lazy"), "{}", ran.err);
    assert!(file.is_file());
}

#[test]
fn compressed_pages_are_inflated() {
    let plain = open(&fixtures::path("forms-memory/nr-pages-4.2.tar.gz"));
    let expected = core(&plain, &plain.model().processes()[0]);
    for name in ["lz4-pages", "lz4-regions"] {
        let checkpoint = open(&fixtures::path(&format!("forms-memory/{name}.tar.gz")));
        let process = &checkpoint.model().processes()[0];
        let core = core(&checkpoint, process);
        let elf = Elf::parse(&core).unwrap();
        let space = checkpoint.memory().space(process).unwrap();
        for run in space.runs(0, u64::MAX).filter(|run| matches!(run.origin, Origin::Recorded { .. })) {
            let bytes = space.read(run.start, run.end - run.start).unwrap();
            assert_eq!(there(&elf, &core, run.start, run.end - run.start), Some(There::Bytes(&bytes)), "{name}");
        }
        assert_eq!(core.len(), expected.len(), "{name}");
    }
}

#[test]
fn more_mappings_than_an_elf_header_can_count() {
    const MAPPINGS: u64 = 66_000;
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    members.edit("checkpoint/mm-1.img", |_, mm: &mut MmEntry| {
        let base = 0x1000_0000_0000;
        mm.vmas.extend((0..MAPPINGS).map(|n| VmaEntry {
            start: Some(base + n * 0x2000),
            end: Some(base + n * 0x2000 + 0x1000),
            pgoff: Some(0),
            shmid: Some(0),
            prot: Some(3),
            flags: Some(0x22),
            status: Some(0x201),
            ..Default::default()
        }));
    });
    let checkpoint = members.open();
    let core = core(&checkpoint, &checkpoint.model().processes()[0]);
    assert_eq!(number(&core, 56, 2), 0xffff, "PN_XNUM");
    let section = usize::try_from(number(&core, 40, 8)).unwrap();
    let count = number(&core, section + 44, 4);
    assert!(count > MAPPINGS);
    assert_eq!(section as u64, 64 + 56 * count, "it is right behind them");
    assert_eq!((number(&core, 58, 2), number(&core, 60, 2), number(&core, 62, 2)), (64, 1, 0));
    let note = usize::try_from(number(&core, 64 + 8, 8)).unwrap();
    assert_eq!((note, number(&core, note + 8, 4)), (section + 64, 1), "the notes begin with a PRSTATUS");
    let last = 64 + 56 * (usize::try_from(count).unwrap() - 1);
    assert_eq!(number(&core, last, 4), 1, "the last header is of memory");
}

#[test]
fn registers_of_arm_are_those_of_arm() {
    use cryoscope::images::proto::{ThreadInfoAarch64, UserAarch64FpsimdContextEntry, UserAarch64RegsEntry};
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    members.edit("checkpoint/core-1.img", |_, core: &mut CoreEntry| {
        core.mtype = Some(3);
        core.thread_info = None;
        core.ti_aarch64 = Some(ThreadInfoAarch64 {
            tls: Some(0x7777),
            gpregs: Some(UserAarch64RegsEntry {
                regs: (0..31).map(|n| 0x100 + n).collect(),
                sp: Some(0x2000),
                pc: Some(0x3000),
                pstate: Some(0x8000_0000),
            }),
            fpsimd: Some(UserAarch64FpsimdContextEntry { vregs: (0..64).collect(), fpsr: Some(1), fpcr: Some(2) }),
            ..Default::default()
        });
    });
    let checkpoint = members.open();
    let core = core(&checkpoint, &checkpoint.model().processes()[0]);
    let elf = Elf::parse(&core).unwrap();
    assert_eq!(elf.header.e_machine, 183);
    let notes = notes(&elf, &core);
    let of = |kind: u32| &notes.iter().find(|note| note.1 == kind).unwrap().2;
    assert_eq!(of(1).len(), 392);
    let register = |n: usize| number(of(1), 112 + 8 * n, 8);
    assert_eq!((register(0), register(30), register(31)), (0x100, 0x11e, 0x2000));
    assert_eq!((register(32), register(33), number(of(1), 384, 4)), (0x3000, 0x8000_0000, 1));
    assert_eq!((of(2).len(), number(of(2), 504, 8), number(of(2), 516, 4)), (528, 63, 2));
    assert_eq!(number(of(0x401), 0, 8), 0x7777);
}

/// W41: coredump of CRIU's own tools takes unchanged pages from the analyst's machine, halves the auxiliary vector, stops
/// at shared memory and at zombies, cuts arguments, and leaves signals out. What gdb sees of ours is what was.
#[test]
fn gdb_sees_threads_registers_and_the_auxiliary_vector() {
    if !there_is_gdb() {
        return;
    }
    for case in CASES {
        each(case, |checkpoint, process, core| {
            let home = tempfile::tempdir().unwrap();
            let file = home.path().join("core");
            fs::write(&file, core).unwrap();
            let seen = gdb(&file, &["thread apply all -ascending info registers", "info auxv"]);
            let rows = fixtures::rows_of(checkpoint, &["threads"]).remove("threads").unwrap();
            let rows: Vec<&Value> = rows.iter().filter(|row| row["pid"] == process.pid().0).collect();
            let threads: Vec<&str> = seen.split("\nThread ").skip(1).collect();
            assert_eq!(threads.len(), rows.len(), "{case}: {seen}");
            for row in rows {
                let lwp = format!("(LWP {})", row["tid"]);
                let thread = threads.iter().find(|thread| thread.contains(&lwp)).unwrap_or_else(|| panic!("{lwp}"));
                let value = |names: [&str; 2]| {
                    let line = thread.lines().find(|line| names.iter().any(|name| line.starts_with(name))).unwrap();
                    line.split_whitespace().nth(1).unwrap().to_owned()
                };
                assert_eq!(row["instruction_pointer"], *value(["rip ", "eip "]), "{case} {lwp}");
                assert_eq!(row["stack_pointer"], *value(["rsp ", "esp "]), "{case} {lwp}");
            }
            let entry = process.mm.as_ref().unwrap().auxv.entry().unwrap().to_string();
            let line = seen.lines().find(|line| line.contains("AT_ENTRY")).unwrap();
            assert!(line.ends_with(&entry), "{case}: {line}");
        });
    }
}

/// W41, too: code that is not in the archive is the container's file or nothing, but not zeros, nor a file of this machine.
#[test]
fn gdb_reads_files_of_the_container_and_makes_nothing_up() {
    if !there_is_gdb() {
        return;
    }
    let checkpoint = open(&fixtures::archive_of("memory"));
    let process = checkpoint.model().processes().iter().find(|process| process.pid().0 == 1).unwrap();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("core");
    fs::write(&file, core(&checkpoint, process)).unwrap();
    // Changed, never touched, unchanged.
    let commands = ["x/1xw $sp", "x/1xw 0x200011000000", "x/1xw 0x400000"];
    let known = ":\t0x00402630\n0x200011000000:\t0x00000000\n0x400000:\t";
    let without = gdb(&file, &commands);
    assert!(without.ends_with(known), "{without}");
    let folder = home.path().join("sysroot/lab");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("memory"), vec![0x12; 0x10_0000]).unwrap();
    let with = gdb(&file, &commands);
    assert!(with.ends_with(&format!("{known}0x12121212\n")), "{with}");
}

fn there_is_gdb() -> bool {
    programs::runs("gdb", &["--version"])
}

/// What gdb prints; the container's files are in `sysroot` beside the core.
fn gdb(core: &Path, commands: &[&str]) -> String {
    let home = core.parent().unwrap();
    let sysroot = format!("set sysroot {}", home.join("sysroot").display());
    let mut gdb = Command::new("gdb");
    gdb.current_dir(home).env("HOME", home).args(["-nx", "-batch", "-iex", &sysroot]);
    gdb.args(["-iex", "set debuginfod enabled off"]).arg("-c").arg(core);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    // Its exit code is that of the last command, which may be asked for what it cannot read.
    let output = String::from_utf8_lossy(&gdb.output().unwrap().stdout).into_owned();
    assert!(output.contains("Core was generated by"), "{output}");
    output
}

/// Runs `core` in a folder on the reference with some arguments.
fn core_of(home: &Path, archive: &Path, arguments: &[&str]) -> Ran {
    Ran::of(cryoscope(home).arg("core").arg(archive).args(arguments).output().unwrap())
}

#[test]
fn the_command_writes_a_file_or_standard_output() {
    let archive = fixtures::path("forms-reference/podman-runc.tar");
    let home = tempfile::tempdir().unwrap();
    core_of(home.path(), &archive, &["--pid", "1", "-o", "core.1"]).ok();
    let written = fs::read(home.path().join("core.1")).unwrap();
    let checkpoint = open(&archive);
    let process = checkpoint.model().processes().iter().find(|process| process.pid().0 == 1).unwrap();
    assert!(written == core(&checkpoint, process));
    let output = cryoscope(home.path()).arg("core").arg(&archive).args(["--pid", "1", "-o", "-"]).output().unwrap();
    assert!(output.status.success() && output.stdout == written);

    let again = core_of(home.path(), &archive, &["--pid", "1", "-o", "core.1"]);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("core.1 exists; replace it with --force"), "{}", again.err);
    core_of(home.path(), &archive, &["--pid", "1", "-o", "core.1", "--force"]).ok();
    let names: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["core.1"], "nothing else is left behind");
}

#[test]
fn a_core_needs_a_process_with_memory_and_a_file() {
    let archive = fixtures::path("forms-reference/podman-runc.tar");
    let home = tempfile::tempdir().unwrap();
    let refused = |archive: &Path, arguments: &[&str], why: &str| {
        let ran = core_of(home.path(), archive, arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}");
        assert!(ran.err.contains(why) && ran.out.is_empty(), "{arguments:?}: {}", ran.err);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "no half file");
    };
    refused(&archive, &["--pid", "4711", "-o", "core"], "no process has pid 4711; the pids are 1");
    refused(&archive, &["--pid", "1"], "no output file; name one with --output FILE");
    refused(&archive, &["-o", "core"], "--pid");
    refused(&archive, &["--pid", "1", "-o", "none/core"], "the directory none does not exist");
    refused(&fixtures::path("malformed/elf"), &["--pid", "1", "-o", "core"], "");

    let tree = fixtures::archive_of("tree");
    let checkpoint = open(&tree);
    let zombie = checkpoint.model().processes().iter().find(|process| process.is_zombie()).unwrap();
    let pid = zombie.pid().to_string();
    refused(&tree, &["--pid", &pid, "-o", "core"], "has no memory");

    let mut members = Members::of(&archive);
    members.remove("checkpoint/mm-1.img");
    let outside = tempfile::tempdir().unwrap();
    let damaged = outside.path().join("damaged.tar");
    fs::write(&damaged, members.tar()).unwrap();
    refused(&damaged, &["--pid", "1", "-o", "core"], "the mappings of process 1 are unknown: its image mm-1.img");
    refused(&damaged, &["--pid", "1", "-o", "core"], "Its pages are in the archive");
    let dump = ["memparse", damaged.to_str().unwrap(), "--pid", "1", "--dump", "dump"];
    let ran = Ran::of(cryoscope(outside.path()).args(dump).output().unwrap());
    assert!(fs::metadata(outside.path().join("dump")).is_ok_and(|file| file.len() > 0), "{}", ran.err);
    members.remove("checkpoint/pagemap-1.img");
    fs::write(&damaged, members.tar()).unwrap();
    refused(&damaged, &["--pid", "1", "-o", "core"], "the memory of process 1 is not in the archive");

    let mut members = Members::of(&archive);
    members.edit("checkpoint/core-1.img", |_, core: &mut CoreEntry| core.mtype = Some(4));
    fs::write(&damaged, members.tar()).unwrap();
    refused(&damaged, &["--pid", "1", "-o", "core"], "core files for ppc64le are not supported");
}

/// Of a process whose threads are lost there is still its memory; of what machine it is another process tells.
#[test]
fn memory_without_registers_is_a_core() {
    let checkpoint = open(&fixtures::path("malformed/no-core-1.tar.gz"));
    let process = checkpoint.model().processes().iter().find(|process| process.pid().0 == 1).unwrap();
    let bytes = core(&checkpoint, process);
    let elf = Elf::parse(&bytes).unwrap();
    let kinds: Vec<u32> = notes(&elf, &bytes).iter().map(|note| note.1).collect();
    assert_eq!((elf.header.e_machine, &kinds[..]), (62, &[3, 0x5349_4749, 6, 0x4649_4c45][..]));
    assert!(elf.program_headers.iter().any(|header| header.p_type == PT_LOAD && header.p_filesz > 0));

    let home = tempfile::tempdir().unwrap();
    let ran = core_of(home.path(), &fixtures::path("malformed/no-cores.tar.gz"), &["--pid", "1", "-o", "core"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("the machine is not known"), "{}", ran.err);
}

#[test]
fn damage_does_not_stop_it() {
    for case in ["vma-backwards", "vma-huge", "vma-unaligned", "pagemap-overlap", "pagemap-no-vma", "pages-short"] {
        let archive = fixtures::path(&format!("malformed/{case}.tar.gz"));
        let checkpoint = open(&archive);
        for process in checkpoint.model().processes().iter().filter(|process| process.mm.is_some()) {
            let mut bytes = Vec::new();
            elfcore::write(&checkpoint, process, &mut bytes).unwrap_or_else(|error| panic!("{case}: {error}"));
            let elf = Elf::parse(&bytes).unwrap();
            let loads = elf.program_headers.iter().filter(|header| header.p_type == PT_LOAD);
            let ends: Vec<(u64, u64)> = loads.map(|load| (load.p_vaddr, load.p_vaddr + load.p_memsz)).collect();
            assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{case}");
        }
    }
}

/// The kernel names the file of a mapping for all of it, also of `/dev/zero`, and where pages of it were never written to.
#[test]
fn the_file_of_a_mapping_is_named_for_all_of_it() {
    let seen = std::cell::Cell::new(0);
    each("memory", |checkpoint, process, core| {
        let elf = Elf::parse(core).unwrap();
        let all = notes(&elf, core);
        let (_, _, note) = all.iter().find(|(_, kind, _)| *kind == 0x4649_4c45).unwrap();
        let count = usize::try_from(number(note, 0, 8)).unwrap();
        let ranges: Vec<(u64, u64)> =
            (0..count).map(|n| (number(note, 16 + 24 * n, 8), number(note, 24 + 24 * n, 8))).collect();
        let mappings: Vec<_> =
            checkpoint.rows().process_memory_map().filter(|mapping| mapping.pid == process.pid()).collect();
        for mapping in mappings.iter().filter(|mapping| mapping.path.starts_with(b"/dev/zero")) {
            assert!(ranges.contains(&(mapping.start.0, mapping.end.0)), "{mapping:?} {ranges:x?}");
            seen.set(seen.get() + 1);
        }
    });
    assert!(seen.get() > 0, "no mapping of /dev/zero");
}
