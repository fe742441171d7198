//! 64-bit mips. The stack pointer is register 29.

use super::{Address, Registers, named};
use crate::images::proto::ThreadInfoMips;

pub(super) fn read(info: &ThreadInfoMips) -> Option<Registers> {
    let regs = info.gpregs.as_ref()?;
    let general = named!(
        regs; r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15, r16, r17, r18, r19, r20, r21, r22,
        r23, r24, r25, r26, r27, r28, r29, r30, r31, lo, hi, cp0_epc, cp0_badvaddr, cp0_status, cp0_cause
    );
    Some(Registers {
        general,
        instruction_pointer: regs.cp0_epc.map(Address),
        stack_pointer: regs.r29.map(Address),
        tls: info.tls.map(Address),
        compat: false,
    })
}
