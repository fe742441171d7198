//! PROC-029: a command that leads out of the container.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{ProcessFacts, base};
use super::super::vocabulary::has_name;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{arguments, program, row_of, started};

rule! {
    /// A process whose arguments lead out of the container: `nsenter` into process 1, `chroot` into a directory of the host,
    /// a mount of a block device, `debugfs`, writing to `release_agent` or `core_pattern`; or a client of the container
    /// engine or the cluster (`docker`, `ctr`, `crictl`, `kubectl`) below a service.
    ///
    /// Clients are low where the image is made for them: as the first process, beside a daemon of an engine, or in the hands
    /// of somebody who logged in.
    "PROC-029", escape_tool, version 1, Process, Incubating, High,
    title: "A command leads out of the container",
    why: "These are the usual ways from a container to its host, where rights allow it.",
    benign: ["An agent of the node, a tool for builds, or an administrator who uses a privileged container on purpose."],
    attack: ["T1611", "T1609"],
    cost: Free,
    tags: ["escape"],
    check: check,
}

/// Clients of engines and clusters.
const CLIENTS: [&str; 9] = ["docker", "ctr", "crictl", "nerdctl", "kubectl", "kubeletctl", "runc", "crun", "podman"];
/// Daemons beside which clients are at home.
const ENGINES: [&str; 8] = ["dockerd", "containerd", "podman", "buildkitd", "kubelet", "k3s", "crio", "buildah"];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let init = facts.init().map(ProcessFacts::pid);
    let has_engine =
        facts.living().any(|process| ENGINES.iter().any(|engine| has_name(process.program.base(), engine)));
    for process in facts.living() {
        if process.row.argv.is_none() {
            report.not_checked("the arguments of a process are in memory that is not in the archive");
            continue;
        }
        if !report.look() {
            return;
        }
        let Some((what, is_client)) = escape(process.argv()).or_else(|| inline(process)) else { continue };
        if what == CHANGES_ROOT && !has_mount(facts, process) {
            report.skip();
            continue;
        }
        let is_declared = Some(process.pid()) == init || facts.is_of_entry_point(process) || has_engine;
        let is_new = process.is_program_suspicious() || process.program.deleted;
        let severity = match () {
            () if is_client && is_new => Severity::High,
            () if is_client && (is_declared || facts.is_login(process)) => Severity::Low,
            () if is_client && facts.service_above(process).is_some() => Severity::Medium,
            () if is_client => Severity::Low,
            () if is_declared => Severity::Medium,
            () => Severity::High,
        };
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(severity)
                .confidence(Confidence::Medium)
                .identity([program(process), arguments(process)])
                .sentence(format!("{} {what}.", started(process)))
                .next(Next::table("isolation"))
                .evidence(row_of(process)),
        );
    }
}

/// Whether arguments name the socket of an engine.
fn talks_to_engine(arguments: &[BString]) -> bool {
    const SOCKETS: [&str; 5] = ["/docker.sock", "/containerd.sock", "/crio.sock", "/podman.sock", "/dockershim.sock"];
    arguments.iter().any(|argument| SOCKETS.iter().any(|socket| argument.contains_str(socket)))
}

/// Whether something is mounted at one of the directories, or the arguments name process 1.
fn has_mount(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    process.cmdline().contains_str("/proc/1/root")
        || facts.model().mounts().iter().any(|mount| HOSTS.iter().any(|host| mount.path.starts_with(host.as_bytes())))
}

/// The same for a text that a shell was given.
fn inline(process: &ProcessFacts<'_>) -> Option<(&'static str, bool)> {
    let text = process.is_shell().then(|| process.inline()).flatten()?;
    if text.contains_str("release_agent") && text.contains_str("cgroup") {
        return Some(("sets the program that the host runs when a control group is empty", false));
    }
    if text.contains_str("core_pattern") && text.contains_str(">") {
        return Some(("sets the program that the host runs when a program crashes", false));
    }
    let split = |byte: &u8| matches!(byte, b';' | b'&' | b'|' | b'\n');
    text.get(..text.len().min(16 << 10))?.split(split).find_map(|command| {
        let words: Vec<BString> = command.fields().map(BString::from).collect();
        escape(&words).filter(|(_, is_client)| !is_client)
    })
}

/// What `chroot` does.
const CHANGES_ROOT: &str = "changes its root to a directory that is usually the host's";
/// Folders at which the host's file system is often mounted.
const HOSTS: [&str; 8] = ["/host", "/rootfs", "/mnt", "/hostfs", "/node", "/proc/1/root", "/host-root", "/hostroot"];

