//! Pages that should be in a parent dump: which dump was read for them, and why they are missing.

use std::collections::BTreeMap;

use bstr::{BStr, BString, ByteSlice as _};

use super::object::Layer;
use crate::archive::MemberKind;
use crate::images::{MOST_DUMPS, Parent, join};
use crate::warning::{Code, Place};

/// Most directories named in a message.
const NAMED: usize = 3;

/// Notes if a parent dump was read that is not the one the link leads to.
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
                    "a link to {target}, which is not in this archive; read {folder} instead, which has the same name"
                )
            });
        }
    }
}

/// Warns about missing pages. `missing` has their bytes by the position in the chain of the dump that should have them.
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

/// The parent dump is there, but its pagemaps do not have the pages.
fn lacking(layer: &Layer<'_>, before: &Layer<'_>, count: u64) -> String {
    let set = &before.images.set.folder;
    let folder = if set.is_empty() { BStr::new("the root directory") } else { set.as_bstr() };
    let whose = if layer.is_with(before) { "in this archive" } else { "given as a parent" };
    format!(
        "{count} pages should be in the parent dump {whose} ({folder}), but its pagemaps do not have them; they are not available"
    )
}

/// The parent dump is not there.
fn absent(layers: &[Layer<'_>], layer: &Layer<'_>, count: u64) -> String {
    let is_known =
        |folder: &BString| layers.iter().any(|known| known.is_with(layer) && known.images.set.folder == *folder);
    let said = format!("{count} pages are in a parent dump");
    if layers.len() >= MOST_DUMPS {
        return format!("{said}, but only {MOST_DUMPS} dumps of a chain are read; they are not available");
    }
    match layer.candidates.as_slice() {
        [] => {}
        [one] if layer.images.set.parent().is_none() => {
            return format!(
                "{said} that no link names; it may be {one} in this archive: to use that, give the archive as its own parent, too; the pages are not available"
            );
        }
        several => {
            let names = several.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let more = if several.len() > NAMED { " and others" } else { "" };
            let why = match layer.images.set.parent() {
                Some(Parent::Folder(target) | Parent::Outside(target)) => {
                    format!("its link leads to {target}, which is not in this archive, and {} dumps", several.len())
                }
                None => format!("no link names it, and {} earlier dumps", several.len()),
            };
            return format!(
                "{said}, but {why} in this archive may be it ({names}{more}); unpack the right one and give its directory as a parent; they are not available"
            );
        }
    }
    let whence = match layer.images.set.parent() {
        Some(Parent::Folder(folder)) if is_known(folder) => {
            return format!("{said}, but its link leads back to {folder}; they are not available");
        }
        Some(Parent::Folder(folder)) if has_files(layer, folder) => {
            return format!("{said} ({folder}), but it has no pagemaps; they are not available");
        }
        Some(Parent::Folder(folder) | Parent::Outside(folder)) => folder.as_bstr(),
        None => BStr::new("no link names it"),
    };
    format!("{count} pages are in a parent dump ({whence}) that is not in this archive; they are not available")
}

/// Whether a directory contains any file.
fn has_files(layer: &Layer<'_>, folder: &BString) -> bool {
    layer.archive.members().iter().any(|member| member.kind == MemberKind::File && member.folder() == folder.as_slice())
}

fn link_of(layer: &Layer<'_>) -> Place {
    Place::member(join(layer.images.set.folder.as_bstr(), b"parent"))
}

impl Layer<'_> {
    /// Whether two dumps are in the same archive.
    fn is_with(&self, other: &Layer<'_>) -> bool {
        std::sync::Arc::ptr_eq(self.archive, other.archive)
    }
}
