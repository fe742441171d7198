//! Container runtimes that run from a copy of themselves in memory, for the moment in which they start a process. They began to
//! do so in 2019, so that a container cannot overwrite them.

use super::{Facts, ProcessFacts, base, is_connection};

/// Beginnings of the names of the memfds, and the runtimes.
const COPIES: [(&str, &str); 2] = [("/memfd:runc_cloned:/proc/self/exe", "runc"), ("/memfd:libcrun-", "crun")];

/// Programs that start containers, in a container that has others in it.
const ENGINES: [&str; 9] = [
    "runc",
    "crun",
    "conmon",
    "containerd-shim-runc-v2",
    "containerd-shim",
    "podman",
    "dockerd",
    "buildkitd",
    "buildah",
];

impl Facts<'_> {
    /// Whether a process is a container runtime that runs from a copy of itself. The name of the memfd is for anybody to choose.
    /// So it must also be called as the runtime is, have nothing to do with a network, and come from where containers are
    /// started: from outside of this one, or from an engine of its image.
    pub fn is_runtime_copy(&self, process: &ProcessFacts<'_>) -> bool {
        let Some(path) = process.program.path.as_ref().filter(|_| process.program.memfd) else { return false };
        let Some((_, name)) = COPIES.iter().find(|(start, _)| path.starts_with(start.as_bytes())) else { return false };
        let called = process.argv().first().is_some_and(|first| base(first) == name.as_bytes())
            || process.name().starts_with(name.as_bytes());
        let is_engine = |parent: &ProcessFacts<'_>| {
            let program = &parent.program;
            ENGINES.iter().any(|engine| program.base() == engine)
                && !program.deleted
                && program.path.as_ref().is_some_and(|path| self.files().is_in_image(path))
        };
        called
            && self.parent(process).is_none_or(is_engine)
            && !self.sockets().of(process.pid()).any(|socket| {
                is_connection(socket) || socket.state.as_deref() == Some("LISTEN") && socket.family.starts_with("inet")
            })
    }
}
