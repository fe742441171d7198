//! Pointers into executable memory that are no functions: chunks of the allocator, and what was left pointing to zeros.

use super::code::bytes_at;
use super::stacks::words;
use crate::memory::AddressSpace;
use crate::tables::Mapping;

/// Bytes of a target that must all be zeros. Fewer could be run through.
const ZEROS: usize = 64;
/// Bytes of the header of a chunk.
const HEADER: u64 = 32;

/// Whether a pointer at `slot` in data leads to nothing that could be called.
pub(super) fn is_no_call(space: &AddressSpace<'_>, data: &Mapping, slot: u64, target: u64) -> bool {
    let bytes = bytes_at(space, target, 64);
    bytes.len() == ZEROS && bytes.iter().all(|&byte| byte == 0) || is_chunk(&bytes, data.start.0..data.end.0, slot)
}

/// Whether the bytes at a target are a free chunk of glibc's allocator, and the slot is the bin that the chunk is in: the
/// chunk points back to it. Such a slot is never called. Before the first bin is the pointer to the last remainder, which is
/// often the same.
fn is_chunk(bytes: &[u8], data: std::ops::Range<u64>, slot: u64) -> bool {
    let Some(header) = bytes.get(..crate::int::usize_of(HEADER)) else { return false };
    let mut fields = words(0, header, 8).map(|(_, value)| value);
    let (Some(_), Some(size), Some(forward), Some(back)) = (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return false;
    };
    let is_size = size & 0b1000 == 0 && (HEADER..1 << 40).contains(&(size & !0b1111));
    // A bin is used as if it were a chunk whose pointers are the bin.
    let points_back = back.checked_add(16) == Some(slot) && data.contains(&back)
        || forward.checked_add(24) == Some(slot) && data.contains(&forward)
        || back.checked_add(8) == Some(slot) && back == forward && data.contains(&back);
    is_size && points_back
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(fields: [u64; 4]) -> Vec<u8> {
        fields.iter().flat_map(|field| field.to_le_bytes()).collect()
    }

    #[test]
    fn a_chunk_points_back_to_its_bin() {
        let data = || 0x7000..0x9000_u64;
        let alone = chunk([0, 0x541, 0x8000, 0x8000]);
        assert!([0x8008, 0x8010, 0x8018].iter().all(|&slot| is_chunk(&alone, data(), slot)));
        assert!(is_chunk(&chunk([0, 0x541, 0x5000, 0x8000]), data(), 0x8010));
        for (bytes, slot) in [
            (alone.clone(), 0x8020),
            (chunk([0, 0x541, 0x5000, 0x8000]), 0x8008),
            (chunk([0, 0x549, 0x8000, 0x8000]), 0x8010),
            (chunk([0, 0, 0x8000, 0x8000]), 0x8010),
            (chunk([0, 0x541, 0x9000, 0x9000]), 0x9010),
            (vec![0x90; 64], 0x8010),
            (Vec::new(), 0x8010),
        ] {
            assert!(!is_chunk(&bytes, data(), slot), "{bytes:x?} {slot:x}");
        }
    }
}
