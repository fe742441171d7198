//! x86: 64-bit threads, and 32-bit threads in the same fields.

use super::{Address, Registers, named};
use crate::images::proto::{ThreadInfoX86, UserX86RegsMode};

/// The first of the three entries in the thread's descriptor table that hold the thread pointers of 32-bit programs.
const TLS_ENTRY: u32 = 12;

pub(super) fn read(info: &ThreadInfoX86) -> Option<Registers> {
    let regs = info.gpregs.as_ref()?;
    let compat = regs.mode() == UserX86RegsMode::Compat;
    let tls = if compat {
        info.tls.iter().find(|d| d.entry_number == Some(TLS_ENTRY)).and_then(|d| d.base_addr).map(u64::from)
    } else {
        regs.fs_base
    };
    let general = named!(
        regs; r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss, fs_base,
        gs_base, ds, es, fs, gs
    );
    Some(Registers {
        general,
        instruction_pointer: regs.ip.map(Address),
        stack_pointer: regs.sp.map(Address),
        tls: tls.map(Address),
        compat,
    })
}
