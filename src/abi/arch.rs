//! Architectures of dumped machines.

/// An architecture that CRIU knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Arch {
    /// 64-bit x86, with its 32-bit programs.
    X86_64,
    /// 32-bit arm.
    Arm,
    /// 64-bit arm.
    Aarch64,
    /// 64-bit power.
    Ppc64,
    /// z/Architecture.
    S390,
    /// 64-bit mips.
    Mips,
    /// 64-bit loongarch.
    Loongarch64,
    /// 64-bit risc-v.
    Riscv64,
}

impl Arch {
    /// From `core_entry.mtype`.
    pub fn from_mtype(mtype: i32) -> Option<Self> {
        Some(match mtype {
            1 => Arch::X86_64,
            2 => Arch::Arm,
            3 => Arch::Aarch64,
            4 => Arch::Ppc64,
            5 => Arch::S390,
            6 => Arch::Mips,
            7 => Arch::Loongarch64,
            8 => Arch::Riscv64,
            _ => return None,
        })
    }

    /// The name that `uname -m` prints. The number alone does not tell the byte order; only little-endian power is
    /// dumped today.
    pub fn as_str(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64",
            Arch::Arm => "arm",
            Arch::Aarch64 => "aarch64",
            Arch::Ppc64 => "ppc64le",
            Arch::S390 => "s390x",
            Arch::Mips => "mips64",
            Arch::Loongarch64 => "loongarch64",
            Arch::Riscv64 => "riscv64",
        }
    }

    /// Whether addresses have 32 bits, so that higher bits are a sign extension by CRIU.
    pub fn is_32_bit(self) -> bool {
        self == Arch::Arm
    }

    /// Page sizes that kernels of this architecture are built with.
    pub fn page_sizes(self) -> &'static [u64] {
        match self {
            Arch::X86_64 | Arch::S390 | Arch::Riscv64 => &[4096],
            Arch::Arm | Arch::Aarch64 | Arch::Mips | Arch::Loongarch64 => &[4096, 16384, 65536],
            Arch::Ppc64 => &[65536, 4096],
        }
    }
}
