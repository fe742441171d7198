//! What documents say about processes other than that of the row. A SIEM has no joins.

use std::collections::{HashMap, HashSet};

use bstr::BString;

use crate::analysis::secrets::{redacted, redacted_arguments};
use crate::model::ids::Address;
use crate::tables::{OpenFile, Process, Tty};

/// What documents about something else say of a process.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) name: Option<BString>,
    pub(super) path: Option<BString>,
    pub(super) argv: Option<Vec<BString>>,
    pub(super) cmdline: Option<BString>,
    pub(super) cwd: Option<BString>,
    /// Effective and real user id.
    pub(super) user: Option<u32>,
    pub(super) real_user: Option<u32>,
    pub(super) group: Option<u32>,
    pub(super) real_group: Option<u32>,
    pub(super) parent: Option<u32>,
    session: Option<u32>,
    /// As in the table: whether it is outside the tree of the root task.
    entered: bool,
    /// Whether it has ended, and so holds nothing.
    is_zombie: bool,
    /// Addresses at which its program was loaded. They are random, so another program has other ones.
    pub(super) layout: [Option<Address>; 3],
}

impl Known {
    /// The arguments and the command line as documents have them, which have secrets only if the user wants them.
    pub(super) fn command(&self, secrets: bool) -> (Vec<BString>, Option<BString>) {
        let argv = self.argv.as_deref().unwrap_or_default();
        let line = self.cmdline.as_ref().filter(|line| !line.is_empty());
        if secrets {
            return (argv.to_vec(), line.cloned());
        }
        let argv: Vec<BString> = redacted_arguments(argv).into_iter().map(|one| one.into_owned().into()).collect();
        // The line is the arguments with blanks between them.
        let line =
            line.map(
                |line| if argv.is_empty() { redacted(line).into_owned().into() } else { bstr::join(" ", &argv).into() },
            );
        (argv, line)
    }
}

impl From<Process> for Known {
    fn from(row: Process) -> Self {
        Known {
            name: row.name,
            path: row.path,
            argv: row.argv,
            cmdline: row.cmdline,
            cwd: row.cwd,
            user: row.euid,
            real_user: row.uid,
            group: row.egid,
            real_group: row.gid,
            parent: row.parent,
            session: row.session,
            entered: row.entered,
            is_zombie: row.state == Some("zombie"),
            layout: [row.auxv_entry, row.brk_start, row.env_end],
        }
    }
}

/// The controlling terminal of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terminal {
    path: Option<BString>,
    /// Device number: major and minor.
    pub(super) device: Option<(u32, u32)>,
    pub(super) rows: Option<u32>,
    pub(super) columns: Option<u32>,
}

/// The processes of a checkpoint, and their terminals.
#[derive(Clone, Debug, Default)]
pub(super) struct Processes {
    all: HashMap<u32, Known>,
    /// For each process, the one by which it came into the container.
    entries: HashMap<u32, Option<u32>>,
    /// By session.
    terminals: HashMap<u32, Terminal>,
    /// Processes whose standard input and standard error are the controlling terminal of their session.
    interactive: HashSet<u32>,
    /// Processes whose descriptors are known.
    with_files: HashSet<u32>,
}

/// `/dev/ptmx`.
const MASTER: (u32, u32) = (5, 2);

/// Descriptors that show whether a process is interactive.
const INPUT_AND_ERROR: [u32; 2] = [0, 2];

impl Processes {
    pub(super) fn set_all(&mut self, rows: impl Iterator<Item = Process>) {
        self.all = rows.map(|row| (row.pid.0, Known::from(row))).collect();
        self.entries = self.find_entries();
    }

