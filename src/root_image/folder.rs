//! Files of a root file system in a directory. Links are followed by hand, so that none leads out of it.

use std::collections::VecDeque;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{HOPS, parts};
use crate::archive::Archive;
use crate::limits::Limits;

/// The first bytes of a file.
pub(super) fn read(root: &Path, path: &[u8], most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(resolve(root, path)?).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The size of a file.
pub(super) fn size(root: &Path, path: &[u8]) -> Option<u64> {
    Some(fs::symlink_metadata(resolve(root, path)?).ok()?.len())
}

/// A file as an archive, and its length.
pub(super) fn archive(root: &Path, path: &[u8], limits: &Limits) -> Option<(Arc<Archive>, u64)> {
    let place = resolve(root, path)?;
    let archive = Archive::of_file(&place, true, limits).ok()?;
    let len = archive.members().first()?.size;
    Some((Arc::new(archive), len))
}

/// The place of a regular file.
fn resolve(root: &Path, path: &[u8]) -> Option<PathBuf> {
    let mut left: VecDeque<Vec<u8>> = parts(path).map(<[u8]>::to_vec).collect();
    let mut here: Vec<Vec<u8>> = Vec::new();
    let mut hops = 0_usize;
    while let Some(part) = left.pop_front() {
        if part == b".." {
            here.pop();
            continue;
        }
        here.push(part);
        let place = place(root, &here)?;
        let Ok(metadata) = fs::symlink_metadata(&place) else { return None };
        if metadata.is_symlink() {
            hops = hops.saturating_add(1);
            if hops > HOPS {
                return None;
            }
            let target = bytes_of(&fs::read_link(&place).ok()?)?;
            here.pop();
            if target.starts_with(b"/") {
                here.clear();
            }
            for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                left.push_front(part.to_vec());
            }
        } else if !metadata.is_dir() && !left.is_empty() {
            return None;
        }
    }
    let place = place(root, &here)?;
    fs::symlink_metadata(&place).ok()?.is_file().then_some(place)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere, bytes may be no path")]
fn place(root: &Path, parts: &[Vec<u8>]) -> Option<PathBuf> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    Some(parts.iter().fold(root.to_owned(), |path, part| path.join(OsStr::from_bytes(part))))
}

#[cfg(not(unix))]
fn place(root: &Path, parts: &[Vec<u8>]) -> Option<PathBuf> {
    parts.iter().try_fold(root.to_owned(), |path, part| Some(path.join(std::str::from_utf8(part).ok()?)))
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere, a path may have no bytes")]
fn bytes_of(path: &Path) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt as _;

    Some(path.as_os_str().as_bytes().to_vec())
}

#[cfg(not(unix))]
fn bytes_of(path: &Path) -> Option<Vec<u8>> {
    path.to_str().map(|path| path.replace('\\', "/").into_bytes())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_stay_inside() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("usr/lib")).unwrap();
        fs::write(root.join("usr/lib/x"), "inside").unwrap();
        fs::write(outer.path().join("x"), "outside").unwrap();
        symlink("usr/lib", root.join("lib")).unwrap();
        symlink("/usr/lib/x", root.join("absolute")).unwrap();
        symlink("../../x", root.join("up")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let read = |path: &str| read(&root, path.as_bytes(), 100).map(|bytes| String::from_utf8(bytes).unwrap());
        for path in ["/usr/lib/x", "/lib/x", "lib/../lib/./x", "/absolute"] {
            assert_eq!(read(path).as_deref(), Some("inside"), "{path}");
        }
        for path in ["/up", "/../x", "/loop", "/usr/lib", "/usr/lib/x/y", "/none"] {
            assert_eq!(read(path), None, "{path}");
        }
    }
}
