//! Code that libraries write to files of their own, map and delete at once: the compilers of `GStreamer` and of ECL. The name of
//! a file proves nothing, so the library of the image must be there, too.

use bstr::ByteSlice as _;

use super::super::Facts;
use super::super::Severity;
use super::super::facts::{Place, ProcessFacts, base, without_deleted};
use super::code::{is_executable, is_private, is_writable};
use super::listing::Machine;
use super::runtime::belongs;
use crate::tables::Mapping;

/// Longest code of `GStreamer`'s compiler that is looked at.
const CODE_MOST: u64 = 1 << 20;

/// How bad code of such a file is, with the name of its maker, if it is one.
pub(super) fn made(
    facts: &Facts<'_>,
    process: &ProcessFacts<'_>,
    mapping: &Mapping,
) -> Option<(Severity, &'static str)> {
    let (path, deleted) = without_deleted(&mapping.path);
    let name = base(path);
    if is_of_orc(name) && deleted && !is_private(mapping) && maps(facts, process, b"liborc") {
        // The same file is mapped once to write and once to run.
        let is_twin = process.mappings_of(&mapping.path).any(|twin| is_writable(twin) && !is_executable(twin));
        return (is_twin && only_computes(facts, process, path)).then_some((Severity::Info, "GStreamer's compiler"));
    }
    (is_of_ecl(name) && maps(facts, process, b"libecl.so")).then_some((Severity::Low, "ECL"))
}

/// `orcexec.iJ0ogJ`.
fn is_of_orc(name: &[u8]) -> bool {
    name.strip_prefix(b"orcexec.").is_some_and(|rest| rest.len() == 6 && rest.iter().all(u8::is_ascii_alphanumeric))
}

/// `ecl001n9FGAk.fas`.
fn is_of_ecl(name: &[u8]) -> bool {
    let middle = name.strip_prefix(b"ecl").and_then(|rest| rest.strip_suffix(b".fas"));
    middle.is_some_and(|middle| (6..=12).contains(&middle.len()) && middle.iter().all(u8::is_ascii_alphanumeric))
}

/// Whether a library of the image is mapped.
fn maps(facts: &Facts<'_>, process: &ProcessFacts<'_>, library: &[u8]) -> bool {
    let mut files = process.mappings().iter().filter(|mapping| mapping.kind == "file" && is_executable(mapping));
    files.any(|mapping| {
        let (path, deleted) = without_deleted(&mapping.path);
        !deleted && base(path).starts_with(library) && belongs(facts, path)
    })
}

/// Whether the contents are known, are no ELF file and call no kernel: code for sounds and pictures only computes.
fn only_computes(facts: &Facts<'_>, process: &ProcessFacts<'_>, path: &[u8]) -> bool {
    let (Some(file), Some(machine)) =
        (facts.files().at(path).find(|file| file.place == Place::Ghost), Machine::of(process))
    else {
        return false;
    };
    let bytes = facts.files().head(file, CODE_MOST);
    file.size <= CODE_MOST
        && !bytes.is_empty()
        && !bytes.starts_with(b"\x7fELF")
        && machine.syscalls(&bytes).is_empty()
        && !bytes.contains_str("/bin/sh")
}

/// Whether a deleted file is a library that ECL compiled: all who map it have ECL of the image.
pub(in crate::analysis) fn is_made_by_ecl(facts: &Facts<'_>, path: &[u8]) -> bool {
    let users = facts.uses().mapping(path);
    is_of_ecl(base(path))
        && !users.is_empty()
        && users.iter().all(|pid| facts.process(*pid).is_some_and(|process| maps(facts, process, b"libecl.so")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_compilers_have_names_of_a_form() {
        assert!(is_of_orc(b"orcexec.iJ0ogJ") && is_of_ecl(b"ecl001n9FGAk.fas"));
        for name in [&b"orcexec."[..], b"orcexec.iJ0ogJx", b"orcexec.so", b".orcexec.iJ0ogJ", b""] {
            assert!(!is_of_orc(name), "{}", name.as_bstr());
        }
        for name in [&b"ecl.fas"[..], b"ecl001n9FGAk.so", b"ecl/../x.fas", b"xecl001n9FGAk.fas"] {
            assert!(!is_of_ecl(name), "{}", name.as_bstr());
        }
    }
}
