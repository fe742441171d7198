//! The image of the container, if the user has it: a directory, an OCI layout, a docker archive, or a tar of the root file
//! system. It gives the bytes of files by their paths in the container.
//!
//! The image is not more trusted than the archive. Layers are applied in order, with their whiteouts. Links are followed
//! inside of the root only, and a file of a layer is copied into an unlinked temporary file.

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

mod folder;
mod layers;
mod manifest;
mod store;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::layers::Layers;
use self::store::Store;
use crate::archive::Archive;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::warning::Warnings;

/// Most links that are followed on the way to a file.
const HOPS: usize = 40;

/// The image of a container.
///
/// ```
/// # fn main() -> Result<(), cryoscope::Error> {
/// use cryoscope::{Limits, RootImage};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # std::fs::create_dir(folder.path().join("etc")).unwrap();
/// # std::fs::write(folder.path().join("etc/hostname"), "web-1\n").unwrap();
/// # let root = folder.path();
/// let image = RootImage::open(root, &Limits::default())?;
/// assert_eq!(image.read(b"/etc/hostname", 100).as_deref(), Some(&b"web-1\n"[..]));
/// assert_eq!(image.read(b"/etc/../../outside", 100), None);
/// # Ok(())
/// # }
/// ```
pub struct RootImage {
    path: PathBuf,
    source: Source,
}

enum Source {
    Folder,
    Layers(Layers),
}

impl fmt::Debug for RootImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootImage").field("path", &self.path).finish_non_exhaustive()
    }
}

impl RootImage {
    /// Opens an image. Layers are read here, files of a directory when they are asked for.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is no image, or holds several.
    pub fn open(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::read_from(path, limits).map_err(|kind| Error::of(path, kind))
    }

    fn read_from(path: &Path, limits: &Limits) -> Result<Self, ErrorKind> {
        let is_folder = std::fs::metadata(path)?.is_dir();
        if is_folder && !manifest::is_layout(path) {
            return Ok(RootImage { path: path.to_owned(), source: Source::Folder });
        }
        // What is wrong with the image is an error; what is odd in its tars does not concern the checkpoint.
        let unheard = Warnings::new(limits);
        let layers = if is_folder {
            Layers::read(&Store::Folder(path.to_owned()), limits, &unheard)?
        } else {
            let outer = Archive::of_file(path, true, limits)?;
            let tar = outer.members().first().and_then(|member| outer.nested(member, limits, &unheard));
            let tar = tar.ok_or_else(|| ErrorKind::NoRootImage("it is not a tar".to_owned()))?;
            Layers::read(&Store::Tar(&tar), limits, &unheard)?
        };
        Ok(RootImage { path: path.to_owned(), source: Source::Layers(layers) })
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The first `most` bytes of a regular file, by its path in the container. `None` if there is no such file.
    pub fn read(&self, path: &[u8], most: u64) -> Option<Vec<u8>> {
        match &self.source {
            Source::Folder => folder::read(&self.path, path, most),
            Source::Layers(layers) => layers.read_file(path, most),
        }
    }

    /// An archive whose first member has a regular file, with the place and length of the file in it.
    pub(crate) fn place(&self, path: &[u8], limits: &Limits) -> Option<(Arc<Archive>, u64, u64)> {
        match &self.source {
            Source::Folder => {
                let (archive, len) = folder::archive(&self.path, path, limits)?;
                Some((archive, 0, len))
            }
            Source::Layers(layers) => layers.place(path),
        }
    }

    /// The size of a regular file.
    pub fn size(&self, path: &[u8]) -> Option<u64> {
        match &self.source {
            Source::Folder => folder::size(&self.path, path),
            Source::Layers(layers) => layers.size(path),
        }
    }
}

/// The parts of a path, without empty ones and `.`.
fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image in a tar with a file whose text is nowhere else.
    fn image(text: &str) -> tempfile::NamedTempFile {
        let tar = |files: &[(&str, &[u8])]| {
            let mut tar = tar::Builder::new(Vec::new());
            for (name, bytes) in files {
                let mut header = tar::Header::new_gnu();
                header.set_size(bytes.len() as u64);
                header.set_mode(0o644);
                tar.append_data(&mut header, name, *bytes).unwrap();
            }
            tar.into_inner().unwrap()
        };
        let layer = tar(&[("etc/marked", text.as_bytes()), ("etc/empty", b"")]);
        let file = tempfile::NamedTempFile::with_suffix(".image").unwrap();
        let manifest = br#"[{"Layers":["layer.tar"]}]"#;
        std::fs::write(file.path(), tar(&[("manifest.json", manifest), ("layer.tar", &layer)])).unwrap();
        file
    }

    #[test]
    #[cfg(unix)]
    fn what_is_copied_has_no_name() {
        let text = format!("only in this image, {}", std::process::id());
        let file = image(&text);
        let open = RootImage::open(file.path(), &Limits::default()).unwrap();
        assert_eq!(open.read(b"/etc/marked", 100).as_deref(), Some(text.as_bytes()));
        assert_eq!(open.read(b"/etc/empty", 100).as_deref(), Some(&b""[..]));
        let named = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten().filter(|entry| {
            let is_small = entry.metadata().is_ok_and(|facts| facts.is_file() && facts.len() < 1 << 16);
            is_small && std::fs::read(entry.path()).is_ok_and(|bytes| bstr::ByteSlice::contains_str(&*bytes, &text))
        });
        let named: Vec<PathBuf> = named.map(|entry| entry.path()).collect();
        assert_eq!(named, [file.path()], "only the image itself");
    }
}
