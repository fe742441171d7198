//! What several rules about processes share.

use bstr::{BString, ByteSlice};

use super::super::facts::{Channel, Facts, ProcessFacts, destination, remote};
use super::super::vocabulary::{is_hidden, is_loopback, is_public, is_world_writable, without_numbers};
use super::super::words::{shown, shown_within};
use super::super::{Evidence, Severity};
use crate::model::ids::Pid;
use crate::tables::OpenSocket;

/// The row of a process with its names and arguments.
pub(super) fn row_of(process: &ProcessFacts<'_>) -> Evidence {
    Evidence::process(process.pid())
        .with("parent", process.row.parent)
        .with("name", process.row.name.as_ref())
        .with("path", process.row.path.as_ref())
        .with("cmdline", process.row.cmdline.as_ref())
}

/// The row of a descriptor of a process.
pub(super) fn descriptor_of(process: &ProcessFacts<'_>, fd: u32) -> Evidence {
    let file = process.file(fd);
    Evidence::descriptor(process.pid(), fd)
        .with("type", file.and_then(|file| file.r#type))
        .with("path", file.and_then(|file| file.path.as_ref()))
}

/// The row of a socket.
pub(super) fn socket_row(socket: &OpenSocket) -> Evidence {
    Evidence::row("process_open_sockets", [("pid", socket.pid.into()), ("fd", socket.fd.0.into())])
        .with("protocol", socket.protocol.as_deref())
        .with("state", socket.state.as_deref())
        .with("local_port", socket.local_port)
        .with("remote_address", socket.remote_address.as_deref())
        .with("remote_port", socket.remote_port)
        .with("receive_queue", socket.receive_queue)
}

/// The severity of a connection that a shell has, by how far it goes.
pub(super) fn by_distance(socket: &OpenSocket, [public, private, local]: [Severity; 3]) -> Severity {
    match remote(socket) {
        Some(address) if is_loopback(address) => local,
        Some(address) if is_public(address) => public,
        _ => private,
    }
}

/// Where a connection goes, for a sentence: `the public address 203.0.113.66:4444`.
pub(super) fn to_words(socket: &OpenSocket) -> String {
    let kind = match remote(socket) {
        Some(address) if is_loopback(address) => "the local address",
        Some(address) if is_public(address) => "the public address",
        _ => "the private address",
    };
    format!("{kind} {}", destination(socket))
}

/// What identifies a connection in the next checkpoint: its protocol and peer.
pub(super) fn peer_identity(socket: &OpenSocket) -> [BString; 2] {
    let protocol = socket.protocol.as_deref().unwrap_or_default();
    [protocol.into(), destination(socket).into()]
}

/// A process and its command for a sentence: `Process 11 (sh), started as "sh -i",`.
pub(super) fn started(process: &ProcessFacts<'_>) -> String {
    format!("{} with the arguments `{}`", process.title(), shown_within(process.cmdline(), 100))
}

/// The chain from a process up to an ancestor: `python3 (1) → sh (9) → sh (10)`.
pub(super) fn chain(facts: &Facts<'_>, from: &ProcessFacts<'_>, process: &ProcessFacts<'_>) -> String {
    let link = |process: &ProcessFacts<'_>| format!("{} ({})", shown(process.name()), process.pid());
    let mut links = vec![link(process)];
    for above in facts.ancestors(process).take(8) {
        links.push(link(above));
        if above.pid() == from.pid() {
            break;
        }
    }
    links.reverse();
    links.join(" → ")
}

/// Arguments without numbers, as part of an identity.
pub(super) fn arguments(process: &ProcessFacts<'_>) -> BString {
    without_numbers(process.cmdline())
}

/// The path of the program, empty if unknown.
pub(super) fn program(process: &ProcessFacts<'_>) -> BString {
    process.program.path.clone().unwrap_or_default()
}

/// Products that have terminals in a web page, for remote work or for jobs, by the name of their program, of their script, or
/// of a folder that these are in.
const PRODUCTS: [&str; 25] = [
    "jupyter",
    "jupyterhub",
    "jupyterlab",
    "code-server",
    "vscode-server",
    ".vscode-server",
    "openvscode-server",
    "wetty",
    "theia",
    "rstudio",
    "rstudio-server",
    "rserver",
    "rsession",
    "cockpit",
    "cursor-server",
    ".cursor-server",
    "ttyd",
    "gotty",
    "buildkite-agent",
    "coder",
    "teleport",
    "ssm-session-worker",
    "zed",
    "zed-remote-server",
    "remote-dev-server",
];

/// Whether a process is a product that has terminals as its work: its program or script is called so, and is of the image or
/// named by the command of the container. Arguments alone prove nothing, as a process can write them.
pub(super) fn has_terminals(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    let program = process.program.path.as_deref().map_or(&b""[..], |path| path.as_slice());
    let script = process.script();
    // JetBrains' editors run as a class of Java.
    let is_editor =
        process.program.base() == "java" && process.argv().iter().any(|word| word == "com.intellij.idea.Main");
    let is_product = is_editor || is_of_product(program) || script.as_ref().is_some_and(|script| is_of_product(script));
    let is_own = |path: &[u8]| {
        facts.is_declared(path) || !is_world_writable(path) && !is_hidden(path) && !facts.files().is_changed(path)
    };
    is_product && is_own(program) && !process.program.memfd && script.is_none_or(|script| is_own(&script))
}

/// Whether a part of a path is the name of a product, maybe with something after a hyphen or a version.
fn is_of_product(path: &[u8]) -> bool {
    path.split_str("/").any(|part| {
        PRODUCTS.iter().any(|product| {
            let rest = part.strip_prefix(product.as_bytes());
            rest.is_some_and(|rest| rest.first().is_none_or(|byte| matches!(byte, b'-' | b'_' | b'.')))
        })
    })
}

/// The runtime of Erlang that a shell is a helper of. The runtime starts `sh -s NAME` through its starter of ports, without a
/// terminal, and writes the commands into it as long as it runs: so it watches disks and memory.
pub(super) fn erlang_runtime(facts: &Facts<'_>, shell: &ProcessFacts<'_>) -> Option<Pid> {
    let starter = facts.parent(shell)?;
    let is_starter = starter.program.base() == "erl_child_setup" && !starter.is_program_suspicious();
    let on_terminal = facts.behind(shell, 0).is_some_and(|behind| behind.channel == Channel::Terminal);
    let is_helper = shell.is_shell() && is_named_reader(shell.argv());
    facts.parent(starter).filter(|_| is_starter && is_helper && !on_terminal).map(ProcessFacts::pid)
}

/// Whether a shell reads commands and has a name for it: `sh -s NAME`, and no `-i`.
fn is_named_reader(argv: &[BString]) -> bool {
    let mut words = argv.iter().skip(1);
    words.next().is_some_and(|option| option == "-s")
        && words.clone().next().is_some_and(|name| !name.starts_with(b"-"))
        && !words.any(|word| word == "-i")
}

/// A path for a command line: escaped, but not shortened as in a sentence.
pub(super) fn whole(path: &[u8]) -> String {
    shown_within(path, 4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_known_by_names_of_files_and_folders() {
        for path in [
            "/usr/local/bin/jupyter-lab",
            "/usr/lib/code-server/lib/node",
            "/opt/coder",
            "/usr/bin/buildkite-agent",
            "/managed-agents/execute-command/ssm-session-worker",
        ] {
            assert!(is_of_product(path.as_bytes()), "{path}");
        }
        for path in ["/usr/bin/decoder", "/usr/bin/zedtool", "/srv/app/encoder.py", ""] {
            assert!(!is_of_product(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn helpers_of_erlang_have_a_name() {
        let is = |line: &str| is_named_reader(&line.split(' ').map(BString::from).collect::<Vec<_>>());
        assert!(is("sh -s disksup") && is("/bin/sh -s rabbit_disk_monitor"));
        for line in ["sh -s", "sh -i -s x", "sh -s x -i", "sh -s -i", "sh", "sh -c x"] {
            assert!(!is(line), "{line}");
        }
    }
}
