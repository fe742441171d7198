//! Processes chosen by pid.

use cryoscope::Checkpoint;
use cryoscope::model::process::Process;

use super::Failure;

/// Number of pids that a message lists.
const NAMED: usize = 20;

/// The process with a pid. Refuses a zombie.
pub(crate) fn living<'c>(checkpoint: &'c Checkpoint, archive: &str, pid: u32) -> Result<&'c Process, Failure> {
    let process = process(checkpoint, archive, pid)?;
    if process.is_zombie() {
        return Err(Failure::Usage(format!("process {pid} is a zombie: it has ended and has no memory")));
    }
    Ok(process)
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
