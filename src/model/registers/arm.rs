//! 32-bit arm.

use super::{Address, Registers, named};
use crate::images::proto::ThreadInfoArm;

pub(super) fn read(info: &ThreadInfoArm) -> Option<Registers> {
    let regs = info.gpregs.as_ref()?;
    let general = named!(
        regs; r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, fp, ip, sp, lr, pc, cpsr, orig_r0
    );
    Some(Registers {
        general,
        instruction_pointer: regs.pc.map(|n| Address(n.into())),
        stack_pointer: regs.sp.map(|n| Address(n.into())),
        tls: info.tls.map(|n| Address(n.into())),
        compat: false,
    })
}
