//! A pending signal, decoded from the raw `siginfo_t` that CRIU recorded.

use super::ids::Address;
use crate::abi::arch::Arch;
use crate::abi::siginfo::{self, Layout};
use crate::images::ByteOrder;

/// Size of a `siginfo_t` in bytes, on every architecture.
pub(super) const SIZE: usize = 128;

/// A value that came with a signal: one `union sigval`, read both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// The value as a number.
    pub number: i32,
    /// The value as a pointer.
    pub pointer: Address,
}

impl Value {
    /// Takes the value from the pointer. The number is at the beginning of the union, which is the upper half on a
    /// big-endian machine.
    pub fn from_pointer(pointer: u64, order: ByteOrder) -> Self {
        let half = if order == ByteOrder::Big { pointer >> 32 } else { pointer & 0xffff_ffff };
        let number = u32::try_from(half).unwrap_or_default().cast_signed();
        Value { number, pointer: Address(pointer) }
    }
}

/// A pending signal. Facts that do not belong to its kind are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Siginfo {
    /// Number of the signal.
    pub signal: Option<u32>,
    /// Why the signal was sent.
    pub code: Option<i32>,
    /// Error number; nearly always 0.
    pub errno: Option<i32>,
    /// The sender, or the child that the signal is about, in the receiver's pid namespace.
    pub pid: Option<i32>,
    /// Real user id of that process.
    pub uid: Option<u32>,
    /// The value that came with the signal.
    pub value: Option<Value>,
    /// The POSIX timer that expired.
    pub timer: Option<i32>,
    /// How many more times that timer expired.
    pub overrun: Option<i32>,
    /// Exit status of a child, or the signal that ended, stopped or continued it.
    pub status: Option<i32>,
    /// Ticks that the child spent in its own code.
    pub user_ticks: Option<u64>,
    /// Ticks that the kernel spent on behalf of the child.
    pub system_ticks: Option<u64>,
    /// The faulting address, or that of the instruction that made a system call.
    pub address: Option<Address>,
    /// Lowest valid bit of the address of damaged memory.
    pub address_bit: Option<u16>,
    /// Bounds that the address was outside of.
    pub bounds: Option<(Address, Address)>,
    /// The protection key that refused access.
    pub protection_key: Option<u32>,
    /// Data of the `perf_event_open` event.
    pub perf_data: Option<u64>,
    /// Events that a descriptor is ready for.
    pub band: Option<i64>,
    /// The descriptor.
    pub fd: Option<i32>,
    /// Number of the refused system call.
    pub system_call: Option<i32>,
    /// Architecture of that number (`AUDIT_ARCH_*`).
    pub audit_arch: Option<u32>,
    /// All bytes.
    pub raw: Vec<u8>,
}

/// Reads words of a `siginfo_t` by offset.
#[derive(Clone, Copy)]
struct Words<'a> {
    bytes: &'a [u8],
    order: ByteOrder,
    /// Whether CRIU was a 32-bit program, so that pointers have 4 bytes.
    narrow: bool,
}

impl Words<'_> {
    fn at<const N: usize>(self, offset: usize) -> Option<[u8; N]> {
        self.bytes.get(offset..)?.first_chunk::<N>().copied()
    }

    fn u16(self, offset: usize) -> Option<u16> {
        Some(self.order.u16(self.at(offset)?))
    }

    fn u32(self, offset: usize) -> Option<u32> {
        Some(self.order.u32(self.at(offset)?))
    }

    fn i32(self, offset: usize) -> Option<i32> {
        self.u32(offset).map(u32::cast_signed)
    }

    /// A pointer or `long`, by its offset in both layouts.
    fn word(self, wide: usize, narrow: usize) -> Option<u64> {
        if self.narrow { self.u32(narrow).map(u64::from) } else { Some(self.order.u64(self.at(wide)?)) }
    }

    /// Chooses one of two offsets.
    fn offset(self, wide: usize, narrow: usize) -> usize {
        if self.narrow { narrow } else { wide }
    }

    fn address(self, wide: usize, narrow: usize) -> Option<Address> {
        self.word(wide, narrow).map(Address)
    }

    fn value(self) -> Option<Value> {
        let number = self.i32(self.offset(24, 20))?;
        Some(Value { number, pointer: self.address(24, 20)? })
    }
}

