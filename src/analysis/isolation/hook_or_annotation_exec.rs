//! CTR-017: programs that the runtime starts on the host.

use bstr::ByteSlice;
use serde_json::Value;

use super::super::card::rule;
use super::super::facts::base;
use super::super::vocabulary::{is_interpreter, is_shell_name, is_world_writable, without_numbers};
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification;

rule! {
    /// The specification has hooks: programs that the runtime starts on the host, around the life of the container. Those
    /// of known tools (NVIDIA, systemd, nerdctl, Docker, Podman) are passed over. Others are low; a shell, an interpreter
    /// or a program in a place that everyone may write to is medium. Annotations that change the runtime (`run.oci.handler`,
    /// `io.katacontainers.…`) are information.
    "CTR-017", hook_or_annotation_exec, version 1, Isolation, Incubating, Low,
    title: "The runtime starts a program on the host for the container",
    why: "A hook runs on the host as root, whenever the container starts or stops.",
    benign: ["Tools for graphics cards, networks and logging install hooks."],
    attack: ["T1610"],
    cost: Free,
    tags: ["hygiene"],
    posture: true,
    check: check,
}

const KINDS: [&str; 6] = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/// Programs of tools that install hooks.
const KNOWN: [&str; 15] = [
    "nvidia-container-runtime-hook",
    "nvidia-container-toolkit",
    "nvidia-ctk",
    "nvidia-cdi-hook",
    "oci-systemd-hook",
    "oci-umount",
    "oci-register-machine",
    "oci-seccomp-bpf-hook",
    "nerdctl",
    "dockerd",
    "docker-init",
    "podman",
    "crio-umount",
    "aardvark-dns",
    "netavark",
];

/// Whether a path is that of the program of a running process: `/proc/4711/exe`.
fn is_of_process(path: &str) -> bool {
    let number = path.strip_prefix("/proc/").and_then(|rest| rest.strip_suffix("/exe"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// How odd the program of a hook is, which is called by its first argument. `None` for a known one.
fn severity(path: &str, called: &str) -> Option<Severity> {
    let name = base(path.as_bytes());
    // Docker has no program of its own for the network: the daemon is started once more, by its number at that time.
    if is_of_process(path) && called == "libnetwork-setkey" {
        return None;
    }
    let in_system = ["/usr/", "/opt/", "/bin/", "/sbin/", "/proc/"].iter().any(|top| path.starts_with(top));
    if in_system && (KNOWN.iter().any(|known| known.as_bytes() == name) || path == "/proc/self/exe") {
        return None;
    }
    let is_odd = is_world_writable(path.as_bytes())
        || path.starts_with("/home/")
        || path.starts_with("/root/")
        || is_shell_name(name)
        || is_interpreter(name);
    Some(if is_odd { Severity::Medium } else { Severity::Low })
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if specification::of(facts, report).is_none() {
        return;
    }
    for kind in KINDS {
        let list = facts.spec().pointer(&format!("/hooks/{kind}")).and_then(Value::as_array);
        for (place, hook) in list.into_iter().flatten().enumerate() {
            if !report.look() {
                return;
            }
            let path = hook.get("path").and_then(Value::as_str).unwrap_or_default();
            let called = hook.pointer("/args/0").and_then(Value::as_str).unwrap_or_default();
            let Some(severity) = severity(path, called) else {
                report.skip();
                continue;
            };
            report.add(
                Finding::new(&RULE, Subject::Container("hook"))
                    .severity(severity)
                    .confidence(Confidence::High)
                    .identity([
                        kind.into(),
                        if is_of_process(path) { without_numbers(path.as_bytes()) } else { path.into() },
                    ])
                    .sentence(format!("The runtime starts {} on the host ({kind}).", shown(path.as_bytes())))
                    .benign("A tool of the host installed it. Ask which package the program belongs to.")
                    .next(Next::table("isolation"))
                    .evidence(specification::evidence(facts, &format!("/hooks/{kind}/{place}"))),
            );
        }
    }
    let annotations = facts.spec().pointer("/annotations").and_then(Value::as_object);
    for (key, value) in annotations.into_iter().flatten() {
        let alters = matches!(key.as_str(), "run.oci.handler" | "run.oci.seccomp_bpf_data" | "run.oci.delegate-cgroup")
            || key.starts_with("io.katacontainers.config.hypervisor.")
            || key.starts_with("io.katacontainers.config.runtime.");
        if !alters {
            continue;
        }
        // A pointer writes `/` as `~1`.
        let pointer = format!("/annotations/{}", key.replace('~', "~0").replace('/', "~1"));
        report.add(
            Finding::new(&RULE, Subject::Container("annotation"))
                .severity(Severity::Info)
                .confidence(Confidence::Medium)
                .identity([key.as_str()])
                .sentence(format!(
                    "The annotation {} changes how the runtime starts the container: {}.",
                    shown(key.as_bytes()),
                    shown(value.to_string().as_bytes().trim())
                ))
                .benign("The engine or the user chose a runtime with it.")
                .next(Next::table("container"))
                .evidence(specification::evidence(facts, &pointer)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_of_known_tools_are_passed_over_where_they_are_installed() {
        let of = |path| severity(path, "");
        assert_eq!(of("/usr/bin/nvidia-container-runtime-hook"), None);
        assert_eq!(of("/tmp/nvidia-ctk"), Some(Severity::Medium));
        assert_eq!(of("/bin/sh"), Some(Severity::Medium));
        assert_eq!(of("/usr/libexec/oci/hooks.d/mine"), Some(Severity::Low));
    }

    #[test]
    fn the_hook_of_docker_is_known_by_its_first_argument() {
        assert_eq!(severity("/proc/812/exe", "libnetwork-setkey"), None);
        assert_eq!(severity("/proc/812/exe", "x"), Some(Severity::Low));
        assert_eq!(severity("/tmp/exe", "libnetwork-setkey"), Some(Severity::Medium));
    }
}
