//! Processes that were asked for by pid.

use cryoscope::Checkpoint;
use cryoscope::model::process::Process;

use super::Failure;

/// Pids that a message names.
const NAMED: usize = 20;

/// The process of a pid, which must not have ended.
pub(crate) fn living<'c>(checkpoint: &'c Checkpoint, archive: &str, pid: u32) -> Result<&'c Process, Failure> {
    let process = process(checkpoint, archive, pid)?;
    if process.is_zombie() {
        return Err(Failure::Usage(format!("process {pid} is a zombie: it has ended, and has no memory any more")));
    }
    Ok(process)
}

/// The process of a pid.
pub(crate) fn process<'c>(checkpoint: &'c Checkpoint, archive: &str, pid: u32) -> Result<&'c Process, Failure> {
    let all = checkpoint.model().processes();
    all.iter()
        .find(|process| process.pid().0 == pid)
        .ok_or_else(|| no_process(archive, pid, all.iter().map(|process| process.pid().0).collect()))
}

/// An archive has no process of a pid. These are the pids that it has.
pub(crate) fn no_process(archive: &str, pid: u32, pids: Vec<u32>) -> Failure {
    Failure::Usage(format!("{archive}: no process has the pid {pid}; {}", there_are(pids)))
}

/// The pids that there are, as far as a message has room.
fn there_are(mut pids: Vec<u32>) -> String {
    pids.sort_unstable();
    pids.dedup();
    let named: Vec<String> = pids.iter().take(NAMED).map(u32::to_string).collect();
    let more = pids.len().saturating_sub(NAMED);
    match (named.as_slice(), more) {
        ([], _) => "there are no processes".to_owned(),
        ([one], 0) => format!("there is {one}"),
        (_, 0) => format!("there are {}", named.join(", ")),
        _ => format!("there are {} and {more} more (`cryoscope inspect` lists all)", named.join(", ")),
    }
}
