//! 64-bit x86. Sources: the kernel's `arch/x86/include/asm/user_64.h` and `fpu/types.h`; Intel's manual, volume 1,
//! chapter 13 (XSAVE); gdb's `i387-tdep.c`, which derives the layout of a note from its size.

use super::encode::{Class, Encoder, low16};
use super::note::{CORE, LINUX, NT_PRFPREG, Note};
use crate::images::proto::{CoreEntry, UserX86FpregsEntry, UserX86XsaveEntry};

const NT_X86_XSTATE: u32 = 0x202;
const NT_X86_SHSTK: u32 = 0x204;

/// `user_regs_struct`.
pub(super) const GENERAL: [&str; 27] = [
    "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di", "orig_ax", "ip",
    "cs", "flags", "sp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs",
];

/// Size of an FXSAVE image in bytes.
const FXSAVE: usize = 512;
/// Offset of the mask of available XSAVE parts, in the area reserved for software.
const SOFTWARE: usize = 464;

/// x87, SSE and AVX. Further bits stand for further parts.
const AVX: u64 = 7;
const MPX: u64 = 3 << 3;
const AVX512: u64 = 7 << 5;
const PKRU: u64 = 1 << 9;

pub(super) fn others(core: &CoreEntry) -> Vec<Note> {
    let Some(fp) = core.thread_info.as_ref().and_then(|info| info.fpregs.as_ref()) else { return Vec::new() };
    let mut notes = vec![Note { name: CORE, kind: NT_PRFPREG, body: fxsave(fp) }];
    if let Some(body) = fp.xsave.as_ref().and_then(|xsave| xstate(fp, xsave)) {
        notes.push(Note { name: LINUX, kind: NT_X86_XSTATE, body });
    }
    if let Some(ssp) = fp.xsave.as_ref().and_then(|xsave| xsave.cet.as_ref()?.ssp) {
        notes.push(Note { name: LINUX, kind: NT_X86_SHSTK, body: ssp.to_le_bytes().to_vec() });
    }
    notes
}

/// The XSAVE note, which 32-bit programs also have.
pub(super) fn xstate_note(fp: &UserX86FpregsEntry) -> Option<Note> {
    Some(Note { name: LINUX, kind: NT_X86_XSTATE, body: xstate(fp, fp.xsave.as_ref()?)? })
}

/// An FXSAVE image.
pub(super) fn fxsave(fp: &UserX86FpregsEntry) -> Vec<u8> {
    let mut out = Encoder::new(Class::Wide);
    for field in [fp.cwd(), fp.swd(), fp.twd(), fp.fop()] {
        out.u16(low16(field));
    }
    out.u64(fp.rip());
    out.u64(fp.rdp());
    out.u32(fp.mxcsr());
    out.u32(fp.mxcsr_mask());
    for (space, end) in [(&fp.st_space, 160), (&fp.xmm_space, 416), (&fp.padding, FXSAVE)] {
        for &n in space {
            out.u32(n);
        }
        out.pad_to(end);
    }
    out.finish()
}

/// An XSAVE image in the standard form. The offsets of its parts depend on the processor and are not stored, so Intel's
/// are used, with a length that debuggers recognise. `None` if there is nothing beyond FXSAVE.
fn xstate(fp: &UserX86FpregsEntry, xsave: &UserX86XsaveEntry) -> Option<Vec<u8>> {
    if xsave.ymmh_space.is_empty() {
        return None;
    }
    let has_mpx = !xsave.bndreg_state.is_empty();
    let has_avx512 = !xsave.opmask_reg.is_empty();
    let has_pkru = !xsave.pkru.is_empty();
    let parts = [(has_mpx, MPX), (has_avx512, AVX512), (has_pkru, PKRU)];
    let known = parts.into_iter().filter(|(has, _)| *has).fold(AVX, |all, (_, bits)| all | bits);
    let len = match (has_pkru, has_avx512, has_mpx) {
        (true, ..) => 2696,
        (_, true, _) => 2688,
        (.., true) => 1088,
        _ => 832,
    };
    let mut out = Encoder::new(Class::Wide);
    let mut legacy = fxsave(fp);
    legacy.truncate(SOFTWARE);
    out.bytes(&legacy);
    out.u64(known);
    out.pad_to(FXSAVE);
    out.u64(xsave.xstate_bv() & known);
    // No compaction bits, as the form is standard.
    out.u64(0);
    out.pad_to(576);
    for &n in &xsave.ymmh_space {
        out.u32(n);
    }
    out.pad_to(960);
    let wide = [
        (&xsave.bndreg_state, 1024),
        (&xsave.bndcsr_state, 1088),
        (&xsave.opmask_reg, 1152),
        (&xsave.zmm_upper, 1664),
        (&xsave.hi16_zmm, 2688),
    ];
    for (words, end) in wide {
        for &n in words {
            out.u64(n);
        }
        out.pad_to(end);
    }
    for &n in &xsave.pkru {
        out.u32(n);
    }
    out.pad_to(len);
    Some(out.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fp(xsave: UserX86XsaveEntry) -> UserX86FpregsEntry {
        UserX86FpregsEntry {
            cwd: Some(0x37f),
            mxcsr: Some(0x1f80),
            st_space: vec![1; 32],
            xmm_space: vec![2; 64],
            padding: vec![0; 24],
            xsave: Some(xsave),
            ..Default::default()
        }
    }

    #[test]
    fn fxsave_has_its_fields_in_their_places() {
        let image = fxsave(&fp(UserX86XsaveEntry::default()));
        assert_eq!(image.len(), 512);
        assert_eq!((&image[..2], &image[24..28]), (&[0x7f, 3][..], &[0x80, 0x1f, 0, 0][..]));
        assert_eq!((image[32], image[160], image[416]), (1, 2, 0));
        assert_eq!(fxsave(&UserX86FpregsEntry::default()).len(), 512);
        let long = UserX86FpregsEntry { st_space: vec![7; 9999], ..Default::default() };
        assert_eq!(fxsave(&long).len(), 512, "what is too long is cut");
    }

    #[test]
    fn xsave_has_the_length_of_its_parts() {
        let avx = UserX86XsaveEntry { xstate_bv: Some(0x207), ymmh_space: vec![3; 64], ..Default::default() };
        let image = xstate(&fp(avx.clone()), &avx).unwrap();
        assert_eq!((image.len(), image[464], image[512], image[513], image[576]), (832, 7, 7, 0, 3));
        let more = UserX86XsaveEntry {
            opmask_reg: vec![4; 8],
            zmm_upper: vec![5; 64],
            hi16_zmm: vec![6; 128],
            pkru: vec![0x5555_5554, 0],
            ..avx
        };
        let image = xstate(&fp(more.clone()), &more).unwrap();
        assert_eq!((image.len(), image[464], image[465]), (2696, 0xe7, 2));
        assert_eq!((image[1088], image[1152], image[1664], image[2688]), (4, 5, 6, 0x54));
        assert_eq!(xstate(&fp(UserX86XsaveEntry::default()), &UserX86XsaveEntry::default()), None);
    }
}
