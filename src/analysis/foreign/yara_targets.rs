//! What YARA rules are run over: memory of processes, files, and bytes in queues.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;

use bstr::{BStr, BString, ByteSlice};

use super::super::facts::{ChangedFile, FileFacts, Place};
use super::super::yara::{Regions, Variables};
use crate::Checkpoint;
use crate::images::Span;
use crate::int::{u64_of, usize_of};
use crate::memory::{AddressSpace, Content, Origin};
use crate::model::file::File;
use crate::model::ids::{FileId, Pid};
use crate::model::process::Process;
use crate::model::vma::Status;
use crate::tables::Process as Row;

/// Largest file that is scanned. Larger ones are named.
const FILE_MOST: u64 = 64 << 20;
/// Largest part of memory that is copied together from several places of an image.
const JOINED_MOST: u64 = 16 << 20;
/// Largest part of memory that is scanned in one piece.
const PART_MOST: u64 = 1 << 30;
/// Files and queues that are scanned at most.
const TARGETS_MOST: usize = 1_000_000;

/// Something that is scanned.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct Target {
    /// `process`, `file`, `volume`, `tmpfs`, `ghost`, `memfd`, `sysv`, `pipe`, `socket`, `terminal` or `message`.
    pub(in crate::analysis) kind: &'static str,
    /// The process, or the first holder of a queue.
    pub(in crate::analysis) pid: Option<Pid>,
    /// Path of the program or of the file; the name of the queue.
    pub(in crate::analysis) path: Option<BString>,
    /// Member of the archive with the bytes, if all are in one.
    pub(in crate::analysis) member: Option<BString>,
    /// Offset of the bytes in the member.
    pub(in crate::analysis) offset: Option<u64>,
    /// Table, key column and key of the row that has the queue.
    pub(in crate::analysis) row: Option<(&'static str, &'static str, u64)>,
    /// Number of bytes, as far as known.
    pub(super) bytes: u64,
    name: Option<BString>,
    owner: Option<u64>,
    source: Source,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Process(Pid),
    File(usize),
    Queue(Span),
    Terminal(usize),
}

/// All targets, with what is needed to read them.
pub(super) struct Targets<'c> {
    checkpoint: &'c Checkpoint,
    files: FileFacts<'c>,
    terminals: Vec<&'c [u8]>,
    pub(super) all: Vec<Target>,
    /// What cannot be scanned: each reason.
    pub(super) not_checked: Vec<String>,
    /// Shared memory that a process of the list scans for all.
    regions: HashMap<Pid, Vec<Range<u64>>>,
}

impl fmt::Debug for Targets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Targets").field("all", &self.all.len()).finish_non_exhaustive()
    }
}

