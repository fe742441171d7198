//! Table `recovered_files`.

use std::ops::ControlFlow;

use bstr::BString;
use jiff::Timestamp;

use super::holding::Holding;
use super::table::table;
use crate::Checkpoint;
use crate::abi::device::Device;
use crate::archive::Digest;
use crate::elf::{ElfFile, MAGIC};
use crate::int::usize_of;
use crate::limits::Limits;
use crate::memory::{Content, Missing};
use crate::recovered::{RecoveredFile as File, RecoveredFiles};
use crate::warning::Place;

table! {
    "recovered_files", key(source, member, file, path), brief(source, type, mode, size, holders, path),
    event(Event::state(&["file"], "file-recovered").about(Subject::File).under("recovered"));
    /// Files whose contents are in the archive although they may be on no disk: files deleted while they were open, run
    /// or mapped, memfds, System V segments, and files in `/dev/shm` and other file systems in memory. By source, then
    /// in the order of the images.
    pub struct RecoveredFile {
        /// Why the file is here. `ghost`: it had no name any more. `link_remap`: this name was gone, but others were
        /// left. `memfd`, `sysv`: it never had a name. `devshm`, `tmpfs`: it was in a file system in memory.
        pub source: &'static str,
        /// Path in the container, without ` (deleted)`; `/memfd:NAME` and `/SYSV00001234` as in `/proc`. Null if
        /// unknown: nothing refers to the file, or its file system is in no mount table.
        #[to(ecs("file.path").path(), ocsf("file.path").path())]
        pub path: Option<BString>,
        /// Type: `regular`, `directory`, `symlink`, `character`, `block`, `fifo`, `socket` or `other`.
        #[to(ecs("file.type").form(Form::FileType), ocsf("file.type_id").form(Form::FileType))]
        pub r#type: &'static str,
        /// Size of the contents in bytes, including holes. Null if the file has no contents.
        #[to(ecs("file.size"), ocsf("file.size"))]
        pub size: Option<u64>,
        /// Permissions, four octal digits.
        #[to(ecs("file.mode"), ocsf("file.attributes").form(Form::Octal))]
        pub mode: Option<String>,
        /// Owner.
        #[to(ecs("file.uid").text(), ocsf("file.owner.uid").text())]
        pub uid: Option<u64>,
        /// Group.
        #[to(ecs("file.gid").text())]
        pub gid: Option<u64>,
        /// Time of the last access.
        #[to(ecs("file.accessed"), ocsf("file.accessed_time").form(Form::Millis), moment("Last Access Time"))]
        pub atime: Option<Timestamp>,
        /// Time of the last modification.
        #[to(ecs("file.mtime"), ocsf("file.modified_time").form(Form::Millis), moment("Content Modification Time"))]
        pub mtime: Option<Timestamp>,
        /// Device of the file's file system, `major:minor`.
        #[to(ecs("file.device"))]
        pub device: Option<String>,
        /// Inode. For a System V segment, its id.
        #[large("overlayfs and file systems of a network or of a program use all 64 bits")]
        #[to(ecs("file.inode").text(), ocsf("file.uid").text())]
        pub inode: Option<u64>,
        /// Device number of a device node, `major:minor`. Null for other types, and for devices in an archive of a file
        /// system.
        pub rdev: Option<String>,
        /// Target of a symbolic link, or the first name of a file that has several.
        #[to(ecs("file.target_path"))]
        pub link: Option<BString>,
        /// SHA-256 of the contents, with holes as zeros. Null if some bytes are not in the archive.
        #[to(ecs("file.hash.sha256"), ocsf("file.hashes").form(Form::Sha256), timesketch("sha256_hash"))]
        pub sha256: Option<String>,
        /// Bytes of the contents that are not in the archive.
        pub missing_bytes: Option<u64>,
        /// Why there is no hash of the contents. Null if there is one.
        pub missing_reason: Option<&'static str>,
        /// Bytes of the contents that are holes.
        pub hole_bytes: Option<u64>,
        /// Who holds the file: `1:8` is descriptor 8 of process 1, `1:exe` runs it, `1:map` maps it. At most 256 are
        /// listed.
        pub holders: Holding,
        /// The member of the archive that has the contents, or the pagemap that says where they are.
        pub member: Option<BString>,
        /// Path of the file in the member, if the member is an archive.
        pub file: Option<BString>,
        /// Type of the file if it is an ELF file: `relocatable`, `executable`, `shared_object` (a library or a
        /// position-independent program) or `core`. Null if it is not one, or if its beginning is not in the archive.
        #[to(ecs("file.elf.header.type"))]
        pub elf_type: Option<&'static str>,
        /// Machine of the ELF file, such as `x86_64`.
        #[to(ecs("file.elf.architecture"))]
        pub elf_machine: Option<String>,
        /// Build id of the ELF file, in hexadecimal. Null if it has none in its first 64 KiB.
        pub build_id: Option<String>,
    }
}

