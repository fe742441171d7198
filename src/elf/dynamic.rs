//! The dynamic section: what the dynamic loader is told.

use goblin::container::Ctx;
use goblin::elf::dynamic::{DT_STRSZ, DT_STRTAB, Dyn};
use scroll::Pread as _;

use super::Bytes;
use crate::int::{u64_of, usize_of};

/// Most entries that are read. Real ones have about thirty, and one for each needed library.
const ENTRIES: u64 = 4096;

/// The entries at a place up to the empty one. `None` if they are not all known.
pub(super) fn read(bytes: &Bytes<'_>, context: Ctx, at: u64, len: u64) -> Option<Vec<Dyn>> {
    let size = u64_of(Dyn::size(context.container));
    let number = len.checked_div(size).unwrap_or(0).min(ENTRIES);
    let table = bytes.get(at, number.saturating_mul(size))?;
    let read = |part: &[u8]| part.pread_with::<Dyn>(0, context).ok();
    Some(table.chunks_exact(usize_of(size).max(1)).map_while(read).take_while(|entry| entry.d_tag != 0).collect())
}

/// Whether a dynamic section begins at a place: it has a table of strings, and only tags that there are.
pub(super) fn begins_at(bytes: &Bytes<'_>, context: Ctx, at: u64) -> bool {
    const LOOK: usize = 64;
    let size = Dyn::size(context.container).max(1);
    let read = |part: &[u8]| part.pread_with::<Dyn>(0, context).ok();
    let entries = bytes.from(at).chunks_exact(size).take(LOOK).map_while(read).take_while(|entry| entry.d_tag != 0);
    let is_known = |tag: u64| tag < 0x40 || (0x6000_0000..=0x7fff_ffff).contains(&tag);
    let mut seen = (false, false);
    for entry in entries {
        if !is_known(entry.d_tag) {
            return false;
        }
        seen = (seen.0 || entry.d_tag == DT_STRTAB, seen.1 || entry.d_tag == DT_STRSZ);
    }
    seen == (true, true)
}