/// Bytes of a target.
pub(super) enum Bytes<'t> {
    Whole(Cow<'t, [u8]>),
    Memory(Space<'t>),
    /// Why they cannot be read.
    Missing(String),
}

impl<'c> Targets<'c> {
    pub(super) fn of(checkpoint: &'c Checkpoint) -> Self {
        let terminals = checkpoint.terminal_queues().iter().map(|waiting| waiting.bytes.as_slice()).collect();
        let mut targets = Targets {
            checkpoint,
            files: FileFacts::read(checkpoint),
            terminals,
            all: Vec::new(),
            not_checked: Vec::new(),
            regions: HashMap::new(),
        };
        targets.processes();
        targets.files();
        targets.queues();
        targets
    }

    fn processes(&mut self) {
        let model = self.checkpoint.model();
        let mut rows: HashMap<Pid, Row> = self.checkpoint.rows().processes().map(|row| (row.pid, row)).collect();
        let memory = self.checkpoint.memory();
        let mut shared: HashSet<(u64, u64, u64)> = HashSet::new();
        for process in model.processes().iter().chain(memory.nameless()).filter(|process| !process.is_zombie()) {
            let pid = process.pid();
            let Some(space) = memory.pages(process) else {
                self.not_checked.push("the memory of a process is not in the archive".to_owned());
                continue;
            };
            let (regions, is_cut) = regions_of(&space, process, &mut shared, self.checkpoint.in_proportion(PART_MOST));
            if is_cut {
                self.not_checked.push("the memory of a process is larger than the archive explains".to_owned());
            }
            if regions.is_empty() {
                self.not_checked.push("no page of the memory of a process is in the archive".to_owned());
                continue;
            }
            let row = rows.remove(&pid);
            let owner = row.as_ref().and_then(|row| row.uid);
            let (name, path) = row.map_or((None, None), |row| (row.name, row.path));
            let bytes = regions.iter().map(|range| range.end.saturating_sub(range.start)).fold(0, u64::saturating_add);
            self.regions.insert(pid, regions);
            self.all.push(Target {
                kind: "process",
                pid: Some(pid),
                path,
                member: None,
                offset: None,
                row: None,
                bytes,
                name,
                owner: owner.map(u64::from),
                source: Source::Process(pid),
            });
        }
    }

    fn files(&mut self) {
        for (number, file) in self.files.all().iter().enumerate() {
            if file.file_type != "regular" || file.size == 0 || file.place == Place::Deleted {
                continue;
            }
            if file.size > FILE_MOST {
                self.not_checked.push(format!("a file is larger than {} MiB", FILE_MOST >> 20));
                continue;
            }
            if self.all.len() >= TARGETS_MOST {
                self.not_checked.push(format!("there are more than {TARGETS_MOST} files"));
                return;
            }
            self.all.push(Target {
                kind: kind_of(file),
                pid: None,
                path: Some(file.path.clone()),
                member: file.member.clone(),
                offset: file.offset,
                row: None,
                bytes: file.size,
                name: None,
                owner: file.uid,
                source: Source::File(number),
            });
        }
    }

    fn queues(&mut self) {
        let checkpoint = self.checkpoint;
        let model = checkpoint.model();
        for (_, inode, pipe) in checkpoint.pipe_table().iter() {
            let Some(span) = pipe.waiting.filter(|span| span.len > 0) else { continue };
            let files: Vec<FileId> = pipe.readers.iter().chain(&pipe.writers).copied().collect();
            let path = pipe.path.clone().map_or_else(|| format!("pipe:[{inode}]").into(), BString::from);
            self.queue("pipe", path, &files, ("pipes", "inode", inode.into()), span);
        }
        let mut by_inode: HashMap<u64, Vec<FileId>> = HashMap::new();
        let mut inodes: HashMap<FileId, u64> = HashMap::new();
        for (id, file) in model.files().iter() {
            let socket = match file {
                File::Inet(entry) => entry.ino.map(u64::from),
                File::Unix(_) | File::Netlink(_) | File::Packet(_) => {
                    model.socket(id, file).and_then(|socket| socket.inode)
                }
                _ => None,
            };
            if let Some(inode) = socket {
                by_inode.entry(inode).or_default().push(id);
                inodes.insert(id, inode);
            }
        }
        for (inode, stream) in model.queues().streams() {
            let files = by_inode.get(&inode).map_or(&[][..], Vec::as_slice);
            for span in [stream.receive, stream.send].into_iter().filter(|span| span.len > 0) {
                self.queue("socket", format!("socket:[{inode}]").into(), files, ("tcp_queues", "socket", inode), span);
            }
        }
        for packet in model.queues().packets().iter().filter(|packet| packet.bytes.len > 0) {
            let inode = inodes.get(&packet.file).copied().unwrap_or(0);
            let row = ("unix_queues", "socket", inode);
            self.queue("socket", format!("socket:[{inode}]").into(), &[packet.file], row, packet.bytes);
        }
        for queue in &checkpoint.system_v().queues {
            for message in queue.messages.iter().filter(|message| message.text.len > 0) {
                let path = format!("message queue {} key {:#010x}", queue.id, queue.key).into();
                self.queue("message", path, &[], ("ipc_messages", "id", queue.id.into()), message.text);
            }
        }
        let open = model.files().of_terminals();
        for (number, waiting) in checkpoint.terminal_queues().iter().enumerate() {
            let files = open.get(&waiting.terminal).map_or(&[][..], Vec::as_slice);
            let row = ("tty_queues", "tty", u64::from(waiting.terminal));
            let path = format!("tty {}", waiting.terminal).into();
            let bytes = u64_of(waiting.bytes.len());
            let member = Some("tty-data.img".into());
            self.add("terminal", path, files, row, bytes, member, None, Source::Terminal(number));
        }
    }

    fn queue(
        &mut self,
        kind: &'static str,
        path: BString,
        files: &[FileId],
        row: (&'static str, &'static str, u64),
        span: Span,
    ) {
        let images = self.checkpoint.reader(self.checkpoint.images());
        let (image, number) = span.image;
        let member = images.set.find(images.archive, image, number).map(|member| member.path.clone());
        self.add(kind, path, files, row, span.len, member, Some(span.offset), Source::Queue(span));
    }

    #[expect(clippy::too_many_arguments, reason = "each is a column of the same row")]
    fn add(
        &mut self,
        kind: &'static str,
        path: BString,
        files: &[FileId],
        row: (&'static str, &'static str, u64),
        bytes: u64,
        member: Option<BString>,
        offset: Option<u64>,
        source: Source,
    ) {
        if self.all.len() >= TARGETS_MOST {
            return;
        }
        let holder = self.checkpoint.holders().of_all(files.iter().copied()).first().map(|holder| holder.pid);
        let (path, row) = (Some(path), Some(row));
        self.all.push(Target { kind, pid: holder, path, member, offset, row, bytes, name: None, owner: None, source });
    }

    /// The bytes of a target.
    pub(super) fn bytes(&self, target: &Target) -> Bytes<'_> {
        let missing = |why: &str| Bytes::Missing(why.to_owned());
        match target.source {
            Source::Process(pid) => {
                let memory = self.checkpoint.memory();
                let process = self.checkpoint.model().process(pid);
                let process = process.or_else(|| memory.nameless().iter().find(|process| process.pid() == pid));
                let space = process.and_then(|process| memory.pages(process));
                match (space, self.regions.get(&pid)) {
                    (Some(space), Some(ranges)) => Bytes::Memory(Space { space, ranges }),
                    _ => missing("the memory of a process is not in the archive"),
                }
            }
            Source::File(number) => match self.files.all().get(number).and_then(|file| self.files.whole(file)) {
                Some(bytes) => Bytes::Whole(Cow::Owned(bytes)),
                None => missing("the contents of a file are not all in the archive"),
            },
            Source::Queue(span) => {
                let bytes = self.checkpoint.reader(self.checkpoint.images()).bytes_of(span);
                if bytes.is_empty() {
                    missing("the bytes of a queue are not in the archive")
                } else {
                    Bytes::Whole(bytes)
                }
            }
            Source::Terminal(number) => match self.terminals.get(number) {
                Some(bytes) => Bytes::Whole(Cow::Borrowed(bytes)),
                None => missing("the bytes of a queue are not in the archive"),
            },
        }
    }
}