/// What a command does that leads out of the container, and whether it is a client of an engine.
fn escape(argv: &[BString]) -> Option<(&'static str, bool)> {
    let (first, rest) = argv.split_first()?;
    let name = match base(first) {
        b"busybox" | b"sudo" | b"env" => return escape(rest).filter(|_| !rest.is_empty()),
        name => name,
    };
    let is_device = |argument: &&BString| {
        ["/dev/sd", "/dev/nvme", "/dev/vd", "/dev/xvd", "/dev/mapper/", "/dev/dm-", "/dev/mmcblk"]
            .iter()
            .any(|prefix| argument.starts_with(prefix.as_bytes()))
    };
    let word = |at: usize| rest.get(at).map(|word| word.as_slice()).unwrap_or_default();
    match name {
        b"nsenter" => {
            let targets = rest.iter().enumerate().any(|(at, argument)| match argument.as_slice() {
                b"-t" | b"--target" => word(at.saturating_add(1)) == b"1",
                b"-t1" | b"--target=1" => true,
                // The host's file system is often mounted below a folder of the container.
                path => path.contains_str("/proc/1/ns/"),
            });
            targets.then_some(("enters the namespaces of process 1", false))
        }
        b"chroot" => {
            let target = rest.iter().find(|argument| !argument.starts_with(b"-"))?;
            let target = target.strip_suffix(b"/").unwrap_or(target);
            HOSTS
                .iter()
                .any(|host| target == host.as_bytes() || target.starts_with(format!("{host}/").as_bytes()))
                .then_some((CHANGES_ROOT, false))
        }
        b"mount" => rest.iter().any(|argument| is_device(&argument)).then_some(("mounts a device of the host", false)),
        b"debugfs" => {
            rest.iter().any(|argument| is_device(&argument)).then_some(("reads a file system of the host", false))
        }
        b"unshare" => makes_user_namespace(rest).then_some(("makes a user namespace in which it is root", true)),
        b"curl" | b"socat" | b"nc" if talks_to_engine(rest) => {
            Some(("talks to the socket of the container engine", false))
        }
        b"capsh" => Some(("shows or changes capabilities", true)),
        _ => CLIENTS
            .iter()
            .any(|client| client.as_bytes() == name)
            .then_some(("is a client of the container engine or of the cluster", true)),
    }
}

/// Whether options of `unshare` ask for a user namespace. Letters may stand together: `-Urm`.
fn makes_user_namespace(options: &[BString]) -> bool {
    let mut options = options.iter().map(|option| option.as_slice());
    while let Some(option) = options.next() {
        match option {
            b"--user" | b"--map-root-user" | b"--map-current-user" | b"--map-auto" => return true,
            b"--" => return false,
            long if long.starts_with(b"--") => {}
            letters if letters.starts_with(b"-") => {
                let letters = letters.get(1..).unwrap_or_default();
                // The rest of the argument, or the next one, is the value of these.
                let value = letters.iter().position(|letter| b"SGRw".contains(letter));
                let plain = value.and_then(|at| letters.get(..at)).unwrap_or(letters);
                let plain = plain.split(|&letter| letter == b'=').next().unwrap_or(plain);
                if plain.iter().any(|letter| matches!(letter, b'U' | b'r' | b'c')) {
                    return true;
                }
                if value.is_some_and(|at| at.saturating_add(1) == letters.len()) {
                    options.next();
                }
            }
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<bool> {
        let words: Vec<BString> = line.split(' ').map(BString::from).collect();
        escape(&words).map(|(_, is_client)| is_client)
    }

    #[test]
    fn ways_out_are_known() {
        for line in [
            "nsenter -t 1 -m -u -i -n -p sh",
            "nsenter --target=1 -a",
            "/usr/bin/nsenter --mount=/proc/1/ns/mnt sh",
            "chroot /host bash",
            "mount /dev/sda1 /mnt",
            "debugfs -w /dev/vda1",
            "busybox nsenter -t 1 -a",
            "curl --unix-socket /var/run/docker.sock http://x/containers/json",
        ] {
            assert_eq!(of(line), Some(false), "{line}");
        }
        for line in [
            "kubectl get pods",
            "docker run -it alpine",
            "unshare -r sh",
            "unshare -Urm sh",
            "unshare -R /x -mUr sh",
            "unshare --user --mount sh",
        ] {
            assert_eq!(of(line), Some(true), "{line}");
        }
        for line in [
            "nsenter -t 4711 -n ip a",
            "chroot /var/lib/haproxy",
            "mount -t tmpfs none /x",
            "unshare -m grep -r x",
            "unshare -w /srv/U -m sh",
            "sh -c ls",
            "",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
