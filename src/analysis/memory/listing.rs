//! Machine code as people read it: listings for evidence, calls before return addresses, calls of the kernel.

use iced_x86::{Decoder, DecoderOptions, Formatter as _, Instruction, NasmFormatter};
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::InstDecoder;

use super::super::facts::ProcessFacts;
use crate::abi::arch::Arch;
use crate::int::u64_of;

/// A machine whose code is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Machine {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86.
    X86_32,
    /// 64-bit arm.
    Arm64,
}

/// A call of the kernel in code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syscall {
    /// Offset of the instruction.
    pub(super) offset: usize,
    /// The number of the call that the code before it loads.
    pub(super) number: u32,
}

/// Numbers of calls of the kernel are lower.
const NUMBERS: u32 = 470;

impl Machine {
    /// The machine of a process.
    pub(super) fn of(process: &ProcessFacts<'_>) -> Option<Self> {
        let is_compat = || {
            process
                .task
                .leader()
                .and_then(crate::model::process::Thread::registers)
                .is_some_and(|registers| registers.compat)
        };
        match process.task.arch()? {
            Arch::X86_64 if is_compat() => Some(Machine::X86_32),
            Arch::X86_64 => Some(Machine::X86_64),
            Arch::Aarch64 => Some(Machine::Arm64),
            _ => None,
        }
    }

    /// Bytes of an address.
    pub(super) fn word(self) -> u64 {
        if self == Machine::X86_32 { 4 } else { 8 }
    }

    fn bits(self) -> u32 {
        if self == Machine::X86_32 { 32 } else { 64 }
    }

    /// A listing of the code at an address, a line for each instruction: address, bytes, words.
    pub(super) fn listing(self, address: u64, bytes: &[u8], lines: usize) -> String {
        match self {
            Machine::Arm64 => arm(address, bytes, lines),
            _ => x86(self.bits(), address, bytes, lines),
        }
    }

    /// Whether a call ends at the end of these bytes, which come right before an address: only then can the address be
    /// one that a function returns to.
    pub(super) fn ends_with_call(self, before: &[u8]) -> bool {
        if self == Machine::Arm64 {
            let word = before.last_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
            return word.is_some_and(|word| word & 0xfc00_0000 == 0x9400_0000 || word & 0xffff_fc1f == 0xd63f_0000);
        }
        (2..=7).any(|len| {
            let Some(from) = before.len().checked_sub(len) else { return false };
            let Some(bytes) = before.get(from..) else { return false };
            // `e8`, or `ff /2`, maybe with a prefix.
            let is_call = match bytes {
                [0xe8, ..] => len == 5,
                [0xff, modrm, ..] | [0x41 | 0x40 | 0x48 | 0x3e, 0xff, modrm, ..] => modrm >> 3 & 7 == 2,
                _ => false,
            };
            is_call && {
                let mut decoder = Decoder::with_ip(self.bits(), bytes, 0, DecoderOptions::NONE);
                let instruction = decoder.decode();
                !instruction.is_invalid() && instruction.len() == len
            }
        })
    }

    /// Whether an instruction that calls the kernel is at these bytes.
    pub(super) fn is_syscall(self, bytes: &[u8]) -> bool {
        match self {
            Machine::X86_64 => bytes.starts_with(b"\x0f\x05"),
            Machine::X86_32 => bytes.starts_with(b"\xcd\x80") || bytes.starts_with(b"\x0f\x34"),
            Machine::Arm64 => bytes.starts_with(b"\x01\x00\x00\xd4"),
        }
    }

    /// Bytes of that instruction.
    pub(super) fn syscall_len(self) -> u64 {
        if self == Machine::Arm64 { 4 } else { 2 }
    }

    /// Calls of the kernel in code. The two bytes alone mean nothing: they occur by chance. A call counts if the code
    /// right before it loads a number that such calls have.
    pub(super) fn syscalls(self, bytes: &[u8]) -> Vec<Syscall> {
        const MOST: usize = 64;
        let needle: &[u8] = match self {
            Machine::X86_64 => b"\x0f\x05",
            Machine::X86_32 => b"\xcd\x80",
            Machine::Arm64 => b"\x01\x00\x00\xd4",
        };
        memchr::memmem::find_iter(bytes, needle)
            .filter_map(|offset| {
                let from = offset.saturating_sub(16);
                let number = self.number_before(bytes.get(from..offset)?)?;
                Some(Syscall { offset, number })
            })
            .take(MOST)
            .collect()
    }

