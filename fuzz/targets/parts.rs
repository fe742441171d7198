//! The small real archive whose parts the targets replace, and what is asked of it.

use std::io::{Cursor, sink};
use std::ops::ControlFlow;
use std::sync::OnceLock;

use cryoscope::archive::MemberKind;
use cryoscope::formats::decode::{DecodeFormat, DecodeStyle, DecodeWriter, Payload};
use cryoscope::images::Kind;
use cryoscope::memory::Keep;
use cryoscope::tables::TableSource;
use cryoscope::{Checkpoint, Limits, Options, tables};

/// The archive in which parts are replaced.
const REFERENCE: &[u8] = include_bytes!("../../fixtures/forms-reference/podman-runc.tar");
/// Members without which it is still whole enough, and faster.
const LARGE: [&str; 3] = ["checkpoint/seccomp.img", "checkpoint/pages-3.img", "checkpoint/core-6.img"];
/// Members without which images are read as they are, and much faster.
const ASIDE: [&str; 6] = [
    "config.dump",
    "spec.dump",
    "checkpoint/cgroup.img",
    "checkpoint/pages-1.img",
    "checkpoint/pages-2.img",
    "checkpoint/mountpoints-13.img",
];

/// Limits that no input of a few KiB needs, so that whatever passes them is a fault.
pub(super) fn options() -> Options {
    let mut limits = Limits::default();
    limits.unpacked_bytes = 16 << 20;
    limits.nested_bytes = 4 << 20;
    limits.hole_bytes = 1 << 20;
    limits.filter_steps = 2_000_000;
    Options::new().limits(limits).hash(true)
}

pub(super) type Parts = Vec<(String, Vec<u8>)>;

/// The files of the reference.
pub(super) fn parts() -> &'static Parts {
    static PARTS: OnceLock<Parts> = OnceLock::new();
    PARTS.get_or_init(|| files_of(REFERENCE))
}

/// A file of the reference.
pub(super) fn part(name: &str) -> &'static [u8] {
    parts().iter().find(|(other, _)| other == name).map(|(_, contents)| contents.as_slice()).expect("a file of it")
}

/// The files of an archive.
pub(super) fn files_of(archive: &[u8]) -> Parts {
    let whole = Options::new().keep(Keep::Everything).open_reader(archive).expect("a fixture is an archive");
    let archive = whole.first().expect("with a checkpoint").archive();
    let files = archive.members().iter().filter(|member| member.kind == MemberKind::File);
    files.map(|member| (member.path.to_string(), archive.contents(member).prefix(u64::MAX).0.into_owned())).collect()
}

/// The images of an archive that are of some kinds, each with the number of its kind before it.
pub(super) fn images_of(archive: &[u8], kinds: &[Kind]) -> Vec<Vec<u8>> {
    let images = files_of(archive).into_iter().filter_map(|(name, contents)| {
        let (kind, _) = Kind::from_file_name(name.rsplit('/').next()?.as_bytes())?;
        let number = kinds.iter().position(|other| *other == kind)?;
        Some([&[u8::try_from(number).ok()?], contents.as_slice()].concat())
    });
    images.collect()
}

/// The reference with some of its files replaced, or added.
pub(super) fn with(replaced: &[(&str, &[u8])]) -> Vec<u8> {
    let kept = parts().iter().map(|(name, contents)| (name.as_str(), contents.as_slice()));
    let kept = kept.filter(|(name, _)| !LARGE.contains(name) && !replaced.iter().any(|(other, _)| other == name));
    tar_of(kept.chain(replaced.iter().copied()))
}

/// The images of the reference with one of them replaced.
pub(super) fn with_image(name: &str, contents: &[u8]) -> Vec<u8> {
    let kept = parts().iter().map(|(name, contents)| (name.as_str(), contents.as_slice()));
    let kept = kept.filter(|(other, _)| !LARGE.contains(other) && !ASIDE.contains(other) && *other != name);
    tar_of(kept.chain([(name, contents)]))
}

