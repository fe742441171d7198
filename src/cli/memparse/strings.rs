//! `memparse --strings`.

use std::io::{self, Write};
use std::ops::ControlFlow;

use cryoscope::formats::Columns;
use cryoscope::memory::{StringBlock, StringOptions};
use cryoscope::tables::{Mapping, Mappings, StringRow, Strings};

use super::super::args::RowFormat;
use super::super::exit::Exit;
use super::super::rows::One;
use super::super::screen::Screen;
use super::super::{Failure, Outcome};
use super::rows::Rows;
use super::selection::Selected;
use super::{Context, Task, threads};

/// Maximum number of characters of a string in text output.
const SHOWN: usize = 4096;

/// Strings, as text or as rows.
pub(super) struct StringsTask<'a> {
    context: Context<'a>,
    output: Output<'a>,
}

enum Output<'a> {
    Text(Screen),
    Rows(Box<Rows<'a>>),
}

impl<'a> StringsTask<'a> {
    pub(super) fn new(context: Context<'a>) -> Result<Self, Failure> {
        let Context { args, global, .. } = context;
        let screen = Screen::open(global)?;
        let output = if args.format == RowFormat::Table {
            Output::Text(screen)
        } else {
            let table = &StringRow::TABLE;
            Output::Rows(Box::new(Rows::new(screen, table, Columns::All, args, &context.lead, context.several)))
        };
        Ok(StringsTask { context, output })
    }
}

impl Task for StringsTask<'_> {
    fn read(&mut self, one: &One<'_>, selected: &Selected<'_>) -> Result<(), Failure> {
        let (checkpoint, args) = (one.checkpoint, self.context.args);
        let memory = checkpoint.memory();
        let options = StringOptions { threads: threads(args), least: args.min_length, ascii: true, utf16: true };
        let mut result = Ok(());
        match &mut self.output {
            Output::Text(screen) => {
                screen.out.write_all(self.context.heading(one).as_bytes())?;
                let map = |block: &StringBlock<'_>| lines(block, selected);
                memory.strings(&selected.ranges, &options, map, |text| flow(screen.out.write_all(&text), &mut result));
                result?;
                Ok(screen.out.flush()?)
            }
            Output::Rows(rows) => {
                let strings = Strings::new(checkpoint, Mappings::of(checkpoint));
                let writer = rows.of(one)?;
                let map = |block: &StringBlock<'_>| {
                    block.strings.iter().map(|string| strings.row(block, string)).collect::<Vec<StringRow>>()
                };
                memory.strings(&selected.ranges, &options, map, |rows| {
                    flow(rows.iter().try_for_each(|row| writer.row(row)), &mut result)
                });
                result?;
                Ok(rows.flush()?)
            }
        }
    }

    fn finish(self: Box<Self>) -> Outcome {
        match self.output {
            Output::Text(screen) => screen.finish(Exit::Done),
            Output::Rows(rows) => rows.finish(),
        }
    }
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

/// One line per string: pid, address, permissions and kind of the mapping, `u` for UTF-16, and the text.
fn lines(block: &StringBlock<'_>, selected: &Selected<'_>) -> Vec<u8> {
    let mut text = Vec::with_capacity(block.strings.len().saturating_mul(64));
    // The text before and after the address is the same for all strings of a mapping.
    let mut mapping: Option<&Mapping> = None;
    let (mut before, mut behind) = (String::new(), String::new());
    for string in &block.strings {
        let here =
            |mapping: &Mapping| mapping.pid == string.pid && (mapping.start.0..mapping.end.0).contains(&string.address);
        if before.is_empty() || !mapping.is_some_and(here) {
            mapping = selected.mappings.at(string.pid, string.address);
            let (permissions, kind) = mapping.map_or(("----", "-"), |m| (m.permissions.as_str(), m.kind));
            before = format!("{:>6} 0x", string.pid);
            behind = format!(" {permissions} {kind:<9} ");
        }
        text.extend_from_slice(before.as_bytes());
        push_address(string.address, &mut text);
        text.extend_from_slice(behind.as_bytes());
        text.extend_from_slice(if string.utf16 { b"u " } else { b"  " });
        let bytes = block.text(string);
        let shown = bytes.get(..SHOWN).unwrap_or(&bytes);
        let from = text.len();
        text.extend_from_slice(shown);
        // The tab is the only control character in strings.
        text[from..].iter_mut().filter(|byte| **byte == b'\t').for_each(|byte| *byte = b' ');
        if shown.len() < bytes.len() {
            text.extend_from_slice("…".as_bytes());
        }
        text.push(b'\n');
    }
    text
}

/// Formats an address with at least 12 hexadecimal digits. Millions are printed, and the standard library's formatting
/// is slower.
fn push_address(address: u64, text: &mut Vec<u8>) {
    let digits = (address.max(1).ilog2() / 4 + 1).max(12);
    for place in (0..digits).rev() {
        let digit = (address >> (place * 4)) & 15;
        text.push(b"0123456789abcdef"[usize::try_from(digit).unwrap_or(0)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_twelve_digits_or_more() {
        let digits = |address| {
            let mut text = Vec::new();
            push_address(address, &mut text);
            String::from_utf8(text).unwrap()
        };
        assert_eq!(digits(0x7f2a_64f6_8ffa), "7f2a64f68ffa");
        assert_eq!(digits(0), "000000000000");
        assert_eq!(digits(u64::MAX), "ffffffffffffffff");
    }
}
