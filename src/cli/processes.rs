//! Processes that were asked for by pid.

use cryoscope::Checkpoint;
use cryoscope::model::process::Process;

use super::Failure;

/// Pids that a message names.
const NAMED: usize = 20;

/// The process of a pid, which must not have ended.
pub(crate) fn living(checkpoint: &Checkpoint, pid: u32) -> Result<&Process, Failure> {
    let process = process(checkpoint, pid)?;
    if process.is_zombie() {
        return Err(Failure::Usage(format!("process {pid} is a zombie: it has ended, and has no memory any more")));
    }
    Ok(process)
}

/// The process of a pid.
pub(crate) fn process(checkpoint: &Checkpoint, pid: u32) -> Result<&Process, Failure> {
    let all = checkpoint.model().processes();
    all.iter().find(|process| process.pid().0 == pid).ok_or_else(|| {
        let mut pids: Vec<u32> = all.iter().filter(|p| p.mm.is_some()).map(|p| p.pid().0).collect();
        pids.sort_unstable();
        Failure::Usage(format!("no process has the pid {pid}; {}", there_are(&pids)))
    })
}

/// The pids that there are, as far as a message has room.
fn there_are(pids: &[u32]) -> String {
    let named: Vec<String> = pids.iter().take(NAMED).map(u32::to_string).collect();
    let more = pids.len().saturating_sub(NAMED);
    match (named.is_empty(), more) {
        (true, _) => "no process has memory".to_owned(),
        (_, 0) => format!("there are {}", named.join(", ")),
        _ => format!("there are {} and {more} more (`cryoscope inspect` lists all)", named.join(", ")),
    }
}
