//! Rules about the isolation of the container: specifications made looser one fact at a time, and the defaults of engines.

use cryoscope::Checkpoint;
use cryoscope::analysis::{Scan, Selection, Severity};
use cryoscope::images::proto::{CredsEntry, FileEntry, MntEntry, RegFileEntry};
use serde_json::{Value, json};

use crate::archives::Members;
use crate::fixtures;

fn scan(checkpoint: &Checkpoint) -> Scan {
    let mut selection = Selection::default();
    selection.only = vec!["CTR".to_owned()];
    Scan::run(checkpoint, &selection)
}

/// A container of Podman with the defaults, whose specification can be changed.
fn with(change: impl FnOnce(&mut Value)) -> Scan {
    let mut members = Members::of(&fixtures::archive_of("mounts"));
    let mut spec: Value = serde_json::from_slice(members.get("spec.dump")).unwrap();
    change(&mut spec);
    members.set("spec.dump", spec.to_string());
    scan(&members.open())
}

/// The worst severity of a rule's findings.
fn worst(scan: &Scan, rule: &str) -> Option<Severity> {
    scan.findings.iter().filter(|finding| finding.rule.id == rule).map(|finding| finding.severity).max()
}

fn push(spec: &mut Value, pointer: &str, value: Value) {
    spec.pointer_mut(pointer).unwrap().as_array_mut().unwrap().push(value);
}

fn bind(source: &str, destination: &str, options: &[&str]) -> Value {
    json!({"type": "bind", "source": source, "destination": destination, "options": options})
}

fn give(spec: &mut Value, names: &[&str]) {
    for name in names {
        push(spec, "/process/capabilities/bounding", json!(name));
    }
}

#[test]
fn defaults_of_engines_are_at_most_low() {
    for case in ["mounts", "containerd2-logs", "crio-logs", "bridge-net", "pod", "exec-into", "crio-counters-oci"] {
        let checkpoint = Checkpoint::open(fixtures::archive_of(case)).unwrap();
        let scan = scan(&checkpoint);
        let told = scan.findings.iter().find(|finding| finding.severity > Severity::Low);
        assert!(told.is_none(), "{case}: {told:?}");
        let looked: u64 = scan.coverage.iter().map(|(_, coverage)| coverage.looked_at).sum();
        assert!(looked > 0, "{case}");
    }
}

