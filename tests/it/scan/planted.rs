//! What was planted in the known compromise, `webapp-compromise`, and the rule that finds each thing. This table is the only
//! one; the tests of the families look at what their findings say.

use std::collections::BTreeSet;

use cryoscope::Checkpoint;
use cryoscope::analysis::{Family, Finding, Scan, Selection, Severity, Subject};
use cryoscope::model::ids::Pid;

use crate::fixtures;

use About::{Bytes, Container, Path, Process};
use Severity::{Critical, High, Low, Medium};

/// What a finding is about.
#[derive(Debug)]
enum About {
    Process(u32),
    /// Bytes of a process: in the evidence, or the beginning of the mapping that the finding is about.
    Bytes(u32, u64),
    Path(&'static str),
    /// A property of the container.
    Container(&'static str),
}

/// The planted thing, by its name in the truth of the case, the rule, what the finding is about, and the least severity.
const PLANTED: [(&str, &str, About, Severity); 59] = [
    ("web-shell", "PROC-007", Process(9), High),
    ("web-shell-script", "PROC-031", Process(10), Low),
    ("reverse-shell", "PROC-005", Process(11), Critical),
    ("reverse-shell", "NET-002", Process(11), High),
    ("reverse-shell", "PROC-008", Process(11), Low),
    ("reverse-shell-2", "PROC-005", Process(12), Critical),
    ("reverse-shell-2", "NET-002", Process(12), High),
    ("terminal-relay", "PROC-023", Process(34), High),
    ("terminal-relay", "PROC-005", Process(34), Critical),
    ("terminal-relay", "NET-002", Process(34), High),
    ("terminal-shell", "PROC-008", Process(35), Medium),
    ("terminal-shell", "PROC-026", Process(35), High),
    ("terminal-shell", "FS-013", Process(35), Medium),
    ("memfd-process", "MEM-006", Process(13), Critical),
    ("memfd-process", "MEM-008", Bytes(13, 0x40_1000), Critical),
    ("memfd-process", "PROC-001", Process(13), High),
    ("memfd-process", "FS-019", Path("/memfd:"), High),
    ("deleted-exe", "PROC-003", Process(15), High),
    ("deleted-exe", "PROC-017", Process(15), Medium),
    ("deleted-exe", "FS-018", Path("/tmp/.cache/.x/kdevtmpfsi"), Medium),
    ("kworker", "PROC-002", Process(19), High),
    ("kworker", "PROC-004", Process(19), High),
    ("kworker", "FS-008", Path("/tmp/.cache/.x/kw"), High),
    ("miner", "PROC-017", Process(21), Critical),
    ("miner", "PROC-004", Process(21), High),
    ("miner", "NET-002", Process(21), High),
    ("miner", "NET-005", Process(21), High),
    ("miner", "FS-008", Path("/tmp/.cache/.x/xmrig"), High),
    ("miner-config", "PROC-017", Bytes(21, 0x5629_d02c_206e), Critical),
    ("preload-env", "MEM-012", Process(22), High),
    ("preload-env", "MEM-007", Process(22), High),
    ("preload-env", "FS-008", Path("/tmp/.cache/.x/libhook.so"), High),
    ("preload-system", "FS-001", Path("/etc/ld.so.preload"), Critical),
    ("preload-system", "FS-008", Path("/usr/local/lib/libsysaudit.so"), High),
    ("injected-elf", "MEM-001", Bytes(6, 0x7f38_b09e_b000), High),
    ("injected-elf", "MEM-003", Bytes(6, 0x7f38_b09e_b000), Medium),
    ("injected-elf-wiped", "MEM-002", Bytes(6, 0x7f38_b09e_6040), High),
    ("shellcode-stage", "MEM-010", Bytes(6, 0x7f38_b112_d000), High),
    ("shellcode-stage", "MEM-003", Bytes(6, 0x7f38_b112_d000), Medium),
    ("implant-tcp-queue", "NET-016", Process(23), Medium),
    ("implant-tcp-queue", "NET-002", Process(23), High),
    ("implant-unix-dgram-queue", "NET-015", Process(23), Low),
    ("implant-unix-stream-queue", "MEM-023", Process(23), High),
    ("deleted-log", "FS-014", Path("/var/log/.journal-cache"), Medium),
    ("cron", "FS-004", Path("/etc/cron.d/.sysupdate"), High),
    ("authorized-keys", "FS-003", Path("/root/.ssh/authorized_keys"), High),
    ("suid-shell", "FS-010", Path("/var/tmp/.font-unix/.sh"), High),
    ("passwd", "FS-002", Path("/etc/passwd"), High),
    ("history", "FS-013", Path("/root/.bash_history"), High),
    ("hidden-folders", "FS-015", Path("/tmp/.. "), Medium),
    ("hidden-folders", "FS-015", Path("/tmp/.cache/.x"), Medium),
    ("hidden-folders", "FS-015", Path("/var/tmp/.font-unix/.sh"), Medium),
    ("shm-folder", "FS-015", Path("/dev/shm/.lck"), Medium),
    ("metadata", "NET-019", Process(1), High),
    ("cap-sys-admin", "CTR-005", Container("capabilities"), High),
    ("engine-socket", "CTR-004", Path("/run/docker.sock"), High),
    ("host-etc", "CTR-003", Path("/host/etc"), High),
    ("proc-sys", "CTR-008", Container("kernel settings"), Medium),
    ("no-seccomp", "CTR-006", Container("seccomp"), Low),
];

fn is_about(finding: &Finding, about: &About) -> bool {
    let is_of = |pid: u32| finding.pid == Some(Pid(pid)) || finding.also_pids.contains(&Pid(pid));
    match about {
        Process(pid) => is_of(*pid),
        Path(path) => finding.subject.text() == *path,
        Container(what) => finding.subject == Subject::Container(what),
        Bytes(pid, address) => {
            let has = |start: u64, len: u64| (start..start.saturating_add(len.max(1))).contains(address);
            let is_mapping = finding.subject == Subject::Mapping(Pid(*pid), *address);
            is_mapping
                || is_of(*pid)
                    && finding
                        .evidence
                        .iter()
                        .any(|one| one.address.is_some_and(|start| has(start, one.length.unwrap_or(1))))
        }
    }
}

#[test]
fn each_planted_thing_is_found_by_its_rules() {
    let checkpoint = Checkpoint::open(fixtures::archive_of("webapp-compromise")).unwrap();
    let scan = Scan::run(&checkpoint, &Selection::default());
    let mut missing = Vec::new();
    for (item, rule, about, least) in &PLANTED {
        let found = scan.findings.iter().filter(|finding| finding.rule.id == *rule && is_about(finding, about));
        let severity = found.map(|finding| finding.severity).max();
        if severity < Some(*least) {
            missing.push(format!("{item}: {rule} about {about:x?} is {severity:?}, not {least:?} or worse"));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    // The application itself is not accused, and nothing is told without a proof.
    let is_of_shop =
        |finding: &&Finding| finding.rule.family != Family::Secrets && finding.subject.text().starts_with(b"/srv/shop");
    assert!(!scan.findings.iter().any(|finding| is_of_shop(&finding)));
    for finding in &scan.findings {
        assert!(!finding.evidence.is_empty() && finding.sentence.ends_with('.'), "{finding:?}");
    }
}

/// What the truth names and no rule judges: secrets of the service, and words about the rest.
const NOT_JUDGED: [&str; 8] =
    ["miner-wallet", "aws-key", "aws-secret", "jwt", "private-key", "db-url", "cap-sys-ptrace", "everything-else"];

#[test]
fn the_table_has_all_that_was_planted() {
    let truth: serde_json::Value =
        serde_json::from_slice(&std::fs::read(fixtures::path("webapp-compromise/truth.json")).unwrap()).unwrap();
    let all: BTreeSet<&str> =
        truth["planted"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    let known: BTreeSet<&str> = PLANTED.iter().map(|(item, ..)| *item).chain(NOT_JUDGED).collect();
    assert_eq!(known, all);
}
