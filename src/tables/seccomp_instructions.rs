//! Table `seccomp_instructions`.

use std::borrow::Cow;
use std::collections::HashMap;

use super::table::table;
use crate::Checkpoint;
use crate::abi;
use crate::abi::syscall;
use crate::images::ByteOrder;
use crate::int::u64_of;
use crate::model::Model;
use crate::model::bpf::{AddressMode, Operand, Operation, Program, Test, text_of};

table! {
    "seccomp_instructions", key(filter, instruction), brief(filter, instruction, text, comment);
    /// Programs of system call filters, disassembled. A filter that is the same as an earlier one has no rows.
    pub struct SeccompInstruction {
        /// Number of the filter, from 0.
        pub filter: u64,
        /// Number of the instruction, from 0.
        pub instruction: u64,
        /// The instruction, in the notation of `bpf_asm`. The two numbers at the end of a test are the next
        /// instructions if it is true and if it is false. An instruction that the kernel does not know is `unknown`
        /// with its numbers.
        pub text: String,
        /// Likely meaning of the instruction's number: the part of the data that is loaded, the architecture or call
        /// that is compared, or the answer. Null if it has no special meaning.
        pub comment: Option<Cow<'static, str>>,
        /// Opcode.
        pub code: u32,
        /// Instructions to skip if the test is true.
        pub jt: u32,
        /// Instructions to skip if the test is false.
        pub jf: u32,
        /// Constant of the instruction.
        pub k: u32,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = SeccompInstruction> + '_ {
    let model = checkpoint.model();
    let filters = checkpoint.seccomp().all().iter().enumerate().filter(|(_, filter)| filter.same_as.is_none());
    let programs = filters.filter_map(|(index, filter)| Some((u64_of(index), filter.program.as_deref()?)));
    programs.flat_map(move |(index, program)| of_program(index, program, model))
}

/// What the accumulator holds, judging from the instructions before in the text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Number,
    Arch,
    Other,
}

fn of_program(filter: u64, program: &Program, model: &Model) -> Vec<SeccompInstruction> {
    let arch = model.arch();
    let abis = arch.map_or(&[][..], |arch| syscall::abis(arch, model.byte_order() == ByteOrder::Big));
    let names: Vec<HashMap<u32, &'static str>> = abis.iter().map(|abi| abi.calls().collect()).collect();
    let of_x32 = abis.iter().position(|abi| abi.base == syscall::X32_BIT);
    let mut current = 0;
    let mut holds = Holds::Other;
    let mut rows = Vec::with_capacity(program.0.len());
    for (at, (instruction, operation)) in program.0.iter().zip(program.operations()).enumerate() {
        let comment = match operation {
            Operation::Load(_, _, AddressMode::Data(offset)) => {
                holds = match offset {
                    abi::seccomp::DATA_NUMBER => Holds::Number,
                    abi::seccomp::DATA_ARCH => Holds::Arch,
                    _ => Holds::Other,
                };
                abi::seccomp::data_name(offset)
            }
            Operation::Branch(_, Operand::Number(k), ..) if holds == Holds::Arch => {
                // Programs handle one architecture after the other, so the following instructions are probably for this
                // one.
                current = abis.iter().position(|abi| abi.audit == k).unwrap_or(current);
                syscall::audit_name(k).map(Cow::Borrowed)
            }
            Operation::Branch(test, Operand::Number(k), ..) if holds == Holds::Number && test != Test::AnyBit => {
                let of = of_x32.filter(|_| k & syscall::X32_BIT != 0).unwrap_or(current);
                names.get(of).and_then(|names| names.get(&k)).map(|&name| Cow::Borrowed(name))
            }
            Operation::Return(Operand::Number(k)) => Some(abi::seccomp::action(k, arch)),
            _ => None,
        };
        rows.push(SeccompInstruction {
            filter,
            instruction: u64_of(at),
            text: text_of(*instruction, operation),
            comment,
            code: instruction.code.into(),
            jt: instruction.jt.into(),
            jf: instruction.jf.into(),
            k: instruction.k,
        });
    }
    rows
}
