//! The dictionaries that CRIU's schema names: which mask or code each field of an image holds.

use std::borrow::Cow;

use super::arch::Arch;
use super::{Bits, mapping, name_of, names_of, open, socket};

/// States of a task: `task_core_entry.task_state`. CRIU calls zombies dead.
const TASK_STATES: Bits = &[(1, "alive"), (2, "dead"), (3, "stopped"), (6, "zombie")];

/// The names of the bits of a mask. Bits without a name come last, in hexadecimal. `None` if there is no such
/// dictionary.
pub fn flags(dictionary: &str, mask: u32, arch: Option<Arch>) -> Option<Vec<Cow<'static, str>>> {
    let wide = u64::from(mask);
    Some(match dictionary {
        "rfile.flags" => open::names(mask, arch),
        "mmap.prot" => names_of(wide, mapping::PROTECTION),
        "mmap.status" => names_of(wide, mapping::STATUS),
        "pmap.flags" => names_of(wide, mapping::PAGEMAP),
        "seals.flags" => prefixed("F_SEAL_", names_of(wide, mapping::SEALS)),
        "mmap.flags" => {
            let (common, rest) = match arch {
                Some(Arch::Mips) => (mapping::OTHER_FLAGS_MIPS, mapping::FLAGS_MIPS),
                Some(Arch::Ppc64) => (mapping::OTHER_FLAGS, mapping::FLAGS_PPC64),
                _ => (mapping::OTHER_FLAGS, mapping::FLAGS),
            };
            prefixed("MAP_", names_of(wide, &[common, rest].concat()))
        }
        _ => return None,
    })
}

/// The name of a code in a field; `None` if it has none.
pub fn code(dictionary: &str, field: &str, number: u32) -> Option<&'static str> {
    match (dictionary, field) {
        ("gen", "task_state") => name_of(number.into(), TASK_STATES),
        ("sk", "family") => socket::family_name(number),
        ("sk", "type") => socket::type_name(number),
        ("sk", "proto") => socket::protocol_name(number),
        ("sk", "state") => socket::tcp_state_name(number),
        _ => None,
    }
}

/// Names with the prefix of the kernel's macros. Bits without a name stay numbers.
fn prefixed(prefix: &str, names: Vec<Cow<'static, str>>) -> Vec<Cow<'static, str>> {
    let name = |name: Cow<'static, str>| {
        if name.starts_with("0x") { name } else { Cow::Owned(format!("{prefix}{}", name.to_uppercase())) }
    };
    names.into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_have_the_names_of_the_architecture() {
        let flags = |dictionary, mask, arch| flags(dictionary, mask, arch).unwrap().join(" ");
        assert_eq!(flags("mmap.flags", 0x122, None), "MAP_PRIVATE MAP_ANONYMOUS MAP_GROWSDOWN");
        assert_eq!(flags("mmap.flags", 0x802, Some(Arch::Mips)), "MAP_PRIVATE MAP_ANONYMOUS");
        assert_eq!(flags("mmap.flags", 0x42, Some(Arch::Ppc64)), "MAP_PRIVATE MAP_NORESERVE");
        assert_eq!(flags("mmap.flags", 0x5404_0021, None), "MAP_SHARED MAP_ANONYMOUS MAP_HUGETLB 0x54000000");
        assert_eq!(flags("mmap.prot", 5, None), "PROT_READ PROT_EXEC");
        assert_eq!(flags("mmap.status", 0x201, None), "VMA_AREA_REGULAR VMA_ANON_PRIVATE");
        assert_eq!(flags("rfile.flags", 0o100_002, None), "O_RDWR O_LARGEFILE");
        assert_eq!(flags("pmap.flags", 6, None), "PE_LAZY PE_PRESENT");
        assert_eq!(flags("seals.flags", 0x10, None), "F_SEAL_FUTURE_WRITE");
        assert_eq!(super::flags("no such", 1, None), None);
    }

    #[test]
    fn codes_are_named_by_their_field() {
        assert_eq!(code("gen", "task_state", 2), Some("dead"));
        assert_eq!((code("sk", "family", 10), code("sk", "type", 5)), (Some("inet6"), Some("seqpacket")));
        assert_eq!((code("sk", "proto", 0), code("sk", "state", 10)), (Some("ip"), Some("LISTEN")));
        assert_eq!(code("sk", "family", 4711), None);
    }
}