#[test]
fn ways_to_the_host_are_found_in_the_specification() {
    type Change = fn(&mut Value);
    let cases: [(&str, Severity, Change); 19] = [
        ("CTR-003", Severity::High, |spec| push(spec, "/mounts", bind("/etc", "/host/etc", &["rbind", "rw"]))),
        ("CTR-003", Severity::Medium, |spec| push(spec, "/mounts", bind("/", "/host", &["rbind", "ro"]))),
        ("CTR-004", Severity::High, |spec| push(spec, "/mounts", bind("/var/run/docker.sock", "/x", &["ro"]))),
        ("CTR-004", Severity::High, |spec| push(spec, "/mounts", bind("/run", "/host/run", &["rw"]))),
        ("CTR-004", Severity::Medium, |spec| {
            push(spec, "/mounts", bind("/run/dbus/system_bus_socket", "/run/dbus/system_bus_socket", &["rw"]));
        }),
        ("CTR-005", Severity::Low, |spec| give(spec, &["CAP_SYS_NICE"])),
        ("CTR-005", Severity::Medium, |spec| give(spec, &["CAP_NET_ADMIN"])),
        ("CTR-005", Severity::Medium, |spec| give(spec, &["CAP_SYS_ADMIN"])),
        ("CTR-005", Severity::High, |spec| {
            give(spec, &["CAP_SYS_ADMIN"]);
            spec["linux"]["readonlyPaths"] = json!(["/proc/bus"]);
        }),
        ("CTR-008", Severity::Medium, |spec| spec["linux"]["readonlyPaths"] = json!(["/proc/bus"])),
        ("CTR-008", Severity::Medium, |spec| spec["linux"]["maskedPaths"] = json!([])),
        ("CTR-010", Severity::High, |spec| {
            spec["linux"]["devices"] = json!([{"path": "/dev/sda", "type": "b", "major": 8, "minor": 0}]);
        }),
        ("CTR-010", Severity::Low, |spec| {
            spec["linux"]["devices"] = json!([{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}]);
        }),
        ("CTR-015", Severity::Low, |spec| push(spec, "/mounts", bind("/srv", "/srv", &["rbind", "rshared"]))),
        ("CTR-015", Severity::Medium, |spec| {
            push(spec, "/mounts", bind("/srv", "/srv", &["rbind", "rshared"]));
            give(spec, &["CAP_SYS_ADMIN"]);
        }),
        ("CTR-017", Severity::Medium, |spec| {
            spec["hooks"] = json!({"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", "id"]}]});
        }),
        ("CTR-017", Severity::Info, |spec| spec["annotations"]["run.oci.handler"] = json!("krun")),
        ("CTR-020", Severity::Info, |spec| spec["linux"]["sysctl"]["net.ipv4.ip_forward"] = json!("1")),
        ("CTR-012", Severity::Info, |_| ()),
    ];
    for (number, (rule, severity, change)) in cases.into_iter().enumerate() {
        let scan = with(change);
        assert_eq!(worst(&scan, rule), Some(severity), "case {number}: {rule}");
        for finding in &scan.findings {
            assert!(!finding.evidence.is_empty() && finding.sentence.ends_with('.'), "{finding:?}");
        }
    }
}

#[test]
fn a_pod_shares_its_namespaces_and_not_those_of_the_host() {
    let scan = with(|spec| {
        let list = spec.pointer_mut("/linux/namespaces").unwrap().as_array_mut().unwrap();
        list.retain(|one| one["type"] != "network" && one["type"] != "ipc");
        list.push(json!({"type": "network", "path": "/proc/1422/ns/net"}));
        list.push(json!({"type": "ipc", "path": "/var/run/ipcns/af181722"}));
    });
    assert_eq!(worst(&scan, "CTR-002"), None);
    let of_host = Checkpoint::open(fixtures::archive_of("host-net")).unwrap();
    assert_eq!(worst(&self::scan(&of_host), "CTR-002"), Some(Severity::Medium));
}

#[test]
fn a_privileged_container_is_one_finding() {
    let scan = with(|spec| {
        let all: Vec<String> =
            (0..41).map(|number| cryoscope::abi::capability::name(number).unwrap().to_owned()).collect();
        spec["process"]["capabilities"]["bounding"] = json!(all);
        spec["linux"].as_object_mut().unwrap().remove("seccomp");
        spec["linux"].as_object_mut().unwrap().remove("maskedPaths");
        spec["linux"].as_object_mut().unwrap().remove("readonlyPaths");
        spec["linux"]["resources"]["devices"] = json!([{"allow": true, "access": "rwm"}]);
    });
    assert_eq!(worst(&scan, "CTR-001"), Some(Severity::High));
    for rule in ["CTR-005", "CTR-008", "CTR-010", "CTR-011"] {
        assert_eq!(worst(&scan, rule), None, "{rule} is part of it");
    }
}

#[test]
fn ways_to_the_host_are_posture_and_lead_to_the_specification() {
    let scan = scan(&Checkpoint::open(fixtures::archive_of("webapp-compromise")).unwrap());
    assert!(
        scan.findings.iter().filter(|finding| finding.severity >= Severity::Medium).all(|finding| finding.rule.posture)
    );
    let socket = scan.findings.iter().find(|finding| finding.rule.id == "CTR-004").unwrap();
    let pointer = socket.evidence[0].json_pointer.as_deref().unwrap();
    let spec: Value =
        serde_json::from_slice(Members::of(&fixtures::archive_of("webapp-compromise")).get("spec.dump")).unwrap();
    assert_eq!(spec.pointer(pointer).unwrap()["source"], "/run/docker.sock", "the pointer leads to the mount");
}

