//! Where the parts of an image are: in a directory, or in a tar.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use super::parts;
use crate::archive::{Archive, NestedArchive, Piece};
use crate::error::ErrorKind;
use crate::json;
use crate::limits::Limits;

/// The parts of an image.
pub(super) enum Store<'a> {
    /// Files of a directory.
    Folder(PathBuf),
    /// Members of a tar.
    Tar(&'a NestedArchive<'a>),
}

impl Store<'_> {
    /// Whether there is a file.
    pub(super) fn has(&self, path: &str) -> bool {
        match self {
            Store::Folder(folder) => is_plain(path) && folder.join(path).is_file(),
            Store::Tar(tar) => tar.find(path.as_bytes()).is_some(),
        }
    }

    /// A JSON document.
    pub(super) fn document(&self, path: &str, limits: &Limits) -> Option<Value> {
        let bytes = match self {
            Store::Folder(folder) if is_plain(path) => {
                crate::archive::read_most(std::fs::File::open(folder.join(path)).ok()?, limits.json_bytes).ok()?
            }
            Store::Folder(_) => return None,
            Store::Tar(tar) => {
                let member = tar.get(tar.first_name(tar.find(path.as_bytes())?)?)?;
                let (bytes, stop) = tar.contents(member).prefix(limits.json_bytes);
                if stop.is_some() {
                    return None;
                }
                bytes.into_owned()
            }
        };
        json::parse(&bytes, limits.json_depth).ok()
    }

    /// A layer, as an archive whose first member it is. A layer in a tar is copied into a file without a name.
    ///
    /// # Errors
    ///
    /// If it is not there, or cannot be read.
    pub(super) fn layer(&self, path: &str, limits: &Limits) -> Result<Archive, ErrorKind> {
        let gone =
            || ErrorKind::NoRootImage("a layer that its manifest names is missing; export the image again".to_owned());
        match self {
            Store::Folder(folder) if is_plain(path) => Ok(Archive::of_file(&folder.join(path), true, limits)?),
            Store::Folder(_) => Err(gone()),
            Store::Tar(tar) => {
                let first = tar.find(path.as_bytes()).and_then(|number| tar.first_name(number));
                let member = first.and_then(|first| tar.get(first)).ok_or_else(gone)?;
                let contents = tar.contents(member);
                let mut copy = tempfile::tempfile()?;
                for piece in contents.pieces(0, contents.len()) {
                    match piece {
                        Piece::Bytes(bytes) => copy.write_all(bytes)?,
                        Piece::Hole(_) | Piece::Absent(..) => return Err(gone()),
                    }
                }
                copy.flush()?;
                Ok(Archive::of_unlinked(copy)?)
            }
        }
    }
}

/// Whether a path leads down only.
fn is_plain(path: &str) -> bool {
    !path.starts_with('/') && !path.contains('\\') && parts(path.as_bytes()).all(|part| part != b"..")
}
