//! Deleted files that are mapped: CRIU keeps their contents in ghost images, whole or in chunks.

use std::collections::BTreeSet;

use super::object::{Layer, Reader};
use crate::images::proto::{GhostChunkEntry, GhostFileEntry};
use crate::images::{Kind, decode};
use crate::int::u64_of;
use crate::model::Model;
use crate::model::file::Remap;

/// A piece of a deleted file: offset in the file, bytes, offset in the image.
pub(super) type Piece = (u64, u64, u64);

/// Adds the contents of all deleted files that some process maps.
pub(super) fn add(reader: &mut Reader<'_>, layer: &Layer<'_>, model: &Model) {
    let vmas = model.processes().iter().filter_map(|process| process.mm.as_ref()).flat_map(|mm| &mm.vmas);
    let mapped: BTreeSet<u64> = vmas
        .filter_map(|vma| match model.files().remap(vma.file()?)? {
            Remap::Ghost(number) => Some(number),
            Remap::Linked(_) | Remap::Procfs(_) => None,
        })
        .collect();
    for number in mapped {
        if let Some(member) = layer.images.set.find(layer.images.archive, Kind::GhostFile, number) {
            reader.add_ghost(layer, number, member, &pieces(layer, number));
        }
    }
}

fn pieces(layer: &Layer<'_>, number: u64) -> Vec<Piece> {
    let images = layer.images;
    let Some(image) = images.open(Kind::GhostFile, number) else { return Vec::new() };
    let mut size = u64::MAX;
    let mut pieces: Vec<Piece> = Vec::new();
    for record in image.records(images.limits, images.warnings) {
        let place = || image.place_of(&record);
        let offset = record.offset.saturating_add(4).saturating_add(u64_of(record.message.len()));
        let len = u64_of(record.payload.len());
        if record.number == 0 {
            let Some(head) = decode::<GhostFileEntry>(record.message, place, images.warnings) else { break };
            size = head.size.unwrap_or(u64::MAX);
            pieces.push((0, len, offset));
        } else if let Some(chunk) = decode::<GhostChunkEntry>(record.message, place, images.warnings) {
            // Extents are rounded to blocks and may run past the end of the file.
            pieces.push((chunk.off(), len.min(size.saturating_sub(chunk.off())), offset));
        }
    }
    pieces.retain(|&(at, len, _)| len > 0 && at.checked_add(len).is_some());
    pieces.sort_unstable();
    let mut end = 0;
    // Of chunks that overlap, the first counts.
    pieces.retain(|&(at, len, _)| {
        let fits = at >= end;
        end = if fits { at.saturating_add(len) } else { end };
        fits
    });
    pieces
}
