//! The notes of a core file: threads, process, auxiliary vector, files.
//!
//! Source: the kernel's `include/linux/elfcore.h` (`elf_prstatus`, `elf_prpsinfo`) and `fs/binfmt_elf.c`
//! (`fill_note_info`, whose order is kept: debuggers assign registers to the thread whose status comes before them).

use std::io;

use goblin::elf::note::{NT_FILE, NT_PRPSINFO, NT_PRSTATUS, NT_SIGINFO};

use super::encode::{Class, Encoder, low16};
use super::machine::Machine;
use super::note::Note;
use super::segments::Segments;
use crate::Checkpoint;
use crate::images::proto::TaskCoreEntry;
use crate::int::u64_of;
use crate::memory::{AddressSpace, Text};
use crate::model::process::{Process, State, Thread};
use crate::model::pstree::Parent;
use crate::tables::Mapping;

const NT_AUXV: u32 = 6;

/// Size of `siginfo_t` in bytes.
const SIGINFO: usize = 128;
/// Size of a command line in `PRPSINFO`, in bytes.
const ARGUMENTS: usize = 80;
/// Size of a name in it, in bytes.
const NAME: usize = 16;

/// All notes. Those of the thread group leader come first.
pub(super) fn all(
    machine: Machine,
    checkpoint: &Checkpoint,
    process: &Process,
    space: &AddressSpace<'_>,
    segments: &Segments,
) -> io::Result<Vec<u8>> {
    let mut of_process = vec![
        Note::core(NT_PRPSINFO, prpsinfo(machine.class(), process, space)),
        // Nothing crashed, so there is no signal.
        Note::core(NT_SIGINFO, vec![0; SIGINFO]),
        Note::core(NT_AUXV, auxv(machine.class(), space)?),
    ];
    let mappings = crate::tables::mappings_of(checkpoint, process);
    of_process.extend(files(machine.class(), mappings, segments, space.page_size())?);
    let mut notes = Vec::new();
    // Threads without images are skipped. A warning names them.
    for thread in &process.threads {
        let Some(status) = prstatus(machine, process, thread) else { continue };
        notes.push(Note::core(NT_PRSTATUS, status));
        notes.append(&mut of_process);
        notes.extend(thread.core().into_iter().flat_map(|core| machine.others(core)));
    }
    notes.append(&mut of_process);
    let mut bytes = Vec::new();
    for note in notes {
        note.encode(&mut bytes)?;
    }
    Ok(bytes)
}

/// Parent, process group and session. 0 if they are outside.
fn relatives(process: &Process) -> [u32; 3] {
    let parent = match process.node.parent {
        Parent::Process(pid) => pid.0,
        Parent::Outside | Parent::Unknown => 0,
    };
    [parent, process.node.pgid.unwrap_or_default(), process.node.sid.unwrap_or_default()]
}

/// `elf_prstatus`. `None` for a thread whose registers are not known.
fn prstatus(machine: Machine, process: &Process, thread: &Thread) -> Option<Vec<u8>> {
    let registers = thread.registers()?;
    let mut out = Encoder::new(machine.class());
    // No signal: `si_signo`, `si_code`, `si_errno`, `pr_cursig`.
    out.zeros(16);
    out.low_word(thread.signals_pending().unwrap_or_default());
    out.low_word(thread.signals_blocked().unwrap_or_default());
    out.u32(thread.tid.0);
    for id in relatives(process) {
        out.u32(id);
    }
    // Four times of two words each, which are not stored.
    for _ in 0..8 {
        out.low_word(0);
    }
    machine.general(&registers, &mut out);
    out.u32(thread.core().is_some_and(|core| machine.has_floating_point(core)).into());
    if machine.class() == Class::Wide {
        out.u32(0);
    }
    Some(out.finish())
}

