//! Table `recovered_files`.

use std::ops::ControlFlow;

use bstr::BString;
use jiff::Timestamp;

use super::holding::Holding;
use super::table::table;
use crate::Checkpoint;
use crate::abi::device::Device;
use crate::digest::Digest;
use crate::limits::Limits;
use crate::memory::{Content, Missing, RecoveredFile as File, RecoveredFiles};
use crate::warning::Place;

table! {
    "recovered_files", key(source, member, file, path), brief(source, type, mode, size, holders, path),
    event(Event::state(&["file"], "file-recovered").about(Subject::File).under("recovered"));
    /// Files of which the archive has the contents though no disk may have them any more: files that were deleted while they
    /// were open, run or mapped, memfds, System V segments, `/dev/shm` and other file systems in memory; by source, and then
    /// in the order of the images.
    pub struct RecoveredFile {
        /// Why it is here. `ghost`: it had no name any more; `link_remap`: its name was gone, others were left; `memfd`, `sysv`:
        /// it never had one; `devshm`, `tmpfs`: it was in a file system in memory.
        pub source: &'static str,
        /// Its path in the container, without ` (deleted)`; `/memfd:NAME` and `/SYSV00001234` as `/proc` names them. Null where
        /// it is not known: of what nothing refers to, and of file systems that are in no mount table.
        #[to(ecs("file.path").path(), ocsf("file.path").path())]
        pub path: Option<BString>,
        /// `regular`, `directory`, `symlink`, `character`, `block`, `fifo`, `socket` or `other`.
        #[to(ecs("file.type").form(Form::FileType), ocsf("file.type_id").form(Form::FileType))]
        pub r#type: &'static str,
        /// Bytes of the contents, holes included; null of what has none.
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
        /// Last access.
        #[to(ecs("file.accessed"), ocsf("file.accessed_time").form(Form::Millis), moment("Last Access Time"))]
        pub atime: Option<Timestamp>,
        /// Last modification.
        #[to(ecs("file.mtime"), ocsf("file.modified_time").form(Form::Millis), moment("Content Modification Time"))]
        pub mtime: Option<Timestamp>,
        /// Device of its file system, `major:minor`.
        #[to(ecs("file.device"))]
        pub device: Option<String>,
        /// Its inode; of a System V segment its id.
        #[large("overlayfs and file systems of a network or of a program use all 64 bits")]
        #[to(ecs("file.inode").text(), ocsf("file.uid").text())]
        pub inode: Option<u64>,
        /// The device that it is, `major:minor`; null of what is none, and of devices in an archive of a file system.
        pub rdev: Option<String>,
        /// Target of a symbolic link; of a further name of a file, the first.
        #[to(ecs("file.target_path"))]
        pub link: Option<BString>,
        /// SHA-256 of the contents, holes as zeros; null where some bytes are not in the archive.
        #[to(ecs("file.hash.sha256"), ocsf("file.hashes").form(Form::Sha256), timesketch("sha256_hash"))]
        pub sha256: Option<String>,
        /// Bytes of the contents that are not in the archive.
        pub missing_bytes: Option<u64>,
        /// Why there is no hash of the contents; null where there is one.
        pub missing_reason: Option<&'static str>,
        /// Bytes of the contents that are holes.
        pub hole_bytes: Option<u64>,
        /// Who holds it: `1:8` is descriptor 8 of process 1, `1:exe` runs it, `1:map` maps it. At most 256.
        pub holders: Holding,
        /// The member of the archive that has the contents, or the pagemap that says where they are.
        pub member: Option<BString>,
        /// Its path in the member, if that is an archive.
        pub file: Option<BString>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = RecoveredFile> + '_ {
    let recovered = checkpoint.recovered();
    let files: Vec<File> = recovered.iter().cloned().collect();
    // A file of holes costs nothing to record and very much to hash.
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
            format!("files with more than {limit} bytes of holes in all; the rest is not hashed")
        });
    }
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
    }
}

/// What reading a file through told of it.
struct Hashed {
    digest: Digest,
    holes: u64,
    missing: u64,
    why: Option<Missing>,
}

impl Hashed {
    fn of(recovered: &RecoveredFiles<'_>, file: &File, holes_left: &mut u64) -> Self {
        let mut hashed = Hashed { digest: Digest::new(*holes_left), holes: 0, missing: 0, why: None };
        recovered.each_piece(file, &mut |_, content| {
            let len = content.len();
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
