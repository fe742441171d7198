//! Archives of `fixtures/scan`: what rules must find in compromised containers, and silence over ordinary ones. What was
//! planted is in the README there.

use cryoscope::Checkpoint;
use cryoscope::analysis::{Finding, Scan, Selection, Severity};
use cryoscope::images::proto::{FileEntry, PstreeEntry};
use cryoscope::memory::Keep;
use cryoscope::model::ids::Pid;

use crate::archives::Members;
use crate::fixtures;

use Severity::{Critical, High, Medium};

/// What a finding must be about: a process, a path, or nothing of the two.
#[derive(Debug)]
enum About {
    Process(u32),
    Path(&'static str),
}

use About::{Path, Process};

fn scan(name: &str) -> Scan {
    let checkpoint = Checkpoint::open(fixtures::path("scan").join(format!("{name}.tar.zst"))).unwrap();
    Scan::run(&checkpoint, &Selection::default())
}

fn is_about(finding: &Finding, about: &About) -> bool {
    match about {
        Process(pid) => finding.pid == Some(Pid(*pid)) || finding.also_pids.contains(&Pid(*pid)),
        Path(path) => {
            finding.path.as_ref().is_some_and(|found| found == path)
                || finding.sentence.split([' ', ',', ':']).any(|word| word.trim_end_matches('.') == *path)
        }
    }
}

/// Each planted thing is found by its rule, at least as severe as said.
fn finds(name: &str, planted: &[(&str, About, Severity)]) {
    let scan = scan(name);
    let listed = || scan.findings.iter().map(|one| format!("\n{:?} {} {}", one.severity, one.rule.id, one.sentence));
    for (rule, about, least) in planted {
        let found = scan.findings.iter().filter(|one| one.rule.id == *rule && is_about(one, about));
        let severity = found.map(|one| one.severity).max();
        assert!(
            severity.is_some_and(|severity| severity >= *least),
            "{name}: {rule} about {about:?} is {severity:?}, not {least:?} or worse{}",
            listed().collect::<String>()
        );
    }
}

#[test]
fn shells_behind_relays() {
    finds(
        "shells-relays",
        &[
            ("PROC-019", Process(13), High),
            ("PROC-023", Process(29), High),
            ("FS-013", Process(30), Medium),
            ("PROC-008", Process(30), Medium),
            ("PROC-019", Process(14), High),
            ("NET-002", Process(20), Medium),
            ("PROC-005", Process(19), Critical),
            ("PROC-019", Process(16), High),
            ("PROC-004", Process(21), Critical),
            ("NET-002", Process(21), Critical),
            ("PROC-005", Process(23), Critical),
            ("FS-008", Path("/var/tmp/.pulse"), High),
        ],
    );
}

#[test]
fn injected_and_carried_code() {
    finds(
        "inject",
        &[
            ("MEM-004", Process(9), High),
            ("MEM-008", Process(1), Critical),
            ("MEM-010", Process(1), Critical),
            ("MEM-006", Process(28), Critical),
            ("PROC-001", Process(28), High),
            ("FS-019", Process(28), High),
            ("MEM-002", Process(29), High),
            ("MEM-029", Process(29), Medium),
            ("PROC-003", Process(29), High),
            ("MEM-012", Process(31), High),
            ("MEM-016", Process(31), High),
            ("PROC-028", Process(31), High),
            ("FS-019", Path("/dev/shm/.a.so"), High),
            ("FS-008", Path("/usr/lib/dbus-helper"), Medium),
        ],
    );
}

#[test]
fn programs_that_come_back() {
    finds(
        "persist-loader",
        &[
            ("FS-001", Path("/etc/ld.so.preload"), Critical),
            ("MEM-012", Process(23), High),
            ("FS-010", Path("/var/tmp/.b"), High),
            ("FS-010", Path("/usr/local/bin/py"), High),
            ("FS-004", Path("/etc/cron.d/e2scrub_all2"), High),
            ("FS-005", Path("/etc/systemd/system/syslog-helper.service"), Medium),
            ("FS-008", Path("/usr/sbin/syslogd-helper"), Medium),
            ("FS-003", Path("/root/.ssh/authorized_keys"), High),
        ],
    );
    finds(
        "persist-other",
        &[
            ("FS-006", Path("/etc/profile.d/locale.sh"), High),
            ("FS-004", Path("/var/spool/cron/crontabs/root"), High),
            ("FS-005", Path("/etc/rc.local"), High),
            ("FS-005", Path("/etc/init.d/netd"), High),
            ("FS-021", Path("/usr/lib/python3/dist-packages/sitecustomize.py"), High),
            ("FS-028", Path("/etc/update-motd.d/98-help"), High),
            ("FS-001", Path("/etc/ld.so.conf.d/00-app.conf"), High),
            ("FS-003", Path("/etc/ssh/sshd_config"), High),
            ("FS-009", Path("/usr/bin/ls"), High),
        ],
    );
}

#[test]
fn ways_to_log_in_and_to_hide() {
    finds(
        "persist-login",
        &[
            ("FS-002", Path("/etc/sudoers.d/10-www"), High),
            ("FS-002", Path("/etc/passwd"), High),
            ("FS-006", Path("/root/.bashrc"), High),
            ("FS-009", Path("/usr/local/bin/sudo"), High),
            ("FS-028", Path("/srv/repo/.git/hooks/post-checkout"), High),
            ("FS-007", Path("/usr/lib/x86_64-linux-gnu/security/pam_cap2.so"), High),
            ("FS-007", Path("/etc/pam.d/common-auth"), High),
            ("FS-013", Path("/root/.bash_history"), Medium),
            ("FS-014", Path("/var/log/wtmp"), Medium),
            ("FS-011", Path("/var/www/html/wp-cron2.php"), High),
        ],
    );
}

#[test]
fn ways_to_the_host_and_a_miner() {
    finds(
        "escape-miner",
        &[
            ("NET-006", Process(14), High),
            ("FS-008", Path("/usr/bin/auditd2"), High),
            ("PROC-001", Process(14), Medium),
            ("PROC-030", Process(15), High),
            ("CTR-009", Process(16), Critical),
            ("PROC-029", Process(17), High),
            ("PROC-001", Process(20), High),
            ("PROC-003", Process(20), High),
            ("PROC-017", Process(20), High),
            ("NET-005", Process(20), High),
        ],
    );
}

#[test]
fn ordinary_software_is_left_in_peace() {
    for name in ["admin", "cron", "inetd", "luajit", "tools"] {
        let scan = scan(&format!("quiet-{name}"));
        let worst: Vec<_> = scan.findings.iter().filter(|one| one.severity >= Medium).collect();
        assert!(
            worst.len() <= 2 && worst.iter().all(|one| one.severity == Medium),
            "{name}: {:#?}",
            worst.iter().map(|one| (one.severity, one.rule.id, &one.sentence)).collect::<Vec<_>>()
        );
        // Silence means that rules looked.
        let looked: usize = scan.coverage.iter().filter(|(_, coverage)| coverage.looked_at > 0).count();
        assert!(looked > 40, "{name}: {looked} rules looked");
    }
}

/// Pids, the kernel's numbers of sockets and the order of members differ from one checkpoint of a container to the next.
/// The ids of findings do not.
#[test]
fn ids_are_those_of_things_not_of_numbers() {
    let sorted = |checkpoint: &Checkpoint| {
        let scan = Scan::run(checkpoint, &Selection::default());
        let about = |finding: &Finding| (finding.rule.id, finding.id(), finding.severity);
        let mut ids: Vec<_> = scan.findings.iter().map(about).collect();
        ids.sort();
        ids
    };
    let mut members = Members::of(&fixtures::archive_of("webapp-compromise"));
    let before = sorted(&members.open_keeping(Keep::Everything));
    assert!(before.len() > 50, "{}", before.len());
    let renamed = |pid: u32| if pid > 1 { pid + 300 } else { pid };
    members.edit::<PstreeEntry>("checkpoint/pstree.img", |_, entry| {
        (entry.pid, entry.ppid) = (entry.pid.map(renamed), entry.ppid.map(renamed));
        (entry.pgid, entry.sid) = (entry.pgid.map(renamed), entry.sid.map(renamed));
        entry.threads.iter_mut().for_each(|tid| *tid = renamed(*tid));
    });
    members.edit::<FileEntry>("checkpoint/files.img", |_, entry| {
        if let Some(socket) = &mut entry.isk {
            socket.ino = socket.ino.map(|number| number + 70_000);
        }
    });
    let stream = |name: &str| {
        let number = name.strip_prefix("checkpoint/tcp-stream-")?.strip_suffix(".img")?;
        Some(format!("checkpoint/tcp-stream-{:x}.img", u32::from_str_radix(number, 16).ok()? + 70_000))
    };
    for member in &mut members.0 {
        member.name = stream(&member.name).unwrap_or_else(|| member.name.clone());
        for kind in ["core", "mm", "pagemap", "ids", "fs", "rlimit"] {
            let number =
                member.name.strip_prefix(&format!("checkpoint/{kind}-")).and_then(|rest| rest.strip_suffix(".img"));
            if let Some(pid) = number.and_then(|number| number.parse().ok()) {
                member.name = format!("checkpoint/{kind}-{}.img", renamed(pid));
                break;
            }
        }
    }
    members.0.reverse();
    let checkpoint = members.open_keeping(Keep::Everything);
    assert!(checkpoint.model().process(Pid(311)).is_some(), "the pids are others");
    let after = sorted(&checkpoint);
    let gone: Vec<_> = before.iter().filter(|one| !after.contains(one)).collect();
    let new: Vec<_> = after.iter().filter(|one| !before.contains(one)).collect();
    assert!(gone.is_empty() && new.is_empty(), "gone: {gone:#?}, new: {new:#?}");
    assert_eq!(after.len(), before.len());
}
