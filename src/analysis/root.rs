//! Files of the container's image that fit what processes have mapped. A file that the container changed, or that a mount
//! hides, is not that of the image.

use std::collections::{BTreeMap, HashSet};

use bstr::BString;

use crate::elf::ElfFile;
use crate::memory::GivenFile;
use crate::model::ids::FileId;
use crate::model::rootfs::Change;
use crate::warning::{Code, Place};
use crate::{Checkpoint, RootImage};

/// The files of an image that can be compared with what is mapped.
#[derive(Debug, Default)]
pub(crate) struct RootFiles {
    /// Paths that are not those of the image any more.
    other: HashSet<BString>,
    /// Mount points.
    mounts: Vec<BString>,
    /// Mapped files by path: CRIU's ids, and the size that CRIU saw.
    mapped: BTreeMap<BString, (Vec<FileId>, Option<u64>)>,
    /// Mapped files that the image does not have as they are, and how they differ.
    differing: BTreeMap<BString, &'static str>,
    /// Mapped files that fit.
    fitting: usize,
}

impl RootFiles {
    /// Compares an image with what processes have mapped.
    pub(crate) fn of(checkpoint: &Checkpoint, image: &RootImage) -> Self {
        let model = checkpoint.model();
        let mut files = RootFiles::default();
        for changed in checkpoint.rootfs().iter() {
            let is_file = changed.entry.as_ref().is_none_or(|entry| entry.file_type() != "directory");
            if !changed.engine_noise && (is_file || changed.change != Change::AddedOrChanged) {
                files.other.insert(changed.path.clone());
            }
        }
        let points = model.mounts().iter().map(|mount| BString::from(mount.path.as_slice()));
        files.mounts = points.filter(|path| path.len() > 1).collect();
        files.mounts.sort();
        files.mounts.dedup();
        let spaces = model.processes().iter().filter_map(|process| process.mm.as_ref());
        let ids: HashSet<FileId> = spaces.flat_map(|mm| &mm.vmas).filter_map(crate::model::vma::Vma::file).collect();
        for id in ids {
            let Some(entry) = model.files().regular(id).filter(|_| model.files().remap(id).is_none()) else { continue };
            let path = BString::from(entry.name());
            if files.is_of_image(&path) {
                let known = files.mapped.entry(path).or_insert((Vec::new(), None));
                known.0.push(id);
                known.1 = known.1.or(entry.size);
            }
        }
        for (path, (ids, size)) in &mut files.mapped {
            ids.sort_unstable();
            let seen = ids.iter().find_map(|&id| model.files().regular(id).filter(|entry| !entry.build_id.is_empty()));
            let seen = seen.map(|entry| entry.build_id.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>());
            match difference(image, path, *size, seen.as_deref()) {
                None => files.fitting = files.fitting.saturating_add(1),
                Some(why) => drop(files.differing.insert(path.clone(), why)),
            }
        }
        files
    }

    /// Whether a path is that of the image: nothing changed it, and no mount hides it.
    fn is_of_image(&self, path: &[u8]) -> bool {
        let mut here = path;
        let is_hidden = std::iter::from_fn(|| {
            let at = here.iter().rposition(|&byte| byte == b'/').filter(|&at| at > 0)?;
            here = here.get(..at)?;
            Some(here)
        })
        .chain([path])
        .any(|folder| self.mounts.binary_search_by(|mount| mount.as_slice().cmp(folder)).is_ok());
        path.starts_with(b"/") && !is_hidden && !self.other.contains(bstr::BStr::new(path))
    }

    /// Whether it is the image of this container: most of what is mapped fits it.
    pub(crate) fn is_it(&self) -> bool {
        self.fitting > self.differing.len()
    }

    /// Whether it is the image of another container: most of what is mapped is something else there.
    pub(crate) fn is_other(&self) -> bool {
        self.fitting < self.differing.len()
    }

    /// Mapped files that should be those of the image, with the size that CRIU saw.
    pub(crate) fn mapped(&self) -> impl Iterator<Item = (&BString, Option<u64>)> {
        self.mapped.iter().map(|(path, (_, size))| (path, *size))
    }

    /// How a mapped file differs from that of the image, for a sentence.
    pub(crate) fn difference(&self, path: &[u8]) -> Option<&'static str> {
        self.differing.get(bstr::BStr::new(path)).copied()
    }

    /// The first bytes of a mapped file, if the image is that of the container and has the file.
    pub(crate) fn read(&self, image: &RootImage, path: &[u8], most: u64) -> Option<Vec<u8>> {
        let path = bstr::BStr::new(path);
        let is_good = self.is_it() && self.mapped.contains_key(path) && !self.differing.contains_key(path);
        if is_good { image.read(path, most) } else { None }
    }
}

/// How a file of the image differs from what CRIU saw of it: its size, and the beginning of its build id.
fn difference(image: &RootImage, path: &[u8], size: Option<u64>, build_id: Option<&[u8]>) -> Option<&'static str> {
    const HEAD: u64 = 64 << 10;
    let Some(there) = image.size(path) else { return Some("the image has no such file") };
    if size.is_some_and(|size| size != there) {
        return Some("the image has a file of another size there");
    }
    let own = image.read(path, HEAD).and_then(|head| ElfFile::read(&head)?.build_id);
    let (own, seen) = (own?, data_encoding::HEXLOWER.encode(build_id?));
    (!own.starts_with(&seen) && !seen.starts_with(&own)).then_some("the image has a file of another build there")
}

/// Fills in unchanged pages of mapped files from the image of the container: cores and searches have them then. What does not
/// fit is left out, with a warning.
pub fn fill(checkpoint: &mut Checkpoint, image: &RootImage) {
    let files = RootFiles::of(checkpoint, image);
    let place = || Place::archive();
    if !files.is_it() {
        let (wrong, right) = (files.differing.len(), files.fitting);
        checkpoint.warn(Code::RootImageOther, place(), || {
            format!(
                "{} is not the image of this container: {wrong} of its mapped files are others there, {right} are the same; \
                 not used",
                image.path().display()
            )
        });
        return;
    }
    if let Some(first) = files.differing.keys().next() {
        let count = files.differing.len();
        checkpoint.warn(Code::RootImageOther, place(), || {
            format!("{count} mapped files are others in {}, {first} first; not filled in", image.path().display())
        });
    }
    let mut given = Vec::new();
    for (path, (ids, _)) in files.mapped.iter().filter(|(path, _)| !files.differing.contains_key(*path)) {
        let Some((archive, offset, len)) = image.place(path, checkpoint.limits()) else { continue };
        given.extend(ids.iter().map(|&file| GivenFile { file, archive: archive.clone(), offset, len }));
    }
    checkpoint.fill(given);
}
