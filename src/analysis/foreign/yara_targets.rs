//! What YARA rules are run over: memory of processes, files, and bytes in queues.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;

use bstr::BString;

use super::super::facts::{ChangedFile, FileFacts, Place};
use super::super::yara::Variables;
use super::yara_memory::{Space, program_of, regions_of};
use crate::Checkpoint;
use crate::images::Span;
use crate::int::u64_of;
use crate::limits::Limits;
use crate::model::file::File;
use crate::model::ids::{FileId, Pid};
use crate::tables::Process as Row;
use crate::warning::Place as Where;

/// Something that is scanned.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct Target {
    /// `process`, `file`, `volume`, `tmpfs`, `ghost`, `memfd`, `sysv`, `elf`, `pipe`, `socket`, `terminal` or `message`.
    pub(in crate::analysis) kind: &'static str,
    /// The process, or the first holder of a queue.
    pub(in crate::analysis) pid: Option<Pid>,
    /// Path of the program or of the file; the name of the queue; what an ELF image is extracted as.
    pub(in crate::analysis) path: Option<BString>,
    /// Member of the archive with the bytes, if all are in one.
    pub(in crate::analysis) member: Option<BString>,
    /// Offset of the bytes in the member.
    pub(in crate::analysis) offset: Option<u64>,
    /// Where an ELF image begins in the memory of its process.
    pub(in crate::analysis) image: Option<u64>,
    /// Table, key column and key of the row that has the queue.
    pub(in crate::analysis) row: Option<(&'static str, &'static str, u64)>,
    /// Number of bytes, as far as known.
    pub(super) bytes: u64,
    pub(super) name: Option<BString>,
    pub(super) owner: Option<u64>,
    source: Source,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    /// An ELF image, which is read once for all that is done with it.
    Image,
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
    /// The parts of memory that are scanned for each process.
    regions: HashMap<Pid, Vec<Range<u64>>>,
    /// Where the program of each process is mapped.
    programs: HashMap<Pid, Vec<Range<u64>>>,
    /// What may still be scanned.
    pub(super) room: Room<'c>,
}

/// What may still be scanned, and what is told of the rest.
#[derive(Debug)]
pub(super) struct Room<'c> {
    checkpoint: &'c Checkpoint,
    /// Bytes.
    left: u64,
    /// What cannot be scanned: each reason.
    pub(super) not_checked: Vec<String>,
}

impl Room<'_> {
    /// Whether a file is small enough. If not, that is told.
    pub(super) fn has_size(&mut self, size: u64, member: Option<&BString>) -> bool {
        let limit = self.checkpoint.limits().yara_file_bytes;
        if size > limit {
            self.checkpoint.warn(&Limits::YARA_FILE_BYTES, member.map_or_else(Where::archive, Where::member), || {
                format!("a file of {size} bytes is larger than {limit}, and was not scanned with YARA rules")
            });
            self.not_checked.push(format!("a file is larger than {limit} bytes"));
        }
        size <= limit
    }

    /// Whether some bytes may still be scanned. If not, that is told.
    pub(super) fn has_room(&mut self, bytes: u64) -> bool {
        let Some(left) = self.left.checked_sub(bytes) else {
            self.full();
            return false;
        };
        self.left = left;
        true
    }

    fn full(&mut self) {
        self.left = 0;
        let limit = self.checkpoint.limits().yara_bytes;
        self.checkpoint.warn(&Limits::YARA_BYTES, Where::archive(), || {
            format!("there are more than {limit} bytes, and 32 for each of the archive, for YARA rules; the rest was skipped")
        });
        self.not_checked.push("there is more than YARA rules may look at".to_owned());
    }
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
            regions: HashMap::new(),
            programs: HashMap::new(),
            room: Room {
                checkpoint,
                left: checkpoint.in_proportion(checkpoint.limits().yara_bytes),
                not_checked: Vec::new(),
            },
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
                self.room.not_checked.push("the memory of a process is not in the archive".to_owned());
                continue;
            };
            let (regions, is_cut) = regions_of(&space, process, &mut shared, self.room.left);
            if is_cut {
                self.room.full();
            }
            if regions.is_empty() {
                self.room.not_checked.push("no page of the memory of a process is in the archive".to_owned());
                continue;
            }
            let row = rows.remove(&pid);
            let owner = row.as_ref().and_then(|row| row.uid);
            let (name, path) = row.map_or((None, None), |row| (row.name, row.path));
            let bytes = regions.iter().map(|range| range.end.saturating_sub(range.start)).fold(0, u64::saturating_add);
            self.room.left = self.room.left.saturating_sub(bytes);
            self.regions.insert(pid, regions);
            self.programs.insert(pid, program_of(model.files(), process));
            self.all.push(Target {
                kind: "process",
                pid: Some(pid),
                path,
                member: None,
                offset: None,
                image: None,
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
            if !self.room.has_size(file.size, file.member.as_ref()) || !self.room.has_room(file.size) {
                continue;
            }
            self.all.push(Target {
                kind: kind_of(file),
                pid: None,
                path: Some(file.path.clone()),
                member: file.member.clone(),
                offset: file.offset,
                image: None,
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
        if !self.room.has_room(bytes) {
            return;
        }
        let holder = self.checkpoint.holders().of_all(files.iter().copied()).first().map(|holder| holder.pid);
        let (path, row) = (Some(path), Some(row));
        let (image, name, owner) = (None, None, None);
        self.all.push(Target { kind, pid: holder, path, member, offset, image, row, bytes, name, owner, source });
    }

    /// The bytes of a target.
    pub(super) fn bytes(&self, target: &Target) -> Bytes<'_> {
        let missing = |why: &str| Bytes::Missing(why.to_owned());
        let most = self.checkpoint.limits().yara_file_bytes;
        match target.source {
            Source::Image => missing("an ELF image is read elsewhere"),
            Source::Process(pid) => {
                let memory = self.checkpoint.memory();
                let process = self.checkpoint.model().process(pid);
                let process = process.or_else(|| memory.nameless().iter().find(|process| process.pid() == pid));
                let space = process.and_then(|process| memory.pages(process));
                match (space, self.regions.get(&pid)) {
                    (Some(space), Some(ranges)) => {
                        let program = self.programs.get(&pid).map_or(&[][..], Vec::as_slice);
                        Bytes::Memory(Space { memory: space, ranges, program })
                    }
                    _ => missing("the memory of a process is not in the archive"),
                }
            }
            Source::File(number) => match self.files.all().get(number).and_then(|file| self.files.whole(file, most)) {
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
    /// An ELF image in the memory of a process.
    pub(super) fn image(pid: Pid, address: u64, path: BString, bytes: u64, process: Option<&Target>) -> Self {
        let (name, owner) = process.map_or((None, None), |target| (target.name.clone(), target.owner));
        Target {
            kind: "elf",
            pid: Some(pid),
            path: Some(path),
            member: None,
            offset: None,
            image: Some(address),
            row: None,
            bytes,
            name,
            owner,
            source: Source::Image,
        }
    }

    /// What rules know about it.
    pub(super) fn variables(&self) -> Variables {
        let is_process = matches!(self.kind, "process" | "elf");
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
