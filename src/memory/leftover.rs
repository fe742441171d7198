//! Memory images that nothing in the dump refers to: left over from an earlier dump into the same directory, or hidden
//! there. None is mixed in. Each is named, and its pages can be searched as the contents of a file.

use std::collections::BTreeSet;

use bstr::BString;

use super::Memory;
use super::object::Wanted;
use crate::images::{Images, Kind};
use crate::model::Model;
use crate::warning::{Code, Place};

/// Names them, and returns the pages images none of whose bytes belong to an address.
pub(super) fn note(memory: &Memory, images: Images<'_>, model: &Model, wanted: &Wanted) -> BTreeSet<BString> {
    let mapped = mapped(memory, model);
    if images.has(Kind::Pstree, 0) && knows_shared(memory, model) {
        note_shared(images, model, wanted);
    }
    let used = memory.objects.used(|number| mapped.as_ref().is_none_or(|mapped| mapped.contains(&number)));
    let mut left = BTreeSet::new();
    for kind in [Kind::Pages, Kind::PagesFramed, Kind::ShmPagesOld] {
        for (number, member) in images.set.of_kind(images.archive, kind) {
            let file = images.archive.resolve(member).unwrap_or(member);
            if file.size == 0 || used.contains(&file.path) {
                continue;
            }
            // Images claimed by several pagemaps, and images stored twice, have a warning already. Before pagemaps
            // existed, images of shared memory were not named by any.
            if kind != Kind::ShmPagesOld && !memory.objects.is_claimed(number) {
                images.warnings.push(Code::ImageOrphaned, Place::member(&member.path), || {
                    "no pagemap of this dump names this image; its pages belong to no address".to_owned()
                });
            }
            // Bytes in frames have no readable text. If the image has a twin that is used, that was noted already.
            if kind != Kind::PagesFramed || !memory.objects.is_claimed(number) {
                left.insert(file.path.clone());
            }
        }
    }
    left
}

/// The shared objects of known mappings; `None` if all mappings are known, so that the others are files.
fn mapped(memory: &Memory, model: &Model) -> Option<BTreeSet<u64>> {
    let mut living = model.processes().iter().filter(|process| !process.is_zombie());
    if memory.nameless().is_empty() && living.all(|process| process.mm.is_some()) {
        return None;
    }
    let spaces = model.processes().iter().filter_map(|process| memory.space(process, model));
    Some(spaces.flat_map(|space| space.mm().vmas.iter().filter_map(move |vma| space.shared_object(vma))).collect())
}

/// Whether everything that may refer to shared memory is known.
fn knows_shared(memory: &Memory, model: &Model) -> bool {
    let mut living = model.processes().iter().filter(|process| !process.is_zombie());
    living.all(|process| {
        let Some(space) = memory.space(process, model) else { return false };
        let is_memfd = |vma: &&crate::model::vma::Vma| vma.status.contains(crate::model::vma::Status::MEMFD);
        space.mm().vmas.iter().filter(is_memfd).all(|vma| space.shared_object(vma).is_some())
    })
}

fn note_shared(images: Images<'_>, model: &Model, wanted: &Wanted) {
    let mut known: BTreeSet<u64> = wanted.shared.iter().copied().collect();
    // Empty memfds have no pages to want.
    known.extend(model.files().memfds().map(|inode| u64::from(inode.shmid())));
    for (number, member) in images.set.of_kind(images.archive, Kind::ShmemPagemap) {
        if !known.contains(&number) {
            images.warnings.push(Code::ImageOrphaned, Place::member(&member.path), || {
                let time = member.mtime.map_or_else(String::new, |time| format!(", written {time}"));
                format!(
                    "no mapping, memfd or segment of this dump has the number {number}; the image is left over from an earlier dump{time} and was ignored"
                )
            });
        }
    }
}