    /// The number that code loads for a call of the kernel that follows it.
    fn number_before(self, code: &[u8]) -> Option<u32> {
        if self == Machine::Arm64 {
            let words = code.as_chunks::<4>().0.iter().rev().map(|bytes| u32::from_le_bytes(*bytes));
            // `mov x8, #number`, or `mov w8, #number`.
            let load = words.into_iter().find(|word| word & 0x7fe0_001f == 0x5280_0008)?;
            return Some(load >> 5 & 0xffff).filter(|number| *number < NUMBERS);
        }
        // At most four bytes may stand between the load and the call, and they must be whole instructions.
        (0..=4).find_map(|gap: usize| {
            let end = code.len().checked_sub(gap)?;
            let (load, between) = code.split_at_checked(end)?;
            let number = loaded(load)?;
            (number < NUMBERS && self.is_whole(between)).then_some(number)
        })
    }

    /// Whether bytes are whole instructions.
    fn is_whole(self, bytes: &[u8]) -> bool {
        let mut decoder = Decoder::with_ip(self.bits(), bytes, 0, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            if instruction.is_invalid() {
                return false;
            }
        }
        true
    }
}

/// The number that the last instructions of x86 code load into the register for the number of a call.
fn loaded(code: &[u8]) -> Option<u32> {
    match code {
        [.., 0x48, 0xc7, 0xc0, a, b, 0, 0] | [.., 0xb8, a, b, 0, 0] => Some(u32::from(u16::from_le_bytes([*a, *b]))),
        [.., 0x6a, number, 0x58] | [.., 0x31, 0xc0, 0xb0, number] => Some(u32::from(*number)),
        _ => None,
    }
}

fn x86(bits: u32, address: u64, bytes: &[u8], lines: usize) -> String {
    let mut decoder = Decoder::with_ip(bits, bytes, address, DecoderOptions::NONE);
    let mut formatter = NasmFormatter::new();
    let mut instruction = Instruction::default();
    let mut text = String::new();
    for _ in 0..lines {
        if !decoder.can_decode() {
            break;
        }
        let from = decoder.position();
        decoder.decode_out(&mut instruction);
        let mut words = String::new();
        if instruction.is_invalid() {
            words.push_str("(no instruction)");
        } else {
            formatter.format(&instruction, &mut words);
        }
        let at = address.wrapping_add(u64_of(from));
        line(&mut text, at, bytes.get(from..decoder.position()).unwrap_or_default(), &words);
    }
    text
}

fn arm(address: u64, bytes: &[u8], lines: usize) -> String {
    let mut text = String::new();
    for (number, word) in (0_u64..).zip(bytes.as_chunks::<4>().0.iter().take(lines)) {
        let mut reader = U8Reader::new(word);
        let words = match InstDecoder::default().decode(&mut reader) {
            Ok(instruction) => instruction.to_string(),
            Err(_) => "(no instruction)".to_owned(),
        };
        line(&mut text, address.wrapping_add(number.wrapping_mul(4)), word, &words);
    }
    text
}

fn line(text: &mut String, address: u64, bytes: &[u8], words: &str) {
    use std::fmt::Write as _;
    if !text.is_empty() {
        text.push('\n');
    }
    let hex = data_encoding::HEXLOWER.encode(bytes);
    let _ = write!(text, "{address:#x}  {hex:<16}  {words}");
}

