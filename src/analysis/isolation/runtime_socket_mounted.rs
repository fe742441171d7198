//! CTR-004: the socket of a container engine in the container.

use super::super::card::rule;
use super::super::vocabulary::control_socket;
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification;

rule! {
    /// The socket of a container engine (`docker.sock`, `containerd.sock`, `crio.sock`, `podman.sock`, …) or a directory with
    /// it (`/run`, `/var/run`) is mounted into the container. The sockets of systemd and D-Bus count, too, but less. NET-009
    /// says when a process is connected to it.
    "CTR-004", runtime_socket_mounted, version 1, Isolation, Stable, High,
    title: "The socket of a container engine is mounted into the container",
    why: "Whoever can write to the socket can start a privileged container, and so controls the host.",
    benign: ["Tools that manage or watch containers: Portainer, Traefik, Watchtower, cAdvisor, runners of CI."],
    attack: ["T1611", "T1610"],
    cost: Free,
    tags: ["escape", "hygiene"],
    posture: true,
    check: check,
}

/// Folders of the host in which engines have their sockets.
const FOLDERS: [&str; 12] = [
    "/run",
    "/var/run",
    "/run/docker",
    "/var/run/docker",
    "/run/containerd",
    "/var/run/containerd",
    "/run/crio",
    "/var/run/crio",
    "/run/podman",
    "/var/run/podman",
    "/run/k3s",
    "/run/k3s/containerd",
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if specification::of(facts, report).is_none() {
        return;
    }
    for mount in specification::host_mounts(facts) {
        if !report.look() {
            return;
        }
        let socket = control_socket(mount.source.as_bytes()).or_else(|| control_socket(mount.destination.as_bytes()));
        let is_folder = FOLDERS.contains(&mount.source);
        let (owner, severity) = match socket {
            Some(socket) if socket.is_engine => (socket.owner, Severity::High),
            Some(socket) => (socket.owner, Severity::Medium),
            None if is_folder => ("container engines", Severity::High),
            None => continue,
        };
        let (source, destination) = (shown(mount.source.as_bytes()), shown(mount.destination.as_bytes()));
        let what = if socket.is_some() { "the socket of" } else { "a directory with the sockets of" };
        report.add(
            Finding::new(&RULE, Subject::Mount(mount.destination.into()))
                .severity(severity)
                .confidence(if socket.is_some() { Confidence::High } else { Confidence::Medium })
                .identity([mount.source, mount.destination])
                .sentence(format!("{source} of the host, {what} {owner}, is mounted at {destination}."))
                .benign(
                    "Tools that manage containers mount it. A mount for reading only does not help: the socket can still \
                     be written to.",
                )
                .next(Next::rows_where("process_open_sockets", "family", "unix"))
                .evidence(specification::evidence(facts, &mount.pointer())),
        );
    }
}