#[test]
fn mounts_that_nobody_asked_for_are_found_in_the_images() {
    let mut members = Members::of(&fixtures::archive_of("mounts"));
    let name = members.0.iter().find(|member| member.name.contains("/mountpoints-")).unwrap().name.clone();
    members.parts(&name, |image| {
        let mut more = |path: &str| {
            let entry = MntEntry {
                fstype: Some(0),
                mnt_id: Some(900 + u32::try_from(path.len()).unwrap()),
                root: Some(b"/tmp/fake".to_vec()),
                mountpoint: Some(path.into()),
                ..Default::default()
            };
            image.records.insert(0, (prost::Message::encode_to_vec(&entry), Vec::new()));
        };
        more("/proc/17");
        more("/etc/ld.so.preload");
        more("/mnt/disk");
    });
    let scan = scan(&members.open());
    let found = |rule: &str, path: &str| {
        let is_it = |finding: &&cryoscope::analysis::Finding| finding.rule.id == rule && finding.subject.text() == path;
        scan.findings.iter().find(is_it).map(|finding| finding.severity)
    };
    assert_eq!(found("CTR-019", "/proc/17"), Some(Severity::High));
    assert_eq!(found("CTR-019", "/etc/ld.so.preload"), Some(Severity::High));
    assert_eq!(found("CTR-016", "/mnt/disk"), Some(Severity::Medium));
}

#[test]
fn a_bit_that_the_container_was_not_given_is_one_fact() {
    let mut members = Members::of(&fixtures::archive_of("mounts"));
    let name = "checkpoint/core-1.img";
    members.edit::<cryoscope::images::proto::CoreEntry>(name, |_, core| {
        let creds: &mut CredsEntry = &mut core.thread_core.as_mut().unwrap().creds.as_mut().unwrap().clone();
        creds.cap_bnd = vec![u32::MAX, 0x1ff];
        core.thread_core.as_mut().unwrap().creds = Some(creds.clone());
    });
    // Told by two rules, it would confirm itself and become critical.
    let scan = Scan::run(&members.open(), &Selection::default());
    assert_eq!(worst(&scan, "PROC-014"), Some(Severity::High));
    assert_eq!(worst(&scan, "CTR-016"), None);
}

#[test]
fn a_file_that_makes_the_host_start_a_program_is_critical_when_open_for_writing() {
    for (flags, severity) in [(0o1, Severity::Critical), (0o0, Severity::Low)] {
        let mut members = Members::of(&fixtures::archive_of("sockets-udp"));
        members.edit::<FileEntry>("checkpoint/files.img", |_, file| {
            if file.id == Some(2) {
                let reg: &mut RegFileEntry = file.reg.as_mut().unwrap();
                reg.name = Some(b"/proc/sys/kernel/core_pattern".to_vec());
                reg.flags = Some(flags);
            }
        });
        assert_eq!(worst(&scan(&members.open()), "CTR-009"), Some(severity), "{flags:o}");
    }
}

#[test]
fn the_number_of_a_daemon_is_no_part_of_what_a_hook_is() {
    let of = |pid: u32, called: &str| {
        let path = format!("/proc/{pid}/exe");
        let scan = with(|spec| {
            spec["hooks"] = json!({"prestart": [{"path": path, "args": [called, "-exec-root=/var/run/docker"]}]});
        });
        scan.findings
            .iter()
            .filter(|finding| finding.rule.id == "CTR-017")
            .map(cryoscope::analysis::Finding::id)
            .collect::<Vec<_>>()
    };
    assert_eq!(of(812, "libnetwork-setkey"), Vec::<String>::new());
    assert_eq!((of(812, "other").len(), of(812, "other")), (1, of(977, "other")));
}
