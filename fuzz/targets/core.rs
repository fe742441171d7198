//! Core files for debuggers, and the view of `/proc`: what is made of registers, mappings and the auxiliary vector.

use std::io::sink;

use cryoscope::images::Kind;
use cryoscope::images::proto::{CoreEntry, MmEntry};
use cryoscope::memory::Keep;
use cryoscope::{elfcore, proc_view};
use prost::Message;

use super::parts::{image_of, least, part, read_tables};

/// The registers and all else of a thread, as long as the first two bytes say, and what follows as the address space.
pub fn run(data: &[u8]) {
    let [low, high, rest @ ..] = data else { return };
    let core = rest.get(..usize::from(u16::from_le_bytes([*low, *high]))).unwrap_or(rest);
    let mm = &rest[core.len()..];
    let files = ["checkpoint/files.img", "checkpoint/pagemap-1.img", "checkpoint/pages-1.img"];
    let files = files.map(|name| (name, part(name)));
    let core = image_of(Kind::Core, &[(core, &[])]);
    let mm_image = image_of(Kind::Mm, &[(mm, &[])]);
    let [table, pagemap, pages] = files;
    let own = [("checkpoint/core-1.img", core.as_slice()), ("checkpoint/mm-1.img", mm_image.as_slice())];
    let archive = least(&[table, pagemap, pages, own[0], own[1]]);
    // Holes would be written out, and mappings may claim to be as large as the address space.
    let claimed = MmEntry::decode(mm).map_or(0, |mm| {
        mm.vmas.iter().map(|vma| vma.end().saturating_sub(vma.start())).fold(0, u64::saturating_add)
    });
    for checkpoint in read_tables(&archive, Keep::Memory, &["process_memory_map", "memory_sizes"]) {
        std::hint::black_box(proc_view::files(&checkpoint).map(|file| file.path.len()).sum::<usize>());
        for process in checkpoint.model().processes() {
            if claimed < 4 << 20 {
                let _ = elfcore::write(&checkpoint, process, &mut sink());
            }
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let (core, mm) = (&part("checkpoint/core-1.img")[12..], &part("checkpoint/mm-1.img")[12..]);
    let mut small = MmEntry::decode(mm).expect("a record of the reference");
    small.vmas.retain(|vma| vma.end().saturating_sub(vma.start()) < 1 << 20);
    let len = u16::try_from(core.len()).expect("short").to_le_bytes();
    let mut seeds = vec![[&len, core, mm].concat(), [&len, core, &small.encode_to_vec()].concat()];
    // The same registers claimed for other machines, whose own are then missing.
    for machine in 2..9_i32 {
        let mut other = CoreEntry::decode(core).expect("a record of the reference");
        other.mtype = Some(machine);
        let core = other.encode_to_vec();
        let len = u16::try_from(core.len()).expect("short").to_le_bytes();
        seeds.push([&len, core.as_slice(), &small.encode_to_vec()].concat());
    }
    seeds
}
