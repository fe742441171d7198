//! Facts about what stands behind a descriptor: a socket, or through a pipe, a unix socket or a terminal the processes at
//! the other end, and the connection that these hold.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;

use bstr::BString;

use super::{Facts, ProcessFacts};
use crate::Checkpoint;
use crate::model::file::File;
use crate::model::holders::Hold;
use crate::model::ids::{FileId, Pid};
use crate::tables::OpenSocket;

/// Descriptors of the other end that are listed. Thousands of processes may share one pipe.
const ENDS_MOST: usize = 256;
/// Processes between a process and the connection behind it.
const HOPS_MOST: usize = 4;
/// Processes that are looked at on the way to a connection.
const RELAYS_MOST: usize = 64;

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// An internet socket.
    Internet,
    /// A unix socket.
    Unix,
    /// A pipe without a name.
    Pipe,
    /// A named pipe.
    Fifo,
    /// A terminal.
    Terminal,
    /// The other side of a terminal, which a program drives it by.
    TerminalMaster,
    /// `/dev/null`.
    Null,
    /// Another file.
    File,
}

impl Channel {
    /// For a sentence: `a pipe`.
    pub fn words(self) -> &'static str {
        match self {
            Channel::Internet => "a network connection",
            Channel::Unix => "a unix socket",
            Channel::Pipe => "a pipe",
            Channel::Fifo => "a named pipe",
            Channel::Terminal => "a terminal",
            Channel::TerminalMaster => "the controlling side of a terminal",
            Channel::Null => "/dev/null",
            Channel::File => "a file",
        }
    }
}

/// A descriptor, and who is at its other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// What it is.
    pub channel: Channel,
    /// The processes at the other end, by pid, without the process itself. Empty if that end is outside the container.
    pub peers: Vec<Pid>,
}

/// A connection of another process that a process reads from or writes to.
#[derive(Clone, Copy, Debug)]
pub struct Relay<'f> {
    /// What the process itself holds.
    pub channel: Channel,
    /// The process at the other end.
    pub peer: Pid,
    /// The process that holds the connection. The same as `peer`, unless there are more between.
    pub holder: Pid,
    /// The connection.
    pub socket: &'f OpenSocket,
}

/// The direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Made by the container.
    Outbound,
    /// Made to a port of the container.
    Inbound,
}

/// The ends of pipes and terminals, indexed.
#[derive(Debug, Default)]
pub struct StdioFacts {
    /// For each open file of a pipe or terminal: the open files at the other end.
    others: HashMap<FileId, std::rc::Rc<[FileId]>>,
    /// Open files that are the controlling side of a terminal.
    masters: HashSet<FileId>,
}

impl StdioFacts {
    pub(super) fn read(checkpoint: &Checkpoint) -> Self {
        let mut facts = StdioFacts::default();
        for (_, _, pipe) in checkpoint.pipe_table().iter() {
            let readers: std::rc::Rc<[FileId]> = pipe.readers.iter().copied().take(ENDS_MOST).collect();
            let writers: std::rc::Rc<[FileId]> = pipe.writers.iter().copied().take(ENDS_MOST).collect();
            let reading: HashSet<FileId> = pipe.readers.iter().copied().collect();
            let writing: HashSet<FileId> = pipe.writers.iter().copied().collect();
            for &id in &pipe.readers {
                // A named pipe that is open for both has both ends at the other side.
                let is_both = writing.contains(&id);
                let both = || readers.iter().chain(writers.iter()).copied().filter(|&other| other != id).collect();
                facts.others.insert(id, if is_both { both() } else { std::rc::Rc::clone(&writers) });
            }
            for &id in pipe.writers.iter().filter(|id| !reading.contains(id)) {
                facts.others.insert(id, std::rc::Rc::clone(&readers));
            }
        }
        facts.read_terminals(checkpoint);
        facts
    }

    fn read_terminals(&mut self, checkpoint: &Checkpoint) {
        let files = checkpoint.model().files();
        let mut pairs: HashMap<u32, [Vec<FileId>; 2]> = HashMap::new();
        for (id, file) in files.iter() {
            let File::Tty(entry) = file else { continue };
            let Some(info) = files.terminal(entry) else { continue };
            let Some(index) = info.pty.as_ref().and_then(|pty| pty.index) else { continue };
            let device = crate::abi::device::Device::from_stat(info.rdev());
            let is_master = !matches!(device.major, 136..=143);
            if is_master {
                self.masters.insert(id);
            }
            let [masters, slaves] = pairs.entry(index).or_default();
            if is_master { masters.push(id) } else { slaves.push(id) }
        }
        for [masters, slaves] in pairs.into_values() {
            let ends: [std::rc::Rc<[FileId]>; 2] =
                [&masters, &slaves].map(|ids| ids.iter().copied().take(ENDS_MOST).collect());
            let [master_ends, slave_ends] = ends;
            self.others.extend(masters.iter().map(|&id| (id, std::rc::Rc::clone(&slave_ends))));
            self.others.extend(slaves.iter().map(|&id| (id, std::rc::Rc::clone(&master_ends))));
        }
    }
}

