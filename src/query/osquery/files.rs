//! osquery's tables of files.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::given::{Cell, Given, Take};
use super::lists::Names;
use crate::analysis::facts::{ChangedFile, Place as At};
use crate::limits::Limits;
use crate::warning::Place;

/// Largest file that is hashed.
const HASHED_MOST: u64 = 64 << 20;

/// The directory of a path, and the last part.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(0) => (b"/", path.get(1..).unwrap_or_default()),
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at.saturating_add(1)..).unwrap_or_default()),
        None => (b"", path),
    }
}

/// The files that are there: deleted ones only if their contents are in use.
fn there<'g>(given: &'g Given<'_>) -> impl Iterator<Item = &'g ChangedFile> {
    given.files.all().iter().filter(|file| file.place != At::Deleted && !file.path.is_empty())
}

fn word(place: At) -> &'static str {
    match place {
        At::Rootfs => "rootfs",
        At::Deleted => "deleted",
        At::Volume => "volume",
        At::Tmpfs => "tmpfs",
        At::Ghost => "ghost",
        At::Memfd => "memfd",
        At::Sysv => "sysv",
    }
}

/// `file`: changed files, files of volumes and of file systems in memory, deleted files that are in use.
pub(super) fn file(given: &Given<'_>, take: &mut Take<'_>) {
    for file in there(given) {
        let (directory, name) = split(&file.path);
        let mtime = file.mtime.map_or(Cell::Null, |time| Cell::Number(time.as_second()));
        let row = vec![
            file.path.as_slice().into(),
            directory.into(),
            name.into(),
            Cell::Null,
            file.uid.into(),
            file.gid.into(),
            format!("{:04o}", file.mode & 0o7777).into(),
            file.device.map_or(Cell::Null, |(major, minor)| format!("{major}:{minor}").into()),
            file.size.into(),
            Cell::Null,
            Cell::Null,
            mtime,
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Number((file.file_type == "symlink").into()),
            file.file_type.into(),
            Cell::Null,
            word(file.place).into(),
        ];
        if !take(row) {
            return;
        }
    }
}

/// `hash`: of regular files up to 64 MiB.
pub(super) fn hash(given: &Given<'_>, take: &mut Take<'_>) {
    // Holes take no space in the archive but much time to hash.
    let most = given.checkpoint.in_proportion(given.checkpoint.limits().hole_bytes);
    let mut left = most;
    for file in there(given).filter(|file| file.file_type == "regular") {
        let mut bytes = None;
        if let Some(rest) = left.checked_sub(file.size) {
            bytes = given.files.whole(file, HASHED_MOST);
            left = if bytes.is_some() { rest } else { left };
        } else {
            given.checkpoint.warn(&Limits::HOLE_BYTES, Place::archive(), || {
                format!("files have more than {most} bytes in total, with their holes; the rest were not hashed")
            });
        }
        let (directory, _) = split(&file.path);
        let hex = |digest: &[u8]| Cell::from(data_encoding::HEXLOWER.encode(digest));
        let (sha1, sha256) =
            bytes.map_or((Cell::Null, Cell::Null), |bytes| (hex(&Sha1::digest(&bytes)), hex(&Sha256::digest(&bytes))));
        if !take(vec![file.path.as_slice().into(), directory.into(), Cell::Null, sha1, sha256]) {
            return;
        }
    }
}

/// `suid_bin`.
pub(super) fn suid_bin(given: &Given<'_>, take: &mut Take<'_>) {
    let names = Names::read(given);
    for file in there(given).filter(|file| file.file_type == "regular" && file.mode & 0o6000 != 0) {
        let mut permissions = String::new();
        if file.mode & 0o4000 != 0 {
            permissions.push('S');
        }
        if file.mode & 0o2000 != 0 {
            permissions.push('G');
        }
        let user = file.uid.map_or(Cell::Null, |uid| names.user(uid).into());
        let group = file.gid.map_or(Cell::Null, |gid| names.group(gid).into());
        if !take(vec![file.path.as_slice().into(), user, group, permissions.into()]) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_as_in_osquery() {
        assert_eq!(split(b"/etc/passwd"), (&b"/etc"[..], &b"passwd"[..]));
        assert_eq!(split(b"/init"), (&b"/"[..], &b"init"[..]));
        assert_eq!(split(b"x"), (&b""[..], &b"x"[..]));
    }
}
