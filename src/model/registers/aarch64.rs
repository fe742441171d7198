//! 64-bit arm.

use super::{Address, Registers, named, numbered};
use crate::images::proto::ThreadInfoAarch64;

const NAMES: [&str; 31] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
    "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30",
];

pub(super) fn read(info: &ThreadInfoAarch64) -> Option<Registers> {
    let regs = info.gpregs.as_ref()?;
    let mut general = numbered(&NAMES, &regs.regs);
    general.extend(named!(regs; sp, pc, pstate));
    Some(Registers {
        general,
        instruction_pointer: regs.pc.map(Address),
        stack_pointer: regs.sp.map(Address),
        tls: info.tls.map(Address),
        compat: false,
    })
}
