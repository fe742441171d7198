//! Address spaces: runs of pages and mappings, four bytes each, over pages of few different bytes.

use cryoscope::images::Kind;
use cryoscope::images::proto::{PagemapEntry, PagemapHead, VmaEntry};
use cryoscope::memory::Keep;
use prost::Message;

use super::look::look;
use super::parts::{parts, read, with};

pub fn run(data: &[u8]) {
    let framed = |image: &mut Vec<u8>, message: &[u8]| {
        image.extend(u32::try_from(message.len()).unwrap_or(0).to_le_bytes());
        image.extend_from_slice(message);
    };
    let head = |magic: Option<u32>| [0x5456_4319_u32.to_le_bytes(), magic.unwrap_or_default().to_le_bytes()].concat();
    let Some((_, mm)) = parts().iter().find(|(name, _)| name == "checkpoint/mm-1.img") else { return };
    let mut entry = cryoscope::images::proto::MmEntry::decode(&mm[12..]).expect("a record of the reference");
    entry.vmas.clear();
    let mut pagemap = head(Kind::Pagemap.magic());
    framed(&mut pagemap, &PagemapHead { pages_id: Some(1) }.encode_to_vec());
    for bytes in data.chunks_exact(4) {
        let [what, page, len, more] = [bytes[0], bytes[1], bytes[2], bytes[3]].map(u64::from);
        let start = match more & 7 {
            0 => u64::MAX - (page << 12),
            1 => page << 56,
            2 => (page << 12) | 1,
            _ => 0x10000 + (page << 12),
        };
        let count = if more & 0x70 == 0x70 { 1 << (len & 63) } else { len & 15 };
        if what & 1 == 0 {
            let flags = Some(u32::from(bytes[0] >> 1));
            let run = PagemapEntry { vaddr: Some(start), nr_pages: Some(count), flags, ..Default::default() };
            framed(&mut pagemap, &run.encode_to_vec());
        } else {
            entry.vmas.push(VmaEntry {
                start: Some(start),
                end: Some(start.wrapping_add(count.wrapping_shl(12))),
                flags: Some(if what & 2 == 0 { 0x22 } else { 0x21 }),
                status: Some(u32::from(bytes[0]) << 1 | 1),
                prot: Some(3),
                shmid: Some(2055),
                fd: Some(-1),
                pgoff: Some(page & 3),
                ..Default::default()
            });
        }
    }
    let mut image = head(Kind::Mm.magic());
    framed(&mut image, &entry.encode_to_vec());
    let pages: Vec<u8> =
        (0_u32..40_000).map(|n| b"ab\0c"[usize::from(n % 7 == 0) + usize::from(n % 13 == 0)]).collect();
    let archive = with(&[
        ("checkpoint/mm-1.img", &image),
        ("checkpoint/pagemap-1.img", &pagemap),
        ("checkpoint/pages-1.img", &pages),
    ]);
    for checkpoint in read(&archive, Keep::Memory) {
        look(&checkpoint);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let run = [3, 0, 9, 8, 2, 0, 3, 8, 8, 4, 2, 8, 2, 7, 1, 8];
    vec![
        run.to_vec(),
        [&run[..], &[5, 40, 2, 8, 7, 60, 2, 8]].concat(),
        vec![2, 0, 255, 0x78, 3, 1, 40, 0x71, 2, 1, 1, 2],
    ]
}