/// The least that is a checkpoint, a process that has what these files say, and nothing else: fast.
pub(super) fn least(files: &[(&str, &[u8])]) -> Vec<u8> {
    let base = ["checkpoint/pstree.img", "checkpoint/core-1.img", "checkpoint/ids-1.img"];
    let base = base.iter().filter(|name| !files.iter().any(|(other, _)| other == *name));
    tar_of(base.map(|name| (*name, part(name))).chain(files.iter().copied()))
}

/// The name of an image of a kind, in the folder of images.
pub(super) fn name_of(kind: Kind) -> String {
    format!("checkpoint/{}", kind.pattern().replace("%u", "1").replace("%x", "1").replace('*', "1"))
}

/// An image of records, each of them as long as it says, and with what follows it.
pub(super) fn image_of(kind: Kind, records: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut image = [0x5456_4319_u32.to_le_bytes(), kind.magic().unwrap_or_default().to_le_bytes()].concat();
    for (message, behind) in records {
        image.extend(u32::try_from(message.len()).unwrap_or(u32::MAX).to_le_bytes());
        image.extend_from_slice(message);
        image.extend_from_slice(behind);
    }
    image
}

/// Decodes an image field by field, or all of them.
pub(super) fn decode(checkpoints: &[Checkpoint], only: Option<&str>) {
    for checkpoint in checkpoints {
        let decoder = checkpoint.decoder();
        for format in [DecodeFormat::Json, DecodeFormat::CritJson] {
            let mut writer =
                DecodeWriter::new(sink(), DecodeStyle { format, payload: Payload::Everything, plain: false });
            for member in checkpoint.image_members() {
                if only.is_none_or(|name| member.path == name) {
                    decoder.image(member, &mut writer).expect("nothing fails to write to nowhere");
                }
            }
            writer.finish().expect("nothing fails to write to nowhere");
        }
    }
}

/// A plain tar.
pub(super) fn tar_of<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, contents) in files {
        add(&mut archive, b'0', name, "", contents);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// Adds an entry of a type to a tar that has no end yet.
pub(super) fn add(archive: &mut Vec<u8>, flag: u8, name: &str, target: &str, contents: &[u8]) {
    let mut header = tar::Header::new_ustar();
    let fields = header.as_old_mut();
    fields.name[..name.len()].copy_from_slice(name.as_bytes());
    fields.linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_entry_type(tar::EntryType::new(flag));
    header.set_mode(0o600);
    header.set_size(contents.len().try_into().unwrap_or(u64::MAX));
    header.set_mtime(0o14_440_000_000);
    header.set_cksum();
    archive.extend_from_slice(header.as_bytes());
    archive.extend_from_slice(contents);
    archive.resize(archive.len().next_multiple_of(512), 0);
}

/// Opens an archive and asks for all rows of all tables.
pub(super) fn read(archive: &[u8], keep: Keep) -> Vec<Checkpoint> {
    let checkpoints = options().keep(keep).open_reader(Cursor::new(archive)).unwrap_or_default();
    for checkpoint in &checkpoints {
        checkpoint.read_all();
        rows(checkpoint, tables::ALL);
        for warning in checkpoint.warnings() {
            std::hint::black_box(warning.to_string());
        }
    }
    checkpoints
}

/// Opens an archive and asks for some tables only.
pub(super) fn read_tables(archive: &[u8], keep: Keep, names: &[&str]) -> Vec<Checkpoint> {
    let checkpoints = options().keep(keep).open_reader(Cursor::new(archive)).unwrap_or_default();
    for checkpoint in &checkpoints {
        for name in names {
            rows(checkpoint, std::slice::from_ref(cryoscope::catalog::find(name).expect("a table")));
        }
        std::hint::black_box(checkpoint.warnings());
    }
    checkpoints
}

fn rows(checkpoint: &Checkpoint, sources: &[TableSource]) {
    for source in sources {
        source.each(checkpoint, &mut |row| {
            for column in 0..row.table().columns.len() {
                std::hint::black_box(row.value(column));
            }
            ControlFlow::Continue(())
        });
    }
}
