//! 64-bit Arm. Source: the kernel's `arch/arm64/include/uapi/asm/ptrace.h`.

use super::encode::{Class, Encoder};
use super::note::{CORE, LINUX, NT_PRFPREG, Note};
use crate::images::proto::{CoreEntry, UserAarch64FpsimdContextEntry};

const NT_ARM_TLS: u32 = 0x401;

/// `user_pt_regs`.
pub(super) const GENERAL: [&str; 34] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
    "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp", "pc", "pstate",
];

pub(super) fn others(core: &CoreEntry) -> Vec<Note> {
    let Some(info) = &core.ti_aarch64 else { return Vec::new() };
    let fp = info.fpsimd.as_ref().map(|fp| Note { name: CORE, kind: NT_PRFPREG, body: fpsimd(fp) });
    let tls = info.tls.map(|tls| Note { name: LINUX, kind: NT_ARM_TLS, body: tls.to_le_bytes().to_vec() });
    fp.into_iter().chain(tls).collect()
}

/// `user_fpsimd_state`: 32 registers of 128 bits, each stored in two halves, low half first.
fn fpsimd(fp: &UserAarch64FpsimdContextEntry) -> Vec<u8> {
    let mut out = Encoder::new(Class::Wide);
    for &n in &fp.vregs {
        out.u64(n);
    }
    out.pad_to(512);
    out.u32(fp.fpsr());
    out.u32(fp.fpcr());
    out.pad_to(528);
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_registers_take_528_bytes() {
        let fp = UserAarch64FpsimdContextEntry { vregs: vec![9; 64], fpsr: Some(1), fpcr: Some(2) };
        let image = fpsimd(&fp);
        assert_eq!((image.len(), image[504], image[512], image[516]), (528, 9, 1, 2));
        assert_eq!(fpsimd(&UserAarch64FpsimdContextEntry::default()).len(), 528);
    }
}
