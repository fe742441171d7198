//! NET-010: talk with the control plane of Kubernetes.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::traffic::{endpoint, internet, outbound, program, row, title};
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::actor::Actor;

rule! {
    /// A process is connected to the Kubernetes API (the address in `KUBERNETES_SERVICE_HOST`, or port 6443), to a kubelet
    /// (10250, 10255) or to etcd (2379), or is `kubectl`. Controllers and their libraries do that, so it is information. It is
    /// medium for a shell, for curl, netcat or kubectl, and for a program in a place that everyone may write to.
    "NET-010", kubernetes_api_use, version 1, Network, Incubating, Info,
    title: "A process talks to the control plane of Kubernetes",
    why: "The token of the pod may allow to read secrets and to start containers.",
    benign: ["Controllers, operators, sidecars of a service mesh, and client libraries."],
    attack: ["T1613", "T1552.007"],
    cost: Free,
    tags: ["kubernetes"],
    check: check,
}

/// Ports of the control plane, in words.
fn service(port: u32) -> Option<&'static str> {
    match port {
        6443 => Some("the Kubernetes API"),
        10250 | 10255 => Some("a kubelet"),
        2379 => Some("etcd"),
        _ => None,
    }
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let of_spec = |key: &str| {
        let env = facts.spec().spec.as_ref()?.env.as_ref()?;
        env.iter().find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    };
    let host: Option<std::net::IpAddr> = of_spec("KUBERNETES_SERVICE_HOST").and_then(|host| host.parse().ok());
    let api_port: u32 = of_spec("KUBERNETES_SERVICE_PORT").and_then(|port| port.parse().ok()).unwrap_or(443);
    for (process, socket) in internet(facts) {
        if !report.look() {
            return;
        }
        let Some((address, port)) = outbound(facts, socket) else { continue };
        let is_api = host == Some(address) && port == api_port;
        let Some(what) = is_api.then_some("the Kubernetes API").or_else(|| service(port)) else { continue };
        let is_kubectl = process.program.base() == "kubectl";
        let actor = Actor::of(facts, process);
        let severity = if actor != Actor::Ordinary || is_kubectl { Severity::Medium } else { Severity::Info };
        let path = program(process);
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(severity)
                .confidence(if is_api { Confidence::High } else { Confidence::Medium })
                .identity([path.clone(), process.name().into(), what.into()])
                .sentence(format!("{} is connected to {what}, {}.", title(process), endpoint(address, port)))
                .benign(if severity == Severity::Info {
                    "The program may be a controller, or use the library of one."
                } else {
                    "An administrator may have tried something by hand. Ask who."
                })
                .next(Next::rows_of("process_open_sockets", process.pid()))
                .evidence(row(socket))
                .link(Link::Path(path)),
        );
    }
    for process in facts.living().filter(|process| process.program.base() == "kubectl") {
        let verb = process.argv().get(1).map_or(&b""[..], |word| word.as_bytes());
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(Severity::Medium)
                .confidence(Confidence::High)
                .identity([program(process), "kubectl".into()])
                .sentence(format!("kubectl runs in the container as process {} ({}).", process.pid(), shown(verb)))
                .benign("Images for administrators and CI have it.")
                .next(Next::rows_of("processes", process.pid()))
                .evidence(Evidence::process(process.pid()).with("cmdline", process.row.cmdline.as_ref())),
        );
    }
}
