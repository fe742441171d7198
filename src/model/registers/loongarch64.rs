//! 64-bit loongarch. The stack pointer is register 3.

use super::{Address, Registers, named, numbered};
use crate::images::proto::ThreadInfoLoongarch64;

const NAMES: [&str; 32] = [
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "r16", "r17",
    "r18", "r19", "r20", "r21", "r22", "r23", "r24", "r25", "r26", "r27", "r28", "r29", "r30", "r31",
];

pub(super) fn read(info: &ThreadInfoLoongarch64) -> Option<Registers> {
    let regs = info.gpregs.as_ref()?;
    let mut general = numbered(&NAMES, &regs.regs);
    general.extend(named!(regs; pc));
    Some(Registers {
        general,
        instruction_pointer: regs.pc.map(Address),
        stack_pointer: regs.regs.get(3).copied().map(Address),
        tls: info.tls.map(Address),
        compat: false,
    })
}
