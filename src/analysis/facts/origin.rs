//! Facts about where a process comes from: the entry point of the container, a service, a person.

use std::collections::{HashSet, VecDeque};

use bstr::{BString, ByteSlice};

use super::super::vocabulary::{
    has_name, is_database, is_hidden, is_terminal_server, is_web_server, is_world_writable,
};
use super::{Facts, Invocation, Place, ProcessFacts, base};
use crate::model::ids::Pid;

/// Ancestors that are looked at. A forged tree may be very deep.
pub(super) const ABOVE_MOST: usize = 64;
/// Descendants that are looked at.
const BELOW_MOST: usize = 256;

/// Programs that start others as their work: their shells are no sign of anything.
const STARTERS: [&str; 34] = [
    "cron",
    "crond",
    "anacron",
    "atd",
    "supervisord",
    "systemd",
    "runit",
    "runsv",
    "runsvdir",
    "s6-supervise",
    "s6-svscan",
    "s6-rc",
    "tini",
    "dumb-init",
    "catatonit",
    "docker-init",
    "init",
    "busybox",
    "make",
    "ninja",
    "git",
    "npm",
    "yarn",
    "dpkg",
    "apt",
    "apt-get",
    "dnf",
    "yum",
    "rpm",
    "apk",
    "sshd",
    "sshd-session",
    "xinetd",
    "monit",
];

impl ProcessFacts<'_> {
    /// Whether its program lies where nobody installs programs: a place that everyone may write to, a hidden one, or
    /// nowhere, as it exists only in memory. A deleted program is judged by where it was: updates delete programs.
    pub fn is_program_suspicious(&self) -> bool {
        let Some(path) = &self.program.path else { return false };
        self.program.memfd || is_world_writable(path) || is_hidden(path)
    }
}

impl<'c> Facts<'c> {
    /// Whether a process runs the command that the specification starts the container with: the first process, or a part
    /// of a start script that went on while the script became the service (`helper & exec server`).
    ///
    /// A process can write what its arguments are, so that they alone prove nothing: its program must be of the image or
    /// be named by the command, and it must be a child of the first process or run the same program. What came from outside
    /// the container is no part of it.
    pub fn is_entry_point(&self, process: &ProcessFacts<'_>) -> bool {
        let args = self.spec().spec.as_ref().and_then(|spec| spec.args.as_deref()).unwrap_or_default();
        is_started_by(process.argv(), args) && self.may_be_of_command(process)
    }

    fn may_be_of_command(&self, process: &ProcessFacts<'_>) -> bool {
        let Some(init) = self.init() else { return false };
        if init.pid() == process.pid() {
            return true;
        }
        let is_near = self.parent(process).is_some_and(|parent| parent.pid() == init.pid())
            || process.program.path.is_some() && process.program.path == init.program.path;
        let is_declared = || process.program.path.as_ref().is_some_and(|path| self.is_declared(path));
        let is_foreign = || process.program.deleted || process.is_program_suspicious() || self.is_program_new(process);
        is_near && !process.row.entered && (!is_foreign() || is_declared())
    }

    /// Whether a process or one between it and the first process is of the container's start script. A worker of the
    /// service has the arguments of the command as well, but is the service itself.
    pub fn is_of_entry_point(&self, process: &ProcessFacts<'_>) -> bool {
        let Some(init) = self.init() else { return false };
        let is_worker = |above: &ProcessFacts<'_>| above.program.path == init.program.path && !above.is_shell();
        self.is_entry_point(process)
            || self
                .ancestors(process)
                .take(ABOVE_MOST)
                .any(|above| above.pid() != init.pid() && !is_worker(above) && self.is_entry_point(above))
    }

    /// Whether another version of a program lies beside it: `/opt/agent/1.1/bin/agent` for `/opt/agent/1.0/bin/agent`.
    /// Updates come that way. Places that everyone may write to and hidden ones do not count.
    pub fn has_other_version(&self, path: &[u8]) -> bool {
        !is_world_writable(path)
            && !is_hidden(path)
            && self.files().all().iter().any(|file| {
                file.place == Place::Rootfs && file.file_type == "regular" && is_other_version(path, &file.path)
            })
    }

    /// Whether a process was started by a tool that builds or tests programs, which is of the image.
    pub fn is_built(&self, process: &ProcessFacts<'_>) -> bool {
        const TOOLS: [&str; 10] =
            ["cargo", "go", "make", "gmake", "ninja", "ctest", "bazel", "meson", "dub", "cargo-nextest"];
        self.parent(process).is_some_and(|parent| {
            let is_tool = TOOLS.iter().any(|tool| has_name(parent.program.base(), tool));
            is_tool && !parent.is_program_suspicious() && !parent.program.deleted && !self.is_program_new(parent)
        })
    }

    /// Whether a process serves others over the network: a web server, a database, or any program that listens.
    pub fn is_service(&self, process: &ProcessFacts<'_>) -> bool {
        let name = process.program.base();
        if is_starter(process) || is_terminal_server(name) || process.is_shell() {
            return false;
        }
        is_web_server(name)
            || is_database(name)
            || self
                .sockets()
                .of(process.pid())
                .any(|socket| matches!(socket.family, "inet" | "inet6") && socket.state.as_deref() == Some("LISTEN"))
    }

