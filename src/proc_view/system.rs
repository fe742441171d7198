//! Files of `/proc` that belong to no process. Programs read them at startup, so all of them exist. Where the archive
//! has no data, they contain zeros as on a freshly booted machine; `docs/proc.md` lists these.

use std::fmt::Write as _;

use super::{Content, File};
use crate::Checkpoint;
use crate::model::ids::NamespaceId;
use crate::model::namespaces::Namespace;
use crate::model::process::Process;

/// The files and links. In `/proc`, `self` is the reader: here it is the first process that had not ended.
pub(super) fn files(checkpoint: &Checkpoint) -> Vec<File> {
    let model = checkpoint.model();
    let mut files = Vec::new();
    let mut add = |path: &str, content| files.push(File { path: path.to_owned(), content });
    let first = model.processes().iter().find(|process| !process.is_zombie());
    if let Some(pid) = first.map(Process::pid) {
        add("self", Content::Link(pid.to_string().into_bytes()));
        add("mounts", Content::Link(b"self/mounts".to_vec()));
        add("net", Content::Link(b"self/net".to_vec()));
    }
    let mut text = |path: &str, text: String| add(path, Content::Bytes(text.into_bytes()));
    let threads: usize = model.processes().iter().map(|process| process.threads.len()).sum();
    let uptime = uptime(checkpoint, first);
    // `ps` reads the type of each processor from it.
    text("cpuinfo", "processor\t: 0\n\n".to_owned());
    text("loadavg", format!("0.00 0.00 0.00 0/{threads} 0\n"));
    text("meminfo", meminfo());
    text("stat", stat(checkpoint, uptime));
    let (seconds, hundredths) = (uptime.unwrap_or(0) / 1_000_000_000, uptime.unwrap_or(0) / 10_000_000 % 100);
    text("uptime", format!("{seconds}.{hundredths:02} 0.00\n"));
    if let Some(uts) = namespace_of(checkpoint, "uts", first.and_then(|process| process.ids.as_ref()?.uts_ns_id)) {
        let mut name = |path: &str, name: &Option<Vec<u8>>| {
            if let Some(name) = name {
                add(path, Content::Bytes([name.as_slice(), b"\n"].concat()));
            }
        };
        name("sys/kernel/hostname", &uts.host_name);
        name("sys/kernel/domainname", &uts.domain_name);
    }
    files
}

/// Uptime of the kernel in nanoseconds, as seen by the process.
fn uptime(checkpoint: &Checkpoint, process: Option<&Process>) -> Option<u64> {
    let own = process.and_then(|process| process.ids.as_ref()?.time_ns_id);
    // The host's clocks have the number 0 if no process names its namespace.
    let read = |id| namespace_of(checkpoint, "time", id).and_then(|namespace| namespace.boottime_ns);
    read(own).or_else(|| read(Some(0)))
}

fn namespace_of<'c>(checkpoint: &'c Checkpoint, kind: &'static str, id: Option<u32>) -> Option<&'c Namespace> {
    checkpoint.namespace_map().get(&(kind, NamespaceId(id?)))
}

/// Source: the kernel's `fs/proc/stat.c`, `show_stat`. The boot time is known if the time of the dump is.
fn stat(checkpoint: &Checkpoint, uptime: Option<u64>) -> String {
    let dumped = checkpoint.rows().container().checkpointed.map(|time| i128::from(time.as_second()));
    let started = dumped.zip(uptime).map(|(dumped, uptime)| dumped - i128::from(uptime / 1_000_000_000));
    let started = started.filter(|&seconds| seconds > 0).unwrap_or(0);
    let mut text = String::new();
    for cpu in ["cpu ", "cpu0"] {
        let _ = writeln!(text, "{cpu} 0 0 0 0 0 0 0 0 0 0");
    }
    let _ = writeln!(text, "intr 0\nctxt 0\nbtime {started}\nprocesses 0\nprocs_running 0\nprocs_blocked 0");
    text
}

/// Source: the kernel's `fs/proc/meminfo.c`: the lines that programs read. None of them is stored.
fn meminfo() -> String {
    const LINES: [&str; 10] = [
        "MemTotal",
        "MemFree",
        "MemAvailable",
        "Buffers",
        "Cached",
        "SwapCached",
        "SwapTotal",
        "SwapFree",
        "Shmem",
        "SReclaimable",
    ];
    // `ps` divides by the total.
    let mut text = String::new();
    for name in LINES {
        let width = 23_usize.saturating_sub(name.len());
        let _ = writeln!(text, "{name}:{:>width$} kB", u8::from(name == "MemTotal"));
    }
    text
}