/// `elf_prpsinfo`.
fn prpsinfo(class: Class, process: &Process, space: &AddressSpace<'_>) -> Vec<u8> {
    let (state, letter) = match process.state() {
        Some(State::Stopped) => (3, b'T'),
        Some(State::Zombie) => (4, b'Z'),
        Some(State::Alive) | None => (0, b'R'),
    };
    let nice = process.leader().and_then(|leader| leader.own()?.sched_nice).unwrap_or_default();
    let [nice, ..] = nice.to_le_bytes();
    let flags = process.task().map(TaskCoreEntry::flags).unwrap_or_default();
    let credentials = process.credentials().unwrap_or_default();
    let [uid, ..] = credentials.uid;
    let [gid, ..] = credentials.gid;
    let ids = [uid, gid].map(Option::unwrap_or_default);
    let mut out = Encoder::new(class);
    out.bytes(&[state, letter, u8::from(letter == b'Z'), nice]);
    match class {
        Class::Wide => {
            out.zeros(4);
            out.u64(flags.into());
            for id in ids {
                out.u32(id);
            }
        }
        Class::Narrow => {
            out.u32(flags);
            for id in ids {
                out.u16(low16(id));
            }
        }
    }
    out.u32(process.pid().0);
    for id in relatives(process) {
        out.u32(id);
    }
    out.text(process.name().unwrap_or_default(), NAME);
    let (Text::Known(arguments) | Text::Cut(arguments)) = space.cmdline(u64_of(ARGUMENTS));
    let arguments: Vec<u8> = arguments.strip_suffix(b"\0").unwrap_or(&arguments).to_vec();
    let arguments: Vec<u8> = arguments.into_iter().map(|byte| if byte == 0 { b' ' } else { byte }).collect();
    out.text(&arguments, ARGUMENTS);
    out.finish()
}

fn auxv(class: Class, space: &AddressSpace<'_>) -> io::Result<Vec<u8>> {
    let mut out = Encoder::new(class);
    for &(key, value) in space.mm().auxv.pairs().iter().chain([&(0, 0)]) {
        out.word(key)?;
        out.word(value)?;
    }
    Ok(out.finish())
}

/// The mapped files: address ranges, and the files that a debugger may read for them.
fn files(
    class: Class,
    mappings: impl Iterator<Item = Mapping>,
    segments: &Segments,
    page_size: u64,
) -> io::Result<Option<Note>> {
    let mut ranges = Encoder::new(class);
    let mut names = Vec::new();
    let mut count = 0_u64;
    for mapping in mappings.filter(|mapping| !mapping.pseudo && mapping.path.starts_with(b"/")) {
        for range in segments.mapped(mapping.start.0, mapping.end.0) {
            let offset = mapping.offset.saturating_add(range.start.saturating_sub(mapping.start.0));
            ranges.word(range.start)?;
            ranges.word(range.end)?;
            ranges.word(offset.checked_div(page_size).unwrap_or_default())?;
            // A name ends at its first NUL.
            names.extend(mapping.path.iter().take_while(|&&byte| byte != 0));
            names.push(0);
            count = count.saturating_add(1);
        }
    }
    if count == 0 {
        return Ok(None);
    }
    let mut out = Encoder::new(class);
    out.word(count)?;
    out.word(page_size)?;
    out.bytes(&ranges.finish());
    out.bytes(&names);
    Ok(Some(Note::core(NT_FILE, out.finish())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registers::Registers;

    #[test]
    fn structures_have_the_kernels_sizes() {
        let checkpoint = Checkpoint::open("fixtures/forms-reference/podman-runc.tar").unwrap();
        let process = &checkpoint.model().processes()[0];
        let space = checkpoint.memory().space(process).unwrap();
        for (machine, status, info) in
            [(Machine::X86_64, 336, 136), (Machine::X86, 144, 124), (Machine::Aarch64, 392, 136)]
        {
            assert_eq!(prstatus(machine, process, &process.threads[0]).unwrap().len(), status);
            assert_eq!(prpsinfo(machine.class(), process, &space).len(), info);
            let mut registers = Encoder::new(machine.class());
            machine.general(&Registers::default(), &mut registers);
            let word = if machine.class() == Class::Wide { 8 } else { 4 };
            assert_eq!(registers.finish().len() % word, 0);
        }
        assert_eq!(auxv(Class::Wide, &space).unwrap().len() % 16, 0);
    }
}
