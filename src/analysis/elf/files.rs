//! Images that are files whose contents the archive has: changed files, volumes, recovered files.

use std::borrow::Cow;
use std::ops::ControlFlow;

use bstr::BString;

use super::digest::{Digests, Hashing};
use super::{Found, Header, Known, PIDS, Take};
use crate::Checkpoint;
use crate::archive::{Contents, Piece};
use crate::elf::{Bytes, MAGIC};
use crate::int::usize_of;
use crate::limits::Limits;
use crate::memory::Content;
use crate::model::holders::Holder;
use crate::model::ids::{FileId, Pid};
use crate::model::rootfs::Change;
use crate::recovered::{RecoveredFile, RecoveredFiles};
use crate::tables::OpenPaths;
use crate::warning::Place;

/// Passes the images to `take`. Returns their paths.
pub(super) fn each(checkpoint: &Checkpoint, take: &mut Take<'_>) -> ControlFlow<(), Known> {
    let mut reader = Reader { checkpoint, holes_left: checkpoint.limits().hole_bytes, known: Known::new() };
    reader.trees(take)?;
    reader.recovered(take)?;
    ControlFlow::Continue(reader.known)
}

struct Reader<'c> {
    checkpoint: &'c Checkpoint,
    /// Holes take no space in the archive but much time to hash.
    holes_left: u64,
    known: Known,
}

impl Reader<'_> {
    /// Changed files of the root file system, and volumes.
    fn trees(&mut self, take: &mut Take<'_>) -> ControlFlow<()> {
        let open = OpenPaths::of(self.checkpoint);
        let changes = self.checkpoint.rootfs();
        for changed in changes.iter().filter(|changed| changed.change == Change::AddedOrChanged) {
            let Some(entry) = changed.entry.as_ref().filter(|entry| !entry.is_further_name()) else { continue };
            let Some(contents) = entry.contents() else { continue };
            let files = open.files(&changed.path, changed.change);
            let found = (changed.path.clone(), changed.member.path.clone(), entry.member.path.clone());
            self.contents("rootfs", found, files, contents, take)?;
        }
        for (_, tree) in &self.checkpoint.volumes() {
            for entry in tree.entries().filter(|entry| !entry.is_further_name()) {
                let Some(contents) = entry.contents() else { continue };
                let path = entry.path();
                let files = open.files(&path, Change::AddedOrChanged);
                let found = (path.clone(), tree.member.path.clone(), entry.member.path.clone());
                self.contents("volume", found, files, contents, take)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// The contents of a tar's member.
    fn contents(
        &mut self,
        source: &'static str,
        (path, member, file): (BString, BString, BString),
        files: &[FileId],
        contents: Contents<'_>,
        take: &mut Take<'_>,
    ) -> ControlFlow<()> {
        if !matches!(contents.piece(0, 4), Some(Piece::Bytes(head)) if head == MAGIC) {
            return ControlFlow::Continue(());
        }
        let mut hashing = Hashing::new(self.holes_left);
        let read: Result<(), ()> = contents.once(|piece| {
            match piece {
                Piece::Bytes(bytes) => hashing.bytes(bytes),
                Piece::Hole(len) => hashing.hole(len),
                Piece::Absent(len, _) => hashing.missing(len, "not in the archive"),
            }
            Ok(())
        });
        debug_assert!(read.is_ok());
        let holders = self.checkpoint.holders().of_all(files.iter().copied());
        let limit = self.checkpoint.limits().elf_bytes;
        self.warn_of(contents.len(), limit, &member);
        let (bytes, _) = contents.prefix(limit);
        let mut bytes = Bytes::whole(bytes);
        bytes.extend_to(contents.len());
        self.known.insert(path.clone());
        take(Found {
            source,
            path: Some(path),
            pid: None,
            address: None,
            pids: pids_of(&holders),
            member: Some(member),
            file: Some(file),
            size: Some(contents.len()),
            header: Header::Whole,
            bytes,
            digests: self.finish(hashing),
            build_id: None,
        })
    }

    /// Ghosts, memfds, files in memory.
    fn recovered(&mut self, take: &mut Take<'_>) -> ControlFlow<()> {
        let recovered = self.checkpoint.recovered();
        for file in recovered.iter().filter(|file| file.file_type == "regular" && file.size.is_some()) {
            // Of several names of a file, the first has the contents.
            if file.link.is_some() && file.source.as_str() != "link_remap" {
                continue;
            }
            let Some((bytes, hashing)) = self.read(&recovered, file) else { continue };
            let is_deleted = matches!(file.source.as_str(), "ghost" | "link_remap" | "memfd");
            if let Some(path) = &file.path {
                let ending: &[u8] = if is_deleted { b" (deleted)" } else { b"" };
                self.known.insert(bstr::concat([path.as_slice(), ending]).into());
            }
            take(Found {
                source: file.source.as_str(),
                path: file.path.clone(),
                pid: None,
                address: None,
                pids: pids_of(&file.holders),
                member: file.member.clone(),
                file: file.file.clone(),
                size: file.size,
                header: Header::Whole,
                bytes,
                digests: self.finish(hashing),
                build_id: None,
            })?;
        }
        ControlFlow::Continue(())
    }

    /// Contents of a recovered file, and their hashes. `None` if they do not begin as an image.
    fn read(&mut self, recovered: &RecoveredFiles<'_>, file: &RecoveredFile) -> Option<(Bytes<'static>, Hashing)> {
        let limit = self.checkpoint.limits().elf_bytes;
        let mut hashing = Hashing::new(self.holes_left);
        let mut bytes = Bytes::default();
        let mut is_elf = false;
        recovered.each_piece(file, &mut |at, content| {
            let room = usize_of(limit.saturating_sub(at));
            if at == 0 {
                is_elf = matches!(content, Content::Bytes(head) if head.starts_with(MAGIC));
                if !is_elf {
                    return ControlFlow::Break(());
                }
            }
            match content {
                Content::Bytes(piece) => {
                    hashing.bytes(piece);
                    bytes.push(at, Cow::Owned(piece.get(..room.min(piece.len())).unwrap_or_default().to_vec()));
                }
                Content::Zeros(len) | Content::Untouched(len) => {
                    hashing.hole(*len);
                    bytes.push(at, Cow::Owned(vec![0; usize_of(*len).min(room)]));
                }
                Content::Missing(len, why) => hashing.missing(*len, why.as_str()),
            }
            ControlFlow::Continue(())
        });
        if !is_elf {
            return None;
        }
        let size = file.size.unwrap_or_default();
        self.warn_of(size, limit, file.member.as_deref().map_or(&[], |member| member));
        bytes.extend_to(size);
        Some((bytes, hashing))
    }

    fn finish(&mut self, hashing: Hashing) -> Digests {
        self.holes_left = hashing.holes_left();
        hashing.finish()
    }

    fn warn_of(&self, len: u64, limit: u64, member: &[u8]) {
        if len > limit {
            self.checkpoint.warn(&Limits::ELF_BYTES, Place::member(member), || {
                format!("an ELF image of {len} bytes is larger than {limit}; only its beginning was read")
            });
        }
    }
}

/// The processes among holders, by number.
fn pids_of(holders: &[Holder]) -> Vec<Pid> {
    let mut pids: Vec<Pid> = holders.iter().map(|holder| holder.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    pids.truncate(PIDS);
    pids
}
