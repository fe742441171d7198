//! What tells a dump from all others: a digest over what is in it, so that copies of it have the same one however they are
//! packed and called.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::Checkpoint;
use crate::archive::{Member, MemberKind};
use crate::images::Kind;
use crate::int::u64_of;

/// Bytes of an image or a document that count, and of all together: beyond, only lengths do.
const EACH: u64 = 16 << 20;
const ALL: u64 = 1 << 30;

/// The images that count. Two dumps differ in some of them whatever made them: in registers, pages that were written, times that
/// the dump took (`stats-dump`, to the microsecond), and since CRIU 4.1 in the id of the run (`inventory.img`). Pages themselves do not
/// count: they are large, and may be packed in another way.
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

/// What the engine wrote of the container: its id, and the moment of the dump.
const DOCUMENTS: [&str; 3] = ["config.dump", "spec.dump", "config.json"];

impl Checkpoint {
    /// What identifies the dump, in hexadecimal: the same for all copies of it, whatever their archives are called, however they
    /// are packed, and for an unpacked one, and another for every other dump. It is the SHA-256 over the images of processes
    /// (`pstree`, `core-*`, `mm-*`, `pagemap-*`, …), of the inventory with the id of the run, of the statistics, and over the engine's
    /// documents, which have the container's id and the moment of the dump. Neither pages nor times of files count.
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
    /// Adds a file, if it is there.
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
