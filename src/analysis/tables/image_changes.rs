//! Table `image_changes`.

use std::collections::HashSet;

use bstr::{BStr, BString};
use sha2::{Digest, Sha256};

use super::super::facts::{ChangedFile, Facts, Place};
use crate::RootImage;
use crate::tables::{Sink, table};

/// Largest file of the image that is hashed, and bytes of all together.
const LARGEST: u64 = 64 << 20;
const ALL: u64 = 4 << 30;

table! {
    "image_changes", key(path), brief(state, size, size_in_image, path),
    event(Event::state(&["file"], "image-change").about(Subject::File).under("image"));
    /// Only with `--root`: the regular files of `rootfs_changes` beside those of the container's image, in the order of
    /// the archive. A file that is `same` was touched, not changed, and rules about changed files pass over it, unless its
    /// permissions give rights. Nothing is listed if the image that was given is another container's.
    pub struct ImageChange {
        /// Path in the container.
        #[to(ecs("file.path").path(), ocsf("file.path").path())]
        pub path: BString,
        /// `same`: the image has a file with these contents. `changed`: with others. `added`: the image has no file there.
        /// `deleted`: the image has a file there. Null if that is not known: contents are missing, or a file is larger than
        /// 64 MiB.
        pub state: Option<&'static str>,
        /// Size in bytes. Null if it was deleted.
        #[to(ecs("file.size"), ocsf("file.size"))]
        pub size: Option<u64>,
        /// Size of the file of the image.
        pub size_in_image: Option<u64>,
        /// SHA-256. Null if it was deleted, if contents are missing, and for files larger than 64 MiB.
        #[to(ecs("file.hash.sha256"), ocsf("file.hashes").form(Form::Sha256), timesketch("sha256_hash"))]
        pub sha256: Option<String>,
        /// SHA-256 of the file of the image: what it was. Null for files larger than 64 MiB.
        pub sha256_in_image: Option<String>,
    }
}

/// Passes the rows of a checkpoint to a sink.
pub(super) fn rows(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let Some((_, image)) = facts.root().filter(|(root, _)| !root.is_other()) else { return };
    let mut left = ALL;
    let mut seen: HashSet<&BStr> = HashSet::new();
    for file in facts.files().all() {
        let is_regular = file.place == Place::Rootfs && file.file_type == "regular";
        if !(is_regular || file.place == Place::Deleted) || !seen.insert(BStr::new(&file.path)) {
            continue;
        }
        if let Some(row) = row(facts, image, file, &mut left)
            && sink(&row).is_break()
        {
            return;
        }
    }
}

fn row(facts: &Facts<'_>, image: &RootImage, file: &ChangedFile, left: &mut u64) -> Option<ImageChange> {
    let size_in_image = image.size(&file.path);
    let sha256_in_image = size_in_image.and_then(|size| hash(image, &file.path, size, left));
    let is_deleted = file.place == Place::Deleted;
    if is_deleted && size_in_image.is_none() {
        return None;
    }
    let sha256 = if is_deleted { None } else { facts.files().sha256(file) };
    let state = match (size_in_image, &sha256, &sha256_in_image) {
        _ if is_deleted => Some("deleted"),
        (None, ..) => Some("added"),
        (Some(there), ..) if there != file.size => Some("changed"),
        (_, Some(here), Some(there)) => Some(if here == there { "same" } else { "changed" }),
        _ => None,
    };
    let size = Some(file.size).filter(|_| !is_deleted);
    Some(ImageChange { path: file.path.clone(), state, size, size_in_image, sha256, sha256_in_image })
}

fn hash(image: &RootImage, path: &[u8], size: u64, left: &mut u64) -> Option<String> {
    if size > LARGEST {
        return None;
    }
    *left = left.checked_sub(size)?;
    let bytes = image.read(path, size)?;
    Some(data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)))
}
