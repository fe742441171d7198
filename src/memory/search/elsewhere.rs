//! Searches everything in an archive except the memory of processes: contents of deleted files and memfds, of pipes and
//! sockets, of file systems and root file system changes, documents and logs. Each match names its member.

use std::collections::BTreeSet;

use bstr::{BString, ByteSlice};

use super::sieve::Room;
use super::{InLine, Matcher, SearchOptions, in_lines};
use crate::archive::{Absence, Archive, Contents, Member, MemberKind, Piece};
use crate::int::usize_of;
use crate::limits::Limits;
use crate::memory::lines::{Key, Line, Source};
use crate::warning::Warnings;

/// Bytes of a match that are kept with it.
const MOST: u64 = 64 << 10;
/// Most things of a kind of a sieve in one file, so that a log leaves room for what is in others.
const OF_FILE: usize = 1_000;
/// Zeros of a hole that are searched with the bytes before it, and with those after it.
const EDGE: u64 = 64;

/// A match outside the memory of processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Path of the member of the archive.
    pub member: BString,
    /// Path of the file in the member, if the member is an archive.
    pub file: Option<BString>,
    /// Offset in the member or, if there is a file in it, in that file.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
    /// Number of the pattern.
    pub pattern: usize,
    /// The matching bytes, at most 64 KiB, with the requested bytes around them.
    pub bytes: Vec<u8>,
    /// Number of those bytes that come before the match.
    pub before: u64,
}

/// Results of a search outside memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Matches, in the order of the archive.
    pub found: Vec<Elsewhere>,
    /// Whether there are more matches than the limit.
    pub more: bool,
    /// Number of bytes that could not be searched.
    pub unread: u64,
}

/// The search of an archive.
pub(crate) struct Search<'s> {
    pub(crate) archive: &'s Archive,
    pub(crate) matcher: &'s Matcher,
    pub(crate) options: &'s SearchOptions,
    pub(crate) context: u64,
    pub(crate) limits: &'s Limits,
    pub(crate) warnings: &'s Warnings,
    /// Members that have been searched as memory.
    pub(crate) done: &'s BTreeSet<BString>,
    /// The only members to search, if any are given.
    pub(crate) only: Option<&'s BTreeSet<BString>>,
}

impl Search<'_> {
    /// Searches all members.
    pub(crate) fn run(&self) -> Findings {
        let mut findings = Findings::default();
        let mut room = Room::default();
        let files = self.archive.members().iter().filter(|member| member.kind == MemberKind::File);
        let wanted = |member: &&Member| {
            !self.done.contains(&member.path) && self.only.is_none_or(|only| only.contains(&member.path))
        };
        for member in files.filter(wanted) {
            // Kinds of a sieve leave each other room.
            if findings.more && findings.found.len() >= usize_of(self.options.most) {
                break;
            }
            if let Some(nested) = self.archive.nested(member, self.limits, self.warnings) {
                for (inner, contents) in nested.files() {
                    self.contents(member, Some(&inner.path), contents, &mut room, &mut findings);
                }
            } else {
                self.contents(member, None, self.archive.contents(member), &mut room, &mut findings);
            }
        }
        findings
    }

    fn contents(
        &self,
        member: &Member,
        file: Option<&BString>,
        contents: Contents<'_>,
        kinds: &mut Room,
        findings: &mut Findings,
    ) {
        let mut found: Vec<InLine> = Vec::new();
        let mut here = Room::default();
        let mut is_full = false;
        let room = usize_of(self.options.most).saturating_sub(findings.found.len());
        let unread = in_lines(&lines(contents), self.matcher, self.options, |_, m| {
            let most = self.matcher.most_of(m.pattern);
            if most.is_none_or(|most| here.keep(m.pattern, most.min(OF_FILE)) && kinds.keep(m.pattern, most)) {
                found.push(*m);
            } else {
                is_full = true;
            }
            found.len() <= room
        });
        findings.more |= is_full;
        found.sort_unstable();
        let not_kept = contents.pieces(0, contents.len()).filter_map(|piece| match piece {
            Piece::Absent(len, Absence::NotKept | Absence::Unreadable) => Some(len),
            _ => None,
        });
        findings.unread = not_kept.fold(findings.unread.saturating_add(unread), u64::saturating_add);
        findings.more |= found.len() > room;
        found.truncate(room);
        findings.found.extend(found.iter().map(|m| {
            let (bytes, before) = around(contents, m, self.context);
            let len = m.end.saturating_sub(m.start);
            let path = member.path.clone();
            Elsewhere { member: path, file: file.cloned(), offset: m.start, len, pattern: m.pattern, bytes, before }
        }));
    }
}

/// The stored runs of contents. A hole has unlimited zeros that are not stored; only those next to bytes are searched,
/// so that matches that begin or end in a few of them are found.
fn lines(contents: Contents<'_>) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    let (mut at, mut zeros) = (0_u64, 0_u64);
    for piece in contents.pieces(0, contents.len()) {
        let (start, end) = (at, at.saturating_add(piece.len()));
        at = end;
        match piece {
            Piece::Absent(..) => zeros = 0,
            Piece::Hole(len) => {
                zeros = len;
                if let Some(last) = lines.last_mut().filter(|last| last.end == start) {
                    let behind = if len <= EDGE.saturating_mul(2) { len } else { EDGE };
                    last.end = start.saturating_add(behind);
                    zeros = len.saturating_sub(behind);
                }
            }
            Piece::Bytes(_) => {
                let start = start.saturating_sub(zeros.min(EDGE));
                zeros = 0;
                match lines.last_mut() {
                    Some(last) if last.end == start => last.end = end,
                    _ => lines.push(Line { key: Key::Contents, source: Source::Contents(contents), start, end }),
                }
            }
        }
    }
    lines
}

/// The bytes of a match and the available bytes around it, and how many come before the match.
fn around(contents: Contents<'_>, m: &InLine, context: u64) -> (Vec<u8>, u64) {
    let end = m.end.min(m.start.saturating_add(MOST));
    let from = m.start.saturating_sub(context);
    let mut bytes = Vec::new();
    for piece in contents.pieces(from, m.start.saturating_sub(from)) {
        match piece {
            Piece::Bytes(part) => bytes.extend_from_slice(part),
            Piece::Hole(_) | Piece::Absent(..) => bytes.clear(),
        }
    }
    let before = crate::int::u64_of(bytes.len());
    let behind = if end == m.end { context } else { 0 };
    for piece in contents.pieces(m.start, end.saturating_sub(m.start).saturating_add(behind)) {
        match piece {
            Piece::Bytes(part) => bytes.extend_from_slice(part),
            Piece::Hole(len) => bytes.resize(bytes.len().saturating_add(usize_of(len)), 0),
            Piece::Absent(..) => break,
        }
    }
    (bytes, before)
}

impl Elsewhere {
    /// The place, for people: `rootfs-diff.tar: etc/passwd`.
    pub fn place(&self) -> BString {
        match &self.file {
            Some(file) => bstr::join(": ", [self.member.as_bytes(), file.as_bytes()]).into(),
            None => self.member.clone(),
        }
    }
}