impl Siginfo {
    /// Decodes the raw bytes; facts beyond their end are `None`.
    pub(super) fn parse(bytes: &[u8], order: ByteOrder, arch: Option<Arch>) -> Self {
        let raw = bytes.get(..SIZE).unwrap_or(bytes);
        let words = Words { bytes: raw, order, narrow: arch.is_some_and(Arch::is_32_bit) };
        let swapped = arch == Some(Arch::Mips);
        let (errno, code) = (words.i32(4), words.i32(8));
        let (errno, code) = if swapped { (code, errno) } else { (errno, code) };
        let signal = words.u32(0);
        let mut info = Siginfo { signal, code, errno, raw: raw.to_vec(), ..Siginfo::default() };
        if let (Some(signal), Some(code)) = (signal, code) {
            info.read(words, siginfo::layout(signal, code, arch), &siginfo::code(signal, code, arch));
        }
        info
    }

    fn read(&mut self, words: Words<'_>, layout: Layout, code: &str) {
        let first = words.offset(16, 12);
        let second = words.offset(20, 16);
        match layout {
            Layout::Kill => (self.pid, self.uid) = (words.i32(first), words.u32(second)),
            Layout::Queue => {
                (self.pid, self.uid) = (words.i32(first), words.u32(second));
                self.value = words.value();
            }
            Layout::Timer => {
                (self.timer, self.overrun) = (words.i32(first), words.i32(second));
                self.value = words.value();
            }
            Layout::Child => {
                (self.pid, self.uid) = (words.i32(first), words.u32(second));
                self.status = words.i32(words.offset(24, 20));
                (self.user_ticks, self.system_ticks) = (words.word(32, 24), words.word(40, 28));
            }
            Layout::Fault => {
                self.address = words.address(16, 12);
                match code {
                    "BUS_MCEERR_AR" | "BUS_MCEERR_AO" => self.address_bit = words.u16(words.offset(24, 16)),
                    "SEGV_BNDERR" => self.bounds = words.address(32, 20).zip(words.address(40, 24)),
                    "SEGV_PKUERR" => self.protection_key = words.u32(words.offset(32, 20)),
                    "TRAP_PERF" => self.perf_data = words.word(24, 16),
                    _ => {}
                }
            }
            Layout::Poll => {
                let band = words.word(16, 12).map(u64::cast_signed);
                self.band = if words.narrow { words.i32(12).map(i64::from) } else { band };
                self.fd = words.i32(words.offset(24, 16));
            }
            Layout::SystemCall => {
                self.address = words.address(16, 12);
                self.system_call = words.i32(words.offset(24, 16));
                self.audit_arch = words.u32(words.offset(28, 20));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `siginfo_t` of numbers at their offsets.
    fn raw(order: ByteOrder, words: &[(usize, u64, usize)]) -> Vec<u8> {
        let mut bytes = vec![0; SIZE];
        for &(offset, number, size) in words {
            let (le, be) = (number.to_le_bytes(), number.to_be_bytes());
            let word = if order == ByteOrder::Little { &le[..size] } else { &be[8 - size..] };
            bytes[offset..offset + size].copy_from_slice(word);
        }
        bytes
    }

    fn minus(n: u32) -> u64 {
        u64::from(n.wrapping_neg())
    }

    #[test]
    fn a_queued_value_is_read_in_both_byte_orders() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let bytes = raw(order, &[(0, 35, 4), (8, minus(1), 4), (16, 7, 4), (20, 1000, 4), (24, 0xe2d3, 4)]);
            let info = Siginfo::parse(&bytes, order, Some(Arch::S390));
            assert_eq!((info.signal, info.code, info.pid, info.uid), (Some(35), Some(-1), Some(7), Some(1000)));
            assert_eq!(info.value.map(|value| value.number), Some(0xe2d3));
            assert_eq!(info.raw, bytes);
        }
    }

    #[test]
    fn mips_has_code_and_error_the_other_way_round() {
        let bytes = raw(ByteOrder::Little, &[(0, 18, 4), (4, 1, 4), (8, 5, 4), (16, 9, 4), (24, 3, 4)]);
        let info = Siginfo::parse(&bytes, ByteOrder::Little, Some(Arch::Mips));
        assert_eq!((info.code, info.errno, info.pid, info.status), (Some(1), Some(5), Some(9), Some(3)));
    }

    #[test]
    fn a_program_of_32_bits_has_narrow_pointers() {
        let words = [(0, 35, 4), (8, minus(2), 4), (12, 4, 4), (16, 2, 4), (20, 0xdead_beef, 4)];
        let info = Siginfo::parse(&raw(ByteOrder::Little, &words), ByteOrder::Little, Some(Arch::Arm));
        assert_eq!((info.timer, info.overrun), (Some(4), Some(2)));
        assert_eq!(info.value.map(|value| value.pointer), Some(Address(0xdead_beef)));
        let words = [(0, 17, 4), (8, 1, 4), (12, 4, 4), (20, 9, 4), (24, 100, 4), (28, 200, 4)];
        let info = Siginfo::parse(&raw(ByteOrder::Little, &words), ByteOrder::Little, Some(Arch::Arm));
        assert_eq!((info.status, info.user_ticks, info.system_ticks), (Some(9), Some(100), Some(200)));
    }

    #[test]
    fn each_kind_has_its_own_fields() {
        let of = |words: &[(usize, u64, usize)]| {
            Siginfo::parse(&raw(ByteOrder::Little, words), ByteOrder::Little, Some(Arch::X86_64))
        };
        let fault = of(&[(0, 11, 4), (8, 1, 4), (16, 0x1234, 8)]);
        assert_eq!((fault.address, fault.pid, fault.bounds), (Some(Address(0x1234)), None, None));
        let bounds = of(&[(0, 11, 4), (8, 3, 4), (16, 0x1234, 8), (32, 1, 8), (40, 2, 8)]);
        assert_eq!(bounds.bounds, Some((Address(1), Address(2))));
        assert_eq!(of(&[(0, 11, 4), (8, 4, 4), (32, 5, 4)]).protection_key, Some(5));
        assert_eq!(of(&[(0, 7, 4), (8, 4, 4), (24, 12, 2)]).address_bit, Some(12));
        assert_eq!(of(&[(0, 5, 4), (8, 6, 4), (24, 77, 8)]).perf_data, Some(77));
        let ready = of(&[(0, 29, 4), (8, 1, 4), (16, 0x41, 8), (24, 5, 4)]);
        assert_eq!((ready.band, ready.fd), (Some(0x41), Some(5)));
        let refused = of(&[(0, 31, 4), (8, 1, 4), (16, 0x40, 8), (24, 59, 4), (28, 0xc000_003e, 4)]);
        assert_eq!((refused.system_call, refused.audit_arch), (Some(59), Some(0xc000_003e)));
        let child = of(&[(0, 17, 4), (8, 2, 4), (16, 8, 4), (24, 9, 4), (32, 3, 8), (40, 4, 8)]);
        assert_eq!(
            (child.pid, child.status, child.user_ticks, child.system_ticks),
            (Some(8), Some(9), Some(3), Some(4))
        );
    }

    #[test]
    fn what_is_cut_off_is_not_known() {
        let bytes = raw(ByteOrder::Little, &[(0, 35, 4), (8, minus(1), 4), (16, 7, 4), (24, 9, 8)]);
        for len in 0..SIZE {
            let info = Siginfo::parse(&bytes[..len], ByteOrder::Little, None);
            assert_eq!(info.signal.is_some(), len >= 4);
            assert_eq!(info.value.is_some(), len >= 32);
            assert_eq!(info.raw.len(), len);
        }
        assert_eq!(Siginfo::parse(&[0xff; 1000], ByteOrder::Little, None).raw.len(), SIZE);
    }

    #[test]
    fn the_number_of_a_value_lies_at_its_beginning() {
        let value = |order| Value::from_pointer(0x0000_0001_0000_0002, order).number;
        assert_eq!((value(ByteOrder::Little), value(ByteOrder::Big)), (2, 1));
    }
}
