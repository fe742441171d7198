//! Table `ttys`.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use bstr::BString;

use super::process_open_files::{files, terminal_path};
use super::table::table;
use super::value::{Detail, Object};
use crate::Checkpoint;
use crate::abi;
use crate::abi::device::Device;
use crate::abi::termios::Names;
use crate::images::ByteOrder;
use crate::images::proto::{TermiosEntry, TtyInfoEntry, TtyType};
use crate::int::u64_of;
use crate::model::Model;
use crate::model::file::File;
use crate::model::ids::{FileId, Pid};

table! {
    "ttys", key(tty), brief(tty, path, type, device, session, foreground_group, rows, columns, pids);
    /// Terminals, by CRIU's id. The two ends of a pseudo-terminal are two terminals with the same index.
    pub struct Tty {
        /// CRIU's id of the terminal.
        pub tty: u32,
        /// Path: the one that the terminal was opened by, or the one that its device number stands for. Null if neither
        /// is recorded.
        pub path: Option<BString>,
        /// Type: `pty`, `console`, `vt`, `ctty`, `external`, `serial` or `unknown`.
        pub r#type: Option<&'static str>,
        /// Number of a pseudo-terminal in `/dev/pts`.
        pub pty: Option<u32>,
        /// Device number of the terminal, `major:minor`.
        pub device: Option<String>,
        /// Device of the file system of the path, `major:minor`. Null before CRIU 2.0.
        pub file_system: Option<String>,
        /// Session that the terminal controls. Null if there is none.
        pub session: Option<u32>,
        /// Process group in the foreground. Null if there is none.
        pub foreground_group: Option<u32>,
        /// Owner. Null before CRIU 2.6.
        pub uid: Option<u32>,
        /// Group. Null before CRIU 2.6.
        pub gid: Option<u32>,
        /// Whether the slave is locked, so that it cannot be opened yet.
        pub locked: Option<bool>,
        /// Whether the terminal is in exclusive mode, so that it cannot be opened again.
        pub exclusive: Option<bool>,
        /// Whether the master is in packet mode.
        pub packet_mode: Option<bool>,
        /// Rows of the window, in characters.
        pub rows: Option<u32>,
        /// Columns of the window, in characters.
        pub columns: Option<u32>,
        /// Input modes. Null, like all modes, if the line was hung up. Modes are in hexadecimal if the numbers of the
        /// architecture are not certain (mips, power).
        pub input_modes: Option<Vec<Cow<'static, str>>>,
        /// Output modes.
        pub output_modes: Option<Vec<Cow<'static, str>>>,
        /// Control modes, including the character size.
        pub control_modes: Option<Vec<Cow<'static, str>>>,
        /// Local modes. Without `ECHO`, typed text is not shown. Without `ICANON`, each key reaches the program at
        /// once.
        pub local_modes: Option<Vec<Cow<'static, str>>>,
        /// Number of the line discipline; 0 is the usual one.
        pub line_discipline: Option<u32>,
        /// Speed in bits per second, from the control modes. Null if they name none.
        pub speed: Option<u32>,
        /// Input speed that was set as a number. Null if it was not.
        pub input_speed: Option<u32>,
        /// Output speed that was set as a number. Null if it was not.
        pub output_speed: Option<u32>,
        /// Control characters by name, as numbers.
        pub control_characters: Option<Object>,
        /// Modes that are locked against change, of all four kinds. Null if not recorded.
        pub locked_modes: Option<Vec<Cow<'static, str>>>,
        /// Number of bytes waiting to be read; they are in `tty_queues`. Null if none are recorded.
        pub waiting: Option<u64>,
        /// Processes that hold the terminal.
        pub pids: Vec<Pid>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Tty> + '_ {
    let opened = Opened::of(checkpoint.model());
    checkpoint.model().files().terminals().map(move |info| row(checkpoint, info, &opened))
}

/// The open files of terminals.
struct Opened {
    /// Each with the file that has its path, by terminal.
    files: HashMap<Option<u32>, Vec<(FileId, Option<FileId>)>>,
    /// The processes that hold each.
    holders: HashMap<FileId, BTreeSet<Pid>>,
}

impl Opened {
    fn of(model: &Model) -> Self {
        let mut opened = Opened { files: HashMap::new(), holders: HashMap::new() };
        for (id, file) in model.files().iter() {
            if let File::Tty(file) = file {
                opened.files.entry(file.tty_info_id).or_default().push((id, file.regf_id.map(FileId)));
            }
        }
        for (process, descriptor, file) in files(model) {
            if matches!(file, File::Tty(_)) {
                opened.holders.entry(descriptor.file).or_default().insert(process.pid());
            }
        }
        opened
    }
}

fn row(checkpoint: &Checkpoint, info: &TtyInfoEntry, opened: &Opened) -> Tty {
    let model = checkpoint.model();
    let names = abi::termios::names(model.arch());
    let own = opened.files.get(&info.id).map_or(&[][..], Vec::as_slice);
    let opened_by = own.iter().find_map(|&(id, named_by)| model.files().path(named_by.unwrap_or(id)));
    let path = opened_by.map(|path| path.text).or_else(|| Some(terminal_path(info)?.into_bytes()));
    let pids: BTreeSet<Pid> = own.iter().filter_map(|(id, _)| opened.holders.get(id)).flatten().copied().collect();
    let waiting: Vec<u64> = checkpoint.terminal_queues().of(info.id()).map(|w| u64_of(w.bytes.len())).collect();
    let (termios, size) = (info.termios.as_ref(), info.winsize.as_ref());
    Tty {
        tty: info.id(),
        path: path.map(BString::from),
        r#type: info.r#type.and_then(|number| TtyType::try_from(number).ok()).map(type_name),
        pty: info.pty.as_ref().and_then(|pty| pty.index),
        device: info.rdev.map(|number| Device::from_stat(number).to_string()),
        file_system: info.dev.map(|number| Device::from_stat(number).to_string()),
        session: info.sid.filter(|&session| session != 0),
        foreground_group: info.pgrp.filter(|&group| group != 0),
        uid: info.uid,
        gid: info.gid,
        locked: info.locked,
        exclusive: info.exclusive,
        packet_mode: info.packet_mode,
        rows: size.and_then(|size| size.ws_row),
        columns: size.and_then(|size| size.ws_col),
        input_modes: termios.map(|modes| abi::names_of(modes.c_iflag().into(), names.input)),
        output_modes: termios.map(|modes| abi::names_of(modes.c_oflag().into(), names.output)),
        control_modes: termios.map(|modes| control_modes(modes, &names)),
        local_modes: termios.map(|modes| abi::names_of(modes.c_lflag().into(), names.local)),
        line_discipline: termios.and_then(|modes| modes.c_line),
        speed: termios.and_then(|modes| names.speed(modes.c_cflag())),
        input_speed: termios.and_then(|modes| modes.c_ispeed).filter(|&speed| speed != 0),
        output_speed: termios.and_then(|modes| modes.c_ospeed).filter(|&speed| speed != 0),
        control_characters: termios.map(|modes| characters(modes, &names, model.byte_order())),
        locked_modes: info.termios_locked.as_ref().map(|locked| all_modes(locked, &names)),
        waiting: (!waiting.is_empty()).then(|| waiting.iter().fold(0, |sum: u64, len| sum.saturating_add(*len))),
        pids: pids.into_iter().collect(),
    }
}

fn type_name(tty_type: TtyType) -> &'static str {
    match tty_type {
        TtyType::Unknown => "unknown",
        TtyType::Pty => "pty",
        TtyType::Console => "console",
        TtyType::Vt => "vt",
        TtyType::Ctty => "ctty",
        TtyType::ExtTty => "external",
        TtyType::Serial => "serial",
    }
}

