//! Identity of a dump: a digest of its contents, which is equal for all copies however they are packed and named.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::Checkpoint;
use crate::archive::{Member, MemberKind};
use crate::images::Kind;
use crate::int::u64_of;

/// Bytes that count of one image or document, and of all together. Beyond that, only lengths count.
const EACH: u64 = 16 << 20;
const ALL: u64 = 1 << 30;

/// The images that count. Any two dumps differ in some of them: in registers, written pages, times of the dump
/// (`stats-dump`, in microseconds), and since CRIU 4.1 in the id of the run (`inventory.img`). Pages themselves do not
/// count: they are large, and may be packed differently.
const IMAGES: [Kind; 16] = [
    Kind::Inventory,
    Kind::Pstree,
    Kind::Core,
    Kind::Ids,
    Kind::Mm,
    Kind::Vmas,
    Kind::Pagemap,
    Kind::ShmemPagemap,
    Kind::Fdinfo,
    Kind::Files,
    Kind::RegFiles,
    Kind::InetSk,
    Kind::UnixSk,
    Kind::Pipes,
    Kind::Fs,
    Kind::StatsDump,
];

/// The engine's documents about the container, with its id and the time of the dump.
const DOCUMENTS: [&str; 3] = ["config.dump", "spec.dump", "config.json"];

impl Checkpoint {
    /// Identifies the dump, in hexadecimal. All copies of a dump have the same identity, whatever their archives are
    /// named and however they are packed, or unpacked; every other dump has another one. It is the SHA-256 over the
    /// images of processes (`pstree`, `core-*`, `mm-*`, `pagemap-*`, …), the inventory with the id of the run, the
    /// statistics, and the engine's documents with the container's id and the time of the dump. Pages and file times do
    /// not count.
    pub fn identity(&self) -> String {
        let mut digest = Dump { sha256: Sha256::new(), left: ALL };
        digest.sha256.update(b"cryoscope dump\0");
        let engine_files = self.engine_files();
        for name in DOCUMENTS {
            digest.file(name, 0, engine_files.file(name), self);
        }
        for kind in IMAGES {
            for (number, member) in self.images().of_kind(self.archive(), kind) {
                digest.file(kind.as_str(), number, Some(member), self);
            }
        }
        if self.images().find(self.archive(), Kind::StatsDump, 0).is_none() {
            digest.file(Kind::StatsDump.as_str(), 0, engine_files.work_file("stats-dump"), self);
        }
        HEXLOWER.encode(&digest.sha256.finalize())
    }
}

struct Dump {
    sha256: Sha256,
    /// Bytes that may still be hashed.
    left: u64,
}

impl Dump {
    /// Adds a file, if it exists.
    fn file(&mut self, name: &str, number: u64, member: Option<&Member>, of: &Checkpoint) {
        let Some(member) = member.and_then(|member| of.archive().resolve(member).ok()) else { return };
        if member.kind != MemberKind::File {
            return;
        }
        let (bytes, _) = of.archive().contents(member).prefix(EACH.min(self.left));
        self.left = self.left.saturating_sub(u64_of(bytes.len()));
        for part in [name.as_bytes(), &number.to_be_bytes(), &member.size.to_be_bytes()] {
            self.sha256.update(u64_of(part.len()).to_be_bytes());
            self.sha256.update(part);
        }
        self.sha256.update(u64_of(bytes.len()).to_be_bytes());
        self.sha256.update(&bytes);
    }
}
