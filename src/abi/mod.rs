//! Meanings of the kernel's numbers on the architecture of the dumped machine, never of the machine that reads: its
//! libc would give other names. This layer depends on nothing, and any layer may use it.
//!
//! Sources: the kernel's `include/uapi` headers (generic ones, and those of mips, arm and powerpc where they differ).

pub mod arch;
pub mod bpf_map;
pub mod capability;
pub mod clock;
pub mod device;
pub mod errno;
pub mod events;
pub mod file_capability;
pub mod filter;
pub mod hints;
pub mod ip;
pub mod limit;
pub mod lock;
pub mod mapping;
pub mod mount;
pub mod namespace;
pub mod network;
pub mod open;
pub mod sched;
pub mod seccomp;
pub mod siginfo;
pub mod signal;
pub mod socket;
pub mod syscall;
pub mod task;
pub mod termios;

use std::borrow::Cow;

/// Names of bits, lowest first.
pub(crate) type Bits = &'static [(u64, &'static str)];

/// The names of the bits set in a mask. Bits without a name come last, in hexadecimal.
pub fn names_of(mask: u64, bits: &[(u64, &'static str)]) -> Vec<Cow<'static, str>> {
    let mut left = mask;
    let mut names = Vec::new();
    for &(bit, name) in bits {
        if bit != 0 && left & bit == bit {
            names.push(Cow::Borrowed(name));
            left &= !bit;
        }
    }
    if left != 0 {
        names.push(Cow::Owned(format!("{left:#x}")));
    }
    names
}

/// The name of a number.
pub(crate) fn name_of(number: u64, names: &[(u64, &'static str)]) -> Option<&'static str> {
    names.iter().find(|(n, _)| *n == number).map(|&(_, name)| name)
}

/// The name of a number, or the number itself.
pub(crate) fn name_or_number(number: u64, names: &[(u64, &'static str)]) -> Cow<'static, str> {
    name_of(number, names).map_or_else(|| Cow::Owned(number.to_string()), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_without_a_name_are_kept() {
        let bits: Bits = &[(1, "one"), (2, "two")];
        assert_eq!(names_of(3, bits), ["one", "two"]);
        assert_eq!(names_of(0x12, bits), ["two", "0x10"]);
        assert!(names_of(0, bits).is_empty());
    }
}
