//! System calls: names by architecture, and the architectures as seccomp and audit number them.

mod arm;
mod generic;
mod mips;
mod powerpc;
mod s390;
mod x86;

use super::arch::Arch;

/// The bit that marks the calls of x32 programs. Source: `arch/x86/include/uapi/asm/unistd.h`.
pub const X32_BIT: u32 = 0x4000_0000;

/// An architecture, as a filter sees its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abi {
    /// Name of the architecture.
    pub name: &'static str,
    /// `seccomp_data.arch`. Source: `AUDIT_ARCH_*` in `include/uapi/linux/audit.h`.
    pub audit: u32,
    /// Number added to that of each call.
    pub base: u32,
    /// Names in the order of their numbers, after the number of the first. A number among the names is that of the next
    /// name.
    table: &'static str,
}

/// An architecture without a table: its calls are printed as numbers.
const UNNAMED: &str = "";

const fn abi(name: &'static str, audit: u32, table: &'static str) -> Abi {
    Abi { name, audit, base: 0, table }
}

const X86: &[Abi] = &[
    abi("x86_64", 0xc000_003e, x86::X86_64),
    abi("i386", 0x4000_0003, x86::I386),
    Abi { name: "x32", audit: 0xc000_003e, base: X32_BIT, table: x86::X32 },
];
const ARM: &[Abi] = &[abi("arm", 0x4000_0028, arm::ARM)];
const AARCH64: &[Abi] = &[abi("aarch64", 0xc000_00b7, generic::AARCH64), abi("arm", 0x4000_0028, arm::ARM)];
const RISCV64: &[Abi] = &[abi("riscv64", 0xc000_00f3, generic::RISCV64)];
const LOONGARCH64: &[Abi] = &[abi("loongarch64", 0xc000_0102, generic::LOONGARCH64)];
const PPC64: &[Abi] = &[abi("ppc64", 0x8000_0015, powerpc::PPC64)];
const PPC64LE: &[Abi] = &[abi("ppc64le", 0xc000_0015, powerpc::PPC64)];
const S390: &[Abi] = &[abi("s390x", 0x8000_0016, s390::S390X)];
const MIPS: &[Abi] =
    &[abi("mips64", 0x8000_0008, mips::N64), abi("mips", 0x8, mips::O32), abi("mips64n32", 0xa000_0008, UNNAMED)];
const MIPSEL: &[Abi] = &[
    abi("mipsel64", 0xc000_0008, mips::N64),
    abi("mipsel", 0x4000_0008, mips::O32),
    abi("mipsel64n32", 0xe000_0008, UNNAMED),
];

/// Every `AUDIT_ARCH_*` that CRIU or a filter may name today.
const AUDIT: &[(u32, &str)] = &[
    (0x8, "mips"),
    (0x14, "ppc"),
    (0x16, "s390"),
    (0x28, "armeb"),
    (0x4000_0003, "i386"),
    (0x4000_0008, "mipsel"),
    (0x4000_0028, "arm"),
    (0x4000_00f3, "riscv32"),
    (0x4000_0102, "loongarch32"),
    (0x8000_0008, "mips64"),
    (0x8000_0015, "ppc64"),
    (0x8000_0016, "s390x"),
    (0xa000_0008, "mips64n32"),
    (0xc000_0008, "mipsel64"),
    (0xc000_0015, "ppc64le"),
    (0xc000_003e, "x86_64"),
    (0xc000_00b7, "aarch64"),
    (0xc000_00f3, "riscv64"),
    (0xc000_0102, "loongarch64"),
    (0xe000_0008, "mipsel64n32"),
];

/// The architectures whose programs a machine runs, its own first. The two byte orders of a machine are different
/// machines.
pub fn abis(arch: Arch, big_endian: bool) -> &'static [Abi] {
    match (arch, big_endian) {
        (Arch::X86_64, _) => X86,
        (Arch::Arm, _) => ARM,
        (Arch::Aarch64, _) => AARCH64,
        (Arch::Riscv64, _) => RISCV64,
        (Arch::Loongarch64, _) => LOONGARCH64,
        (Arch::Ppc64, true) => PPC64,
        (Arch::Ppc64, false) => PPC64LE,
        (Arch::S390, _) => S390,
        (Arch::Mips, true) => MIPS,
        (Arch::Mips, false) => MIPSEL,
    }
}

/// The name of an architecture, by its number in audit and seccomp.
pub fn audit_name(number: u32) -> Option<&'static str> {
    AUDIT.iter().find(|(n, _)| *n == number).map(|&(_, name)| name)
}

impl Abi {
    /// The calls, by their number as filters see it.
    pub fn calls(&self) -> impl Iterator<Item = (u32, &'static str)> + use<> {
        let (mut next, base) = (0_u32, self.base);
        self.table.split_ascii_whitespace().filter_map(move |word| {
            if let Ok(number) = word.parse() {
                next = number;
                return None;
            }
            let number = next;
            next = next.saturating_add(1);
            Some((number | base, word))
        })
    }

    /// The name of a call by its number.
    pub fn name_of(&self, number: u32) -> Option<&'static str> {
        self.calls().find(|(n, _)| *n == number).map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of an architecture and byte order.
    fn named(name: &str) -> Abi {
        let all = [X86, ARM, AARCH64, RISCV64, LOONGARCH64, PPC64, PPC64LE, S390, MIPS, MIPSEL];
        *all.into_iter().flatten().find(|abi| abi.name == name).unwrap()
    }

    #[test]
    fn numbers_are_the_kernels() {
        // A call of each stretch of every table, from the kernel's own lists.
        for (abi, number, name) in [
            ("x86_64", 0, "read"),
            ("x86_64", 59, "execve"),
            ("x86_64", 334, "rseq"),
            ("x86_64", 424, "pidfd_send_signal"),
            ("x86_64", 435, "clone3"),
            ("i386", 11, "execve"),
            ("i386", 383, "statx"),
            ("x32", 0x4000_0208, "execve"),
            ("x32", 0x4000_0000, "read"),
            ("arm", 11, "execve"),
            ("arm", 0xf_0005, "set_tls"),
            ("aarch64", 221, "execve"),
            ("aarch64", 63, "read"),
            ("riscv64", 259, "riscv_flush_icache"),
            ("loongarch64", 291, "statx"),
            ("ppc64le", 11, "execve"),
            ("s390x", 11, "execve"),
            ("s390x", 379, "statx"),
            ("mips64", 5057, "execve"),
            ("mips", 4011, "execve"),
        ] {
            assert_eq!(named(abi).name_of(number), Some(name), "{abi} {number}");
        }
        assert_eq!(named("x86_64").name_of(400), None, "a gap");
        assert_eq!(named("mips64n32").calls().count(), 0, "not known surely");
    }

    #[test]
    fn every_table_is_in_order_and_holds_each_number_once() {
        for abi in [X86, ARM, AARCH64, RISCV64, LOONGARCH64, PPC64, S390, MIPS].into_iter().flatten() {
            let numbers: Vec<u32> = abi.calls().map(|(number, _)| number).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "{}", abi.name);
            assert!(numbers.is_empty() || numbers.len() > 300, "{}: {}", abi.name, numbers.len());
            assert_eq!(audit_name(abi.audit), Some(if abi.name == "x32" { "x86_64" } else { abi.name }));
        }
    }
}
