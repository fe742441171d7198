//! Pages that are said to be in an earlier dump: which dump was read for them, and why they are not there.

use std::collections::BTreeMap;

use bstr::{BStr, BString, ByteSlice as _};

use super::object::Layer;
use crate::archive::MemberKind;
use crate::images::{Parent, join};
use crate::warning::{Code, Place};

/// Folders that a message names.
const NAMED: usize = 3;

/// Notes where an earlier dump of the archive was read that the link does not lead to.
pub(super) fn note_found(layers: &[Layer<'_>]) {
    for [layer, before] in layers.array_windows::<2>() {
        let target = match layer.images.set.parent() {
            Some(Parent::Folder(folder)) if *folder == before.images.set.folder => continue,
            Some(Parent::Folder(target) | Parent::Outside(target)) => target,
            None => continue,
        };
        if layer.is_with(before) {
            layer.images.warnings.push(Code::MemberLinked, link_of(layer), || {
                let folder = &before.images.set.folder;
                format!(
                    "a link to {target}, which is not in this archive; {folder} has that name and is read in its place"
                )
            });
        }
    }
}

/// Warns of pages that are not here: `missing` has the bytes by the place in the chain of the dump that should have them.
pub(super) fn warn(layers: &[Layer<'_>], missing: &BTreeMap<usize, u64>, page_size: u64) {
    for (&number, &bytes) in missing {
        let Some(layer) = number.checked_sub(1).and_then(|number| layers.get(number)) else { continue };
        let count = bytes.checked_div(page_size).unwrap_or_default();
        layer.images.warnings.push(Code::ParentMissing, link_of(layer), || match layers.get(number) {
            Some(before) => lacking(layer, before, count),
            None => absent(layers, layer, count),
        });
    }
}

/// The dump is here, and its pagemaps have no such pages.
fn lacking(layer: &Layer<'_>, before: &Layer<'_>, count: u64) -> String {
    let set = &before.images.set.folder;
    let folder = if set.is_empty() { BStr::new("the root") } else { set.as_bstr() };
    let whose = if layer.is_with(before) { "of this archive" } else { "that was given as parent" };
    format!(
        "{count} pages are said to be in the earlier dump {whose} ({folder}), but its pagemaps lack them; they are not available"
    )
}

/// There is no such dump.
fn absent(layers: &[Layer<'_>], layer: &Layer<'_>, count: u64) -> String {
    let is_known =
        |folder: &BString| layers.iter().any(|known| known.is_with(layer) && known.images.set.folder == *folder);
    let said = format!("{count} pages are said to be in an earlier dump");
    match layer.candidates.as_slice() {
        [] => {}
        [one] if layer.images.set.parent().is_none() => {
            return format!(
                "{said}, and no link says in which; {one} is one that is in this archive: give the archive as its own parent to read it; they are not available"
            );
        }
        several => {
            let names = several.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let more = if several.len() > NAMED { " and others" } else { "" };
            let why = match layer.images.set.parent() {
                Some(Parent::Folder(target) | Parent::Outside(target)) => {
                    format!(
                        "the link to it leads to {target}, which is not in this archive, and {} dumps",
                        several.len()
                    )
                }
                None => format!("no link says in which, and {} earlier dumps", several.len()),
            };
            return format!(
                "{said}, but {why} of this archive may be it ({names}{more}): unpack the one that it is and give its folder as parent; they are not available"
            );
        }
    }
    let whence = match layer.images.set.parent() {
        Some(Parent::Folder(folder)) if is_known(folder) => {
            return format!("{said}, but the link to it leads back to {folder}; they are not available");
        }
        Some(Parent::Folder(folder)) if has_files(layer, folder) => {
            return format!("{said} ({folder}), but no pagemap is there; they are not available");
        }
        Some(Parent::Folder(folder) | Parent::Outside(folder)) => folder.as_bstr(),
        None => BStr::new("a parent that no link names"),
    };
    format!("{count} pages are in an earlier dump ({whence}) that is not in this archive; they are not available")
}

/// Whether a folder has anything in it.
fn has_files(layer: &Layer<'_>, folder: &BString) -> bool {
    layer.archive.members().iter().any(|member| member.kind == MemberKind::File && member.folder() == folder.as_slice())
}

fn link_of(layer: &Layer<'_>) -> Place {
    Place::member(join(layer.images.set.folder.as_bstr(), b"parent"))
}

impl Layer<'_> {
    /// Whether two dumps are of one archive.
    fn is_with(&self, other: &Layer<'_>) -> bool {
        std::sync::Arc::ptr_eq(self.archive, other.archive)
    }
}
