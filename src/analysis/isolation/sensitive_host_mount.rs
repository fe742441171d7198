//! CTR-003: folders of the host that give more than data.

use super::super::card::rule;
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification;

rule! {
    /// A directory of the host is mounted into the container that controls the host, or holds its secrets: `/`, `/etc`,
    /// `/root`, `/home`, `/proc`, `/dev`, `/boot`, the directories of kubelet and engines, keys of users. What engines mount
    /// into every container (`/etc/hosts`, `/dev/shm`, volumes, the token of a service account) is not meant. Sockets of
    /// engines are CTR-004.
    "CTR-003", sensitive_host_mount, version 1, Isolation, Stable, High,
    title: "A sensitive host directory is mounted into the container",
    why: "The container can change the host, or read its secrets, through the mount.",
    benign: ["Agents of the node, backup and monitoring mount such directories, mostly for reading only."],
    attack: ["T1611"],
    cost: Free,
    tags: ["escape", "hygiene"],
    posture: true,
    check: check,
}

/// How much a directory gives: severity when it can be written, and when it can only be read.
type Weight = (Severity, Severity);

const FULL: Weight = (Severity::High, Severity::Medium);
const SOME: Weight = (Severity::Medium, Severity::Low);

/// The weight of a directory of the host, if it is sensitive.
fn weight(source: &str) -> Option<Weight> {
    const EXACT: [(&str, Weight); 31] = [
        ("/", FULL),
        ("/etc", FULL),
        ("/root", FULL),
        ("/home", FULL),
        ("/proc", FULL),
        ("/proc/1", FULL),
        ("/proc/sys", FULL),
        ("/sys", SOME),
        ("/sys/fs/cgroup", SOME),
        ("/sys/kernel", FULL),
        ("/dev", FULL),
        ("/boot", FULL),
        ("/lib/modules", SOME),
        ("/usr", (Severity::High, Severity::Low)),
        ("/usr/bin", (Severity::High, Severity::Low)),
        ("/usr/local/bin", (Severity::High, Severity::Low)),
        ("/var", FULL),
        ("/var/lib", FULL),
        ("/var/lib/kubelet", FULL),
        ("/var/lib/kubelet/pods", FULL),
        ("/var/lib/docker", FULL),
        ("/var/lib/containerd", FULL),
        ("/var/lib/containers", FULL),
        ("/var/lib/etcd", FULL),
        ("/var/lib/rancher", FULL),
        ("/var/log", SOME),
        ("/var/log/pods", SOME),
        ("/var/log/containers", SOME),
        ("/var/spool/cron", FULL),
        ("/opt/cni", FULL),
        ("/opt/cni/bin", FULL),
    ];
    const BELOW: [&str; 13] = [
        "/etc/kubernetes",
        "/etc/cni",
        "/etc/ssh",
        "/etc/systemd",
        "/etc/cron.d",
        "/etc/pam.d",
        "/etc/sudoers.d",
        "/etc/shadow",
        "/etc/passwd",
        "/etc/ld.so.preload",
        "/usr/lib/systemd",
        "/root/.ssh",
        "/root/.kube",
    ];
    // Folders of a user that hold keys, whoever the user is.
    const OF_USERS: [&str; 6] = ["/.ssh", "/.kube", "/.aws", "/.azure", "/.config/gcloud", "/.docker"];
    let exact = EXACT.iter().find(|(path, _)| *path == source).map(|(_, weight)| *weight);
    let below = || BELOW.iter().any(|top| specification::is_at_or_below(source.as_bytes(), top)).then_some(FULL);
    let of_user = || {
        let is_home = source.starts_with("/home/") || source.starts_with("/root/") || source.starts_with("/Users/");
        (is_home && OF_USERS.iter().any(|end| source.ends_with(end))).then_some(SOME)
    };
    exact.or_else(below).or_else(of_user)
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if specification::of(facts, report).is_none() {
        return;
    }
    for mount in specification::host_mounts(facts) {
        if !report.look() {
            return;
        }
        let Some((writable, readable)) = weight(mount.source) else { continue };
        let (severity, access) =
            if mount.is_read_only() { (readable, "for reading") } else { (writable, "for reading and writing") };
        let (source, destination) = (shown(mount.source.as_bytes()), shown(mount.destination.as_bytes()));
        report.add(
            Finding::new(&RULE, Subject::Mount(mount.destination.into()))
                .severity(severity)
                .confidence(Confidence::High)
                .identity([mount.source, mount.destination])
                .sentence(format!("{source} of the host is mounted at {destination}, {access}."))
                .benign(if mount.is_read_only() {
                    "Agents that watch the host mount it for reading. Ask whether this container is one of them."
                } else {
                    "Agents of the node and backups mount it. Ask whether this container needs to write there."
                })
                .next(Next::rows_where("mounts", "path", mount.destination))
                .evidence(specification::evidence(facts, &mount.pointer())),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_control_the_host_are_sensitive() {
        for source in ["/", "/etc", "/etc/kubernetes/pki", "/root/.ssh", "/var/lib/kubelet", "/home/joe/.aws", "/dev"] {
            assert!(weight(source).is_some(), "{source}");
        }
        let pod = "/var/lib/kubelet/pods/1-2-3/volumes/kubernetes.io~configmap/c";
        for source in
            [pod, "/srv/data", "/etc/localtime", "/etc/ssl/certs", "/run/srv", "/home/joe/project", "/var/www"]
        {
            assert_eq!(weight(source), None, "{source}");
        }
    }
}
