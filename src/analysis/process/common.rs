//! What several rules about processes share.

use bstr::{BString, ByteSlice};

use super::super::facts::{Facts, ProcessFacts, destination, remote};
use super::super::vocabulary::{is_loopback, is_public, without_numbers};
use super::super::words::{shown, shown_within};
use super::super::{Evidence, Severity};
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

/// Products that have terminals in a web page or for remote work, by a word of their arguments.
const PRODUCTS: [&str; 12] = [
    "jupyter",
    "code-server",
    "vscode-server",
    ".vscode",
    "wetty",
    "openvscode",
    "theia",
    "rstudio",
    "cockpit",
    "cursor-server",
    "ttyd",
    "gotty",
];

/// Whether a process is a product that has terminals as its work.
pub(super) fn has_terminals(process: &ProcessFacts<'_>) -> bool {
    !process.is_program_suspicious() && PRODUCTS.iter().any(|word| process.cmdline().contains_str(word))
}

/// A path for a command line: escaped, but not shortened as in a sentence.
pub(super) fn whole(path: &[u8]) -> String {
    shown_within(path, 4096)
}