/// The sources, in the order of the rows.
pub(super) const SOURCES: [&str; 6] = ["ghost", "link_remap", "memfd", "sysv", "devshm", "tmpfs"];

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = RecoveredFile> + '_ {
    let recovered = checkpoint.recovered();
    let files: Vec<File> = recovered.iter().cloned().collect();
    // Holes take no space in the archive but much time to hash.
    let mut holes_left = checkpoint.limits().hole_bytes;
    files.into_iter().map(move |file| row(checkpoint, &recovered, &file, &mut holes_left))
}

fn row(checkpoint: &Checkpoint, recovered: &RecoveredFiles<'_>, file: &File, holes_left: &mut u64) -> RecoveredFile {
    let device = |device: Device| format!("{}:{}", device.major, device.minor);
    let hashed = file.size.map(|_| Hashed::of(recovered, file, holes_left));
    if hashed.as_ref().is_some_and(|hashed| hashed.digest.is_over()) {
        let place = file.member.as_ref().map_or_else(Place::archive, Place::member);
        let limit = checkpoint.limits().hole_bytes;
        checkpoint.warn(&Limits::HOLE_BYTES, place, || {
            format!("files have more than {limit} bytes of holes in total; the rest were not hashed")
        });
    }
    let elf = hashed.as_ref().and_then(|hashed| ElfFile::read(&hashed.head.bytes)).unwrap_or_default();
    RecoveredFile {
        source: file.source.as_str(),
        path: file.path.clone(),
        r#type: file.file_type,
        size: file.size,
        mode: file.mode.map(|mode| format!("{:04o}", mode & 0o7777)),
        uid: file.uid,
        gid: file.gid,
        atime: file.atime,
        mtime: file.mtime,
        device: file.device.map(device),
        inode: file.inode,
        rdev: file.rdev.map(device),
        link: file.link.clone(),
        missing_bytes: hashed.as_ref().map(|hashed| hashed.missing),
        missing_reason: match &hashed {
            Some(hashed) => hashed.reason(),
            None => file.missing().map(Missing::as_str),
        },
        hole_bytes: hashed.as_ref().map(|hashed| hashed.holes),
        sha256: hashed.and_then(|hashed| hashed.digest.finish()),
        holders: Holding::from(file.holders.clone()),
        member: file.member.clone(),
        file: file.file.clone(),
        elf_type: elf.file_type,
        elf_machine: elf.machine,
        build_id: elf.build_id,
    }
}

/// The first bytes of a file, as long as it may be an ELF file.
#[derive(Debug, Default)]
struct Head {
    bytes: Vec<u8>,
    is_done: bool,
}

impl Head {
    /// Bytes that are kept. Linkers write headers and notes into the first page.
    const BYTES: usize = 64 << 10;

    fn add(&mut self, content: &Content<'_>) {
        if self.is_done {
            return;
        }
        let room = Self::BYTES.saturating_sub(self.bytes.len());
        match content {
            Content::Bytes(part) => self.bytes.extend(part.iter().take(room)),
            Content::Zeros(len) | Content::Untouched(len) => {
                let len = self.bytes.len().saturating_add(usize_of(*len).min(room));
                self.bytes.resize(len, 0);
            }
            Content::Missing(..) => self.is_done = true,
        }
        let is_elf = self.bytes.len() < MAGIC.len() || self.bytes.starts_with(MAGIC);
        self.is_done |= !is_elf || self.bytes.len() >= Self::BYTES;
    }
}

/// What was learnt by reading a file to its end.
struct Hashed {
    digest: Digest,
    head: Head,
    holes: u64,
    missing: u64,
    why: Option<Missing>,
}

impl Hashed {
    fn of(recovered: &RecoveredFiles<'_>, file: &File, holes_left: &mut u64) -> Self {
        let mut hashed =
            Hashed { digest: Digest::new(*holes_left), head: Head::default(), holes: 0, missing: 0, why: None };
        recovered.each_piece(file, &mut |_, content| {
            let len = content.len();
            hashed.head.add(content);
            match content {
                Content::Missing(_, why) => {
                    hashed.missing = hashed.missing.saturating_add(len);
                    hashed.why.get_or_insert(*why);
                    hashed.digest.missing();
                }
                Content::Zeros(_) | Content::Untouched(_) => {
                    hashed.holes = hashed.holes.saturating_add(len);
                    hashed.digest.hole(len);
                }
                Content::Bytes(bytes) => hashed.digest.bytes(bytes),
            }
            ControlFlow::Continue(())
        });
        *holes_left = hashed.digest.holes_left();
        hashed
    }

    fn reason(&self) -> Option<&'static str> {
        self.why.map(Missing::as_str).or(self.digest.is_over().then_some("more holes than are hashed"))
    }
}
