//! The archives of a directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bstr::ByteSlice as _;
use cryoscope::memory::Keep;
use cryoscope::{ErrorKind, ImageFile, Limits, Options};

use super::entry::{Entry, is_link_to_folder, special};
use crate::cli::Failure;

/// Names in an unpacked archive or image. Other directories may have them, too.
const SIGNS: [&str; 6] = ["checkpoint", "config.dump", "spec.dump", "oci-layout", "index.json", "manifest.json"];
/// Number of images that are checked to tell whether files with that name are images.
const IMAGES: usize = 16;

/// The archives to open in a directory: the directory itself if it is an unpacked checkpoint, otherwise its files and,
/// one level down, those of its directories. The name of a file never hides the files next to it.
pub(crate) fn in_folder(folder: &Path) -> Result<Vec<Entry>, Failure> {
    // An error, which is reported when the directory is opened.
    if cryoscope::archive::kernel_file_system(folder).is_some() {
        return Ok(vec![Entry::named(folder.to_owned())]);
    }
    let paths = in_directory(folder)?;
    // A directory that may be listed but not searched is opened, which reports the error.
    let denied = |path: &PathBuf| path.metadata().is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied);
    if has_images(folder) || paths.iter().any(denied) {
        return Ok(vec![Entry::named(folder.to_owned())]);
    }
    let (folders, files): (Vec<&PathBuf>, Vec<&PathBuf>) = paths.iter().partition(|path| path.is_dir());
    // Unpacked archives next to each other are one archive with several checkpoints.
    let is_passed_over = |path: &PathBuf| special(path).is_some() && !Entry::found(path.clone()).is_called_an_archive();
    let (with_images, others): (Vec<&PathBuf>, Vec<&PathBuf>) = folders.iter().partition(|folder| has_images(folder));
    let are_side_by_side = others.is_empty() && files.iter().all(|path| is_passed_over(path));
    // The same goes for a bundle of runc or crun, even incomplete: images, CRIU's work directory, and the bundle's JSON
    // files.
    let is_bundle = with_images.len() == 1
        && others.iter().all(|folder| is_work_folder(folder))
        && files.iter().all(|path| is_passed_over(path) || is_of_bundle(path));
    if !with_images.is_empty() && (are_side_by_side || is_bundle) {
        return Ok(vec![Entry::named(folder.to_owned())]);
    }
    if SIGNS.iter().any(|name| folder.join(name).exists()) {
        // A file or directory of an image set is named by its path. Otherwise it belongs to the directory itself: an
        // unpacked archive or image.
        let is_inside = |set: &[u8]| {
            let first = set.split_once_str("/").map_or(set, |(first, _)| first);
            paths.iter().any(|path| path.file_name().is_some_and(|name| name.as_encoded_bytes() == first))
        };
        let opened = Options::new().keep(Keep::Tables).open(folder);
        let is_own = match &opened {
            Ok(checkpoints) => checkpoints.iter().any(|checkpoint| !is_inside(checkpoint.set_name())),
            // A container image without a checkpoint is reported when it is opened.
            Err(error) => matches!(error.kind(), ErrorKind::Oci(_)),
        };
        if is_own {
            return Ok(vec![Entry::named(folder.to_owned())]);
        }
    }
    let mut entries = Vec::new();
    for path in &paths {
        let is_looked_into = path.is_dir() && !is_link_to_folder(path) && !has_images(path);
        let below = if is_looked_into { in_directory(path).ok() } else { None };
        match below {
            Some(below) if !SIGNS.iter().any(|name| path.join(name).exists()) => {
                entries.extend(below.into_iter().map(Entry::found));
            }
            _ => entries.push(Entry::found(path.clone())),
        }
    }
    Ok(entries)
}

/// Whether a directory is an unpacked archive or an image set: it, or its image directory, holds images.
fn has_images(folder: &Path) -> bool {
    let limits = Limits::default();
    [folder.to_owned(), folder.join("checkpoint")].iter().any(|folder| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let named = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "img"));
        // Files with a magic number come first, as there may be many pages files.
        let is_pages =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"pages-"));
        let (pages, others): (Vec<PathBuf>, Vec<PathBuf>) = named.partition(is_pages);
        let mut images = others.iter().chain(&pages).filter(|path| path.is_file()).take(IMAGES);
        images.any(|path| ImageFile::open(path, &limits).is_ok_and(|image| image.is_some()))
    })
}

/// Whether a directory is CRIU's work directory, which may be next to the image directory. It holds statistics of the
/// dump or its log, and nothing that CRIU does not write there.
fn is_work_folder(folder: &Path) -> bool {
    let names: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name()).take(IMAGES).collect();
    !names.is_empty() && names.iter().all(|name| is_work_file(name.as_encoded_bytes()))
}

/// Whether CRIU writes a file with this name to its work directory.
fn is_work_file(name: &[u8]) -> bool {
    name.ends_with(b".log") || matches!(name, b"stats-dump" | b"stats-restore" | b"irmap-cache" | b"criu.pidfile")
}

/// Whether a file is found next to the image directory in a bundle.
fn is_of_bundle(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    is_work_file(name) || matches!(name, b"config.json" | b"state.json")
}

/// The paths in a directory, sorted by name.
pub(super) fn in_directory(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let message = |error: io::Error| {
        let what =
            if error.kind() == io::ErrorKind::NotFound { "no such directory".to_owned() } else { error.to_string() };
        Failure::Usage(format!("{}: {what}; name the directory that holds the checkpoints", directory.display()))
    };
    let entries = fs::read_dir(directory).map_err(message)?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>().map_err(message)?;
    paths.sort();
    Ok(paths)
}
