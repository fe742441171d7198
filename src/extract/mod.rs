//! Writes files of a checkpoint into a directory of their own, with a manifest: recovered and changed files, queues,
//! memory, logs, images, a view of `/proc`.
//!
//! The archive may come from an attacker, and the output may be evidence. So nothing is written outside of the
//! directory, no link is followed or created, names are escaped reversibly, and a file gets its name only when it is
//! complete.
//!
//! It uses every layer below, and only the command uses it. Begin with [`extract()`].

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

mod elf;
mod files;
mod memory;
mod name;
mod output;
mod queues;
mod unfinished;

pub use name::original;
pub use output::{Count, ExtractError, MANIFEST, Output, Progress};
pub use unfinished::{Cleared, Name, Scratch, Unfinished, is_unfinished};

use crate::Checkpoint;
use crate::limits::Limits;
use crate::memory::Keep;
use crate::model::holders::Holder;
use crate::model::ids::{FileId, Pid};
use crate::warning::{Code, Place};

/// Maximum number of processes in a line of the manifest.
const PIDS: usize = 256;

/// Defines [`What`].
macro_rules! whats {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $keep:ident, $usual:literal;)+) => {
        /// A kind of files that can be extracted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum What { $($(#[doc = $doc])+ $variant,)+ }

        impl What {
            /// All kinds, in the order in which they are written.
            pub const ALL: &'static [What] = &[$(What::$variant,)+];

            /// Name, which is also the name of its directory in the output.
            pub fn as_str(self) -> &'static str {
                match self { $(What::$variant => $name,)+ }
            }

            /// The parts to keep for it when the archive is read as a stream.
            pub fn keep(self) -> Keep {
                match self { $(What::$variant => Keep::$keep,)+ }
            }

            /// Whether it is extracted by default.
            pub fn is_usual(self) -> bool {
                match self { $(What::$variant => $usual,)+ }
            }
        }
    };
}

whats! {
    /// Deleted files, memfds, System V segments.
    Recovered = "recovered", Everything, true;
    /// Changes to the root file system.
    Rootfs = "rootfs", Files, true;
    /// In-memory file systems.
    Tmpfs = "tmpfs", Files, true;
    /// `/dev/shm`, if the engine kept it.
    Devshm = "devshm", Files, true;
    /// Named volumes.
    Volumes = "volumes", Files, true;
    /// Logs of CRIU and of the container.
    Logs = "logs", Files, true;
    /// Bytes waiting in pipes, sockets, terminals and message queues.
    Queues = "queues", Arguments, true;
    /// A view of `/proc`.
    Proc = "proc", Arguments, true;
    /// Memory, with one file per mapping.
    Memory = "memory", Memory, false;
    /// ELF images out of memory, as files.
    Elf = "elf", Everything, false;
    /// The members of the archive, unchanged.
    Images = "images", Everything, false;
}

/// The files to extract.
#[derive(Clone, Copy)]
pub struct Choice<'f> {
    /// The kinds to extract, each once.
    pub what: &'f [What],
    /// Filter on paths, as in `path` of [`crate::tables::Extracted`]. A file without a path is matched by the name of
    /// its member.
    pub path: &'f dyn Fn(&[u8]) -> bool,
    /// Only files that these processes held, their memory, their queues and their files in `/proc`. All if empty.
    pub pids: &'f [Pid],
}

impl std::fmt::Debug for Choice<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Choice").field("what", &self.what).field("pids", &self.pids).finish_non_exhaustive()
    }
}

impl Choice<'_> {
    /// Whether a file with a path and some holders is wanted.
    fn wants(&self, path: &[u8], holders: &[Pid]) -> bool {
        (self.pids.is_empty() || holders.iter().any(|pid| self.pids.contains(pid))) && (self.path)(path)
    }
}