    /// Adds terminals and descriptors. The processes must be set before.
    pub(super) fn set_terminals(&mut self, ttys: impl Iterator<Item = Tty>, files: impl Iterator<Item = OpenFile>) {
        let terminals = ttys.filter_map(|tty| Some((tty.session?, terminal(tty))));
        // The master of a pseudo terminal has the session of the other side, but does not control it.
        self.terminals = terminals.filter(|(_, terminal)| terminal.device != Some(MASTER)).collect();
        let mut seen: HashMap<u32, usize> = HashMap::new();
        for file in files {
            self.with_files.insert(file.pid.0);
            if !INPUT_AND_ERROR.contains(&file.fd.0) || file.r#type != Some("tty") {
                continue;
            }
            let own = self.terminal(file.pid.0).and_then(|terminal| terminal.path.as_ref());
            if own.is_some() && own == file.path.as_ref() {
                *seen.entry(file.pid.0).or_default() += 1;
            }
        }
        self.interactive = seen.into_iter().filter(|(_, n)| *n == INPUT_AND_ERROR.len()).map(|(pid, _)| pid).collect();
    }

    pub(super) fn get(&self, pid: u32) -> Option<&Known> {
        self.all.get(&pid)
    }

    /// The controlling terminal of a process's session.
    pub(super) fn terminal(&self, pid: u32) -> Option<&Terminal> {
        self.terminals.get(&self.get(pid)?.session?)
    }

    /// Whether a process is used interactively at a terminal. `None` if its descriptors are not known, or it has ended.
    pub(super) fn is_interactive(&self, pid: u32) -> Option<bool> {
        let is_known = self.with_files.contains(&pid) && self.get(pid).is_some_and(|known| !known.is_zombie);
        is_known.then(|| self.interactive.contains(&pid))
    }

    /// The process by which another one came into the container: its first ancestor started by the engine. `None` if
    /// that process has ended, or may have.
    pub(super) fn entry(&self, pid: u32) -> Option<u32> {
        *self.entries.get(&pid)?
    }

    /// Finds the entry of all processes. A chain may be as long as the list of processes, so no part of it is walked
    /// twice.
    fn find_entries(&self) -> HashMap<u32, Option<u32>> {
        let mut entries: HashMap<u32, Option<u32>> = HashMap::with_capacity(self.all.len());
        for &pid in self.all.keys() {
            let (mut chain, mut at) = (Vec::new(), pid);
            let entry = loop {
                if let Some(known) = entries.get(&at) {
                    break *known;
                }
                // A cycle, found only in forged trees, has no first process. Later walks stop here.
                entries.insert(at, None);
                chain.push(at);
                match self.above(at) {
                    Above::Process(parent) => at = parent,
                    Above::Engine => break Some(at),
                    Above::Unknown => break None,
                }
            };
            entries.extend(chain.into_iter().map(|pid| (pid, entry)));
        }
        entries
    }

    /// What started a process.
    fn above(&self, pid: u32) -> Above {
        let Some((known, parent)) = self.get(pid).and_then(|known| Some((known, known.parent?))) else {
            return Above::Unknown;
        };
        match self.get(parent) {
            // The root task adopted it; its original parent is unknown.
            Some(above) if known.entered && !above.entered => Above::Unknown,
            Some(_) => Above::Process(parent),
            None if parent == 0 => Above::Engine,
            None => Above::Unknown,
        }
    }
}

/// What is above a process in the tree.
enum Above {
    Process(u32),
    /// The engine, which started the container or entered it.
    Engine,
    Unknown,
}

fn terminal(tty: Tty) -> Terminal {
    let halves = |text: &str| {
        let (major, minor) = text.split_once(':')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    // The kernel uses the numbers 136 to 143 for pseudo terminals, with 256 each.
    let of_index = |index: u32| Some((136 + index / 256, index % 256)).filter(|(major, _)| *major < 144);
    let device = tty.device.as_deref().and_then(halves).or_else(|| of_index(tty.pty?));
    Terminal { path: tty.path, device, rows: tty.rows, columns: tty.columns }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(parents: &[(u32, Option<u32>)]) -> Processes {
        let known = |&(pid, parent)| (pid, Known { parent, ..Known::default() });
        let mut tree = Processes { all: parents.iter().map(known).collect(), ..Processes::default() };
        tree.entries = tree.find_entries();
        tree
    }

    #[test]
    fn the_entry_is_the_ancestor_that_the_engine_started() {
        let tree = tree(&[
            (1, Some(0)),
            (7, Some(1)),
            (9, Some(7)),
            (40, Some(0)),
            (41, Some(40)),
            (50, None),
            (51, Some(50)),
        ]);
        assert_eq!([1, 7, 9, 40, 41].map(|pid| tree.entry(pid)), [Some(1), Some(1), Some(1), Some(40), Some(40)]);
        assert_eq!([50, 51, 99].map(|pid| tree.entry(pid)), [None; 3], "of a broken tree nobody knows");
    }

    #[test]
    fn what_the_root_task_took_over_has_no_entry_that_is_known() {
        let mut tree = tree(&[(1, Some(0)), (11, Some(1)), (12, Some(11)), (40, Some(0)), (41, Some(40))]);
        for pid in [11, 12, 40, 41] {
            tree.all.get_mut(&pid).unwrap().entered = true;
        }
        tree.entries = tree.find_entries();
        assert_eq!([11, 12, 40, 41].map(|pid| tree.entry(pid)), [None, None, Some(40), Some(40)]);
    }

    #[test]
    fn a_circle_has_no_entry() {
        let tree = tree(&[(1, Some(2)), (2, Some(1)), (3, Some(3))]);
        assert_eq!([1, 2, 3].map(|pid| tree.entry(pid)), [None; 3]);
    }

    #[test]
    fn documents_have_the_command_without_its_secrets() {
        let argv = ["app", "--token", "k3Jd9xTmWqZr8pLk2x"].map(BString::from).to_vec();
        let known = Known { cmdline: Some(bstr::join(" ", &argv).into()), argv: Some(argv), ..Known::default() };
        let (argv, line) = known.command(false);
        assert_eq!((argv[2].as_slice(), line.unwrap().to_string()), ("…".as_bytes(), "app --token …".to_owned()));
        assert_eq!(known.command(true).0[2], "k3Jd9xTmWqZr8pLk2x");
        let line = Known { argv: None, ..known }.command(false).1;
        assert_eq!(line.unwrap().to_string(), "app --token …");
    }
}
