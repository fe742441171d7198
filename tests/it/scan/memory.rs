//! Rules about memory: what was planted in a compromise, what is planted here, and silence over honest software.

use cryoscope::Checkpoint;
use cryoscope::analysis::{Finding, Scan, Selection, Severity, plan};
use cryoscope::images::proto::{CoreEntry, MmEntry};
use cryoscope::memory::Origin;
use cryoscope::model::ids::Pid;

use crate::archives::Members;
use crate::fixtures;

/// Anonymous memory with execute permission in the case `memory`.
const CODE: u64 = 0x2000_0010_2000;
/// The first page of code of the case `tree`, which CRIU changed for a moment.
const TEXT: u64 = 0x40_1000;

fn scan(checkpoint: &Checkpoint) -> Scan {
    let mut selection = Selection::default();
    selection.only = vec!["MEM".to_owned()];
    selection.experimental = true;
    Scan::run(checkpoint, &selection)
}

/// The finding of a rule about a process.
fn of<'s>(scan: &'s Scan, rule: &str, pid: u32) -> Option<&'s Finding> {
    let about = |finding: &&Finding| finding.pid == Some(Pid(pid)) || finding.also_pids.contains(&Pid(pid));
    scan.findings.iter().filter(|finding| finding.rule.id == rule).find(about)
}

fn severity(scan: &Scan, rule: &str, pid: u32) -> Option<Severity> {
    of(scan, rule, pid).map(|finding| finding.severity)
}

/// The text of all evidence of a finding.
fn listings(finding: &Finding) -> String {
    finding
        .evidence
        .iter()
        .filter_map(|evidence| evidence.text.as_ref())
        .map(|text| format!("{text}\n"))
        .collect::<Vec<_>>()
        .concat()
}

/// An honest archive in which something is planted.
struct Forge {
    members: Members,
    honest: Checkpoint,
}

impl Forge {
    fn of(case: &str) -> Self {
        Forge::at(&fixtures::archive_of(case))
    }

    fn at(archive: &std::path::Path) -> Self {
        let members = Members::of(archive);
        Forge { honest: members.open(), members }
    }

