//! NET-004: the service that gives a machine in the cloud its credentials.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::traffic::{endpoint, internet, peer, program, row};
use super::super::vocabulary::{has_name, metadata_service, names_metadata, words_of};
use super::super::words::{shown, shown_within};
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::actor::Actor;

rule! {
    /// A process is connected to the metadata service of the cloud (169.254.169.254 and its like), or names it in its
    /// arguments. Programs that use a library of the cloud do that to get credentials, so it is medium. It is high for a
    /// shell, for curl and its like, and for a program that runs from a place that everyone may write to. Agents of the cloud
    /// are information. What memory shows of such requests is NET-019.
    "NET-004", cloud_metadata_access, version 1, Network, Stable, Medium,
    title: "A process talks to the metadata service of the cloud",
    why: "The service hands out the credentials of the machine or of the pod to whoever asks.",
    benign: ["Libraries and agents of the cloud ask it for credentials."],
    attack: ["T1552.005"],
    cost: Free,
    tags: ["credential", "cloud"],
    check: check,
}

/// Agents of clouds and programs that work with their credentials, by name.
const AGENTS: [&str; 16] = [
    "amazon-ssm-agent",
    "amazon-cloudwatch-agent",
    "aws-iam-authenticator",
    "ecs-agent",
    "ec2-metadata",
    "google_guest_agent",
    "google_metadata_script_runner",
    "gke-metadata-server",
    "waagent",
    "cloud-init",
    "external-dns",
    "cluster-autoscaler",
    "aws-node",
    "ebs-csi-driver",
    "fluent-bit",
    "vault",
];

/// Arguments that are looked at.
const ARGUMENTS: usize = 4096;

fn severity(actor: &Actor, is_agent: bool) -> Severity {
    match actor {
        Actor::Ordinary if is_agent => Severity::Info,
        Actor::Ordinary | Actor::Script(_) => Severity::Medium,
        _ => Severity::High,
    }
}

fn is_agent(process: &ProcessFacts<'_>) -> bool {
    AGENTS.iter().any(|agent| has_name(process.program.base(), agent))
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (process, socket) in internet(facts) {
        if !report.look() {
            return;
        }
        let Some((address, port)) = peer(socket) else { continue };
        let Some(service) = metadata_service(address) else { continue };
        let mut finding = found(facts, process)
            .sentence(format!(
                "{} is connected to {service}, {}{}.",
                process.title(),
                endpoint(address, port),
                described(facts, process)
            ))
            .evidence(row(socket));
        if let Some(number) = socket.socket {
            finding = finding.link(Link::Socket(number));
        }
        report.add(finding);
    }
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let argv = || process.argv().iter().take(ARGUMENTS);
        if !names_metadata(argv().flat_map(|argument| words_of(argument))) {
            continue;
        }
        let alone = argv().find(|argument| names_metadata(words_of(argument)));
        let argument = alone.map_or(process.cmdline().as_bytes(), |argument| argument.as_slice());
        report.add(
            found(facts, process)
                .sentence(format!(
                    "{} names the metadata service of the cloud in its arguments{}: {}.",
                    process.title(),
                    described(facts, process),
                    shown_within(argument, 100)
                ))
                .evidence(Evidence::process(process.pid()).with("cmdline", process.row.cmdline.as_ref())),
        );
    }
}

fn described(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> String {
    match Actor::of(facts, process) {
        Actor::Ordinary => String::new(),
        Actor::Odd(why) | Actor::Script(why) => format!(" ({why})"),
        actor => format!(" ({})", actor.words()),
    }
}

fn found(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> Finding {
    let agent = is_agent(process);
    let path = program(process);
    Finding::new(&RULE, Subject::Process(process.pid()))
        .severity(severity(&Actor::of(facts, process), agent))
        .confidence(Confidence::High)
        .identity([path.clone(), process.name().into()])
        .benign(if agent {
            format!("{} is an agent of the cloud.", shown(process.program.base()))
        } else {
            "A library of the cloud may ask for credentials. Check that the program uses one.".to_owned()
        })
        .next(Next::rows_of("process_open_sockets", process.pid()))
        .link(Link::Path(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_information_and_shells_are_high() {
        assert_eq!(severity(&Actor::Ordinary, true), Severity::Info);
        assert_eq!(severity(&Actor::Ordinary, false), Severity::Medium);
        assert_eq!(severity(&Actor::Fetcher, false), Severity::High);
        assert_eq!(severity(&Actor::Odd("x".into()), true), Severity::High);
    }
}
