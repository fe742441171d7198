//! Marks: what the process tree shows beside a process because it is worth a look. Only facts that cost nothing. Most
//! have an innocent cause, too: `scan` judges.

use std::collections::HashMap;

use bstr::ByteSlice;

use super::facts::{ProcessFacts, base};
use super::memory::runtime::is_named_like_one;
use super::{Brought, Facts, Scan, Severity};
use crate::Checkpoint;
use crate::model::ids::Pid;
use crate::model::vma::{Status, Vma};

/// A mark of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Mark {
    /// Its program is a file that exists only in memory.
    Memfd,
    /// Its program was deleted.
    Deleted,
    /// Its standard input or output is a network connection.
    Connection,
    /// It has the name of another program, or of a thread of the kernel.
    Name,
    /// It has executable memory that no file backs, and no runtime is known to make such.
    Code,
    /// Its standard input is a terminal.
    Terminal,
}

impl Mark {
    /// A few words for a screen.
    pub fn words(self) -> &'static str {
        match self {
            Mark::Memfd => "runs from a memfd",
            Mark::Deleted => "executable deleted",
            Mark::Connection => "connection on stdio",
            Mark::Name => "name of another program",
            Mark::Code => "code without a file",
            Mark::Terminal => "on a terminal",
        }
    }
}

/// Rules that find names of other programs.
const NAMES: [&str; 2] = ["name_masquerade", "kernel_thread_lookalike"];

/// The library that compiles regular expressions, and the most code in bytes that it needs.
const EXPRESSIONS: (&str, u64) = ("pcre2", 256 << 10);

/// The marks of processes. Names are those of a scan with the rules that cost nothing.
pub fn marks(checkpoint: &Checkpoint, scan: &Scan) -> HashMap<Pid, Vec<Mark>> {
    let facts = Facts::new(checkpoint, Brought::of(checkpoint), None);
    let mut all: HashMap<Pid, Vec<Mark>> = HashMap::new();
    for process in facts.living() {
        let marks = [
            (process.program.memfd, Mark::Memfd),
            (process.program.deleted, Mark::Deleted),
            (has_connection(&facts, process), Mark::Connection),
            (has_code(process), Mark::Code),
            (process.file(0).is_some_and(|file| file.r#type == Some("tty")), Mark::Terminal),
        ];
        let here: Vec<Mark> = marks.into_iter().filter(|(holds, _)| *holds).map(|(_, mark)| mark).collect();
        if !here.is_empty() {
            all.insert(process.pid(), here);
        }
    }
    let names =
        scan.shown().filter(|finding| NAMES.contains(&finding.rule.slug) && finding.severity >= Severity::Medium);
    for pid in names.flat_map(|finding| finding.pid.iter().chain(&finding.also_pids)) {
        let here = all.entry(*pid).or_default();
        if !here.contains(&Mark::Name) {
            here.push(Mark::Name);
            here.sort_unstable();
        }
    }
    all
}

/// Whether a process reads its input from a connection, or writes its output to one.
fn has_connection(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    (0..=2).any(|fd| facts.connection_at(process, fd).is_some())
}

/// Whether code of a process is in no file, and nothing in it is known to make code.
fn has_code(process: &ProcessFacts<'_>) -> bool {
    const EXECUTE: u32 = 4;
    let kernel = Status::VDSO | Status::VSYSCALL;
    let mappings = process.task.mm.iter().flat_map(|mm| &mm.vmas);
    let code = mappings.filter(|vma| vma.prot & EXECUTE != 0 && vma.is_anonymous() && !vma.status.intersects(kernel));
    let Some(largest) = code.map(Vma::len).max() else { return false };
    let files = || process.mappings().iter().filter(|mapping| !mapping.pseudo).map(|mapping| base(&mapping.path));
    let (expressions, most) = EXPRESSIONS;
    let is_small = largest <= most && files().any(|name| name.contains_str(expressions));
    !is_small && !is_named_like_one(process.program.base()) && !files().any(is_named_like_one)
}
