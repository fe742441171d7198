//! Archives of `fixtures/scan`: what rules must find in compromised containers, and silence over ordinary ones. What was
//! planted is in the README there.

use cryoscope::Checkpoint;
use cryoscope::analysis::{Finding, Scan, Selection, Severity};
use cryoscope::model::ids::Pid;

use crate::fixtures;

use Severity::{Critical, High, Low, Medium};

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
            ("PROC-023", Process(29), Low),
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
            ("MEM-029", Process(29), High),
            ("PROC-003", Process(29), High),
            ("MEM-012", Process(31), High),
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
            ("PROC-030", Process(15), High),
            ("CTR-009", Process(16), Critical),
            ("PROC-029", Process(17), High),
            ("PROC-001", Process(20), High),
            ("PROC-003", Process(20), Critical),
            ("PROC-017", Process(20), Critical),
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
