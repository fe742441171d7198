//! Logs: CRIU's own, and the container's in the forms of the engines.

use cryoscope::memory::Keep;

use super::parts::{least, read_tables};

const LOGS: [&str; 5] = ["dump.log", "checkpoint/restore.log", "ctr.log", "io.kubernetes.cri-o.LogPath", "1-json.log"];

/// The first byte chooses the log.
pub fn run(data: &[u8]) {
    let Some((&number, contents)) = data.split_first() else { return };
    let name = LOGS[usize::from(number) % LOGS.len()];
    read_tables(&least(&[(name, contents)]), Keep::Files, &["log_lines", "container"]);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let lines: [&[u8]; 5] = [
        b"(00.000034) Version: 4.1.1 (gitid 0)\n(123.45678) Error (criu/util.c:1533): rlimit\n(0.1) Warn  (a:1): b\n",
        b"pie: 1: Running daemon\n(99.999999) x\n\n(00.1",
        b"2026-11-23T11:47:13.718856319+01:00 stdout F tick\n2026-11-23T11:47:13Z stderr P a b\n",
        b"2026-11-23T11:47:13Z stdout F x y z\nno time\n",
        b"{\"log\":\"a\\u0000b\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05.5Z\"}\n{\"log\":1}\n",
    ];
    (0_u8..).zip(lines).map(|(number, lines)| [&[number], lines].concat()).collect()
}
