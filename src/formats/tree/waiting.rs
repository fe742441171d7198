//! Section: data that waited to be read, received or handled.

use std::collections::HashMap;

use bstr::ByteSlice as _;
use unicode_width::UnicodeWidthStr as _;

use super::{Page, text};
use crate::formats::text::marked;
use crate::formats::{Grid, GridColumn, escape, units};
use crate::int::u64_of;
use crate::model::ids::Pid;
use crate::tables::{Holding, PendingSignal, PipeRow, TcpQueue, TtyQueue, UnixPacket};

/// Rows of all tables of waiting data.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Rows of `pipes`.
    pub pipes: Vec<PipeRow>,
    /// Rows of `unix_queues`.
    pub packets: Vec<UnixPacket>,
    /// Rows of `tcp_queues`.
    pub streams: Vec<TcpQueue>,
    /// Rows of `tty_queues`.
    pub terminals: Vec<TtyQueue>,
    /// Rows of `pending_signals`.
    pub signals: Vec<PendingSignal>,
}

impl Waiting {
    /// A few words for each kind of waiting data.
    pub(super) fn facts(&self) -> Vec<String> {
        let sum = |what: &str, bytes: &mut dyn Iterator<Item = u64>| {
            let bytes = bytes.fold(0, u64::saturating_add);
            (bytes > 0).then(|| format!("{what} {}", units::size(bytes)))
        };
        let of_queue = |queue| self.streams.iter().filter(move |row| row.queue == queue).map(|row| row.bytes);
        let descriptors = self.packets.iter().map(|row| row.descriptors.len()).fold(0, usize::saturating_add);
        let facts = [
            sum("pipes", &mut self.pipes.iter().filter_map(|row| row.bytes)),
            sum("unix sockets", &mut self.packets.iter().map(|row| row.bytes)),
            (descriptors > 0).then(|| format!("{} in flight", units::count(descriptors, "descriptor"))),
            sum("tcp received", &mut of_queue("receive")),
            sum("tcp not sent", &mut of_queue("send")),
            sum("terminals", &mut self.terminals.iter().map(|row| row.bytes)),
            (!self.signals.is_empty()).then(|| units::count(self.signals.len(), "signal")),
        ];
        facts.into_iter().flatten().collect()
    }

    /// Number of signals that wait for each process and its threads.
    pub(super) fn signals_of(&self) -> HashMap<Pid, usize> {
        let mut counts: HashMap<Pid, usize> = HashMap::new();
        for row in &self.signals {
            let count = counts.entry(row.pid).or_default();
            *count = count.saturating_add(1);
        }
        counts
    }
}

pub(super) fn write(waiting: &Waiting, page: &mut Page) {
    page.section("Queues");
    let mut grid = Grid::new([
        GridColumn::path("WHERE"),
        GridColumn::wrapped("HELD BY"),
        GridColumn::number("BYTES"),
        GridColumn::wrapped("CONTENT"),
    ]);
    let mut add = |place: String, holders: &Holding, bytes: u64, content: Option<&[u8]>| {
        if bytes > 0 {
            grid.push(vec![place, super::holders(holders), bytes.to_string(), excerpt(content, bytes)]);
        }
    };
    for row in &waiting.pipes {
        let content = row.text.as_ref().map(|bytes| bytes.as_slice());
        add(format!("{}:[{}]", row.kind, row.inode), &row.readers, row.bytes.unwrap_or(0), content);
    }
    for row in &waiting.packets {
        let inode = row.socket.map_or_else(|| "?".to_owned(), |inode| inode.to_string());
        let content = row.text.as_ref().map(|bytes| bytes.as_slice());
        add(format!("socket:[{inode}]"), &row.holders, row.bytes, content);
    }
    for row in &waiting.streams {
        let what = if row.queue == "receive" { "from" } else { "to" };
        let address = row.remote_address.as_deref().unwrap_or("?");
        let peer = super::processes::endpoint(address, row.remote_port.unwrap_or(0));
        add(format!("tcp {what} {peer}"), &row.holders, row.bytes, row.text.as_ref().map(|bytes| bytes.as_slice()));
    }
    for row in &waiting.terminals {
        let path = text(row.path.as_ref().map(|path| path.as_slice()));
        add(format!("terminal {path}"), &row.holders, row.bytes, row.text.as_ref().map(|bytes| bytes.as_slice()));
    }
    if grid.is_empty() && waiting.signals.is_empty() {
        page.text.push_str("  nothing is waiting\n");
        return;
    }
    if !grid.is_empty() {
        page.grid(&grid, 2);
    }
    if !waiting.signals.is_empty() {
        let mut grid = Grid::new([
            GridColumn::number("PID"),
            GridColumn::number("THREAD"),
            GridColumn::fixed("SIGNAL"),
            GridColumn::text("CODE"),
            GridColumn::number("FROM PID"),
            GridColumn::number("VALUE"),
        ]);
        for row in &waiting.signals {
            grid.push(vec![
                row.pid.to_string(),
                super::number(row.tid),
                row.signal.as_deref().unwrap_or("-").to_owned(),
                row.code.as_deref().unwrap_or("-").to_owned(),
                super::number(row.sender_pid),
                super::number(row.value),
            ]);
        }
        page.grid(&grid, 2);
    }
}

/// Maximum width of an excerpt.
const EXCERPT: usize = 100;

/// The beginning of waiting data, with the total size if that is not all.
fn excerpt(content: Option<&[u8]>, bytes: u64) -> String {
    let Some(content) = content else { return text(None) };
    let chars = content.char_indices().map(|(_, end, _)| end).take_while(|&end| end <= EXCERPT);
    let first = content.get(..chars.last().unwrap_or(0)).unwrap_or_default();
    let shown = escape(first);
    if u64_of(first.len()) >= bytes && shown.width() <= EXCERPT {
        return shown.into_owned();
    }
    format!("{} ({bytes} bytes)", marked(&shown, EXCERPT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_all_shown_says_how_much_there_is() {
        assert_eq!(excerpt(Some(b"all of it"), 9), "all of it");
        assert_eq!(excerpt(Some(b""), 0), "");
        let full = excerpt(Some("x".repeat(65_536).as_bytes()), 65_536);
        assert_eq!(full, format!("{}… (65536 bytes)", "x".repeat(99)));
        let wide = excerpt(Some("é\u{1f}".repeat(60).as_bytes()), 120);
        assert!(wide.width() <= EXCERPT + " (120 bytes)".len() && wide.ends_with("… (120 bytes)"), "{wide}");
        assert_eq!(excerpt(Some(b"part"), 70_000), "part… (70000 bytes)", "the rest is not in the archive");
        assert_eq!(excerpt(None, 5), "-");
    }
}
