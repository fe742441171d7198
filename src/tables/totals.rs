//! Counts and sizes of the rows of other tables, for headers that do not print these rows.

use bstr::BStr;

use super::recovered_files::SOURCES;
use crate::Checkpoint;
use crate::archive::{Absence, Archive, Member, MemberKind, Piece};
use crate::images::{Kind, join, root_of};
use crate::int::u64_of;

/// Bytes of compressed file system archives that are inflated for a count. They may inflate to a thousand times that
/// size.
const INFLATED: u64 = 256 << 10;
/// Bytes of uncompressed archives whose members are counted. Only their headers are read.
const LISTED: u64 = 256 << 20;

/// Counts and sizes. `None` if counting would take long, or if the files of a stream were not kept.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Regular files that were added or changed (`rootfs_changes`): their number, and the size of their contents in
    /// bytes.
    pub changed: Option<(u64, u64)>,
    /// Number of rows of `recovered_files` by source. Sources without rows are omitted.
    pub recovered: Option<Vec<(&'static str, u64)>>,
}

impl Totals {
    /// Counts the rows of a checkpoint.
    pub fn of(checkpoint: &Checkpoint) -> Self {
        Totals { changed: Totals::changed_files(checkpoint), recovered: recovered(checkpoint) }
    }

    /// Number and size of changed files, as [`Totals::changed`] has them.
    pub fn changed_files(checkpoint: &Checkpoint) -> Option<(u64, u64)> {
        changed(checkpoint)
    }
}

/// Number and size of changed files.
fn changed(checkpoint: &Checkpoint) -> Option<(u64, u64)> {
    let member = beside(checkpoint, b"rootfs-diff.tar")?;
    if member.size > LISTED || !is_here(checkpoint.archive(), member) {
        return None;
    }
    let changes = checkpoint.kept_rootfs();
    let files = changes.iter().filter(|changed| !changed.engine_noise).filter_map(|changed| changed.entry);
    // A further name of a file has no contents of its own.
    let sizes = files.filter(|entry| !entry.is_further_name()).filter_map(|entry| Some(entry.contents()?.len()));
    Some(sizes.fold((0, 0), |(count, bytes): (u64, u64), size| (count.saturating_add(1), bytes.saturating_add(size))))
}

/// Number of recovered files by source.
fn recovered(checkpoint: &Checkpoint) -> Option<Vec<(&'static str, u64)>> {
    let archive = checkpoint.archive();
    let file_systems = [Kind::TmpfsDev, Kind::TmpfsOld];
    let compressed = file_systems.into_iter().flat_map(|kind| checkpoint.images().of_kind(archive, kind));
    let mut left = INFLATED;
    for (_, member) in compressed {
        left = left.checked_sub(member.size)?;
        if !is_here(archive, member) {
            return None;
        }
    }
    let mut listed: Vec<&Member> = beside(checkpoint, b"devshm-checkpoint.tar").into_iter().collect();
    if checkpoint.model().files().remaps().next().is_some() {
        // Deleted names of files may be found here.
        listed.extend(beside(checkpoint, b"rootfs-diff.tar"));
    }
    if listed.iter().any(|member| member.size > LISTED || !is_here(archive, member)) {
        return None;
    }
    let recovered = checkpoint.kept_recovered();
    let count = |source: &str| u64_of(recovered.iter().filter(|file| file.source.as_str() == source).count());
    Some(SOURCES.iter().map(|&source| (source, count(source))).filter(|(_, count)| *count > 0).collect())
}

/// A file next to the images.
fn beside<'c>(checkpoint: &'c Checkpoint, name: &[u8]) -> Option<&'c Member> {
    let root = BStr::new(root_of(&checkpoint.images().folder));
    checkpoint.archive().find(&join(root, name))
}

/// Whether all bytes of a member were kept.
fn is_here(archive: &Archive, member: &Member) -> bool {
    let Ok(file) = archive.resolve(member) else { return true };
    if file.kind != MemberKind::File {
        return true;
    }
    let contents = archive.contents(file);
    !contents.pieces(0, contents.len()).any(|piece| matches!(piece, Piece::Absent(_, Absence::NotKept)))
}
