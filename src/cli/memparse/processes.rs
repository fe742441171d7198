//! The processes whose memory is read.

use cryoscope::Checkpoint;
use cryoscope::model::process::Process;

use super::super::Failure;
use super::super::args::MemparseArgs;
use super::super::fleet::Fleet;
use super::super::processes::{Sought, no_process, zombie};
use super::super::shown::shown;
use super::super::wildcard::{self, Wildcards};

/// The processes that the flags choose, in any number of archives.
pub(super) struct Wanted<'a> {
    pids: &'a [u32],
    name: Option<(&'a str, Wildcards)>,
    sought: Sought,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(args: &'a MemparseArgs, fleet: &Fleet<'_>) -> Result<Self, Failure> {
        let name = args.name.as_deref();
        let sought = Sought::new(&args.pid, name, fleet);
        let name = name.map(|name| Ok::<_, Failure>((name, wildcard::one(name, true)?))).transpose()?;
        Ok(Wanted { pids: &args.pid, name, sought })
    }

    /// Whether all processes are wanted.
    pub(super) fn is_all(&self) -> bool {
        self.pids.is_empty() && self.name.is_none()
    }

    /// Notes which of them the checkpoints of an archive have. If it is the only archive, it must have all of them.
    pub(super) fn note(&self, archive: &str, checkpoints: &[Checkpoint]) -> Result<(), Failure> {
        let mut lacks = Ok(());
        for &pid in self.pids {
            if checkpoints.iter().any(|checkpoint| has_memory(checkpoint, pid)) {
                self.sought.has_pid(pid);
                continue;
            }
            let all: Vec<&Process> = checkpoints.iter().flat_map(|checkpoint| checkpoint.model().processes()).collect();
            let lack = match all.iter().find(|process| process.pid().0 == pid) {
                None => no_process(archive, pid, all.iter().map(|process| process.pid().0).collect()),
                Some(process) if process.is_zombie() => zombie(archive, pid),
                Some(_) => {
                    self.sought.has_pid(pid);
                    return Err(Failure::Usage(format!(
                        "{archive}: the memory of process {pid} is not in the archive: its images mm-{pid}.img and pagemap-{pid}.img are missing or damaged"
                    )));
                }
            };
            if all.iter().any(|process| process.pid().0 == pid) {
                self.sought.cannot_use(pid, &lack);
            }
            lacks = lacks.and(Err(lack));
        }
        if let Some((name, _)) = &self.name {
            if checkpoints.iter().any(|checkpoint| !self.of(checkpoint).is_empty()) {
                self.sought.has_name();
            } else {
                let name = shown(name);
                let message = format!("{archive}: no running process is named {name}; `cryoscope inspect` lists them");
                lacks = lacks.and(Err(Failure::Usage(message)));
            }
        }
        self.sought.read(lacks)
    }

    /// Those of a checkpoint that have memory, by pid.
    pub(super) fn of<'c>(&self, checkpoint: &'c Checkpoint) -> Vec<&'c Process> {
        let (model, memory) = (checkpoint.model(), checkpoint.memory());
        let is_wanted = |process: &&Process| {
            (self.pids.is_empty() || self.pids.contains(&process.pid().0))
                && self.name.as_ref().is_none_or(|(_, name)| name.is_match(process.name().unwrap_or_default()))
                && memory.has_pages(process)
        };
        let mut processes: Vec<&Process> =
            model.processes().iter().chain(memory.nameless()).filter(is_wanted).collect();
        processes.sort_by_key(|process| process.pid());
        processes
    }

    /// Fails if none of several archives had what was sought.
    pub(super) fn end(&self) -> Result<(), Failure> {
        self.sought.end()
    }
}

/// Whether a checkpoint has memory of a process.
fn has_memory(checkpoint: &Checkpoint, pid: u32) -> bool {
    let memory = checkpoint.memory();
    let is_it = |process: &&Process| process.pid().0 == pid;
    memory.nameless().binary_search_by_key(&pid, |process| process.pid().0).is_ok()
        || checkpoint.model().processes().iter().find(is_it).is_some_and(|process| memory.has_pages(process))
}
