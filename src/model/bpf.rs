//! Classic BPF: decodes and disassembles programs that filter system calls and packets. Source of opcodes, checks and
//! meaning: the kernel's `include/uapi/linux/bpf_common.h`, `linux/filter.h` and `net/core/filter.c`.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error as ThisError;

use crate::abi;
use crate::images::ByteOrder;
use crate::int::u64_of;

/// `BPF_MAXINSNS`: the most instructions a program can have.
pub const MOST_INSTRUCTIONS: usize = 4096;
/// `BPF_MEMWORDS`: the number of words of scratch memory.
pub const MEMORY_WORDS: usize = 16;

/// Why the kernel would not accept a program: what is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("{0}")]
pub struct InvalidProgram(pub(crate) String);

/// An instruction as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Instruction {
    /// Operation code.
    pub code: u16,
    /// Instructions to skip if a test is true.
    pub jt: u8,
    /// Instructions to skip if a test is false.
    pub jf: u8,
    /// Constant of the instruction.
    pub k: u32,
}

/// A register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// The accumulator.
    A,
    /// The index register.
    X,
}

/// The operand of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A constant.
    Number(u32),
    /// The index register.
    X,
    /// The accumulator.
    A,
}

/// The addressing mode of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressMode {
    /// The number itself.
    Number(u32),
    /// The data at an offset.
    Data(u32),
    /// The data at an offset plus the index.
    Indexed(u32),
    /// The length of the data.
    Length,
    /// Scratch memory.
    Memory(u32),
    /// Four times the low half of a data byte: the length of an IPv4 header.
    HeaderLength(u32),
}

/// Arithmetic operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// Addition.
    Add,
    /// Subtraction.
    Sub,
    /// Multiplication.
    Mul,
    /// Division.
    Div,
    /// Bitwise OR.
    Or,
    /// Bitwise AND.
    And,
    /// Left shift.
    Lsh,
    /// Right shift.
    Rsh,
    /// Remainder.
    Mod,
    /// Bitwise exclusive OR.
    Xor,
}

/// A test of the accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Equal.
    Equal,
    /// Greater, unsigned.
    Greater,
    /// Greater or equal, unsigned.
    GreaterOrEqual,
    /// Any bit in common.
    AnyBit,
}

impl Test {
    /// Whether the test is true for two numbers.
    pub fn holds(self, a: u32, operand: u32) -> bool {
        match self {
            Test::Equal => a == operand,
            Test::Greater => a > operand,
            Test::GreaterOrEqual => a >= operand,
            Test::AnyBit => a & operand != 0,
        }
    }
}

impl Arithmetic {
    /// Returns the result; `None` for a division by zero, where the kernel ends the program with 0.
    pub fn of(self, a: u32, operand: u32) -> Option<u32> {
        Some(match self {
            Arithmetic::Add => a.wrapping_add(operand),
            Arithmetic::Sub => a.wrapping_sub(operand),
            Arithmetic::Mul => a.wrapping_mul(operand),
            Arithmetic::Div => a.checked_div(operand)?,
            Arithmetic::Mod => a.checked_rem(operand)?,
            Arithmetic::Or => a | operand,
            Arithmetic::And => a & operand,
            Arithmetic::Xor => a ^ operand,
            // The kernel's own instructions use only five bits of the shift distance.
            Arithmetic::Lsh => a.wrapping_shl(operand),
            Arithmetic::Rsh => a.wrapping_shr(operand),
        })
    }
}

/// A decoded instruction. Jump targets are instruction numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A value of 1, 2 or 4 bytes is loaded.
    Load(Register, u32, AddressMode),
    /// A register is stored in scratch memory.
    Store(Register, u32),
    /// Changes the accumulator.
    Arithmetic(Arithmetic, Operand),
    /// Negates the accumulator.
    Negate,
    /// Jumps unconditionally.
    Jump(u64),
    /// Jumps to the first target if the test is true, otherwise to the second.
    Branch(Test, Operand, u64, u64),
    /// Ends the program with an answer.
    Return(Operand),
    /// Copies the accumulator to the index register.
    ToIndex,
    /// Copies the index register to the accumulator.
    ToAccumulator,
    /// An instruction that the kernel does not know.
    Unknown,
}

/// A program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Program(pub Vec<Instruction>);

