//! The arguments and the environment of a process, as the kernel prints them.
//!
//! Source: the kernel's `fs/proc/base.c`, `get_mm_cmdline` and `environ_read` (since Linux 5.3). Both read only
//! anonymous memory, so a program that moves its arguments into its own data shows none.

use std::ops::Range;

use super::space::{AddressSpace, Read, Stopped};
use crate::images::proto::MmEntry;
use crate::int::usize_of;

/// Arguments or environment, as passed to the process or as overwritten by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// The bytes, as `/proc` would print them.
    Known(Vec<u8>),
    /// The first bytes. The rest is in memory that is not in the archive, or exceeds the limit.
    Cut(Vec<u8>),
}

impl Text {
    /// The pieces between NULs: arguments or variables. In cut text, only whole ones.
    ///
    /// A final NUL ends the last piece. Empty pieces before it count.
    pub fn pieces(&self) -> Vec<&[u8]> {
        match self {
            Text::Known(bytes) | Text::Cut(bytes) if bytes.is_empty() => Vec::new(),
            Text::Known(bytes) => bytes.strip_suffix(b"\0").unwrap_or(bytes).split(|&b| b == 0).collect(),
            Text::Cut(bytes) => {
                let mut pieces: Vec<&[u8]> = bytes.split(|&b| b == 0).collect();
                pieces.pop();
                pieces
            }
        }
    }

    /// Whether the text is complete.
    pub fn is_whole(&self) -> bool {
        matches!(self, Text::Known(_))
    }
}

impl AddressSpace<'_> {
    /// The output of `/proc/PID/cmdline`.
    pub fn cmdline(&self, limit: u64) -> Text {
        cmdline(self, limit)
    }

    /// The output of `/proc/PID/environ`.
    pub fn environ(&self, limit: u64) -> Text {
        environ(self, limit)
    }
}

/// The output of `/proc/PID/cmdline`.
fn cmdline(space: &AddressSpace<'_>, limit: u64) -> Text {
    let mm = &space.mm().entry;
    let (start, end) = (mm.mm_arg_start(), mm.mm_arg_end());
    if start >= end {
        return Text::Known(Vec::new());
    }
    // The last byte of the area decides. If it is not NUL, the process rewrote its title, which may continue into the
    // environment if that begins right after.
    let last = space.anonymous(end.saturating_sub(1), 1);
    match (last.bytes.first(), last.stopped) {
        (Some(&byte), _) if byte != 0 => title(space, start, overflow(mm).unwrap_or(end)),
        (None, Some(Stopped::Lost)) => Text::Cut(Vec::new()),
        _ => area(space, start, end, limit),
    }
}

/// The end of the environment, if it begins where the arguments end.
fn overflow(mm: &MmEntry) -> Option<u64> {
    let (start, end) = (mm.mm_env_start(), mm.mm_env_end());
    (start == mm.mm_arg_end() && end >= start).then_some(end)
}

/// A title: up to and including the first NUL, within a page's size and the two areas.
fn title(space: &AddressSpace<'_>, start: u64, end: u64) -> Text {
    let Read { mut bytes, stopped } = space.anonymous(start, space.page_size());
    let nul = bytes.iter().position(|&b| b == 0);
    if nul.is_none() && stopped == Some(Stopped::Lost) {
        return Text::Cut(bytes);
    }
    bytes.truncate(nul.map_or(bytes.len(), |nul| nul.saturating_add(1)));
    bytes.truncate(usize_of(end.saturating_sub(start)));
    Text::Known(bytes)
}

/// The output of `/proc/PID/environ`: the bytes of the area.
fn environ(space: &AddressSpace<'_>, limit: u64) -> Text {
    let mm = &space.mm().entry;
    let (start, end) = (mm.mm_env_start(), mm.mm_env_end());
    if end == 0 || start >= end { Text::Known(Vec::new()) } else { area(space, start, end, limit) }
}

/// The bytes of an area, up to where the kernel would stop. The archive may stop earlier, which is another result.
fn area(space: &AddressSpace<'_>, start: u64, end: u64, limit: u64) -> Text {
    let len = end.saturating_sub(start);
    let Read { bytes, stopped } = space.anonymous(start, len.min(limit));
    match stopped {
        Some(Stopped::Lost) => Text::Cut(bytes),
        None if len > limit => Text::Cut(bytes),
        _ => Text::Known(bytes),
    }
}

/// The addresses that [`cmdline`] and [`environ`] read.
pub(super) fn addresses(mm: &MmEntry, page_size: u64, limit: u64) -> [Range<u64>; 3] {
    let area = |start: u64, end: u64| start..end.min(start.saturating_add(limit)).max(start);
    let (start, end) = (mm.mm_arg_start(), mm.mm_arg_end());
    let last = end.saturating_sub(1)..end;
    let arguments = area(start, end.max(start.saturating_add(page_size)));
    [arguments, last, area(mm.mm_env_start(), mm.mm_env_end())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_keep_empty_arguments_and_drop_the_last_nul() {
        let pieces = |bytes: &[u8]| Text::Known(bytes.to_vec()).pieces().iter().map(|p| p.to_vec()).collect::<Vec<_>>();
        assert_eq!(pieces(b"sh\0-c\0\0x\0"), [&b"sh"[..], b"-c", b"", b"x"]);
        assert_eq!(pieces(b"title"), [b"title"]);
        assert_eq!(pieces(b"\0"), [b""]);
        assert_eq!(pieces(b"a\0\0\0"), [&b"a"[..], b"", b""]);
        assert!(pieces(b"").is_empty());
    }

    #[test]
    fn of_cut_text_only_whole_pieces_count() {
        assert_eq!(Text::Cut(b"A=1\0B=2\0C=".to_vec()).pieces(), [b"A=1", b"B=2"]);
        assert!(Text::Cut(b"A=1".to_vec()).pieces().is_empty());
    }
}