impl Facts<'_> {
    /// What stands behind a descriptor of a process. `None` if it is closed.
    pub fn behind(&self, process: &ProcessFacts<'_>, fd: u32) -> Option<Behind> {
        let file = process.file(fd)?;
        let path = file.path.as_ref().map(|path| path.as_slice()).unwrap_or_default();
        let stdio = self.stdio();
        let channel = match file.r#type {
            Some("socket") => {
                let socket = self.sockets().at(process.pid(), file.fd);
                match socket.map(|socket| socket.family) {
                    Some("inet" | "inet6") => Channel::Internet,
                    Some("unix") => {
                        let peers = socket.and_then(|socket| socket.peer).into_iter();
                        let peers = peers.flat_map(|peer| self.sockets().holders(peer)).map(|other| other.pid);
                        return Some(Behind { channel: Channel::Unix, peers: others(process.pid(), peers) });
                    }
                    _ => Channel::File,
                }
            }
            Some("pipe") => Channel::Pipe,
            Some("fifo") => Channel::Fifo,
            Some("tty") if stdio.masters.contains(&file.file_id) => Channel::TerminalMaster,
            Some("tty") => Channel::Terminal,
            Some("character") if path == b"/dev/null" => Channel::Null,
            _ => Channel::File,
        };
        let ends = stdio.others.get(&file.file_id).into_iter().flat_map(|ids| ids.iter());
        let holders =
            ends.flat_map(|&id| self.checkpoint.holders().of(id).iter().copied().take(ENDS_MOST).collect::<Vec<_>>());
        let pids = holders.filter(|holder| matches!(holder.hold, Hold::Fd(_))).map(|holder| holder.pid);
        Some(Behind { channel, peers: others(process.pid(), pids) })
    }

    /// The internet connection that is a descriptor of a process.
    pub fn connection_at(&self, process: &ProcessFacts<'_>, fd: u32) -> Option<&OpenSocket> {
        let file = process.file(fd).filter(|file| file.r#type == Some("socket"))?;
        self.sockets().at(process.pid(), file.fd).filter(|socket| is_connection(socket))
    }

    /// The connection of another process that a process reads its input from or writes its output to, through pipes,
    /// unix sockets and terminals. Only connections that the container made to somewhere else count: a server has many of
    /// the other kind, and its children's pipes lead to it.
    pub fn relay(&self, process: &ProcessFacts<'_>) -> Option<Relay<'_>> {
        let mut seen: HashSet<Pid> = HashSet::from([process.pid()]);
        let mut queue: VecDeque<(Pid, Channel, Pid, usize)> = VecDeque::new();
        for fd in [0, 1] {
            let Some(behind) = self.behind(process, fd) else { continue };
            queue.extend(behind.peers.into_iter().map(|peer| (peer, behind.channel, peer, 1)));
        }
        while let Some((first, channel, here, hops)) = queue.pop_front() {
            if !seen.insert(here) || seen.len() > RELAYS_MOST {
                continue;
            }
            let outbound = |socket: &&OpenSocket| {
                is_connection(socket) && self.direction(socket) == Direction::Outbound && !is_local(socket)
            };
            if let Some(socket) = self.sockets().of(here).find(outbound) {
                return Some(Relay { channel, peer: first, holder: here, socket });
            }
            let Some(process) = self.process(here).filter(|_| hops < HOPS_MOST) else { continue };
            for fd in [0, 1] {
                let peers = self.behind(process, fd).map(|behind| behind.peers).unwrap_or_default();
                queue.extend(peers.into_iter().map(|peer| (first, channel, peer, hops.saturating_add(1))));
            }
        }
        None
    }

    /// The direction of a connection: towards a port that something in the container listens on, or that looks like one.
    pub fn direction(&self, socket: &OpenSocket) -> Direction {
        /// The first port that Linux gives to connections that ask for none.
        const EPHEMERAL: u32 = 32_768;
        let protocol = socket.protocol.as_deref().unwrap_or_default();
        let (local, remote) = (socket.local_port.unwrap_or(0), socket.remote_port.unwrap_or(0));
        let looks_inbound = local < EPHEMERAL && remote >= EPHEMERAL;
        if self.sockets().listens(protocol, local) || looks_inbound { Direction::Inbound } else { Direction::Outbound }
    }

    /// Whether nobody is expected to type into the container: the engine gave it no terminal.
    pub fn is_daemon(&self) -> bool {
        let declared = self.spec().pointer("/process/terminal").and_then(serde_json::Value::as_bool);
        let has_terminal = self
            .init()
            .is_some_and(|init| init.files().iter().any(|file| file.r#type == Some("tty") && file.fd.0 <= 2));
        !declared.unwrap_or(false) && !has_terminal
    }
}

/// Whether a socket is an internet connection that is open, half closed or being made.
pub fn is_connection(socket: &OpenSocket) -> bool {
    let state = socket.state.as_deref().or(socket.kernel_state.as_deref());
    matches!(socket.family, "inet" | "inet6")
        && matches!(state, Some("ESTABLISHED" | "CLOSE_WAIT" | "SYN_SENT" | "FIN_WAIT1" | "FIN_WAIT2"))
        && socket.remote_port.is_some_and(|port| port != 0)
}

/// The peer's address of an internet socket.
pub fn remote(socket: &OpenSocket) -> Option<IpAddr> {
    socket.remote_address.as_deref()?.parse().ok()
}

/// The peer of an internet socket, for a sentence: `203.0.113.66:4444`.
pub fn destination(socket: &OpenSocket) -> String {
    let (address, port) = (socket.remote_address.as_deref().unwrap_or("?"), socket.remote_port.unwrap_or(0));
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// Whether a connection stays on the host.
fn is_local(socket: &OpenSocket) -> bool {
    remote(socket).is_some_and(super::super::vocabulary::is_loopback)
}

fn others(own: Pid, pids: impl Iterator<Item = Pid>) -> Vec<Pid> {
    let mut pids: Vec<Pid> = pids.filter(|&pid| pid != own).take(ENDS_MOST).collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// The path of the file behind a descriptor, empty if it has none.
pub fn path_of(process: &ProcessFacts<'_>, fd: u32) -> BString {
    process.file(fd).and_then(|file| file.path.clone()).unwrap_or_default()
}