impl Program {
    /// Decodes bytes, as `seccomp.img` has them.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not whole instructions, or more than the kernel accepts.
    pub(crate) fn parse(bytes: &[u8], order: ByteOrder) -> Result<Self, String> {
        let (chunks, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() || chunks.is_empty() || chunks.len() > MOST_INSTRUCTIONS {
            return Err(format!("{} bytes are not a program of 1 to {MOST_INSTRUCTIONS} instructions", bytes.len()));
        }
        let instruction = |&[c0, c1, jt, jf, k0, k1, k2, k3]: &[u8; 8]| {
            let (code, k) = ([c0, c1], [k0, k1, k2, k3]);
            match order {
                ByteOrder::Little => Instruction { code: u16::from_le_bytes(code), jt, jf, k: u32::from_le_bytes(k) },
                ByteOrder::Big => Instruction { code: u16::from_be_bytes(code), jt, jf, k: u32::from_be_bytes(k) },
            }
        };
        Ok(Program(chunks.iter().map(instruction).collect()))
    }

    /// Decodes words, as `sk_opts_entry.so_filter` has them: code, jt, jf, k from the highest bits down.
    pub(crate) fn from_words(words: &[u64]) -> Self {
        let instruction = |word: &u64| {
            let [c1, c0, jt, jf, k @ ..] = word.to_be_bytes();
            Instruction { code: u16::from_be_bytes([c1, c0]), jt, jf, k: u32::from_be_bytes(k) }
        };
        Program(words.iter().take(MOST_INSTRUCTIONS).map(instruction).collect())
    }

    /// Returns the decoded instructions.
    pub fn operations(&self) -> impl Iterator<Item = Operation> + '_ {
        self.0.iter().enumerate().map(|(at, instruction)| instruction.operation(u64_of(at)))
    }

    /// Checks whether the kernel would accept the program: every opcode is known, jumps, memory and shifts are in
    /// bounds, nothing is divided by the constant 0, and the last instruction returns.
    ///
    /// # Errors
    ///
    /// Returns what is wrong, and where.
    pub fn check(&self) -> Result<(), InvalidProgram> {
        let length = u64_of(self.0.len());
        for (at, operation) in self.operations().enumerate() {
            let in_bounds = match operation {
                Operation::Unknown => return Err(InvalidProgram(format!("instruction {at} has an unknown opcode"))),
                Operation::Jump(target) => target < length,
                Operation::Branch(_, _, when, otherwise) => when.max(otherwise) < length,
                Operation::Store(_, word) | Operation::Load(_, _, AddressMode::Memory(word)) => {
                    u64::from(word) < u64_of(MEMORY_WORDS)
                }
                Operation::Arithmetic(Arithmetic::Div | Arithmetic::Mod, Operand::Number(0)) => false,
                Operation::Arithmetic(Arithmetic::Lsh | Arithmetic::Rsh, Operand::Number(bits)) => bits < u32::BITS,
                _ => true,
            };
            if !in_bounds {
                return Err(InvalidProgram(format!("instruction {at} is out of bounds")));
            }
        }
        match self.operations().last() {
            Some(Operation::Return(_)) => Ok(()),
            _ => Err(InvalidProgram("the last instruction does not return".to_owned())),
        }
    }
}

impl Instruction {
    /// Decodes the instruction at a place in a program.
    pub fn operation(self, at: u64) -> Operation {
        const CLASS: u16 = 0x07;
        const SIZE: u16 = 0x18;
        const MODE: u16 = 0xe0;
        let k = self.k;
        let class = self.code & CLASS;
        match class {
            // BPF_LD and BPF_LDX.
            0 | 1 => {
                let register = if class == 0 { Register::A } else { Register::X };
                let size = match self.code & SIZE {
                    0x00 => 4,
                    0x08 => 2,
                    0x10 => 1,
                    _ => return Operation::Unknown,
                };
                let from = match (class, self.code & MODE, size) {
                    (_, 0x00, 4) => AddressMode::Number(k),
                    (0, 0x20, _) => AddressMode::Data(k),
                    (0, 0x40, _) => AddressMode::Indexed(k),
                    (_, 0x60, 4) => AddressMode::Memory(k),
                    (_, 0x80, 4) => AddressMode::Length,
                    (1, 0xa0, 1) => AddressMode::HeaderLength(k),
                    _ => return Operation::Unknown,
                };
                if self.code > 0xff { Operation::Unknown } else { Operation::Load(register, size, from) }
            }
            _ => match self.code {
                0x02 => Operation::Store(Register::A, k),
                0x03 => Operation::Store(Register::X, k),
                0x84 => Operation::Negate,
                0x05 => Operation::Jump(after(at, k.into())),
                0x06 => Operation::Return(Operand::Number(k)),
                0x16 => Operation::Return(Operand::A),
                0x07 => Operation::ToIndex,
                0x87 => Operation::ToAccumulator,
                code => self.by_source(code, at),
            },
        }
    }

