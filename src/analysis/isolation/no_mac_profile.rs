//! CTR-007: not confined by AppArmor or SELinux.

use super::super::card::rule;
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Next, Report, Subject};
use super::specification;

rule! {
    /// The host has AppArmor or SELinux, but the container is not confined by it: it has no profile or label, `unconfined`,
    /// or a type that may do everything (`spc_t`, `unconfined_t`). A host without either is passed over.
    "CTR-007", no_mac_profile, version 1, Isolation, Incubating, Low,
    title: "The container is not confined by AppArmor or SELinux",
    why: "The host has a second wall around containers, and this one stands outside of it.",
    benign: ["Containers with volumes of the host are often started with label=disable."],
    attack: ["T1611"],
    cost: Free,
    tags: ["hygiene"],
    posture: true,
    check: check,
}

/// Whether a label or profile confines nothing.
fn is_open(profile: Option<&str>) -> bool {
    let open = |label: &str| {
        label.is_empty() || label == "unconfined" || label.contains(":spc_t:") || label.contains(":unconfined_t:")
    };
    profile.is_none_or(open)
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(spec) = specification::of(facts, report) else { return };
    let (module, label, pointer) = match facts.checkpoint().rows().container().security_module {
        Some("apparmor") => ("AppArmor", spec.apparmor.as_deref(), "/process/apparmorProfile"),
        Some("selinux") => ("SELinux", spec.selinux.as_deref(), "/process/selinuxLabel"),
        Some(_) => {
            report.skip();
            return;
        }
        None => {
            report.not_checked("the archive does not say which security module the host has");
            return;
        }
    };
    // What a process really has wins over what the specification asked for.
    let actual = facts.init().and_then(|init| init.row.lsm_profile.as_ref()).map(ToString::to_string);
    let in_force = actual.as_deref().or(label);
    if !is_open(in_force) {
        return;
    }
    let what =
        in_force.map_or_else(|| "no profile".to_owned(), |label| format!("the label {}", shown(label.as_bytes())));
    report.add(
        Finding::new(&RULE, Subject::Container("profile"))
            .confidence(Confidence::High)
            .identity([module])
            .sentence(format!("The host has {module}, but the container has {what}."))
            .next(Next::table("isolation"))
            .evidence(specification::evidence(facts, pointer)),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_confine_nothing_are_open() {
        for label in [None, Some("unconfined"), Some("system_u:system_r:spc_t:s0"), Some("")] {
            assert!(is_open(label), "{label:?}");
        }
        for label in
            ["containers-default-0.57.4", "system_u:system_r:container_t:s0:c1,c2", "cri-containerd.apparmor.d"]
        {
            assert!(!is_open(Some(label)), "{label}");
        }
    }
}
