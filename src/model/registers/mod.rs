//! General-purpose registers of a thread, by architecture. The names are those of the kernel's `user_regs_struct`.

mod aarch64;
mod arm;
mod loongarch64;
mod mips;
mod ppc64;
mod riscv64;
mod s390;
mod x86;

use super::ids::Address;
use crate::images::proto::CoreEntry;

/// Registers of a thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// Names and values, in the order of the image.
    pub general: Vec<(&'static str, u64)>,
    /// Instruction pointer.
    pub instruction_pointer: Option<Address>,
    /// Stack pointer.
    pub stack_pointer: Option<Address>,
    /// Thread pointer (thread-local storage).
    pub tls: Option<Address>,
    /// Whether the thread runs in the 32-bit mode of a 64-bit machine.
    pub compat: bool,
}

impl Registers {
    /// The registers of a core image; `None` if it has none (zombies, damage).
    pub fn from_core(core: &CoreEntry) -> Option<Self> {
        let x86 = || core.thread_info.as_ref().and_then(x86::read);
        let aarch64 = || core.ti_aarch64.as_ref().and_then(aarch64::read);
        let arm = || core.ti_arm.as_ref().and_then(arm::read);
        let ppc64 = || core.ti_ppc64.as_ref().and_then(ppc64::read);
        let s390 = || core.ti_s390.as_ref().and_then(s390::read);
        let mips = || core.ti_mips.as_ref().and_then(mips::read);
        let loongarch64 = || core.ti_loongarch64.as_ref().and_then(loongarch64::read);
        let riscv64 = || core.ti_riscv64.as_ref().and_then(riscv64::read);
        x86()
            .or_else(aarch64)
            .or_else(arm)
            .or_else(ppc64)
            .or_else(s390)
            .or_else(mips)
            .or_else(loongarch64)
            .or_else(riscv64)
    }

    /// The value of the register with a name.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.general.iter().find(|(n, _)| *n == name).map(|&(_, value)| value)
    }
}

/// The fields of a message that are registers: `named!(entry; r15, r14, …)`. Missing ones are skipped.
macro_rules! named {
    ($entry:expr; $($field:ident),+ $(,)?) => {
        [$((stringify!($field), $entry.$field.map(u64::from))),+]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect::<Vec<(&'static str, u64)>>()
    };
}
use named;

/// Names a numbered list of registers. Values without a name are skipped.
fn numbered(names: &'static [&'static str], values: &[u64]) -> Vec<(&'static str, u64)> {
    names.iter().copied().zip(values.iter().copied()).collect()
}
