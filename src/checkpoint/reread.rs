//! Reads an archive again when data is requested that was not kept while it was inflated. Otherwise the answer would be
//! empty without a warning.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use super::Shared;
use crate::archive::{Archive, Opener};
use crate::int::u64_of;
use crate::memory::{Demand, Keep};
use crate::warning::{Code, Place, Warnings};

/// How an archive is opened a second time.
#[derive(Debug)]
pub(super) struct Reopen {
    pub(super) path: PathBuf,
    pub(super) map: bool,
    /// Whether the second copy must have the SHA-256 of the first.
    pub(super) hash: bool,
}

/// What was kept of an archive, and what has been read again since.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) keep: Keep,
    /// Whether the caller chose what to keep.
    pub(super) is_told: bool,
    /// `None` if the archive can only be read once.
    pub(super) reopen: Option<Reopen>,
    /// Whether some contents were not kept.
    pub(super) lacks: OnceLock<bool>,
    pub(super) again: Again,
}

/// The archive, read again with more kept. The inner value is `None` if that was not possible.
#[derive(Debug, Default)]
pub(super) struct Again {
    files: OnceLock<Option<Arc<Archive>>>,
    evidence: OnceLock<Option<Arc<Archive>>>,
    memory: OnceLock<Option<Arc<Archive>>>,
    everything: OnceLock<Option<Arc<Archive>>>,
}

impl Again {
    fn slot(&self, need: Keep) -> &OnceLock<Option<Arc<Archive>>> {
        match need {
            Keep::Everything => &self.everything,
            Keep::Memory => &self.memory,
            Keep::Evidence => &self.evidence,
            Keep::Tables | Keep::Arguments | Keep::Files => &self.files,
        }
    }
}

impl Shared {
    /// Whether everything of this kind is already available.
    fn holds(&self, need: Keep) -> bool {
        // Pages that were searched while they were inflated were not kept.
        let searched = || self.searched.as_ref().is_some_and(|searched| searched.has_passed());
        if self.kept.keep.covers(need) && !(need.covers(Keep::Memory) && searched()) {
            return true;
        }
        !*self.kept.lacks.get_or_init(|| self.archive.lacks_contents())
    }

    /// The archive with everything of a kind: as it was opened, or read again if that is not enough. If it cannot be
    /// read again, this is the archive as it was opened, with a warning.
    pub(super) fn archive_with(&self, need: Keep) -> &Arc<Archive> {
        if self.holds(need) {
            return &self.archive;
        }
        if let Some(Some(all)) = self.kept.again.everything.get() {
            return all;
        }
        let again = self.kept.again.slot(need).get_or_init(|| match self.read_again(need) {
            Ok(archive) => Some(Arc::new(archive)),
            Err(why) => {
                self.of_archive.push(Code::NotKept, Place::archive(), || format!("{}; {why}", missing(need)));
                None
            }
        });
        again.as_ref().unwrap_or(&self.archive)
    }

    fn read_again(&self, need: Keep) -> Result<Archive, String> {
        let Some(reopen) = &self.kept.reopen else {
            return Err("the input can be read only once; keep more when opening it".to_owned());
        };
        let unheard = Warnings::new(&self.limits);
        let mut demand = Demand::new(&self.limits, need, None);
        let mut opener = Opener {
            limits: &self.limits,
            warnings: &unheard,
            select: &mut demand,
            progress: &|_, _| (),
            map: reopen.map,
            hash: reopen.hash,
            hash_members: false,
        };
        let archive = opener.path(&reopen.path).map_err(|error| format!("reading it again failed: {error}"))?;
        let is_same = self.archive.watched().is_none() && digest_of(&self.archive) == digest_of(&archive);
        if !is_same || reopen.hash && archive.sha256() != self.archive.sha256() {
            return Err("the archive has changed since it was opened; copy it and read the copy".to_owned());
        }
        self.of_archive.add_new(unheard.snapshot());
        Ok(archive)
    }
}

/// A digest of the names, sizes and times of all members. If two archives have the same, they are one that was opened twice.
pub(super) fn digest_of(archive: &Archive) -> [u8; 32] {
    let mut digest = Sha256::new();
    for member in archive.members() {
        digest.update(u64_of(member.path.len()).to_be_bytes());
        digest.update(&member.path);
        digest.update(member.size.to_be_bytes());
        digest.update(member.mtime.map_or_else(String::new, |time| time.to_string()));
        digest.update([0]);
    }
    digest.finalize().into()
}

fn missing(need: Keep) -> &'static str {
    match need {
        Keep::Memory => "memory pages were needed but not kept while inflating, so the answer is partial",
        Keep::Everything => "contents of members were needed but not kept while inflating, so the answer is partial",
        Keep::Evidence => "files and memory were needed but not kept while inflating, so the answer is partial",
        Keep::Tables | Keep::Arguments | Keep::Files => {
            "files of the container were needed but not kept while inflating, so the answer is partial"
        }
    }
}