    /// Writes to recorded memory of a process.
    fn write(&mut self, pid: u32, address: u64, bytes: &[u8]) {
        let space = self.honest.memory().space_of(Pid(pid)).unwrap();
        let run = space.runs(address, address + bytes.len() as u64).next().unwrap();
        let Origin::Recorded { image, offset, .. } = run.origin else { panic!("{address:#x} is not recorded") };
        let (name, offset) = (image.to_string(), usize::try_from(offset).unwrap());
        let mut contents = self.members.get(&name).to_vec();
        contents[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.members.set(&name, contents);
    }

    fn core(&mut self, pid: u32, change: impl Fn(&mut CoreEntry)) {
        self.members.edit::<CoreEntry>(&format!("checkpoint/core-{pid}.img"), |_, core| change(core));
    }

    fn mm(&mut self, pid: u32, change: impl Fn(&mut MmEntry)) {
        self.members.edit::<MmEntry>(&format!("checkpoint/mm-{pid}.img"), |_, mm| change(mm));
    }

    /// Sets the permissions of the mapping that begins at an address.
    fn protect(&mut self, pid: u32, start: u64, prot: u32) {
        self.mm(pid, |mm| {
            let vma = mm.vmas.iter_mut().find(|vma| vma.start == Some(start)).unwrap();
            vma.prot = Some(prot);
        });
    }

    /// The scan, which must be the same if only evidence is kept of the archive.
    fn scan(&self) -> Scan {
        let scan = scan(&self.members.open());
        let kept = scan_kept(&self.members);
        let ids =
            |scan: &Scan| scan.findings.iter().map(|found| (found.id(), found.sentence.clone())).collect::<Vec<_>>();
        assert_eq!(ids(&scan), ids(&kept), "what is kept of a stream is not enough");
        scan
    }
}

fn scan_kept(members: &Members) -> Scan {
    scan(&members.open_keeping(plan::KEEP))
}

/// The header of an ELF image with one segment of code.
fn header() -> Vec<u8> {
    let mut bytes = vec![0; 120];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    bytes[16] = 3;
    bytes[18] = 62;
    bytes[20] = 1;
    bytes[32] = 64;
    bytes[52] = 64;
    bytes[54] = 56;
    bytes[56] = 1;
    bytes[64] = 1;
    bytes[68] = 5;
    bytes[64 + 32..64 + 40].copy_from_slice(&4096_u64.to_le_bytes());
    bytes[64 + 40..64 + 48].copy_from_slice(&4096_u64.to_le_bytes());
    bytes
}

#[test]
fn the_evidence_has_what_was_planted_and_nothing_honest() {
    let checkpoint = Checkpoint::open(fixtures::archive_of("webapp-compromise")).unwrap();
    let scan = scan(&checkpoint);
    // Nothing is said of honest processes.
    let accused: Vec<_> = scan.findings.iter().filter(|found| found.severity > Severity::Info).collect();
    assert!(accused.iter().all(|found| [6, 13, 22, 23].map(Pid).contains(&found.pid.unwrap())), "{accused:?}");
    let stage = of(&scan, "MEM-010", 6).unwrap();
    assert!(stage.sentence.contains("203.0.113.66:4444"), "{}", stage.sentence);
    assert!(listings(stage).contains("syscall"), "{}", listings(stage));
    let image = of(&scan, "MEM-001", 6).unwrap();
    assert!(image.evidence.iter().any(|evidence| evidence.bytes.starts_with(b"\x7fELF") && evidence.sha256.is_some()));
    for (rule, coverage) in &scan.coverage {
        assert!(!coverage.reasons.iter().any(|(why, _)| why.contains("bug")), "{}: {coverage:?}", rule.id);
    }
}

#[test]
fn honest_archives_are_silent() {
    let quiet =
        ["tree", "pod", "signals", "files", "creds", "nspaces", "compat32", "exec-into", "real-sshd", "real-jobs"];
    for case in quiet {
        for archive in fixtures::archives_of(case) {
            let Ok(checkpoint) = Checkpoint::open(&archive) else { continue };
            let scan = scan(&checkpoint);
            let told: Vec<_> = scan.findings.iter().filter(|found| found.severity > Severity::Info).collect();
            assert!(told.is_empty(), "{case}: {told:?}");
            assert!(scan.coverage.iter().any(|(_, coverage)| coverage.looked_at > 0), "{case}");
        }
    }
}

#[test]
fn code_that_was_changed_is_compared_with_other_processes() {
    let mut forge = Forge::of("tree");
    // A function becomes `return 0`.
    forge.write(9, TEXT + 0x200, b"\x31\xc0\xc3\x31\xc0\xc3");
    let scan = forge.scan();
    let found = of(&scan, "MEM-004", 9).unwrap();
    assert_eq!((found.severity, found.also_pids.len()), (Severity::High, 0), "{}", found.sentence);
    assert!(listings(found).contains("xor") && listings(found).contains("before:"), "{}", listings(found));
    assert_eq!(scan.findings.len(), 1, "{:?}", scan.findings);
}

#[test]
fn breakpoints_and_what_criu_leaves_are_no_attack() {
    let mut forge = Forge::of("tree");
    forge.write(9, TEXT + 0x301, b"\xcc");
    assert_eq!(severity(&forge.scan(), "MEM-004", 9), Some(Severity::Low));
    let mut forge = Forge::of("tree");
    forge.write(9, TEXT, b"\x0f\x05\xcc\xcc");
    assert!(forge.scan().findings.is_empty());
}

#[test]
fn the_kernels_code_is_the_same_everywhere() {
    let mut forge = Forge::of("tree");
    let space = forge.honest.memory().space_of(Pid(10)).unwrap();
    let vdso = space.mm().vmas.iter().find(|vma| vma.status.bits() & 8 != 0).unwrap().start.0;
    forge.write(10, vdso + 0x800, b"\xe9\x11\x22\x33\x44");
    let scan = forge.scan();
    assert_eq!(severity(&scan, "MEM-015", 10), Some(Severity::High), "{:?}", scan.findings);
}

#[test]
fn threads_in_memory_without_a_file() {
    let mut forge = Forge::of("memory");
    forge.write(1, CODE + 0x20, b"\x0f\x05\xc3");
    forge.core(1, |core| {
        let registers = core.thread_info.as_mut().unwrap().gpregs.as_mut().unwrap();
        registers.ip = Some(CODE + 0x22);
    });
    let found = forge.scan();
    assert_eq!(severity(&found, "MEM-008", 1), Some(Severity::Critical), "{:?}", found.findings);
    assert_eq!(severity(&found, "MEM-008", 7), None);
    // Computing there is bad enough.
    let mut forge = Forge::of("memory");
    forge.write(1, CODE + 0x20, b"\x90\x90\x90\x90");
    forge.core(1, |core| core.thread_info.as_mut().unwrap().gpregs.as_mut().unwrap().ip = Some(CODE + 0x22));
    assert_eq!(severity(&forge.scan(), "MEM-008", 1), Some(Severity::High));
    let mut forge = Forge::of("memory");
    forge.core(1, |core| core.thread_info.as_mut().unwrap().gpregs.as_mut().unwrap().ip = Some(0x7777_0000));
    let scan = forge.scan();
    assert!(of(&scan, "MEM-008", 1).is_some_and(|found| found.sentence.contains("in no memory at all")));
}

#[test]
fn stacks_lead_back_to_code_that_sleeps() {
    let mut forge = Forge::of("memory");
    let pointer = 0x7ffe_a29b_fed8_u64;
    // Two calls, and the addresses behind them.
    forge.write(1, CODE + 0x10, b"\xff\xd0\x90\x90\xe8\x01\x00\x00\x00\x90");
    forge.write(1, pointer + 8, &(CODE + 0x12).to_le_bytes());
    let found = forge.scan();
    assert_eq!(severity(&found, "MEM-029", 1), Some(Severity::Medium), "one word may be left over");
    forge.write(1, pointer + 24, &(CODE + 0x19).to_le_bytes());
    let found = forge.scan();
    assert_eq!(severity(&found, "MEM-029", 1), Some(Severity::High), "{:?}", found.findings);
    // An address without a call before it is a number like any other.
    let mut forge = Forge::of("memory");
    forge.write(1, CODE + 0x10, &[0x90; 16]);
    forge.write(1, pointer + 8, &(CODE + 0x18).to_le_bytes());
    assert_eq!(severity(&forge.scan(), "MEM-029", 1), None);
    // The same in an image makes it one that runs.
    let mut forge = Forge::of("memory");
    forge.write(1, CODE, &header());
    assert_eq!(severity(&forge.scan(), "MEM-001", 1), Some(Severity::High));
    forge.write(1, CODE + 0x110, b"\xff\xd0\x90");
    forge.write(1, pointer + 8, &(CODE + 0x112).to_le_bytes());
    assert_eq!(severity(&forge.scan(), "MEM-001", 1), Some(Severity::Critical));
}

#[test]
fn an_image_that_cannot_run_is_a_buffer() {
    let mut forge = Forge::of("memory");
    forge.write(1, 0x2000_0010_0000, &header());
    let scan = forge.scan();
    assert_eq!(severity(&scan, "MEM-001", 1), Some(Severity::Low), "{:?}", scan.findings);
    // In the middle of a page it is only bytes.
    let mut forge = Forge::of("memory");
    forge.write(1, 0x2000_0010_0100, &header());
    assert_eq!(severity(&forge.scan(), "MEM-001", 1), None);
}

#[test]
fn pointers_in_data_lead_to_memory_without_a_file() {
    // Data that is written to, and data that the dynamic loader protected.
    for mapping in [0x4a_7000_u64, 0x4a_3000] {
        let mut forge = Forge::of("memory");
        let recorded = forge.honest.memory().space_of(Pid(1)).unwrap();
        let end = recorded.mm().vma_at(mapping).unwrap().end.0;
        let run = recorded.runs(mapping, end).find(|run| matches!(run.origin, Origin::Recorded { .. }));
        let data = run.unwrap().start + 0x100;
        forge.write(1, data, &(CODE + 0x40).to_le_bytes());
        // What is only zeros cannot be called.
        assert_eq!(severity(&forge.scan(), "MEM-005", 1), None);
        forge.write(1, CODE + 0x40, b"\x55\x48\x89\xe5");
        let scan = forge.scan();
        let found = of(&scan, "MEM-005", 1).unwrap();
        assert!(
            found.severity == Severity::High && found.evidence.iter().any(|one| one.address == Some(data)),
            "{found:?}"
        );
    }
}

#[test]
fn hollow_processes() {
    // AT_ENTRY leads to anonymous memory.
    let entry = |mm: &mut MmEntry| {
        let place = mm.mm_saved_auxv.chunks(2).position(|pair| pair[0] == 9).unwrap();
        mm.mm_saved_auxv[2 * place + 1] = CODE;
    };
    let mut forge = Forge::of("memory");
    forge.mm(1, entry);
    assert_eq!(severity(&forge.scan(), "MEM-014", 1), Some(Severity::Medium), "as a packer leaves it");
    forge.protect(1, CODE, 7);
    let scan = forge.scan();
    assert_eq!(severity(&scan, "MEM-014", 1), Some(Severity::High), "{:?}", scan.findings);
    assert_eq!(severity(&scan, "MEM-003", 1), Some(Severity::Medium));
    assert_eq!(severity(&scan, "MEM-014", 7), None);
}

#[test]
fn permissions_that_nothing_honest_has() {
    let mut forge = Forge::of("tree");
    let space = forge.honest.memory().space_of(Pid(9)).unwrap();
    let stack = space.mm().vmas.iter().find(|vma| space.mm().is_stack(vma)).unwrap().start.0;
    forge.protect(9, stack, 7);
    forge.protect(10, 0x4a_7000, 7);
    forge.protect(11, TEXT, 7);
    forge.core(12, |core| core.tc.as_mut().unwrap().personality = Some(0x4_0000));
    let scan = forge.scan();
    for (rule, pid, expected) in [
        ("MEM-011", 9, Severity::Medium),
        ("MEM-026", 10, Severity::High),
        ("MEM-025", 10, Severity::Medium),
        ("MEM-025", 11, Severity::Medium),
        ("MEM-017", 12, Severity::Low),
    ] {
        assert_eq!(severity(&scan, rule, pid), Some(expected), "{rule} about {pid}: {:?}", scan.findings);
    }
    assert_eq!(severity(&scan, "MEM-026", 11), None);
}

#[test]
fn a_command_line_that_was_erased() {
    let mut forge = Forge::of("tree");
    let mm = forge.honest.memory().space_of(Pid(9)).unwrap().mm();
    let (start, end) = (mm.entry.mm_arg_start(), mm.entry.mm_arg_end());
    forge.write(9, start, &vec![0; usize::try_from(end - start).unwrap()]);
    assert_eq!(severity(&forge.scan(), "MEM-018", 9), Some(Severity::Low));
}

/// A file of the root file system as it was changed.
fn change(members: &mut Members, path: &str, contents: &[u8]) {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(contents.len() as u64);
    header.set_mode(0o755);
    tar.append_data(&mut header, path.trim_start_matches('/'), contents).unwrap();
    members.set("rootfs-diff.tar", tar.into_inner().unwrap());
}

#[test]
fn files_that_are_mapped_as_covers() {
    // The file that is mapped as code is text.
    let mut forge = Forge::of("tree");
    let path = forge.honest.rows().processes().find(|row| row.pid == Pid(9)).unwrap().path.unwrap().to_string();
    change(&mut forge.members, &path, b"this is no program\n");
    let scan = forge.scan();
    assert_eq!(severity(&scan, "MEM-013", 9), Some(Severity::High), "{:?}", scan.findings);
    // The first page of the file is a copy, and is no header.
    let mut forge = Forge::of("memory");
    forge.mm(1, |mm| mm.vmas.iter_mut().filter(|vma| vma.start == Some(0x4a_7000)).for_each(|vma| vma.pgoff = Some(0)));
    let scan = forge.scan();
    let found = of(&scan, "MEM-028", 1);
    assert_eq!(found.map(|finding| finding.severity), Some(Severity::High), "{:?}", scan.findings);
    assert!(found.unwrap().sentence.contains("no ELF header any more"), "{found:?}");
}

#[test]
fn rules_that_run_only_if_asked_find_what_they_are_for() {
    let mut forge = Forge::of("memory");
    // The stack lies in the data of the program.
    forge.core(1, |core| core.thread_info.as_mut().unwrap().gpregs.as_mut().unwrap().sp = Some(0x4a_7100));
    forge.mm(1, |mm| mm.dumpable = Some(0));
    forge.write(1, CODE + 0x400, b"commit_creds\0prepare_kernel_cred\0modprobe_path\0");
    let scan = forge.scan();
    for (rule, expected) in [("MEM-009", Severity::Medium), ("MEM-019", Severity::Info), ("MEM-024", Severity::Info)] {
        assert_eq!(severity(&scan, rule, 1), Some(expected), "{rule}: {:?}", scan.findings);
    }
    assert_eq!(severity(&scan, "MEM-009", 7), None);
}

#[test]
fn names_of_instrumenting_tools() {
    let mut forge = Forge::of("tree");
    forge.core(9, |core| core.tc.as_mut().unwrap().comm = Some("gum-js-loop".into()));
    assert_eq!(severity(&forge.scan(), "MEM-022", 9), Some(Severity::Medium));
}

#[test]
fn shapes_of_injected_code() {
    let mut forge = Forge::of("memory");
    forge.write(1, CODE + 0x40, b"\x48\xbb/bin/sh\x00\x53\x48\x89\xe7\x6a\x3b\x58\x99\x0f\x05");
    let scan = forge.scan();
    assert_eq!(severity(&scan, "MEM-010", 1), Some(Severity::High), "{:?}", scan.findings);
    assert!(of(&scan, "MEM-010", 1).unwrap().sentence.contains("runs a program"));
    assert_eq!(severity(&scan, "MEM-003", 1), Some(Severity::Medium), "it makes a system call");
}

#[test]
fn protected_tables_are_compared_with_those_of_siblings() {
    let mut forge = Forge::at(&fixtures::path("scan/escape-miner.tar.zst"));
    let table = {
        let all: Vec<_> = forge.honest.rows().process_memory_map().collect();
        let is_table = |row: &&cryoscope::tables::Mapping| {
            row.path == "/usr/sbin/nginx" && row.permissions.starts_with("r--p") && row.recorded_bytes > 0
        };
        let of = |pid: Pid| all.iter().filter(is_table).find(|row| row.pid == pid);
        let worker = all.iter().filter(is_table).map(|row| row.pid).max().unwrap();
        let code =
            all.iter().find(|row| row.pid == worker && row.path.ends_with(b"libc.so.6") && row.permissions == "r-xp");
        (worker, of(worker).unwrap().start.0, code.unwrap().start.0..code.unwrap().end.0)
    };
    let (pid, start, code) = table;
    // A pointer to a function of the C library, and another function in its place.
    let space = forge.honest.memory().space_of(pid).unwrap();
    let word = |at: u64| u64::from_le_bytes(space.read(at, 8).unwrap().as_ref().try_into().unwrap());
    let slot = (0..1000).map(|number| start + number * 8).find(|at| code.contains(&word(*at))).unwrap();
    let other = code.start + 0x40;
    assert!(of(&forge.scan(), "MEM-034", pid.0).is_none(), "they are the same");
    forge.write(pid.0, slot, &other.to_le_bytes());
    let scan = forge.scan();
    assert_eq!(severity(&scan, "MEM-034", pid.0), Some(Severity::High), "{:?}", scan.findings);
    // What leads nowhere is no function.
    forge.write(pid.0, slot, &7_u64.to_le_bytes());
    assert!(of(&forge.scan(), "MEM-034", pid.0).is_none());
}

#[test]
fn a_handler_in_memory_without_a_file() {
    let mut forge = Forge::of("memory");
    assert!(of(&forge.scan(), "MEM-036", 1).is_none());
    forge.core(1, |core| {
        let task = core.tc.as_mut().unwrap();
        let action = task.sigactions.get_mut(11).expect("actions of all signals");
        action.sigaction = Some(CODE + 0x20);
    });
    assert_eq!(severity(&forge.scan(), "MEM-036", 1), Some(Severity::High));
}