    /// Decodes arithmetic and branches, whose operand is the constant or the index register.
    fn by_source(self, code: u16, at: u64) -> Operation {
        const SOURCE_X: u16 = 0x08;
        let operand = if code & SOURCE_X == 0 { Operand::Number(self.k) } else { Operand::X };
        let arithmetic = |op| Operation::Arithmetic(op, operand);
        let branch = |test| Operation::Branch(test, operand, after(at, self.jt.into()), after(at, self.jf.into()));
        match code & !SOURCE_X {
            0x04 => arithmetic(Arithmetic::Add),
            0x14 => arithmetic(Arithmetic::Sub),
            0x24 => arithmetic(Arithmetic::Mul),
            0x34 => arithmetic(Arithmetic::Div),
            0x44 => arithmetic(Arithmetic::Or),
            0x54 => arithmetic(Arithmetic::And),
            0x64 => arithmetic(Arithmetic::Lsh),
            0x74 => arithmetic(Arithmetic::Rsh),
            0x94 => arithmetic(Arithmetic::Mod),
            0xa4 => arithmetic(Arithmetic::Xor),
            0x15 => branch(Test::Equal),
            0x25 => branch(Test::Greater),
            0x35 => branch(Test::GreaterOrEqual),
            0x45 => branch(Test::AnyBit),
            _ => Operation::Unknown,
        }
    }
}

/// The number of the instruction `distance` places after the next one.
fn after(at: u64, distance: u64) -> u64 {
    at.saturating_add(1).saturating_add(distance)
}

/// The part of a packet, or the kernel's fact about it, that an offset stands for.
fn data(offset: u32) -> Cow<'static, str> {
    /// `SKF_AD_OFF`, `SKF_NET_OFF` and `SKF_LL_OFF`.
    const ANCILLARY: u32 = 0xffff_f000;
    const NETWORK: u32 = 0xfff0_0000;
    const LINK: u32 = 0xffe0_0000;
    if let Some(field) = offset.checked_sub(ANCILLARY) {
        return abi::filter::ancillary(field).map_or_else(|| Cow::Owned(format!("ancillary+{field}")), Cow::Borrowed);
    }
    let (base, offset) = match (offset.checked_sub(NETWORK), offset.checked_sub(LINK)) {
        (Some(offset), _) => ("network+", offset),
        (None, Some(offset)) => ("link+", offset),
        (None, None) => ("", offset),
    };
    Cow::Owned(format!("[{base}{offset}]"))
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Number(number) => write!(f, "#{number:#x}"),
            Operand::X => f.write_str("x"),
            Operand::A => f.write_str("a"),
        }
    }
}

impl fmt::Display for AddressMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressMode::Number(number) => write!(f, "#{number:#x}"),
            AddressMode::Data(offset) => f.write_str(&data(*offset)),
            AddressMode::Indexed(offset) => write!(f, "[x+{offset}]"),
            AddressMode::Length => f.write_str("#len"),
            AddressMode::Memory(word) => write!(f, "M[{word}]"),
            AddressMode::HeaderLength(offset) => write!(f, "4*([{offset}]&0xf)"),
        }
    }
}

