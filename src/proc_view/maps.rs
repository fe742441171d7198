//! `/proc/PID/maps`.

use super::{Task, text};
use crate::abi::arch::Arch;
use crate::tables::{Mapping, mappings_of};

/// Minimum width of the fields before the path. Source: the kernel's `fs/proc/task_mmu.c`, `show_vma_header_prefix`.
fn width(word: usize) -> usize {
    25 + 6 * word - 1
}

/// Since Linux 6.13, x86 prints the pages of the virtual clocks as an area of their own, after the others. CRIU merges
/// the two. No kernel has a single area of this length.
const VVAR_WITH_CLOCKS: u64 = 0x6000;
const VVAR: u64 = 0x4000;

pub(super) fn write(task: &Task<'_>) -> Option<Vec<u8>> {
    task.process.mm.as_ref()?;
    // A 32-bit kernel has shorter words. A 32-bit program on a 64-bit kernel sees the kernel's word size.
    let word = if task.process.arch().is_some_and(Arch::is_32_bit) { 4 } else { 8 };
    let x86 = task.process.arch() == Some(Arch::X86_64);
    let mut out = Vec::new();
    for mapping in mappings_of(task.checkpoint, task.process) {
        let (start, end) = (mapping.start.0, mapping.end.0);
        if x86 && mapping.kind == "vvar" && end.saturating_sub(start) == VVAR_WITH_CLOCKS {
            let middle = start.saturating_add(VVAR);
            line(&mut out, word, start, middle, &mapping, b"[vvar]");
            line(&mut out, word, middle, end, &mapping, b"[vvar_vclock]");
        } else {
            line(&mut out, word, start, end, &mapping, &mapping.path);
        }
    }
    Some(out)
}

fn line(out: &mut Vec<u8>, word: usize, start: u64, end: u64, mapping: &Mapping, path: &[u8]) {
    let begin = out.len();
    let device = mapping.device.unwrap_or("00:00");
    let Mapping { permissions, offset, inode, .. } = mapping;
    let inode = inode.unwrap_or(0);
    out.extend_from_slice(format!("{start:08x}-{end:08x} {permissions} {offset:08x} {device} {inode} ").as_bytes());
    if !path.is_empty() {
        let written = out.len() - begin;
        out.resize(begin + written.max(width(word)), b' ');
        out.push(b' ');
        text::octal(out, path, b"\n");
    }
    out.push(b'\n');
}
