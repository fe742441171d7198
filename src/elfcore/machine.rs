//! The machines that core files can be written for.

use std::io;

use goblin::elf::header::{EM_386, EM_AARCH64, EM_X86_64};

use super::encode::{Class, Encoder};
use super::note::Note;
use super::{aarch64, x86, x86_64};
use crate::abi::arch::Arch;
use crate::images::proto::CoreEntry;
use crate::model::Model;
use crate::model::process::{Process, Thread};
use crate::model::registers::Registers;

/// A machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Machine {
    X86_64,
    X86,
    Aarch64,
}

impl Machine {
    /// The machine of a process: from its first thread that names one, or else from another process, so that memory can
    /// be read even if the images of the threads are lost.
    pub(super) fn of(process: &Process, model: &Model) -> io::Result<Self> {
        let compat = process.threads.iter().find_map(Thread::registers).is_some_and(|registers| registers.compat);
        let of_thread = |thread: &Thread| Arch::from_mtype(thread.core()?.mtype?);
        match process.threads.iter().find_map(of_thread).or_else(|| model.arch()) {
            Some(Arch::X86_64) if compat => Ok(Machine::X86),
            Some(Arch::X86_64) => Ok(Machine::X86_64),
            Some(Arch::Aarch64) => Ok(Machine::Aarch64),
            Some(other) => Err(unsupported(format!(
                "core files for {} are not supported, only for x86_64, x86 and aarch64",
                other.as_str()
            ))),
            None => Err(unsupported("the machine is not known: core images are missing or damaged".to_owned())),
        }
    }

    pub(super) fn class(self) -> Class {
        match self {
            Machine::X86 => Class::Narrow,
            Machine::X86_64 | Machine::Aarch64 => Class::Wide,
        }
    }

    /// `e_machine`.
    pub(super) fn number(self) -> u16 {
        match self {
            Machine::X86 => EM_386,
            Machine::X86_64 => EM_X86_64,
            Machine::Aarch64 => EM_AARCH64,
        }
    }

    /// Writes the general registers, as in `PRSTATUS`.
    pub(super) fn general(self, registers: &Registers, out: &mut Encoder) {
        let names: &[&str] = match self {
            Machine::X86 => &x86::GENERAL,
            Machine::X86_64 => &x86_64::GENERAL,
            Machine::Aarch64 => &aarch64::GENERAL,
        };
        for name in names {
            out.low_word(registers.get(name).unwrap_or_default());
        }
    }

    /// Whether floating-point registers were stored.
    pub(super) fn has_floating_point(self, core: &CoreEntry) -> bool {
        match self {
            Machine::X86 | Machine::X86_64 => core.thread_info.as_ref().is_some_and(|info| info.fpregs.is_some()),
            Machine::Aarch64 => core.ti_aarch64.as_ref().is_some_and(|info| info.fpsimd.is_some()),
        }
    }

    /// The notes for a thread's other registers.
    pub(super) fn others(self, core: &CoreEntry) -> Vec<Note> {
        match self {
            Machine::X86 => x86::others(core),
            Machine::X86_64 => x86_64::others(core),
            Machine::Aarch64 => aarch64::others(core),
        }
    }
}

fn unsupported(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, message)
}