/// Flags of the line, and the character size as `CS5` to `CS8`.
fn control_modes(modes: &TermiosEntry, names: &Names) -> Vec<Cow<'static, str>> {
    const SIZES: [&str; 4] = ["CS5", "CS6", "CS7", "CS8"];
    let mask = modes.c_cflag();
    let size = (names.size != 0).then(|| (mask & names.size) >> names.size.trailing_zeros());
    let size = size.and_then(|size| SIZES.get(usize::try_from(size).ok()?));
    let mut all: Vec<Cow<'static, str>> = size.into_iter().map(|&size| Cow::Borrowed(size)).collect();
    all.extend(abi::names_of((mask & !names.speed_and_size).into(), names.control));
    all
}

fn all_modes(modes: &TermiosEntry, names: &Names) -> Vec<Cow<'static, str>> {
    let kinds = [
        (modes.c_iflag(), names.input),
        (modes.c_oflag(), names.output),
        (modes.c_cflag(), names.control),
        (modes.c_lflag(), names.local),
    ];
    kinds.into_iter().flat_map(|(mask, names)| abi::names_of(mask.into(), names)).collect()
}

fn characters(modes: &TermiosEntry, names: &Names, order: ByteOrder) -> Object {
    let characters = character_bytes(&modes.c_cc, order);
    let pairs = names.characters.iter().zip(characters);
    Object(pairs.map(|(&name, character)| (name, Detail::Integer(character.into()))).collect())
}

/// Control characters. CRIU copies the kernel's bytes over the 32-bit words of its own list, so each word holds four of
/// them and the last words hold what was in memory before. In a list of single characters, no number is above 255.
fn character_bytes(words: &[u32], order: ByteOrder) -> Vec<u8> {
    let single: Result<Vec<u8>, _> = words.iter().map(|&word| u8::try_from(word)).collect();
    single.unwrap_or_else(|_| {
        let bytes = words.iter().flat_map(|word| match order {
            ByteOrder::Little => word.to_le_bytes(),
            ByteOrder::Big => word.to_be_bytes(),
        });
        bytes.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_lie_four_in_a_word() {
        let usual = [0x157f_1c03, 0x0001_0004, 0x001a_1311, 0x1617_0f12, 0, 0x6c3f_3f40, 0x7f3a];
        assert_eq!(character_bytes(&usual, ByteOrder::Little)[..8], [3, 28, 127, 21, 4, 0, 1, 0]);
        assert_eq!(character_bytes(&[0x031c_7f15, 0x0400_0100], ByteOrder::Big)[..8], [3, 28, 127, 21, 4, 0, 1, 0]);
        assert_eq!(character_bytes(&[3, 28, 127, 21], ByteOrder::Little), [3, 28, 127, 21]);
    }
}
