//! `memparse --hexdump`.

use std::collections::HashMap;
use std::io::Write as _;
use std::ops::ControlFlow;

use cryoscope::formats::{escape, hexdump, units};
use cryoscope::memory::{Part, PartContent};
use cryoscope::model::ids::Pid;
use cryoscope::model::process::Process;

use super::super::args::RowFormat;
use super::super::exit::Exit;
use super::super::rows::One;
use super::super::screen::Screen;
use super::super::{Failure, Outcome};
use super::selection::Selected;
use super::{Context, Task, threads};

/// A hexdump.
pub(super) struct Hexdump<'a> {
    context: Context<'a>,
    screen: Screen,
}

impl<'a> Hexdump<'a> {
    pub(super) fn new(context: Context<'a>) -> Result<Self, Failure> {
        if context.args.format != RowFormat::Table {
            return Err(Failure::Usage("--hexdump only prints text; use --dump for the raw bytes".to_owned()));
        }
        let screen = Screen::open(context.global)?;
        Ok(Hexdump { context, screen })
    }
}

impl Task for Hexdump<'_> {
    fn read(&mut self, one: &One<'_>, selected: &Selected<'_>) -> Result<(), Failure> {
        let (checkpoint, args) = (one.checkpoint, self.context.args);
        let memory = checkpoint.memory();
        let ranges = selected.by_mapping();
        let by_pid: HashMap<Pid, usize> =
            ranges.iter().enumerate().map(|(place, (process, _))| (process.pid(), place)).collect();
        let out = &mut self.screen.out;
        out.write_all(self.context.heading(one).as_bytes())?;
        let render = |part: Part<'_>| {
            // A line for sixteen bytes has 87 characters.
            let bytes = if let PartContent::Bytes(bytes) = &part.content { bytes.len() } else { 0 };
            let mut text = Vec::with_capacity(bytes.div_ceil(16).saturating_mul(87).saturating_add(256));
            let process = by_pid.get(&part.pid).and_then(|&place| ranges.get(place));
            if let Some((process, list)) = process
                && list.get(part.range).is_some_and(|range| range.start == part.start)
            {
                heading(selected, process, part.start, &mut text);
            }
            let len = units::size(part.end.saturating_sub(part.start));
            let _ = match &part.content {
                PartContent::Bytes(bytes) => {
                    hexdump(part.start, bytes, &part.before, args.no_squeeze, &mut text);
                    Ok(())
                }
                PartContent::Untouched => writeln!(text, "{:016x}  {len} never written, all zeros", part.start),
                PartContent::Missing(why) => writeln!(text, "{:016x}  {len} missing: {}", part.start, why.as_str()),
            };
            if let Some(space) = process.and_then(|(process, _)| memory.pages(process)) {
                space.give_back(part.start, part.end);
            }
            text
        };
        let (mut result, mut is_first) = (Ok(()), true);
        memory.walk(&ranges, threads(args), render, |text| {
            // Blank lines are between mappings, not before the first.
            let shown = text.strip_prefix(b"\n").filter(|_| std::mem::take(&mut is_first)).unwrap_or(&text);
            match out.write_all(shown) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    result = Err(error);
                    ControlFlow::Break(())
                }
            }
        });
        result?;
        Ok(out.flush()?)
    }

    fn finish(self: Box<Self>) -> Outcome {
        self.screen.finish(Exit::Done)
    }
}

/// A heading with the process and the mapping.
fn heading(selected: &Selected<'_>, process: &Process, address: u64, text: &mut Vec<u8>) {
    let name = escape(process.name().unwrap_or_default()).into_owned();
    let Some(mapping) = selected.mappings.at(process.pid(), address) else {
        let _ = writeln!(text, "\n{} {name}  {address:#x}  (in no known mapping)", process.pid());
        return;
    };
    let path = match mapping.path.as_slice() {
        b"" => format!("({})", mapping.kind),
        path => escape(path).into_owned(),
    };
    let (start, end) = (mapping.start.0, mapping.end.0);
    let _ = writeln!(text, "\n{} {name}  {start:#x}-{end:#x}  {}  {path}", process.pid(), mapping.permissions);
}
