//! z/Architecture. The stack pointer is general register 15; the thread pointer is in access registers 0 and 1.

use super::{Address, Registers, named, numbered};
use crate::images::proto::ThreadInfoS390;

const GENERAL: [&str; 16] = [
    "gpr0", "gpr1", "gpr2", "gpr3", "gpr4", "gpr5", "gpr6", "gpr7", "gpr8", "gpr9", "gpr10", "gpr11", "gpr12", "gpr13",
    "gpr14", "gpr15",
];
const ACCESS: [&str; 16] = [
    "acr0", "acr1", "acr2", "acr3", "acr4", "acr5", "acr6", "acr7", "acr8", "acr9", "acr10", "acr11", "acr12", "acr13",
    "acr14", "acr15",
];

pub(super) fn read(info: &ThreadInfoS390) -> Option<Registers> {
    let regs = info.gpregs.as_ref()?;
    let access: Vec<u64> = regs.acrs.iter().copied().map(u64::from).collect();
    let mut general = named!(regs; psw_mask, psw_addr);
    general.extend(numbered(&GENERAL, &regs.gprs));
    general.extend(numbered(&ACCESS, &access));
    general.extend(named!(regs; orig_gpr2, system_call));
    let tls = access.first().zip(access.get(1)).map(|(high, low)| Address(high << 32 | low));
    Some(Registers {
        general,
        instruction_pointer: regs.psw_addr.map(Address),
        stack_pointer: regs.gprs.get(15).copied().map(Address),
        tls,
        compat: false,
    })
}
