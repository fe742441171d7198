//! SEC-007: a token of a Kubernetes service account.

use super::super::card::rule;
use super::super::secrets::value::{Context, Site};
use super::super::words::shown;
use super::super::{Facts, Report, Severity, Subject};
use super::{each_value, finding, pids, titles};

rule! {
    /// A token with which the container speaks to the Kubernetes API. Its claims say for which account and until when.
    /// Kubernetes mounts one into most pods, so this is information. A token of another namespace was taken from
    /// somewhere else.
    "SEC-007", serviceaccount_token, version 1, Secrets, Stable, Info,
    title: "A token of a Kubernetes service account is in the container",
    why: "With it, everybody has the rights of the account at the Kubernetes API.",
    benign: ["Kubernetes mounts a token into most pods, and clients read it; operators that serve several namespaces hold others, too."],
    attack: ["T1528", "T1552.007"],
    cost: Memory,
    tags: ["credential"],
    check: check,
}

const WANTED: [Context; 12] = [
    Context::Memory,
    Context::SharedMemory,
    Context::Environment,
    Context::Arguments,
    Context::Queue,
    Context::Specification,
    Context::ChangedFile,
    Context::Volume,
    Context::Tmpfs,
    Context::DeletedFile,
    Context::Memfd,
    Context::Log,
];

/// Where a token is that no process has.
fn place(site: Option<&Site>) -> String {
    match site {
        Some(Site { path: Some(path), .. }) => format!("the file {}", shown(path)),
        Some(site) if site.context == Context::Log => "the log of the container".to_owned(),
        Some(site) if site.context == Context::Specification => "the specification of the container".to_owned(),
        Some(site) if site.context == Context::Queue => "a queue".to_owned(),
        _ => "the archive".to_owned(),
    }
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let rule = report.rule();
    let container = facts.checkpoint().rows().container();
    let (namespace, dumped) = (container.namespace, container.checkpointed);
    each_value(facts, report, |secret, report| {
        if secret.id != "kubernetes-serviceaccount-token" {
            return false;
        }
        let all = pids(secret, &WANTED);
        let principal = secret.principal.clone().unwrap_or_default();
        let subject = principal.split(", ").find_map(|part| part.strip_prefix("sub ")).unwrap_or("an unknown account");
        let of = subject.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split(':').next());
        let is_other = matches!((of, namespace.as_deref()), (Some(of), Some(own)) if of != own);
        let expiry = match (secret.expires(), dumped) {
            (Some(time), Some(dumped)) if time <= dumped => " It had expired when the container was dumped.",
            (Some(_), Some(_)) => " It was valid when the container was dumped.",
            _ => "",
        };
        let whom = shown(subject.as_bytes());
        let place = if all.is_empty() { place(secret.best()) } else { titles(facts, &all) };
        let first = all.first().map_or(Subject::Archive, |pid| Subject::Process(*pid));
        let found = finding(facts, rule, secret, first, &WANTED);
        let found = if is_other {
            let own = shown(namespace.as_deref().unwrap_or_default().as_bytes());
            found.severity(Severity::Medium).sentence(format!(
                "The token of {whom}, an account of another namespace than the container's ({own}), is in {place}.{expiry}"
            ))
        } else {
            found.sentence(format!("The token of {whom} is in {place}.{expiry}"))
        };
        report.add(found);
        true
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_no_process_has_is_in_its_file() {
        let mut site = Site::new(Context::Log);
        assert_eq!(place(Some(&site)), "the log of the container");
        site.path = Some("/root/token".into());
        assert_eq!((place(Some(&site)), place(None)), ("the file /root/token".to_owned(), "the archive".to_owned()));
    }
}
