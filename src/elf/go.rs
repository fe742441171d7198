//! What the Go linker writes into every program: the version of Go, and the modules that the program is made of.
//!
//! Source: Go's `debug/buildinfo` and `runtime/debug/mod.go`.

use bstr::{BString, ByteSlice};

use super::Elf;
use crate::int::u64_of;

/// The beginning of the record.
const MAGIC: &[u8] = b"\xff Go buildinf:";
/// Bytes of its header.
const HEADER: u64 = 32;
/// Most bytes of the list of modules.
const LONGEST: u64 = 1 << 20;
/// Most modules that are listed.
const MODULES: usize = 512;

/// The record of a Go program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GoBuild {
    /// Version of Go: `go1.22.1`.
    pub(crate) version: BString,
    /// Path of the package.
    pub(crate) path: Option<BString>,
    /// The modules, the main one first: `example.com/tool@v1.2.3`.
    pub(crate) modules: Vec<BString>,
}

impl GoBuild {
    /// The record of an image. `None` if there is none.
    pub(crate) fn of(elf: &Elf<'_>) -> Option<Self> {
        let mut at = elf.bytes.find(MAGIC)?;
        // Programs that read such records have the bytes elsewhere, too; the record is aligned.
        if !at.is_multiple_of(16) {
            at = elf.section(b".go.buildinfo").map(|section| section.sh_offset)?;
        }
        let header = elf.bytes.get(at, HEADER)?;
        if !header.starts_with(MAGIC) {
            return None;
        }
        let (&width, &flags) = (header.get(14)?, header.get(15)?);
        let (version, list) = if flags & 2 != 0 {
            let (version, next) = inline(elf, at.checked_add(HEADER)?)?;
            (version, inline(elf, next).map(|(list, _)| list).unwrap_or_default())
        } else {
            let big = flags & 1 != 0;
            let pointer = |number: u64| {
                let from = at.checked_add(16)?.checked_add(number.checked_mul(width.into())?)?;
                text_of(elf, word(elf, from, width, big)?, width, big)
            };
            (pointer(0)?, pointer(1).unwrap_or_default())
        };
        // The list stands between two marks of 16 bytes.
        let list = list.get(16..list.len().saturating_sub(16)).unwrap_or_default();
        let mut build = GoBuild { version: version.into(), ..GoBuild::default() };
        for line in list.lines() {
            let mut parts = line.split(|&byte| byte == b'\t');
            match (parts.next(), parts.next(), parts.next()) {
                (Some(b"path"), Some(path), _) => build.path = Some(path.into()),
                (Some(b"mod" | b"dep" | b"=>"), Some(name), version) if build.modules.len() < MODULES => {
                    let version = version.filter(|version| !version.is_empty()).unwrap_or(b"(devel)");
                    build.modules.push(bstr::concat([name, b"@", version]).into());
                }
                _ => {}
            }
        }
        (build.version.starts_with(b"go") || build.version.starts_with(b"devel")).then_some(build)
    }
}

/// Text with its length before it. Also where it ends.
fn inline<'e>(elf: &'e Elf<'_>, at: u64) -> Option<(&'e [u8], u64)> {
    let mut len = 0_u64;
    let mut from = at;
    for shift in (0..28_u32).step_by(7) {
        let byte = *elf.bytes.get(from, 1)?.first()?;
        from = from.checked_add(1)?;
        len |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((elf.bytes.get(from, len.min(LONGEST))?, from.checked_add(len)?));
        }
    }
    None
}

/// Text that a string of Go leads to: a pointer and a length.
fn text_of<'e>(elf: &'e Elf<'_>, pointer: u64, width: u8, big: bool) -> Option<&'e [u8]> {
    let at = elf.pointed(pointer)?;
    let text = elf.pointed(word(elf, at, width, big)?)?;
    let len = word(elf, at.checked_add(width.into())?, width, big)?;
    elf.bytes.get(text, len.min(LONGEST))
}

fn word(elf: &Elf<'_>, at: u64, width: u8, big: bool) -> Option<u64> {
    let bytes = elf.bytes.get(at, width.into())?;
    if bytes.is_empty() || u64_of(bytes.len()) > 8 {
        return None;
    }
    let add = |number: u64, byte: &u8| number.checked_shl(8).unwrap_or(0) | u64::from(*byte);
    Some(if big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::Bytes;

    #[test]
    fn the_record_of_a_go_program_is_read() {
        let mut file = std::fs::read(std::env::current_exe().unwrap()).unwrap()[..64].to_vec();
        file.resize(256, 0);
        file.extend(MAGIC);
        file.extend([8, 2]);
        file.resize(256 + 32, 0);
        let list = b"0123456789abcdefpath\tx.org/tool\nmod\tx.org/tool\tv1.2.3\th1:\ndep\ty.org/z\tv0.1.0\n=>\t../z\n0123456789abcdef";
        file.push(8);
        file.extend(b"go1.22.1");
        file.extend([u8::try_from(list.len() & 0x7f).unwrap() | 0x80, u8::try_from(list.len() >> 7).unwrap()]);
        file.extend(list);
        let bytes = Bytes::whole(file);
        let build = GoBuild::of(&Elf::read(&bytes).unwrap()).unwrap();
        assert_eq!(build.version, "go1.22.1");
        assert_eq!(build.path.unwrap(), "x.org/tool");
        assert_eq!(build.modules, ["x.org/tool@v1.2.3", "y.org/z@v0.1.0", "../z@(devel)"]);
    }
}
