//! `memparse --strings`.

use std::io::{self, Write};
use std::ops::ControlFlow;

use cryoscope::Checkpoint;
use cryoscope::formats::{Columns, RowWriter, Style};
use cryoscope::memory::{StringBlock, StringOptions};
use cryoscope::tables::{Mappings, StringRow, Strings};

use super::super::Outcome;
use super::super::args::{Global, MemparseArgs, RowFormat};
use super::super::exit::Exit;
use super::super::screen::Screen;
use super::selection::Selected;
use super::threads;

/// Characters of a string that a line of text has.
const SHOWN: usize = 4096;

pub(super) fn run(checkpoint: &Checkpoint, selected: &Selected<'_>, args: &MemparseArgs, global: &Global) -> Outcome {
    let (model, memory) = (checkpoint.model(), checkpoint.memory());
    let options = StringOptions { threads: threads(args), least: args.min_length, ascii: true, utf16: true };
    let mut screen = Screen::open(global)?;
    let mut result = Ok(());
    match args.format {
        RowFormat::Table => {
            let map = |block: &StringBlock<'_>| lines(block, selected);
            memory
                .strings(model, &selected.ranges, &options, map, |text| flow(screen.out.write_all(&text), &mut result));
        }
        format => {
            let style = Style { format: format.into(), columns: Columns::All, name_tables: false, width: None };
            let strings = Strings::new(checkpoint, Mappings::of(checkpoint));
            let mut writer = RowWriter::new(&mut screen.out, style);
            writer.begin(&StringRow::TABLE)?;
            let map = |block: &StringBlock<'_>| {
                block.strings.iter().map(|string| strings.row(block, string)).collect::<Vec<StringRow>>()
            };
            memory.strings(model, &selected.ranges, &options, map, |rows| {
                flow(rows.iter().try_for_each(|row| writer.row(row)), &mut result)
            });
            writer.finish()?;
        }
    }
    result?;
    screen.out.flush()?;
    screen.finish(Exit::Done)
}

fn flow(written: io::Result<()>, result: &mut io::Result<()>) -> ControlFlow<()> {
    match written {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            *result = Err(error);
            ControlFlow::Break(())
        }
    }
}

/// A line a string: pid, address, the mapping's permissions and kind, `u` for UTF-16, and the text.
fn lines(block: &StringBlock<'_>, selected: &Selected<'_>) -> Vec<u8> {
    let mut text = Vec::with_capacity(block.strings.len().saturating_mul(64));
    let mut mapping = None;
    for string in &block.strings {
        let is_in = |mapping: &&cryoscope::tables::Mapping| {
            mapping.pid == string.pid && (mapping.start.0..mapping.end.0).contains(&string.address)
        };
        mapping = mapping.filter(is_in).or_else(|| selected.mappings.at(string.pid, string.address));
        let (permissions, kind) = mapping.map_or(("----", "-"), |m| (m.permissions.as_str(), m.kind));
        let mark = if string.utf16 { 'u' } else { ' ' };
        let _ = write!(text, "{:>6} {:#014x} {permissions} {kind:<9} {mark} ", string.pid, string.address);
        let mut bytes = block.text(string);
        let cut = bytes.len() > SHOWN;
        bytes.truncate(SHOWN);
        // Tabs are the only characters among them that move.
        text.extend(bytes.iter().map(|&b| if b == b'\t' { b' ' } else { b }));
        if cut {
            text.extend_from_slice("…".as_bytes());
        }
        text.push(b'\n');
    }
    text
}
