//! NET-009: a process that gives orders to a container engine.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::traffic::{endpoint, first_line, outbound, program, row};
use super::super::vocabulary::control_socket;
use super::super::words::{shown, shown_within};
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::actor::Actor;
use crate::tables::OpenSocket;

rule! {
    /// A process is connected to the socket of a container engine, over its unix socket or over the ports 2375 and 2376 of
    /// Docker, or sends it requests. It is critical: whoever can do that controls the host. It is high where only a request in
    /// a queue or the arguments (`curl --unix-socket`, `docker -H`) show it, and medium for programs of the image that
    /// manage containers. CTR-004 says when the socket is only mounted. The other end of the socket is outside of the
    /// container, so many checkpoints cannot be made while it is connected.
    "NET-009", container_runtime_socket_open, version 1, Network, Stable, Critical,
    title: "A process talks to a container engine",
    why: "With the engine's socket one starts a privileged container, and is root on the host.",
    benign: ["Tools that manage or watch containers: Portainer, Traefik, Watchtower, cAdvisor, runners of CI."],
    attack: ["T1611", "T1552.007", "T1613"],
    cost: Files,
    tags: ["escape"],
    check: check,
}

/// Programs that work with engines, by name.
const MANAGERS: [&str; 22] = [
    "dockerd",
    "containerd",
    "containerd-shim-runc-v2",
    "portainer",
    "traefik",
    "watchtower",
    "cadvisor",
    "gitlab-runner",
    "act_runner",
    "drone-runner-docker",
    "docker-compose",
    "buildkitd",
    "telegraf",
    "datadog-agent",
    "agent",
    "promtail",
    "vector",
    "fluent-bit",
    "ouroboros",
    "dozzle",
    "nginx-proxy",
    "docker-gen",
];

/// Requests of engines' interfaces.
const REQUESTS: [&str; 7] = [
    "/containers/json",
    "/containers/create",
    "/images/json",
    "/exec/",
    "/runtime.v1.RuntimeService/",
    "/containerd.services.",
    "/libpod/",
];

fn severity(facts: &Facts<'_>, is_connected: bool, process: &ProcessFacts<'_>) -> Severity {
    let is_manager = MANAGERS.iter().any(|name| process.program.base() == *name);
    match (is_manager && Actor::of(facts, process) == Actor::Ordinary, is_connected) {
        (true, _) => Severity::Medium,
        (false, true) => Severity::Critical,
        (false, false) => Severity::High,
    }
}

/// The path of the engine's socket that a unix socket is connected to. Both ends have it only if the engine is in the
/// container, too.
fn engine_path(facts: &Facts<'_>, socket: &OpenSocket) -> Option<BString> {
    if socket.family != "unix" || socket.state.as_deref() == Some("LISTEN") {
        return None;
    }
    let is_engine = |path: &&BString| control_socket(path).is_some_and(|socket| socket.is_engine);
    let own = socket.path.as_ref().filter(is_engine);
    let of_peer = || {
        let mut holders = facts.sockets().holders(socket.peer?);
        holders.find_map(|holder| holder.path.as_ref().filter(is_engine))
    };
    own.or_else(of_peer).cloned()
}

/// The part of the arguments that names an engine's socket as the one to talk to.
fn named<'p>(process: &'p ProcessFacts<'_>) -> Option<&'p BString> {
    let argv = process.argv();
    let socket = argv.iter().position(|argument| {
        ["docker.sock", "containerd.sock", "crio.sock", "podman.sock"].iter().any(|name| argument.contains_str(name))
    })?;
    let is_client = ["curl", "docker", "ctr", "crictl", "nerdctl", "podman", "nc", "ncat", "socat", "kubectl"]
        .iter()
        .any(|name| process.program.base() == *name);
    let is_shell_code = process.is_shell()
        && argv
            .get(socket)
            .is_some_and(|argument| ["curl", "docker", "ctr", "socat"].iter().any(|word| argument.contains_str(word)));
    argv.get(socket).filter(|_| is_client || is_shell_code)
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        for socket in facts.sockets().of(process.pid()) {
            if !report.look() {
                return;
            }
            let engine = engine_path(facts, socket).map(|path| (shown(&path), path));
            let docker = || {
                let (address, port) = outbound(facts, socket)?;
                let is_docker = socket.protocol.as_deref() == Some("tcp") && matches!(port, 2375 | 2376);
                is_docker.then(|| (endpoint(address, port), BString::from(port.to_string())))
            };
            let Some((target, key)) = engine.or_else(docker) else { continue };
            let mut finding = found(process, &key, severity(facts, true, process))
                .sentence(format!("{} is connected to a container engine, {target}.", process.title()))
                .evidence(row(socket).with("path", socket.path.as_ref()).with("peer", socket.peer));
            if let Some(number) = socket.socket {
                finding = finding.link(Link::Socket(number));
            }
            report.add(finding);
        }
        if let Some(argument) = named(process) {
            report.add(
                found(process, &"arguments".into(), severity(facts, false, process))
                    .sentence(format!(
                        "The arguments of process {} ({}) name the socket of a container engine: {}.",
                        process.pid(),
                        shown(process.name()),
                        shown_within(argument, 80)
                    ))
                    .evidence(Evidence::process(process.pid()).with("cmdline", process.row.cmdline.as_ref())),
            );
        }
    }
    for packet in facts.checkpoint().rows().unix_queues() {
        if !report.look() {
            return;
        }
        let text = packet.text.as_ref().map_or(&b""[..], |text| text.as_slice());
        let Some(line) = first_line(text).filter(|line| is_request(line)) else { continue };
        let Some(process) = packet.holders.iter().find_map(|holder| facts.process(holder.pid)) else { continue };
        report.add(
            found(process, &"request".into(), severity(facts, false, process))
                .sentence(format!(
                    "A request for a container engine waits in a socket of process {} ({}): {}.",
                    process.pid(),
                    shown(process.name()),
                    shown(line)
                ))
                .evidence(
                    Evidence::row(
                        "unix_queues",
                        [("file_id", packet.file_id.0.into()), ("position", packet.position.into())],
                    )
                    .with_text(line),
                ),
        );
    }
}

/// Whether a line is a request of an engine's interface.
fn is_request(line: &[u8]) -> bool {
    ["GET /", "POST /", "DELETE /", "PUT /"].iter().any(|verb| line.starts_with(verb.as_bytes()))
        && REQUESTS.iter().any(|request| line.contains_str(request))
}

fn found(process: &ProcessFacts<'_>, key: &BString, severity: Severity) -> Finding {
    let path = program(process);
    Finding::new(&RULE, Subject::Process(process.pid()))
        .severity(severity)
        .confidence(Confidence::High)
        .identity([path.clone(), process.name().into(), key.clone()])
        .benign(if severity == Severity::Medium {
            "The program manages or watches containers, and needs the engine for it."
        } else {
            "A tool that manages containers may be running. Ask whether this image is one."
        })
        .next(Next::rows_of("process_open_sockets", process.pid()))
        .link(Link::Path(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_engines_are_known() {
        assert!(is_request(b"GET /v1.41/containers/json HTTP/1.1"));
        assert!(is_request(b"POST /v4.0.0/libpod/containers/create HTTP/1.1"));
        assert!(!is_request(b"GET /api/orders HTTP/1.1"));
        assert!(!is_request(b"see /containers/json"));
    }
}
