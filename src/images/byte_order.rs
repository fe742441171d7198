//! The byte order of the dumped machine, and reading numbers in it.

/// Byte order of the dumped machine: of CRIU's own numbers, of payloads and of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ByteOrder {
    /// x86, Arm, `AArch64`, ppc64le, riscv64, loongarch64, little-endian MIPS.
    #[default]
    Little,
    /// s390x, big-endian MIPS.
    Big,
}

impl ByteOrder {
    /// Converts a number of 16 bits.
    pub fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        }
    }

    /// Converts a number of 32 bits.
    pub fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        }
    }

    /// Converts a number of 64 bits.
    pub fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            ByteOrder::Little => u64::from_le_bytes(bytes),
            ByteOrder::Big => u64::from_be_bytes(bytes),
        }
    }
}

/// The first number of 32 bits, and the remaining bytes.
pub(super) fn split_u32(bytes: &[u8], order: ByteOrder) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((order.u32(*number), rest))
}