/// The notation of `bpf_asm` and `tcpdump -d`, with instruction numbers as jump targets.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Load(Register::A, size, from) => {
                let name = match size {
                    4 => "ld",
                    2 => "ldh",
                    _ => "ldb",
                };
                write!(f, "{name} {from}")
            }
            Operation::Load(Register::X, 4, from) => write!(f, "ldx {from}"),
            Operation::Load(Register::X, _, from) => write!(f, "ldxb {from}"),
            Operation::Store(Register::A, word) => write!(f, "st M[{word}]"),
            Operation::Store(Register::X, word) => write!(f, "stx M[{word}]"),
            Operation::Arithmetic(arithmetic, operand) => {
                let name = match arithmetic {
                    Arithmetic::Add => "add",
                    Arithmetic::Sub => "sub",
                    Arithmetic::Mul => "mul",
                    Arithmetic::Div => "div",
                    Arithmetic::Or => "or",
                    Arithmetic::And => "and",
                    Arithmetic::Lsh => "lsh",
                    Arithmetic::Rsh => "rsh",
                    Arithmetic::Mod => "mod",
                    Arithmetic::Xor => "xor",
                };
                write!(f, "{name} {operand}")
            }
            Operation::Negate => f.write_str("neg"),
            Operation::Jump(target) => write!(f, "ja {target}"),
            Operation::Branch(test, operand, when, otherwise) => {
                let name = match test {
                    Test::Equal => "jeq",
                    Test::Greater => "jgt",
                    Test::GreaterOrEqual => "jge",
                    Test::AnyBit => "jset",
                };
                write!(f, "{name} {operand}, {when}, {otherwise}")
            }
            Operation::Return(operand) => write!(f, "ret {operand}"),
            Operation::ToIndex => f.write_str("tax"),
            Operation::ToAccumulator => f.write_str("txa"),
            Operation::Unknown => f.write_str("unknown"),
        }
    }
}

/// The text of a whole instruction. An unknown one is printed with all its parts.
pub(crate) fn text_of(instruction: Instruction, operation: Operation) -> String {
    match operation {
        Operation::Unknown => {
            let Instruction { code, jt, jf, k } = instruction;
            format!("unknown {code:#06x}, {jt}, {jf}, {k:#x}")
        }
        known => known.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(program: &Program) -> Vec<String> {
        program.0.iter().zip(program.operations()).map(|(&i, operation)| text_of(i, operation)).collect()
    }

    #[test]
    fn a_filter_of_a_socket() {
        // `tcpdump -dd ip and udp`.
        let program = Program::from_words(&[
            0x0028_0000_0000_000c,
            0x0015_0003_0000_0800,
            0x0030_0000_0000_0017,
            0x0015_0001_0000_0011,
            0x0006_0000_0004_0000,
            0x0006_0000_0000_0000,
        ]);
        assert_eq!(
            lines(&program),
            ["ldh [12]", "jeq #0x800, 2, 5", "ldb [23]", "jeq #0x11, 4, 5", "ret #0x40000", "ret #0x0"]
        );
        assert_eq!(program.check(), Ok(()));
    }

    #[test]
    fn bytes_follow_the_order_of_the_machine() {
        let little = Program::parse(&[0x20, 0, 0, 0, 4, 0, 0, 0], ByteOrder::Little).unwrap();
        let big = Program::parse(&[0, 0x20, 0, 0, 0, 0, 0, 4], ByteOrder::Big).unwrap();
        assert_eq!((&little, lines(&little)), (&big, vec!["ld [4]".to_owned()]));
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert!(Program::parse(&[0; 7], ByteOrder::Little).is_err());
        assert!(Program::parse(&[], ByteOrder::Little).is_err());
        assert!(Program::parse(&vec![0; 8 * 4097], ByteOrder::Little).is_err());
        assert!(Program::from_words(&[0x0015_ff00_0000_0000, 0x0006_0000_0000_0000]).check().is_err(), "jumps out");
        assert!(Program::from_words(&[0x0005_0000_ffff_ffff, 0x0006_0000_0000_0000]).check().is_err(), "jumps far out");
        assert!(Program::from_words(&[0x0002_0000_0000_0010, 0x0006_0000_0000_0000]).check().is_err(), "17th word");
        assert!(Program::from_words(&[0x0034_0000_0000_0000, 0x0006_0000_0000_0000]).check().is_err(), "divides by 0");
        assert!(Program::from_words(&[0x0020_0000_0000_0000]).check().is_err(), "does not end");
        assert_eq!(lines(&Program::from_words(&[0xffff_0102_0000_0003])), ["unknown 0xffff, 1, 2, 0x3"]);
    }

    #[test]
    fn numbers_that_stand_for_other_parts_of_a_packet_are_named() {
        let program = Program::from_words(&[0x0028_0000_ffff_f000, 0x0030_0000_fff0_0009, 0x0030_0000_ffff_f0ff]);
        assert_eq!(lines(&program), ["ldh protocol", "ldb [network+9]", "ldb ancillary+255"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(words in prop::collection::vec(any::<u64>(), 0..40)) {
            let program = Program::from_words(&words);
            prop_assert_eq!(lines(&program).len(), words.len());
            let _ = program.check();
        }
    }
}