/// The target of a jump that some code begins with, if it leads somewhere: what a hook at the start of a function looks
/// like. With the number of bytes of the jump.
pub(super) fn jump_target(machine: Machine, address: u64, bytes: &[u8]) -> Option<u64> {
    if machine == Machine::Arm64 {
        let words: Vec<u32> = bytes.as_chunks::<4>().0.iter().take(6).map(|word| u32::from_le_bytes(*word)).collect();
        return match words.as_slice() {
            // b target
            [branch, ..] if branch & 0xfc00_0000 == 0x1400_0000 => {
                Some(address.wrapping_add_signed(i64::from((branch << 6).cast_signed() >> 4)))
            }
            // ldr xN, #8; br xN; address
            [load, jump, low, high, ..] if load & 0xffff_ffe0 == 0x5800_0040 && jump & 0xffff_fc1f == 0xd61f_0000 => {
                Some(u64::from(*low) | u64::from(*high) << 32)
            }
            _ => None,
        };
    }
    let relative = |rest: &[u8], len: u64| {
        let offset = i32::from_le_bytes(*rest.first_chunk::<4>()?);
        Some(address.wrapping_add(len).wrapping_add_signed(offset.into()))
    };
    let absolute = |rest: &[u8]| rest.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    match bytes {
        [0xf3, 0x0f, 0x1e, 0xfa, 0xe9, rest @ ..] => relative(rest, 9),
        [0xe9, rest @ ..] => relative(rest, 5),
        // jmp [rip+0]; address
        [0xff, 0x25, 0, 0, 0, 0, rest @ ..] if machine == Machine::X86_64 => absolute(rest),
        // mov rN, address; jmp rN
        [0x48 | 0x49, 0xb8..=0xbf, rest @ ..] if machine == Machine::X86_64 => {
            let is_jump = matches!(rest.get(8..), Some([0xff, 0xe0..=0xe7, ..] | [0x41, 0xff, 0xe0..=0xe7, ..]));
            let is_return = matches!(rest.get(8..), Some([0x50..=0x57, 0xc3, ..]));
            (is_jump || is_return).then(|| absolute(rest)).flatten()
        }
        // push low; mov dword [rsp+4], high; ret
        [0x68, rest @ ..] => {
            let number = |bytes: &[u8]| bytes.first_chunk::<4>().map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
            let low = number(rest)?;
            match rest.get(4..)? {
                [0xc3, ..] => Some(low),
                [0xc7, 0x44, 0x24, 0x04, high @ ..] if high.get(4) == Some(&0xc3) => Some(low | number(high)? << 32),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_have_address_bytes_and_words() {
        let text = Machine::X86_64.listing(0x1000, b"\x6a\x29\x58\x0f\x05\xc3", 3);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            lines,
            [
                ["0x1000", "6a29", "push", "29h"].to_vec(),
                vec!["0x1002", "58", "pop", "rax"],
                vec!["0x1003", "0f05", "syscall"]
            ]
        );
        let text = Machine::Arm64.listing(0, b"\xa8\x1b\x80\xd2\x01\x00\x00\xd4", 9);
        assert!(text.lines().count() == 2 && text.contains("svc"), "{text}");
        assert!(Machine::X86_64.listing(0, b"\x06", 1).contains("no instruction"));
        assert_eq!(Machine::X86_32.listing(0, b"", 9), "");
    }

    #[test]
    fn return_addresses_have_a_call_before_them() {
        for call in
            [&b"\xe8\x01\x02\x03\x04"[..], b"\xff\xd0", b"\x41\xff\xd2", b"\xff\x15\x01\x02\x03\x04", b"\xff\x50\x08"]
        {
            assert!(Machine::X86_64.ends_with_call(&[&[0x90; 8], call].concat()), "{call:x?}");
        }
        for other in [&b"\xe9\x01\x02\x03\x04"[..], b"\xff\xe0", b"\x90\x90\x90", b"", b"\xff"] {
            assert!(!Machine::X86_64.ends_with_call(other), "{other:x?}");
        }
        assert!(
            Machine::Arm64.ends_with_call(b"\x01\x00\x00\x94") && Machine::Arm64.ends_with_call(b"\x00\x02\x3f\xd6")
        );
        assert!(!Machine::Arm64.ends_with_call(b"\x01\x00\x00\x14"));
    }

    #[test]
    fn calls_of_the_kernel_load_their_number_first() {
        let found = |bytes: &[u8]| Machine::X86_64.syscalls(bytes).iter().map(|call| call.number).collect::<Vec<_>>();
        assert_eq!(found(b"\x6a\x29\x58\x99\x6a\x02\x5f\x0f\x05"), [41]);
        assert_eq!(found(b"\xb8\x3b\x00\x00\x00\x0f\x05"), [59]);
        assert_eq!(found(b"\x48\xc7\xc0\x3b\x00\x00\x00\x0f\x05"), [59]);
        assert!(found(b"\x90\x90\x0f\x05").is_empty() && found(b"\xb8\x00\x10\x00\x00\x0f\x05").is_empty());
        assert_eq!(Machine::Arm64.syscalls(b"\xa8\x1b\x80\xd2\x01\x00\x00\xd4")[0].number, 221);
    }

    #[test]
    fn hooks_are_jumps_at_the_beginning() {
        let target = |bytes: &[u8]| jump_target(Machine::X86_64, 0x1000, bytes);
        assert_eq!(target(b"\xe9\xfb\x0f\x00\x00"), Some(0x2000));
        assert_eq!(target(b"\xf3\x0f\x1e\xfa\xe9\xf7\x0f\x00\x00"), Some(0x2000));
        assert_eq!(target(b"\xff\x25\0\0\0\0\x00\x20\0\0\0\0\0\0"), Some(0x2000));
        assert_eq!(target(b"\x48\xb8\x00\x20\0\0\0\0\0\0\xff\xe0"), Some(0x2000));
        assert_eq!(target(b"\x68\x00\x20\x00\x00\xc3"), Some(0x2000));
        assert_eq!(target(b"\x48\xb8\x00\x20\0\0\0\0\0\0\x90\x90"), None);
        assert_eq!(target(b"\x55\x48\x89\xe5"), None);
        assert_eq!(jump_target(Machine::Arm64, 0x1000, b"\x02\x00\x00\x14"), Some(0x1008));
        assert_eq!(jump_target(Machine::Arm64, 0x1000, b"\xff\xff\xff\x17"), Some(0xffc));
        assert_eq!(jump_target(Machine::Arm64, 0, b"\x51\0\0\x58\x20\x02\x1f\xd6\x00\x20\0\0\0\0\0\0"), Some(0x2000));
        assert_eq!(jump_target(Machine::Arm64, 0, b"\x50\0\0\x58\x00\x02\x1f\xd6\x00\x20\0\0\0\0\0\0"), Some(0x2000));
    }
}
