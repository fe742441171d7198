//! Extracts files: recovered files, file trees kept by the engine, logs, members of the archive, a view of `/proc`.

use std::ops::ControlFlow;

use bstr::{BStr, BString, ByteSlice};

use super::memory::is_lost;
use super::output::Contents as Target;
use super::{Choice, ExtractError, Output, What, below, device, listed, octal, pids_of, pids_of_files};
use crate::Checkpoint;
use crate::archive::{Absence, Contents, Member, MemberKind, Piece};
use crate::int::u64_of;
use crate::limits::Limits;
use crate::memory::Content;
use crate::model::ids::Pid;
use crate::model::rootfs::Change;
use crate::model::tree::Entry;
use crate::proc_view;
use crate::recovered::{RecoveredFile, RecoveredFiles, RecoveredFrom};
use crate::tables::{Extracted, OpenPaths};
use crate::warning::Place;

/// Extracts recovered files of one kind.
pub(super) fn recovered(
    checkpoint: &Checkpoint,
    what: What,
    choice: &Choice<'_>,
    output: &mut Output<'_>,
) -> Result<(), ExtractError> {
    let recovered = checkpoint.recovered();
    for file in recovered.iter().filter(|file| kind_of(file.source) == what) {
        let pids = pids_of(&file.holders);
        let member = file.member.as_ref().map_or_else(BString::default, |member| {
            member.rsplit_once_str("/").map_or(member.as_slice(), |(_, name)| name).into()
        });
        let path = file.path.as_ref().or(file.file.as_ref()).unwrap_or(&member);
        if !choice.wants(path, &pids) {
            continue;
        }
        let parts = match file.source {
            RecoveredFrom::Devshm => below(&[what.as_str()], file.file.as_deref().unwrap_or(path)),
            // Without a mount, the member name distinguishes file systems.
            RecoveredFrom::Tmpfs if file.path.is_none() => {
                below(&[what.as_str()], &bstr::join("/", [member.as_bytes(), path.as_bytes()]))
            }
            RecoveredFrom::Tmpfs => below(&[what.as_str()], path),
            source => below(&[what.as_str(), source.as_str()], path),
        };
        let row = Extracted {
            path: file.path.clone(),
            r#type: Some(file.file_type),
            size: file.size,
            mode: octal(file.mode),
            uid: file.uid,
            gid: file.gid,
            mtime: file.mtime,
            link: file.link.clone(),
            device: file.rdev.map(|rdev| device((rdev.major, rdev.minor))),
            pids: listed(&pids),
            member: file.member.clone(),
            ..Extracted::of(what.as_str())
        };
        // Of several names of a file, the first has the contents.
        let is_further_name = file.link.is_some() && file.source != RecoveredFrom::LinkRemap;
        match file.file_type {
            "directory" => output.folder(what, &parts, row)?,
            "regular" if is_further_name => output.list(what, &Extracted { why: Some(FURTHER_NAME), ..row })?,
            "regular" => recovered_file(&recovered, file, what, &parts, row, output)?,
            file_type => not_made(what, file_type, row, output)?,
        }
    }
    Ok(())
}

fn kind_of(source: RecoveredFrom) -> What {
    match source {
        RecoveredFrom::Devshm => What::Devshm,
        RecoveredFrom::Tmpfs => What::Tmpfs,
        _ => What::Recovered,
    }
}

