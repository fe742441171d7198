//! Facts about sockets.

use std::collections::{HashMap, HashSet};

use crate::Checkpoint;
use crate::model::ids::{Fd, Pid};
use crate::tables::OpenSocket;

/// The sockets of all processes, indexed.
#[derive(Debug, Default)]
pub struct SocketFacts {
    all: Vec<OpenSocket>,
    by_pid: HashMap<Pid, Vec<usize>>,
    by_socket: HashMap<u64, Vec<usize>>,
    by_fd: HashMap<(Pid, Fd), usize>,
    /// Ports that something in the container listens on, by protocol.
    listening: HashSet<(String, u32)>,
}

impl SocketFacts {
    pub(super) fn read(checkpoint: &Checkpoint) -> Self {
        let mut facts =
            SocketFacts { all: checkpoint.rows().process_open_sockets().collect(), ..SocketFacts::default() };
        for (place, socket) in facts.all.iter().enumerate() {
            facts.by_pid.entry(socket.pid).or_default().push(place);
            facts.by_fd.entry((socket.pid, socket.fd)).or_insert(place);
            if let Some(number) = socket.socket {
                facts.by_socket.entry(number).or_default().push(place);
            }
            if let (Some("LISTEN"), Some(protocol), Some(port)) =
                (socket.state.as_deref(), socket.protocol.as_deref(), socket.local_port)
            {
                facts.listening.insert((protocol.to_owned(), port));
            }
        }
        facts
    }

    /// All of them: one for each descriptor.
    pub fn all(&self) -> &[OpenSocket] {
        &self.all
    }

    /// The sockets of a process.
    pub fn of(&self, pid: Pid) -> impl Iterator<Item = &OpenSocket> {
        self.by_pid.get(&pid).into_iter().flatten().filter_map(|&place| self.all.get(place))
    }

    /// The socket behind a descriptor.
    pub fn at(&self, pid: Pid, fd: Fd) -> Option<&OpenSocket> {
        self.all.get(*self.by_fd.get(&(pid, fd))?)
    }

    /// All descriptors of a socket, by its number (the kernel's inode).
    pub fn holders(&self, socket: u64) -> impl Iterator<Item = &OpenSocket> {
        self.by_socket.get(&socket).into_iter().flatten().filter_map(|&place| self.all.get(place))
    }

    /// Whether something in the container listens on a port.
    pub fn listens(&self, protocol: &str, port: u32) -> bool {
        self.listening.contains(&(protocol.to_owned(), port))
    }
}