    /// The service that a process descends from: the nearest ancestor that is no shell, if it is one. Also a worker of one.
    pub fn service_above(&self, process: &ProcessFacts<'_>) -> Option<&ProcessFacts<'c>> {
        let above = self.ancestors(process).take(ABOVE_MOST).find(|above| !above.is_shell() && !above.is_zombie())?;
        if self.is_service(above) {
            return Some(above);
        }
        // A worker does not listen, but its parent of the same program does.
        let same = |parent: &&ProcessFacts<'_>| parent.program.path == above.program.path && self.is_service(parent);
        self.parent(above).filter(same).map(|_| above)
    }

    /// The living descendants of a process, the nearest first, at most 256.
    pub fn descendants(&self, process: &ProcessFacts<'_>) -> Vec<&ProcessFacts<'c>> {
        let mut found: Vec<&ProcessFacts<'c>> = Vec::new();
        let mut seen: HashSet<Pid> = HashSet::from([process.pid()]);
        let mut next: VecDeque<Pid> = process.children.iter().copied().collect();
        while let Some(pid) = next.pop_front() {
            if found.len() >= BELOW_MOST || !seen.insert(pid) {
                continue;
            }
            let Some(child) = self.process(pid).filter(|child| !child.is_zombie()) else { continue };
            next.extend(child.children.iter().take(BELOW_MOST));
            found.push(child);
        }
        found
    }

    /// Whether a program was put in place after the container was created: it is among the changes, or in a volume or a
    /// file system in memory. What a package manager put there does not count.
    pub fn is_program_new(&self, process: &ProcessFacts<'_>) -> bool {
        let Some(path) = &process.program.path else { return false };
        let is_system = [b"/usr/".as_slice(), b"/bin/", b"/sbin/", b"/lib"].iter().any(|top| path.starts_with(top));
        // The databases of some managers cannot be read here.
        let is_unread = || is_system && self.packages().unread().is_some();
        // An upgrade leaves the old program deleted while it runs, and puts a new file at its path.
        let is_replaced = self.files().at(path).any(|file| file.place == Place::Rootfs && file.file_type == "regular");
        process.program.memfd
            || self.files().at(path).any(|file| {
                file.place != Place::Deleted
                    && !(file.place == Place::Ghost && is_replaced)
                    && !file.engine_noise
                    && self.packages().manager_of(self.files(), file).is_none()
                    && !(file.place == Place::Rootfs && is_unread())
            })
    }
}

/// Whether two paths are the same program in directories of two versions: one part differs, and has digits in both.
fn is_other_version(path: &[u8], other: &[u8]) -> bool {
    let digits = |part: &[u8]| part.iter().any(u8::is_ascii_digit);
    let (mut parts, mut others) = (path.split_str("/"), other.split_str("/"));
    let mut differ: usize = 0;
    let mut name_differs = false;
    loop {
        match (parts.next(), others.next()) {
            (None, None) => return differ == 1 && !name_differs,
            (Some(one), Some(two)) if one == two => name_differs = false,
            (Some(one), Some(two)) if digits(one) && digits(two) => {
                differ = differ.saturating_add(1);
                name_differs = true;
            }
            _ => return false,
        }
    }
}

/// Whether a program starts others as its work.
pub fn is_starter(process: &ProcessFacts<'_>) -> bool {
    let name = process.program.base();
    STARTERS.iter().any(|starter| has_name(name, starter))
        || matches!(process.invocation(), Some(Invocation::Script(path))
            if STARTERS.iter().any(|starter| base(&path) == starter.as_bytes()))
}

/// Whether arguments are those of a command, maybe with the interpreter of its first line before them.
fn is_started_by(argv: &[BString], command: &[String]) -> bool {
    // `#!/bin/sh -e`: the interpreter and at most one argument.
    (0..=2).any(|skipped| {
        let Some(rest) = argv.get(skipped..) else { return false };
        let Some((first, others)) = rest.split_first() else { return false };
        let Some((wanted, more)) = command.split_first() else { return false };
        let is_found = first.as_bytes() == wanted.as_bytes()
            || skipped > 0 && !wanted.contains('/') && base(first) == wanted.as_bytes();
        is_found
            && others.len() == more.len()
            && others.iter().zip(more).all(|(one, other)| one.as_bytes() == other.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_differ_in_one_directory() {
        let is = |other: &str| is_other_version(b"/opt/agent/1.0/bin/agent", other.as_bytes());
        assert!(is("/opt/agent/1.1/bin/agent") && is("/opt/agent/v2-rc1/bin/agent"));
        for other in [
            "/opt/agent/1.0/bin/agent",
            "/opt/agent/1.1/bin/agent2",
            "/opt/agent/bin/agent",
            "/opt/agent/new/bin/agent",
            "",
        ] {
            assert!(!is(other), "{other}");
        }
        assert!(!is_other_version(b"/opt/a1", b"/opt/a2"));
    }

    #[test]
    fn the_command_of_the_container_is_known_with_and_without_an_interpreter() {
        let argv = |words: &[&str]| words.iter().map(|&word| BString::from(word)).collect::<Vec<_>>();
        let spec = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let command = spec(&["/docker-entrypoint.sh", "nginx"]);
        assert!(is_started_by(&argv(&["/bin/sh", "/docker-entrypoint.sh", "nginx"]), &command));
        assert!(is_started_by(&argv(&["/bin/sh", "-e", "/docker-entrypoint.sh", "nginx"]), &command));
        assert!(is_started_by(&argv(&["sh", "-c", "a & exec b"]), &spec(&["sh", "-c", "a & exec b"])));
        assert!(is_started_by(&argv(&["/bin/sh", "/usr/local/bin/start", "x"]), &spec(&["start", "x"])));
        assert!(!is_started_by(&argv(&["/bin/sh"]), &command));
        assert!(!is_started_by(&argv(&["/bin/sh", "-c", "nginx"]), &command));
        assert!(!is_started_by(&argv(&[]), &command) && !is_started_by(&argv(&["x"]), &[]));
    }
}
