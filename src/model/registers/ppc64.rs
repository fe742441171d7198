//! 64-bit power. The stack pointer is general register 1, the thread pointer 13.

use super::{Address, Registers, named, numbered};
use crate::images::proto::ThreadInfoPpc64;

const NAMES: [&str; 32] = [
    "gpr0", "gpr1", "gpr2", "gpr3", "gpr4", "gpr5", "gpr6", "gpr7", "gpr8", "gpr9", "gpr10", "gpr11", "gpr12", "gpr13",
    "gpr14", "gpr15", "gpr16", "gpr17", "gpr18", "gpr19", "gpr20", "gpr21", "gpr22", "gpr23", "gpr24", "gpr25",
    "gpr26", "gpr27", "gpr28", "gpr29", "gpr30", "gpr31",
];

pub(super) fn read(info: &ThreadInfoPpc64) -> Option<Registers> {
    let regs = info.gpregs.as_ref()?;
    let mut general = numbered(&NAMES, &regs.gpr);
    general.extend(named!(regs; nip, msr, orig_gpr3, ctr, link, xer, ccr, trap, texasr, tfhar, tfiar));
    Some(Registers {
        general,
        instruction_pointer: regs.nip.map(Address),
        stack_pointer: regs.gpr.get(1).copied().map(Address),
        tls: regs.gpr.get(13).copied().map(Address),
        compat: false,
    })
}