impl Target {
    /// What rules know about it.
    pub(super) fn variables(&self) -> Variables {
        let is_process = self.kind == "process";
        Variables {
            pid: self.pid.filter(|_| is_process).map_or(0, |pid| pid.0),
            name: self.name.as_ref().map(|name| name.to_vec()).unwrap_or_default(),
            path: self.path.as_ref().map(|path| path.to_vec()).unwrap_or_default(),
            kind: self.kind,
            owner: self.owner.map(|uid| uid.to_string()).unwrap_or_default(),
        }
    }
}

fn kind_of(file: &ChangedFile) -> &'static str {
    match file.place {
        Place::Rootfs | Place::Deleted => "file",
        Place::Volume => "volume",
        Place::Tmpfs => "tmpfs",
        Place::Ghost => "ghost",
        Place::Memfd => "memfd",
        Place::Sysv => "sysv",
    }
}

/// The recorded parts of an address space.
#[derive(Debug)]
pub(super) struct Space<'t> {
    space: AddressSpace<'t>,
    ranges: &'t [Range<u64>],
}

impl Space<'_> {
    /// The bytes of a range, as far as they are there.
    pub(super) fn read(&self, range: Range<u64>) -> Vec<u8> {
        let mut all = Vec::new();
        for (_, content) in self.space.pieces(range.start, range.end) {
            if let Content::Bytes(bytes) = content {
                all.extend_from_slice(&bytes);
            }
        }
        all
    }
}

impl Regions for Space<'_> {
    fn ranges(&self) -> &[Range<u64>] {
        self.ranges
    }

    fn bytes(&self, number: usize) -> Option<Cow<'_, [u8]>> {
        let range = self.ranges.get(number)?;
        let len = usize_of(range.end.saturating_sub(range.start));
        let mut all: Cow<'_, [u8]> = Cow::Borrowed(&[]);
        for (_, content) in self.space.pieces(range.start, range.end) {
            match content {
                Content::Bytes(bytes) if bytes.len() == len => return Some(bytes),
                Content::Bytes(bytes) => all.to_mut().extend_from_slice(&bytes),
                Content::Zeros(zeros) | Content::Untouched(zeros) => {
                    let end = all.len().saturating_add(usize_of(zeros));
                    all.to_mut().resize(end, 0);
                }
                Content::Missing(..) => return None,
            }
        }
        Some(all)
    }
}

