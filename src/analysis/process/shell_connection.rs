//! Shells that have a network connection: what PROC-005 and PROC-006 look at. They differ in who made the connection.

use std::collections::{BTreeMap, HashSet};

use super::super::Facts;
use super::super::facts::{Channel, Direction, Invocation, ProcessFacts, is_connection, is_starter};
use super::common::erlang_runtime;
use super::text::{self, Sign};
use crate::model::ids::Pid;
use crate::tables::OpenSocket;

/// How a shell has its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It is its input and output.
    Stdio,
    /// It is another descriptor, which the shell opened itself.
    Own(u32),
    /// Another process holds it and passes the bytes on.
    Relay(Channel, Pid),
}

/// A shell with a connection.
pub(super) struct Case<'f, 'c> {
    /// The shell or interpreter that is nearest to the first process.
    pub(super) process: &'f ProcessFacts<'c>,
    /// Others that have the same connection: programs that the shell started.
    pub(super) also: Vec<Pid>,
    /// The connection.
    pub(super) socket: &'f OpenSocket,
    /// How it has it.
    pub(super) way: Way,
    /// Who made the connection.
    pub(super) direction: Direction,
    /// Whether somebody can type into the shell.
    pub(super) is_open: bool,
}

/// Ancestors that are looked at.
const ABOVE_MOST: usize = 64;
/// Holders of a socket that are looked at.
const HOLDERS_MOST: usize = 256;
/// Named pipes of a process that are looked at.
const FIFOS_MOST: usize = 16;
/// First descriptor above those for input, output and errors; and one above those that scripts use.
const OWN: std::ops::Range<u32> = 3..64;

/// All of them, one for each connection.
pub(super) fn cases<'f, 'c>(facts: &'f Facts<'c>) -> Vec<Case<'f, 'c>> {
    let mut found: BTreeMap<u64, Case<'f, 'c>> = BTreeMap::new();
    let mut relayed: HashSet<Pid> = HashSet::new();
    for process in facts.living() {
        let Some((socket, way)) = connection_of(facts, process) else { continue };
        let is_open = is_open(process, way);
        if let Way::Relay(..) = way {
            if !is_open || facts.ancestors(process).take(ABOVE_MOST).any(|above| relayed.contains(&above.pid())) {
                continue;
            }
            relayed.insert(process.pid());
        }
        let direction = facts.direction(socket);
        let Some(number) = socket.socket else { continue };
        // Processes come in tree order, so the first with a connection is the nearest to the first process.
        match found.get_mut(&number) {
            Some(case) => {
                case.also.push(process.pid());
                case.is_open |= is_open;
            }
            None => {
                found.insert(number, Case { process, also: Vec::new(), socket, way, direction, is_open });
            }
        }
    }
    found.into_values().collect()
}

/// The connection that a shell or an interpreter has.
fn connection_of<'f>(facts: &'f Facts<'_>, process: &ProcessFacts<'_>) -> Option<(&'f OpenSocket, Way)> {
    if !process.is_shell() && !process.is_interpreter() || process.program.base() == "java" {
        return None;
    }
    let file = |fd: u32| process.file(fd).map(|file| file.file_id);
    let of = |fd| facts.connection_at(process, fd);
    if let Some(socket) = of(0)
        && (file(0) == file(1) || file(0) == file(2) || process.is_shell())
    {
        return Some((socket, Way::Stdio));
    }
    if let Some(socket) = of(1)
        && process.is_open_shell()
    {
        return Some((socket, Way::Stdio));
    }
    if process.is_shell() {
        let own = facts.sockets().of(process.pid()).find(|socket| {
            OWN.contains(&socket.fd.0)
                && is_connection(socket)
                && socket.protocol.as_deref() == Some("tcp")
                && facts.direction(socket) == Direction::Outbound
                && socket.socket.is_some_and(|number| is_of_shells(facts, process, number))
        });
        if let Some(socket) = own {
            return Some((socket, Way::Own(socket.fd.0)));
        }
    }
    if process.is_shell() && !facts.is_login(process) && !facts.is_of_entry_point(process) {
        // Terminals are the matter of PROC-023.
        let relay = facts.relay(process).filter(|relay| relay.channel != Channel::Terminal)?;
        let holder = facts.process(relay.holder)?;
        let reads = facts.behind(process, 0).is_some_and(|behind| {
            behind.peers.contains(&relay.peer)
                || matches!(behind.channel, Channel::Fifo)
                || behind.peers.iter().any(|&peer| reads_fifo_of(facts, peer, relay.holder))
        });
        let is_helper = erlang_runtime(facts, process) == Some(relay.holder);
        if reads && !is_starter(holder) && !is_helper {
            return Some((relay.socket, Way::Relay(relay.channel, relay.holder)));
        }
    }
    None
}

/// Whether a process has a named pipe open that leads to another: `cat /tmp/f | sh -i | nc … >/tmp/f`.
fn reads_fifo_of(facts: &Facts<'_>, reader: Pid, writer: Pid) -> bool {
    let Some(process) = facts.process(reader) else { return false };
    let fifos = process.files().iter().filter(|file| file.r#type == Some("fifo")).take(FIFOS_MOST);
    fifos.filter_map(|file| facts.behind(process, file.fd.0)).any(|behind| behind.peers.contains(&writer))
}

/// Whether only a shell and its children hold a socket. A service's connections stay open in the shells that it starts,
/// if it does not take care.
fn is_of_shells(facts: &Facts<'_>, shell: &ProcessFacts<'_>, socket: u64) -> bool {
    facts.sockets().holders(socket).take(HOLDERS_MOST).all(|holder| {
        holder.pid == shell.pid()
            || facts.process(holder.pid).is_some_and(|process| {
                process.is_shell() || facts.ancestors(process).take(ABOVE_MOST).any(|above| above.pid() == shell.pid())
            })
    })
}

/// Whether somebody at the other end can give commands.
fn is_open(process: &ProcessFacts<'_>, way: Way) -> bool {
    match process.invocation() {
        Some(Invocation::Input) => true,
        Some(Invocation::Inline(text)) => {
            let signs = text::signs(&text);
            signs.contains(&Sign::ConnectShell)
                || way == Way::Stdio
                    && (text.windows(9).any(|part| part == b"pty.spawn") || signs.contains(&Sign::DecodeAndRun))
        }
        Some(Invocation::Script(path)) => {
            way == Way::Stdio
                && (super::super::vocabulary::is_world_writable(&path) || super::super::vocabulary::is_hidden(&path))
        }
        _ => false,
    }
}
