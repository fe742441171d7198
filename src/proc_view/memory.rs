//! Sums over mappings, as printed in `status` and `stat`.

#![deny(clippy::arithmetic_side_effects)]

use crate::abi::arch::Arch;
use crate::abi::mapping;
use crate::model::process::Mm;
use crate::model::vma::{Status, Vma};

/// `PROT_WRITE` and `PROT_EXEC`.
const WRITE: u32 = 2;
const EXEC: u32 = 4;
/// `MAP_GROWSDOWN`.
const GROWS_DOWN: u32 = 0x100;
const GROWS_DOWN_MIPS: u32 = 0x1000;
/// `MAP_LOCKED`.
const LOCKED: u32 = 0x2000;
const LOCKED_MIPS: u32 = 0x8000;
const LOCKED_POWER: u32 = 0x80;

/// Sizes of an address space in bytes. Source: the kernel's `fs/proc/task_mmu.c`, `task_mem`, and `mm/mmap.c`,
/// `vm_stat_account`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) total: u64,
    pub(super) locked: u64,
    pub(super) data: u64,
    pub(super) stack: u64,
    pub(super) text: u64,
    pub(super) libraries: u64,
}

impl Sizes {
    pub(super) fn of(mm: &Mm, arch: Option<Arch>, page_size: u64) -> Self {
        let (grows_down, locked) = match arch {
            Some(Arch::Mips) => (GROWS_DOWN_MIPS, LOCKED_MIPS),
            Some(Arch::Ppc64) => (GROWS_DOWN, LOCKED_POWER),
            _ => (GROWS_DOWN, LOCKED),
        };
        let mut sizes = Sizes::default();
        let mut executable = 0_u64;
        // The vsyscall area belongs to the kernel and is not counted.
        for vma in mm.vmas.iter().filter(|vma| !vma.status.contains(Status::VSYSCALL)) {
            // Overlapping mappings may add up to more than an address space.
            let add = |sum: &mut u64| *sum = sum.saturating_add(vma.len());
            add(&mut sizes.total);
            if vma.flags & locked != 0 {
                add(&mut sizes.locked);
            }
            match Class::of(vma, grows_down) {
                Class::Executable => add(&mut executable),
                Class::Stack => add(&mut sizes.stack),
                Class::Data => add(&mut sizes.data),
                Class::Other => {}
            }
        }
        let (start, end) = (mm.entry.mm_start_code(), mm.entry.mm_end_code());
        let mask = page_size.saturating_sub(1);
        let code = (end.saturating_add(mask) & !mask).saturating_sub(start & !mask);
        sizes.text = code.min(executable);
        sizes.libraries = executable.saturating_sub(sizes.text);
        sizes
    }
}

enum Class {
    Executable,
    Stack,
    Data,
    Other,
}

impl Class {
    fn of(vma: &Vma, grows_down: u32) -> Self {
        let shared = vma.flags & mapping::SHARED != 0;
        let stack = vma.flags & grows_down != 0 || vma.status.contains(Status::SHSTK);
        if vma.prot & EXEC != 0 && vma.prot & WRITE == 0 && !stack {
            Class::Executable
        } else if stack {
            Class::Stack
        } else if vma.prot & WRITE != 0 && !shared {
            Class::Data
        } else {
            Class::Other
        }
    }
}