fn recovered_file(
    recovered: &RecoveredFiles<'_>,
    file: &RecoveredFile,
    what: What,
    parts: &[String],
    row: Extracted,
    output: &mut Output<'_>,
) -> Result<(), ExtractError> {
    // If the file system of a file is not in the archive, a file of zeros would be useless.
    if let Some(why) = file.missing().filter(|_| file.size != Some(0)) {
        let row = Extracted { missing_bytes: file.size, ..row };
        if is_lost(why) {
            return output.leave_out(what, row, why.as_str());
        }
        return output.list(what, &Extracted { why: Some(why.as_str()), ..row });
    }
    output.file(what, parts, row, |target| {
        let mut result = Ok(());
        recovered.each_piece(file, &mut |_, content| {
            match content {
                Content::Bytes(bytes) => result = target.bytes(bytes),
                Content::Zeros(len) | Content::Untouched(len) => target.hole(*len),
                Content::Missing(len, why) => target.missing(*len, is_lost(*why), why.as_str()),
            }
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        result
    })
}

/// Extracts changes to the root file system.
pub(super) fn rootfs(
    checkpoint: &Checkpoint,
    choice: &Choice<'_>,
    output: &mut Output<'_>,
) -> Result<(), ExtractError> {
    let open = OpenPaths::of(checkpoint);
    let changes = checkpoint.rootfs();
    for changed in changes.iter() {
        let pids = pids_of_files(checkpoint, open.files(&changed.path, changed.change));
        if !choice.wants(&changed.path, &pids) {
            continue;
        }
        let row = Extracted {
            path: Some(changed.path.clone()),
            pids: listed(&pids),
            member: Some(changed.member.path.clone()),
            offset: changed.offset,
            ..Extracted::of(What::Rootfs.as_str())
        };
        let parts = below(&[What::Rootfs.as_str()], &changed.path);
        match &changed.entry {
            Some(entry) => tree_entry(What::Rootfs, entry, &parts, row, output)?,
            None => output.list(What::Rootfs, &Extracted { why: Some(changed.change.as_str()), ..row })?,
        }
    }
    Ok(())
}

/// Extracts named volumes.
pub(super) fn volumes(
    checkpoint: &Checkpoint,
    choice: &Choice<'_>,
    output: &mut Output<'_>,
) -> Result<(), ExtractError> {
    let open = OpenPaths::of(checkpoint);
    for (volume, tree) in &checkpoint.volumes() {
        for entry in tree.entries() {
            let path = entry.path();
            let pids = pids_of_files(checkpoint, open.files(&path, Change::AddedOrChanged));
            if !choice.wants(&path, &pids) {
                continue;
            }
            let row = Extracted {
                path: Some(path),
                pids: listed(&pids),
                member: Some(tree.member.path.clone()),
                offset: Some(entry.member.offset),
                ..Extracted::of(What::Volumes.as_str())
            };
            let inner = bstr::join("/", [volume.as_bytes(), entry.member.path.as_bytes()]);
            let parts = below(&[What::Volumes.as_str()], &inner);
            tree_entry(What::Volumes, &entry, &parts, row, output)?;
        }
    }
    Ok(())
}

fn tree_entry(
    what: What,
    entry: &Entry<'_>,
    parts: &[String],
    row: Extracted,
    output: &mut Output<'_>,
) -> Result<(), ExtractError> {
    let contents = entry.contents().filter(|_| !entry.is_further_name());
    let row = Extracted { size: entry.contents().map(|contents| contents.len()), ..of_member(entry.member, row) };
    let row = Extracted { r#type: Some(entry.file_type()), ..row };
    match (contents, entry.file_type()) {
        (Some(contents), _) => output.file(what, parts, row, |target| copy(contents, target)),
        (None, "directory") => output.folder(what, parts, row),
        (None, "other") if entry.is_further_name() => {
            output.leave_out(what, row, "its first name is not in the archive")
        }
        (None, _) if entry.is_further_name() => output.list(what, &Extracted { why: Some(FURTHER_NAME), ..row }),
        (None, file_type) => not_made(what, file_type, row, output),
    }
}

/// Extracts whole logs.
pub(super) fn logs(checkpoint: &Checkpoint, choice: &Choice<'_>, output: &mut Output<'_>) -> Result<(), ExtractError> {
    for log in checkpoint.logs() {
        if choice.wants(log.member.file_name(), &[]) {
            let row = of_member(log.member, Extracted::of(What::Logs.as_str()));
            let row = Extracted { path: Some(log.member.file_name().into()), r#type: Some("regular"), ..row };
            let row = Extracted { member: Some(log.member.path.clone()), ..offset_of(checkpoint, log.member, row) };
            let parts = below(&[What::Logs.as_str()], log.member.file_name());
            output.file(What::Logs, &parts, row, |target| copy(log.contents(), target))?;
        }
    }
    Ok(())
}

/// Extracts the members of the archive. If it holds several checkpoints, only those of this one.
pub(super) fn images(
    checkpoint: &Checkpoint,
    choice: &Choice<'_>,
    output: &mut Output<'_>,
) -> Result<(), ExtractError> {
    let what = What::Images;
    let archive = checkpoint.archive();
    let root: &BStr = checkpoint.set_name();
    for member in archive.members() {
        let is_below = root.is_empty()
            || member.path.strip_prefix(root.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
        if !is_below || archive.number_of(member).is_none() || !choice.wants(&member.path, &[]) {
            continue;
        }
        let row = of_member(member, Extracted::of(what.as_str()));
        let row = Extracted { path: Some(member.path.clone()), member: Some(member.path.clone()), ..row };
        let row = offset_of(checkpoint, member, row);
        let parts = below(&[what.as_str()], &member.path);
        match member.kind {
            MemberKind::File => output.file(what, &parts, row, |target| copy(archive.contents(member), target))?,
            MemberKind::Directory => output.folder(what, &parts, row)?,
            MemberKind::Hardlink => output.list(what, &Extracted { why: Some(FURTHER_NAME), ..row })?,
            kind => not_made(what, kind.as_str(), row, output)?,
        }
    }
    Ok(())
}

/// Extracts a view of `/proc`. Its links become files that contain the target.
pub(super) fn proc(checkpoint: &Checkpoint, choice: &Choice<'_>, output: &mut Output<'_>) -> Result<(), ExtractError> {
    let limit = checkpoint.limits().view_bytes;
    let mut left = checkpoint.in_proportion(limit);
    for file in proc_view::files(checkpoint) {
        let pid = file.path.split('/').next().and_then(|pid| pid.parse().ok()).map(Pid);
        let path = format!("/proc/{}", file.path);
        if !choice.wants(path.as_bytes(), pid.as_slice()) {
            continue;
        }
        let (bytes, link) = match &file.content {
            proc_view::Content::Bytes(bytes) => (bytes, false),
            proc_view::Content::Link(target) => (target, true),
        };
        let Some(rest) = left.checked_sub(u64_of(bytes.len())) else {
            let each = Checkpoint::EACH_BYTE;
            checkpoint.warn(&Limits::VIEW_BYTES, Place::archive(), || {
                format!(
                    "the view of /proc is larger than {limit} bytes and {each} times the archive; the rest \
                     was skipped"
                )
            });
            break;
        };
        left = rest;
        let row = Extracted {
            path: Some(path.into()),
            r#type: Some(if link { "symlink" } else { "regular" }),
            link: link.then(|| BString::from(bytes.as_slice())),
            pids: pid.into_iter().collect(),
            ..Extracted::of(What::Proc.as_str())
        };
        let parts = below(&[What::Proc.as_str()], file.path.as_bytes());
        #[cfg(unix)]
        if link && output.makes_links() {
            output.link(What::Proc, &parts, row, bytes)?;
            continue;
        }
        output.file(What::Proc, &parts, row, |target| target.bytes(bytes))?;
    }
    Ok(())
}

/// Reason why another name of the same file is only listed.
const FURTHER_NAME: &str = "another name of the same file";

/// Lists a file that is not created. For links, devices, pipes and sockets, the manifest has all information. Other
/// types may have had contents, and count as skipped.
fn not_made(what: What, file_type: &str, row: Extracted, output: &mut Output<'_>) -> Result<(), ExtractError> {
    let why = match file_type {
        "symlink" | "hardlink" => "links are not created",
        "character" | "block" => "devices are not created",
        "fifo" => "named pipes are not created",
        "socket" => "sockets are not created",
        _ => return output.leave_out(what, row, "neither a file nor a directory"),
    };
    output.list(what, &Extracted { why: Some(why), ..row })
}

/// Fills a row with a member's metadata.
fn of_member(member: &Member, row: Extracted) -> Extracted {
    Extracted {
        r#type: Some(member.kind.file_type()),
        size: (member.kind == MemberKind::File).then_some(member.size),
        mode: octal(member.mode),
        uid: member.uid,
        gid: member.gid,
        mtime: member.mtime,
        link: member.link.clone(),
        device: member.device.map(device),
        ..row
    }
}

/// The offset of a member in the archive. None for directories.
fn offset_of(checkpoint: &Checkpoint, member: &Member, row: Extracted) -> Extracted {
    Extracted { offset: checkpoint.archive().unpacked_bytes().is_some().then_some(member.offset), ..row }
}

/// Copies contents piece by piece.
fn copy(contents: Contents<'_>, target: &mut Target<'_>) -> std::io::Result<()> {
    contents.once(|piece| {
        match piece {
            Piece::Bytes(bytes) => target.bytes(bytes)?,
            Piece::Hole(len) => target.hole(len),
            Piece::Absent(len, why) => target.missing(len, true, absent(why)),
        }
        Ok(())
    })
}

fn absent(why: Absence) -> &'static str {
    match why {
        Absence::Truncated => "the archive ends before it",
        Absence::Unreadable => "it cannot be read",
        Absence::NotKept => "not kept while inflating",
        Absence::Contradicted => "the archive contradicts itself about where its bytes belong",
    }
}
