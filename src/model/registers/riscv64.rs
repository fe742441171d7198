//! 64-bit risc-v.

use super::{Address, Registers, named};
use crate::images::proto::ThreadInfoRiscv64;

pub(super) fn read(info: &ThreadInfoRiscv64) -> Option<Registers> {
    let regs = info.gpregs.as_ref()?;
    let general = named!(
        regs; pc, ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5, a6, a7, s2, s3, s4, s5, s6, s7, s8, s9, s10,
        s11, t3, t4, t5, t6
    );
    Some(Registers {
        general,
        instruction_pointer: regs.pc.map(Address),
        stack_pointer: regs.sp.map(Address),
        tls: regs.tp.map(Address),
        compat: false,
    })
}
