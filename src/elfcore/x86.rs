//! 32-bit x86 programs on 64-bit machines. Sources: the kernel's `arch/x86/include/asm/elf.h`, `user32.h`, and
//! `kernel/fpu/regset.c`, which converts the floating-point registers to their old form.

use super::encode::{Class, Encoder, low};
use super::note::{CORE, LINUX, NT_PRFPREG, Note};
use super::x86_64::{fxsave, xstate_note};
use crate::images::proto::{CoreEntry, UserX86FpregsEntry, UserX86RegsEntry};

const NT_PRXFPREG: u32 = 0x46e6_2b7f;

/// `user_regs_struct32`.
pub(super) const GENERAL: [&str; 17] =
    ["bx", "cx", "dx", "si", "di", "bp", "ax", "ds", "es", "fs", "gs", "orig_ax", "ip", "cs", "flags", "sp", "ss"];

/// Bytes of an FSAVE image.
const FSAVE: usize = 108;

pub(super) fn others(core: &CoreEntry) -> Vec<Note> {
    let Some(info) = &core.thread_info else { return Vec::new() };
    let Some(fp) = &info.fpregs else { return Vec::new() };
    let regs = info.gpregs.unwrap_or_default();
    let mut notes = vec![
        Note { name: CORE, kind: NT_PRFPREG, body: fsave(fp, &regs) },
        Note { name: LINUX, kind: NT_PRXFPREG, body: fxsave(fp) },
    ];
    notes.extend(xstate_note(fp));
    notes
}

/// An FSAVE image (`user_i387_ia32_struct`).
fn fsave(fp: &UserX86FpregsEntry, regs: &UserX86RegsEntry) -> Vec<u8> {
    const HIGH: u32 = 0xffff_0000;
    let mut out = Encoder::new(Class::Narrow);
    out.u32(fp.cwd() | HIGH);
    out.u32(fp.swd() | HIGH);
    out.u32(tags(fp) | HIGH);
    out.u32(low(fp.rip()));
    out.u32(low(regs.cs()));
    out.u32(low(fp.rdp()));
    out.u32(low(regs.ds()) | HIGH);
    // Registers of 10 bytes. In the new form each takes 16.
    for register in fp.st_space.as_chunks::<4>().0.iter().take(8) {
        let bytes: Vec<u8> = register.iter().flat_map(|n| n.to_le_bytes()).take(10).collect();
        out.bytes(&bytes);
    }
    out.pad_to(FSAVE);
    out.finish()
}

/// The tag word has two bits per register, of which the new form keeps one. 0 valid, 1 zero, 2 special, 3 empty.
fn tags(fp: &UserX86FpregsEntry) -> u32 {
    let registers = fp.st_space.as_chunks::<4>().0;
    let top = fp.swd() >> 11 & 7;
    let tag = |number: u32| {
        if fp.twd() >> number & 1 == 0 {
            return 3;
        }
        // Tags are numbered by machine register, the image by distance from the top of the stack.
        let place = usize::try_from(number.wrapping_sub(top) & 7).unwrap_or_default();
        let [fraction, whole, exponent, _] = registers.get(place).copied().unwrap_or_default();
        match exponent & 0x7fff {
            0 if fraction == 0 && whole == 0 => 1,
            0 | 0x7fff => 2,
            _ if whole >> 31 == 1 => 0,
            _ => 2,
        }
    };
    (0..8_u32).fold(0, |all, number| all | tag(number) << number.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_form_is_made_of_the_new() {
        // One register on the stack, with value 1.0: the top is 7.
        let mut st_space = vec![0; 32];
        st_space[1] = 0x8000_0000;
        st_space[2] = 0x3fff;
        let fp = UserX86FpregsEntry {
            cwd: Some(0x37f),
            swd: Some(7 << 11),
            twd: Some(0x80),
            st_space,
            ..Default::default()
        };
        assert_eq!(tags(&fp), 0x3fff, "7 is valid, all others are empty");
        let image = fsave(&fp, &UserX86RegsEntry::default());
        assert_eq!(image.len(), 108);
        assert_eq!(&image[8..12], [0xff, 0x3f, 0xff, 0xff]);
        assert_eq!(&image[28..38], [0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f]);
    }

    #[test]
    fn damage_is_no_more_than_zeros() {
        let long = UserX86FpregsEntry { twd: Some(0xffff), st_space: vec![0; 9999], ..Default::default() };
        assert_eq!((fsave(&long, &UserX86RegsEntry::default()).len(), tags(&long)), (108, 0x5555));
        assert_eq!(tags(&UserX86FpregsEntry { twd: Some(1), ..Default::default() }), 0xfffd);
    }
}