/// The parts of memory that are scanned for a process, and whether there were too many bytes: its recorded pages, mapping by
/// mapping. Left out are the page that CRIU changes in each process, contents of deleted files, which are scanned as
/// files, and shared memory that was scanned for another process.
fn regions_of(
    space: &AddressSpace<'_>,
    process: &Process,
    seen: &mut HashSet<(u64, u64, u64)>,
    most: u64,
) -> (Vec<Range<u64>>, bool) {
    let mappings: Vec<(u64, u64, Option<u64>, u64)> = match &process.mm {
        Some(mm) => {
            let shared = |vma| space.shared_object(vma);
            mm.vmas.iter().map(|vma| (vma.start.0, vma.end.0, shared(vma), vma.offset)).collect()
        }
        None => vec![(0, u64::MAX, None, 0)],
    };
    let of_criu = process
        .mm
        .iter()
        .flat_map(|mm| &mm.vmas)
        .find(|vma| vma.permissions().contains('x') && !vma.status.contains(Status::VSYSCALL));
    let of_criu = of_criu.map(|vma| vma.start.0..vma.start.0.saturating_add(space.page_size()));
    let (mut regions, mut left): (Vec<Range<u64>>, u64) = (Vec::new(), most);
    for (start, end, object, offset) in mappings {
        let is_first = object.is_none_or(|object| seen.insert((object, offset, end.saturating_sub(start))));
        let mut last: Option<Range<u64>> = None;
        for run in space.runs(start, end) {
            let Origin::Recorded { image, shared, .. } = run.origin else { continue };
            if shared.is_some() && !is_first || is_ghost(image) {
                continue;
            }
            for range in without(run.start..run.end, of_criu.as_ref()) {
                for part in parts(range) {
                    let len = part.end.saturating_sub(part.start);
                    let Some(rest) = left.checked_sub(len) else {
                        regions.extend(last);
                        return (regions, true);
                    };
                    left = rest;
                    match &mut last {
                        Some(open) if open.end == part.start && part.end.saturating_sub(open.start) <= JOINED_MOST => {
                            open.end = part.end;
                        }
                        open => regions.extend(open.replace(part)),
                    }
                }
            }
        }
        regions.extend(last);
    }
    (regions, false)
}

/// Whether an image is that of a deleted file.
fn is_ghost(image: &BStr) -> bool {
    image.rsplit_str("/").next().unwrap_or_default().starts_with(b"ghost-file")
}

/// A range without another.
fn without(range: Range<u64>, hole: Option<&Range<u64>>) -> impl Iterator<Item = Range<u64>> {
    let hole = hole.cloned().unwrap_or(0..0);
    let before = range.start..range.end.min(hole.start.max(range.start));
    let after = range.start.max(hole.end.min(range.end))..range.end;
    let parts = if hole.is_empty() { [range, 0..0] } else { [before, after] };
    parts.into_iter().filter(|part| !part.is_empty())
}

/// A range in parts that are not too large.
fn parts(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let end = range.end.min(at.saturating_add(PART_MOST));
        let part = at..end;
        at = end;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_out_of_a_range() {
        let cut = |hole: Option<Range<u64>>| -> Vec<(u64, u64)> {
            without(0x1000..0x5000, hole.as_ref()).map(|part| (part.start, part.end)).collect()
        };
        assert_eq!(cut(Some(0x1000..0x2000)), [(0x2000, 0x5000)]);
        assert_eq!(cut(Some(0x2000..0x3000)), [(0x1000, 0x2000), (0x3000, 0x5000)]);
        assert_eq!(cut(Some(0x4000..0x5000)), [(0x1000, 0x4000)]);
        assert_eq!(cut(Some(0x9000..0xa000)), [(0x1000, 0x5000)]);
        assert_eq!(cut(Some(0..0x1000)), [(0x1000, 0x5000)]);
        assert_eq!(cut(None), [(0x1000, 0x5000)]);
        assert_eq!(cut(Some(0..0x9000)), []);
    }

    #[test]
    fn long_ranges_are_cut() {
        let cut: Vec<_> = parts(0..PART_MOST * 2 + 5).collect();
        assert_eq!(cut, [0..PART_MOST, PART_MOST..PART_MOST * 2, PART_MOST * 2..PART_MOST * 2 + 5]);
    }
}