/// Extracts the chosen files of a checkpoint. Limits that were reached and missing bytes become warnings of the
/// checkpoint.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cryoscope::Options;
/// use cryoscope::extract::{Choice, Output, What, extract};
///
/// # let folder = tempfile::tempdir()?;
/// let checkpoint = Options::new().keep(What::Rootfs.keep()).open("fixtures/rootfs-diff/rootfs-diff.tar.zst")?.remove(0);
/// let target = folder.path().join("out");
/// let mut output = Output::create(&target, false, checkpoint.limits(), Box::new(|_, _| ()))?;
/// extract(&checkpoint, &Choice { what: &[What::Rootfs], path: &|_| true, pids: &[] }, &mut output)?;
/// assert_eq!(output.count(What::Rootfs).files, 5);
/// output.finish()?;
/// assert!(target.join("rootfs/home/app/suid-root").is_file() && target.join("manifest.ndjson").is_file());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If the output cannot be written. Files that were already written remain, and are in the manifest once
/// [`Output::finish`] is called.
pub fn extract(checkpoint: &Checkpoint, choice: &Choice<'_>, output: &mut Output<'_>) -> Result<(), ExtractError> {
    /// Bytes that can be extracted from any archive, however small.
    const FREE: u64 = 1 << 30;
    let ratio = checkpoint.limits().extracted_ratio;
    let by_ratio = checkpoint.bytes().saturating_mul(ratio).max(FREE);
    output.at_most(by_ratio);
    for &what in What::ALL.iter().filter(|what| choice.what.contains(what)) {
        match what {
            What::Recovered | What::Tmpfs | What::Devshm => files::recovered(checkpoint, what, choice, output)?,
            What::Rootfs => files::rootfs(checkpoint, choice, output)?,
            What::Volumes => files::volumes(checkpoint, choice, output)?,
            What::Logs => files::logs(checkpoint, choice, output)?,
            What::Queues => queues::write(checkpoint, choice, output)?,
            What::Proc => files::proc(checkpoint, choice, output)?,
            What::Memory => memory::write(checkpoint, choice, output)?,
            What::Elf => elf::write(checkpoint, choice, output)?,
            What::Images => files::images(checkpoint, choice, output)?,
        }
        if output.count(what).partial > 0 {
            let count = output.count(what).partial;
            checkpoint.warn(Code::ContentsMissing, Place::archive(), || {
                format!("{}: {count} files have zeros where bytes are not in the archive", what.as_str())
            });
        }
        let left_out = output.count(what).left_out;
        if left_out > 0 {
            checkpoint.warn(Code::NotExtracted, Place::archive(), || {
                format!("{}: skipped {left_out} files; {MANIFEST} has the reasons", what.as_str())
            });
        }
    }
    let (over, limits) = (output.over(), checkpoint.limits());
    let hit = |is: bool, limit: &'static crate::limits::Limit, message: String| {
        if is {
            checkpoint.warn(limit, Place::archive(), || message);
        }
    };
    let (files, bytes, holes) = (limits.extracted_files, limits.extracted_bytes, limits.hole_bytes);
    hit(over.files, &Limits::EXTRACTED_FILES, format!("more than {files} files and directories; the rest was skipped"));
    let most = bytes.min(by_ratio);
    let of_bytes = if bytes <= by_ratio { &Limits::EXTRACTED_BYTES } else { &Limits::EXTRACTED_RATIO };
    hit(over.bytes, of_bytes, format!("more than {most} bytes; files that did not fit were skipped"));
    hit(over.holes, &Limits::HOLE_BYTES, format!("files with more than {holes} bytes of holes have no hash"));
    Ok(())
}

/// The processes among holders.
fn pids_of(holders: &[Holder]) -> Vec<Pid> {
    let mut pids: Vec<Pid> = holders.iter().map(|holder| holder.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// The processes that hold some open files.
fn pids_of_files(checkpoint: &Checkpoint, files: &[FileId]) -> Vec<Pid> {
    pids_of(&checkpoint.holders().of_all(files.iter().copied()))
}

/// The first of them, up to the maximum of a manifest line.
fn listed(pids: &[Pid]) -> Vec<Pid> {
    pids.iter().copied().take(PIDS).collect()
}

/// Output names for a path below the directory of its kind.
fn below(folders: &[&str], path: &[u8]) -> Vec<String> {
    let below = name::parts_of(path);
    folders.iter().map(|folder| (*folder).to_owned()).chain(below).collect()
}

fn octal(mode: Option<u32>) -> Option<String> {
    mode.map(|mode| format!("{:04o}", mode & 0o7777))
}

fn device(numbers: (u32, u32)) -> String {
    format!("{}:{}", numbers.0, numbers.1)
}
