//! Processes chosen by pid or name.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryoscope::Checkpoint;
use cryoscope::model::process::Process;

use super::Failure;
use super::fleet::Fleet;
use super::shown::shown;

/// Number of pids that a message lists.
const NAMED: usize = 20;

/// The process with a pid. Refuses a zombie.
pub(crate) fn living<'c>(checkpoint: &'c Checkpoint, archive: &str, pid: u32) -> Result<&'c Process, Failure> {
    let process = process(checkpoint, archive, pid)?;
    if process.is_zombie() {
        return Err(zombie(archive, pid));
    }
    Ok(process)
}

/// The error for a process that has ended.
pub(crate) fn zombie(archive: &str, pid: u32) -> Failure {
    Failure::Usage(format!("{archive}: process {pid} is a zombie: it has ended and has no memory"))
}

/// The process with a pid.
pub(crate) fn process<'c>(checkpoint: &'c Checkpoint, archive: &str, pid: u32) -> Result<&'c Process, Failure> {
    let all = checkpoint.model().processes();
    all.iter()
        .find(|process| process.pid().0 == pid)
        .ok_or_else(|| no_process(archive, pid, all.iter().map(|process| process.pid().0).collect()))
}

/// The error for an unknown pid, which lists the pids of the archive.
pub(crate) fn no_process(archive: &str, pid: u32, pids: Vec<u32>) -> Failure {
    Failure::Usage(format!("{archive}: no process has pid {pid}; {}", there_are(pids)))
}

/// The processes that a command looks for in its archives. An archive without one of them has no rows. It is an error
/// only if no archive has it.
#[derive(Debug)]
pub(crate) struct Sought {
    several: bool,
    missing: Mutex<Missing>,
}

#[derive(Debug)]
struct Missing {
    /// Whether an archive was read.
    read: bool,
    /// The pids that no archive has had so far, with a reason if there is one.
    pids: BTreeMap<u32, Option<String>>,
    /// The name that no process has had so far.
    name: Option<String>,
}

impl Sought {
    /// Processes with these pids, or with a name, in the archives of a fleet.
    pub(crate) fn new(pids: &[u32], name: Option<&str>, fleet: &Fleet<'_>) -> Self {
        let pids = pids.iter().map(|&pid| (pid, None)).collect();
        let missing = Missing { read: false, pids, name: name.map(str::to_owned) };
        Sought { several: fleet.is_several(), missing: Mutex::new(missing) }
    }

    /// Notes that an archive was read. If it is the only one, it must have what is sought.
    pub(crate) fn read(&self, is_found: Result<(), Failure>) -> Result<(), Failure> {
        self.missing().read = true;
        if self.several { Ok(()) } else { is_found }
    }

    /// Notes the pids of an archive. If it is the only one, it must have all that are sought.
    pub(crate) fn pids(&self, archive: &str, pids: &[u32]) -> Result<(), Failure> {
        let mut missing = self.missing();
        missing.pids.retain(|pid, _| !pids.contains(pid));
        let first = missing.pids.keys().next().copied();
        drop(missing);
        self.read(first.map_or(Ok(()), |pid| Err(no_process(archive, pid, pids.to_vec()))))
    }

    /// Notes that a process has the pid.
    pub(crate) fn has_pid(&self, pid: u32) {
        self.missing().pids.remove(&pid);
    }

    /// Notes why a process cannot be used.
    pub(crate) fn cannot_use(&self, pid: u32, why: &Failure) {
        if let Some(reason) = self.missing().pids.get_mut(&pid) {
            reason.get_or_insert_with(|| why.to_string());
        }
    }

    /// Notes that a process has the name.
    pub(crate) fn has_name(&self) {
        self.missing().name = None;
    }

    /// Fails if none of several archives had what was sought.
    pub(crate) fn end(&self) -> Result<(), Failure> {
        const ADVICE: &str = "`cryoscope table ARCHIVE processes` lists those of an archive";
        let missing = self.missing();
        if !self.several || !missing.read {
            return Ok(());
        }
        if let Some((pid, why)) = missing.pids.first_key_value() {
            let unknown = || format!("no process has pid {pid} in any of the archives; {ADVICE}");
            return Err(Failure::Usage(why.clone().unwrap_or_else(unknown)));
        }
        missing.name.as_ref().map_or(Ok(()), |name| {
            let name = shown(name);
            Err(Failure::Usage(format!("no running process is named {name} in any of the archives; {ADVICE}")))
        })
    }

    fn missing(&self) -> MutexGuard<'_, Missing> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lists the pids, up to a limit.
fn there_are(mut pids: Vec<u32>) -> String {
    pids.sort_unstable();
    pids.dedup();
    let named: Vec<String> = pids.iter().take(NAMED).map(u32::to_string).collect();
    let more = pids.len().saturating_sub(NAMED);
    match (named.as_slice(), more) {
        ([], _) => "there are no processes".to_owned(),
        ([one], 0) => format!("the only one is {one}"),
        (_, 0) => format!("the pids are {}", named.join(", ")),
        _ => format!("the pids are {} and {more} more (`cryoscope inspect` lists all)", named.join(", ")),
    }
}
