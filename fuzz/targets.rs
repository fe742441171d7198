//! What is fuzzed: functions that take any bytes and must come back. cargo-fuzz calls them (`fuzz/`), and so does
//! `cargo test` with bytes of its own (`tests/it/fuzz.rs`).
//!
//! Most put the bytes in the place of a part of a small real archive, and then ask for everything.

use std::io::{Cursor, sink};
use std::ops::ControlFlow;
use std::sync::OnceLock;

use cryoscope::archive::{MemberKind, Piece};
use cryoscope::formats::decode::{DecodeFormat, DecodeStyle, DecodeWriter};
use cryoscope::formats::{Columns, Format, RowWriter, Style};
use cryoscope::images::Kind;
use cryoscope::images::proto::{PagemapEntry, PagemapHead, VmaEntry};
use cryoscope::memory::{Encoding, Keep, Matcher, Pattern, SearchOptions, StringOptions};
use cryoscope::{Checkpoint, Limits, Options, elfcore, tables};
use prost::Message;

/// A function that takes any bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// The function.
    pub run: fn(&[u8]),
    /// Bytes to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const ALL: &[Target] = &[
    Target { name: "tar", run: tar, seeds: tar_seeds },
    Target { name: "compressed", run: compressed, seeds: compressed_seeds },
    Target { name: "image", run: image, seeds: image_seeds },
    Target { name: "record", run: record, seeds: record_seeds },
    Target { name: "memory", run: memory, seeds: memory_seeds },
    Target { name: "json", run: json, seeds: json_seeds },
    Target { name: "nested", run: nested, seeds: nested_seeds },
    Target { name: "inspect", run: inspect, seeds: inspect_seeds },
];

/// The archive in which parts are replaced.
const REFERENCE: &[u8] = include_bytes!("../fixtures/forms-reference/podman-runc.tar");
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
/// Members that are replaced as JSON.
const DOCUMENTS: [&str; 7] = [
    "config.dump",
    "spec.dump",
    "network.status",
    "checkpoint/descriptors.json",
    "deleted.files",
    "bind.mounts",
    "status",
];
/// Members that are replaced as archives.
const ARCHIVES: [&str; 4] =
    ["rootfs-diff.tar", "devshm-checkpoint.tar", "checkpoint/tmpfs-dev-60.tar.gz.img", "volumes/data.tar"];

/// Limits that no input of a few KiB needs, so that whatever passes them is a fault.
fn options() -> Options {
    let mut limits = Limits::default();
    limits.unpacked_bytes = 16 << 20;
    limits.nested_bytes = 4 << 20;
    limits.hole_bytes = 1 << 20;
    Options::new().limits(limits).hash(true)
}

type Parts = Vec<(String, Vec<u8>)>;

/// The files of the reference.
fn parts() -> &'static Parts {
    static PARTS: OnceLock<Parts> = OnceLock::new();
    PARTS.get_or_init(|| {
        let whole = options().keep(Keep::Everything).open_reader(REFERENCE).expect("the reference is an archive");
        let archive = whole.first().expect("with a checkpoint").archive();
        let files = archive.members().iter().filter(|member| member.kind == MemberKind::File);
        files
            .map(|member| (member.path.to_string(), archive.contents(member).prefix(u64::MAX).0.into_owned()))
            .collect()
    })
}

/// The reference with some of its files replaced, or added.
fn with(replaced: &[(&str, &[u8])]) -> Vec<u8> {
    let kept = parts().iter().map(|(name, contents)| (name.as_str(), contents.as_slice()));
    let kept = kept.filter(|(name, _)| !LARGE.contains(name) && !replaced.iter().any(|(other, _)| other == name));
    tar_of(kept.chain(replaced.iter().copied()))
}

/// The images of the reference with one of them replaced.
fn with_image(name: &str, contents: &[u8]) -> Vec<u8> {
    let kept = parts().iter().map(|(name, contents)| (name.as_str(), contents.as_slice()));
    let kept = kept.filter(|(other, _)| !LARGE.contains(other) && !ASIDE.contains(other) && *other != name);
    tar_of(kept.chain([(name, contents)]))
}

/// Decodes an image field by field, or all of them.
fn decode(checkpoints: &[Checkpoint], only: Option<&str>) {
    for checkpoint in checkpoints {
        let decoder = checkpoint.decoder();
        for format in [DecodeFormat::Json, DecodeFormat::CritJson] {
            let mut writer = DecodeWriter::new(sink(), DecodeStyle { format, payload: true, plain: false });
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
fn tar_of<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, contents) in files {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000600\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", contents.len()).as_bytes());
        header[136..148].copy_from_slice(b"14440000000\0");
        header[148..156].copy_from_slice(b"        ");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend_from_slice(&header);
        archive.extend_from_slice(contents);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// Opens an archive and asks for all rows of all tables.
fn read(archive: &[u8], keep: Keep) -> Vec<Checkpoint> {
    let checkpoints = options().keep(keep).open_reader(Cursor::new(archive)).unwrap_or_default();
    for checkpoint in &checkpoints {
        checkpoint.read_all();
        for source in tables::ALL {
            source.each(checkpoint, &mut |row| {
                for column in 0..row.table().columns.len() {
                    std::hint::black_box(row.value(column));
                }
                ControlFlow::Continue(())
            });
        }
        for warning in checkpoint.warnings() {
            std::hint::black_box(warning.to_string());
        }
    }
    checkpoints
}

/// The tar layer: headers, extensions, sparse maps, links, OCI layouts.
pub fn tar(data: &[u8]) {
    let mut archive = tar_of(
        parts().iter().filter(|(name, _)| name.ends_with("pstree.img")).map(|(n, c)| (n.as_str(), c.as_slice())),
    );
    archive.truncate(archive.len() - 1024);
    archive.extend_from_slice(data);
    for checkpoint in options().keep(Keep::Everything).open_reader(Cursor::new(&archive)).unwrap_or_default() {
        let archive = checkpoint.archive();
        for member in archive.members() {
            let member = archive.resolve(member).unwrap_or_else(|last| last);
            let contents = archive.contents(member);
            // A map of a sparse member has as many pieces as it has regions, whatever size it claims.
            let pieces = contents.pieces(0, contents.len()).filter(|piece| matches!(piece, Piece::Bytes(_))).count();
            assert!(pieces <= data.len() + 512, "more pieces than bytes");
        }
        std::hint::black_box((checkpoint.members().count(), checkpoint.warnings()));
    }
}

fn tar_seeds() -> Vec<Vec<u8>> {
    let small = parts().iter().filter(|(_, contents)| contents.len() < 200);
    let mut seeds = vec![tar_of(small.map(|(name, contents)| (name.as_str(), contents.as_slice())))];
    let names = ["oci-layout", "index.json", "blobs/sha256/00"];
    seeds.push(tar_of(
        names.iter().map(|name| (*name, br#"{"manifests":[{"digest":"sha256:00"}],"layers":[]}"#.as_slice())),
    ));
    // A long name, a sparse map, and records of PAX, each before a member.
    for (flag, contents) in [
        (b'L', "long/".repeat(30)),
        (b'x', "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n27 GNU.sparse.realsize=400\n".to_owned()),
        (b'x', "14 size=100000\n21 path=checkpoint/x\n30 SCHILY.xattr.user.name=value\n".to_owned()),
        (b'g', "12 uid=1000\n22 mtime=1000.000001\n".to_owned()),
    ] {
        let mut seed = tar_of([("extended", contents.as_bytes()), ("member", b"contents".as_slice())].into_iter());
        retype(&mut seed, flag);
        seeds.push(seed);
    }
    for flag in *b"1234567SQ" {
        let mut seed = tar_of([("member", b"contents".as_slice())].into_iter());
        seed[157..167].copy_from_slice(b"checkpoint");
        retype(&mut seed, flag);
        seeds.push(seed);
    }
    seeds
}

/// Gives the first header another type.
fn retype(archive: &mut [u8], flag: u8) {
    archive[156] = flag;
    archive[148..156].copy_from_slice(b"        ");
    let sum: u32 = archive[..512].iter().map(|&byte| u32::from(byte)).sum();
    archive[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// Decompression: whatever can be inflated, in whatever can be inflated.
pub fn compressed(data: &[u8]) {
    for checkpoint in options().open_reader(Cursor::new(data)).unwrap_or_default() {
        std::hint::black_box((checkpoint.members().count(), checkpoint.warnings()));
    }
}

fn compressed_seeds() -> Vec<Vec<u8>> {
    let files: [&[u8]; 4] = [
        include_bytes!("../fixtures/malformed/gzip-second-member.tar.gz"),
        include_bytes!("../fixtures/malformed/zstd-checksum.tar.zst"),
        include_bytes!("../fixtures/malformed/cut-xz.tar.xz"),
        include_bytes!("../fixtures/malformed/cut-bzip2.tar.bz2"),
    ];
    files.iter().flat_map(|file| [1024, 8192, file.len()].map(|len| file[..len.min(file.len())].to_vec())).collect()
}

/// The member that an image of a kind is in the reference, or would be.
fn member_of(kind: Kind) -> String {
    let of_kind = |name: &str| Kind::of(name.rsplit('/').next()?.as_bytes()).map(|(kind, _)| kind);
    let there = parts().iter().map(|(name, _)| name).find(|name| of_kind(name) == Some(kind));
    let pattern = || kind.pattern().replace("%u", "1").replace("%x", "1").replace('*', "1");
    there.cloned().unwrap_or_else(|| format!("checkpoint/{}", pattern()))
}

fn kind_of(number: u8) -> Kind {
    Kind::ALL[usize::from(number) % Kind::ALL.len()]
}

/// Framing: the bytes of an image, of the kind that the first byte chooses.
pub fn image(data: &[u8]) {
    let Some((&number, contents)) = data.split_first() else { return };
    let name = member_of(kind_of(number));
    decode(&read(&with_image(&name, contents), Keep::Files), Some(&name));
}

fn image_seeds() -> Vec<Vec<u8>> {
    let kinds = (0_u8..).zip(Kind::ALL);
    kinds
        .filter_map(|(number, kind)| {
            let member = member_of(*kind);
            let (_, contents) = parts().iter().find(|(name, _)| *name == member)?;
            Some([&[number], contents.get(..4096).unwrap_or(contents)].concat())
        })
        .collect()
}

/// Decoding: one record of the kind that the first byte chooses, as long as the next two say, and what follows it.
pub fn record(data: &[u8]) {
    let [number, low, high, rest @ ..] = data else { return };
    let kind = kind_of(*number);
    let message = rest.get(..usize::from(u16::from_le_bytes([*low, *high]))).unwrap_or(rest);
    let behind = &rest[message.len()..];
    let magic = kind.magic().unwrap_or_default();
    let size = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let contents =
        [&0x5456_4319_u32.to_le_bytes(), &magic.to_le_bytes(), &size.to_le_bytes(), message, behind].concat();
    let name = member_of(kind);
    decode(&read(&with_image(&name, &contents), Keep::Files), Some(&name));
}

fn record_seeds() -> Vec<Vec<u8>> {
    let images = image_seeds().into_iter().filter(|image| image.len() > 13);
    images.map(|image| [&image[..1], &image[9..11], &image[13..]].concat()).collect()
}

/// Address spaces: runs of pages and mappings, four bytes each, over pages of few different bytes.
pub fn memory(data: &[u8]) {
    let framed = |image: &mut Vec<u8>, message: &[u8]| {
        image.extend(u32::try_from(message.len()).unwrap_or(0).to_le_bytes());
        image.extend_from_slice(message);
    };
    let head = |magic: Option<u32>| [0x5456_4319_u32.to_le_bytes(), magic.unwrap_or_default().to_le_bytes()].concat();
    let Some((_, mm)) = parts().iter().find(|(name, _)| name == "checkpoint/mm-1.img") else { return };
    let mut entry = cryoscope::images::proto::MmEntry::decode(&mm[12..]).expect("a record of the reference");
    entry.vmas.clear();
    let mut pagemap = head(Kind::Pagemap.magic());
    framed(&mut pagemap, &PagemapHead { pages_id: Some(1) }.encode_to_vec());
    for bytes in data.chunks_exact(4) {
        let [what, page, len, more] = [bytes[0], bytes[1], bytes[2], bytes[3]].map(u64::from);
        let start = match more & 7 {
            0 => u64::MAX - (page << 12),
            1 => page << 56,
            2 => (page << 12) | 1,
            _ => 0x10000 + (page << 12),
        };
        let count = if more & 0x70 == 0x70 { 1 << (len & 63) } else { len & 15 };
        if what & 1 == 0 {
            let flags = Some(u32::from(bytes[0] >> 1));
            let run = PagemapEntry { vaddr: Some(start), nr_pages: Some(count), flags, ..Default::default() };
            framed(&mut pagemap, &run.encode_to_vec());
        } else {
            entry.vmas.push(VmaEntry {
                start: Some(start),
                end: Some(start.wrapping_add(count.wrapping_shl(12))),
                flags: Some(if what & 2 == 0 { 0x22 } else { 0x21 }),
                status: Some(u32::from(bytes[0]) << 1 | 1),
                prot: Some(3),
                shmid: Some(2055),
                fd: Some(-1),
                pgoff: Some(page & 3),
                ..Default::default()
            });
        }
    }
    let mut image = head(Kind::Mm.magic());
    framed(&mut image, &entry.encode_to_vec());
    let pages: Vec<u8> =
        (0_u32..40_000).map(|n| b"ab\0c"[usize::from(n % 7 == 0) + usize::from(n % 13 == 0)]).collect();
    let archive = with(&[
        ("checkpoint/mm-1.img", &image),
        ("checkpoint/pagemap-1.img", &pagemap),
        ("checkpoint/pages-1.img", &pages),
    ]);
    for checkpoint in read(&archive, Keep::Memory) {
        look(&checkpoint);
    }
}

fn memory_seeds() -> Vec<Vec<u8>> {
    let run = [3, 0, 9, 8, 2, 0, 3, 8, 8, 4, 2, 8, 2, 7, 1, 8];
    vec![
        run.to_vec(),
        [&run[..], &[5, 40, 2, 8, 7, 60, 2, 8]].concat(),
        vec![2, 0, 255, 0x78, 3, 1, 40, 0x71, 2, 1, 1, 2],
    ]
}

/// Searches memory and everything else, reads its strings, and writes core files.
fn look(checkpoint: &Checkpoint) {
    let pattern = |text: &str| Pattern::text(text, Encoding::Utf8, false).expect("a pattern");
    let patterns = [pattern("aab"), pattern("root"), Pattern::regex("a{2,9}[^a]", true)];
    let matcher = Matcher::new(&patterns).expect("patterns");
    let search = SearchOptions { threads: 1, longest: 64, most: 1000 };
    let model = checkpoint.model();
    let all = 0..u64::MAX;
    let wanted: Vec<_> = model.processes().iter().map(|process| (process, vec![all.clone()])).collect();
    std::hint::black_box(checkpoint.memory().search(model, &wanted, &matcher, &search));
    std::hint::black_box(checkpoint.search_elsewhere(&matcher, &search, 16));
    let options = StringOptions { threads: 1, least: 4, ascii: true, utf16: true };
    let mut blocks = 0_u32;
    checkpoint.memory().strings(
        model,
        &wanted,
        &options,
        |block| block.strings.len(),
        |_| {
            blocks += 1;
            if blocks < 1000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    for process in model.processes() {
        // Holes would be written out, and mappings may claim to be as large as the address space.
        let small = process.mm.as_ref().is_some_and(|mm| {
            mm.vmas.iter().map(|vma| vma.end.0.saturating_sub(vma.start.0)).fold(0, u64::saturating_add) < 64 << 20
        });
        if small {
            let _ = elfcore::write(checkpoint, process, &mut sink());
        }
    }
}

/// Documents: JSON in the place of the one that the first byte chooses.
pub fn json(data: &[u8]) {
    let Some((&number, contents)) = data.split_first() else { return };
    read(&with(&[(DOCUMENTS[usize::from(number) % DOCUMENTS.len()], contents)]), Keep::Files);
}

fn json_seeds() -> Vec<Vec<u8>> {
    let documents = (0_u8..).zip(DOCUMENTS);
    let mut seeds: Vec<Vec<u8>> = documents
        .filter_map(|(number, document)| {
            let (_, contents) = parts().iter().find(|(name, _)| name == document)?;
            Some([&[number], contents.as_slice()].concat())
        })
        .collect();
    seeds.push(b"\x04[\"/etc/passwd\"]".to_vec());
    seeds.push(b"\x00{\"id\":\"1\",\"checkpointedTime\":\"2026-01-02T03:04:05Z\"}".to_vec());
    seeds.push(b"\x01{\"process\":{\"args\":[\"sh\"]},\"mounts\":[{\"destination\":\"/\"}]}".to_vec());
    seeds
}

/// Archives within the archive: changed files, file systems in memory, volumes.
pub fn nested(data: &[u8]) {
    let Some((&number, contents)) = data.split_first() else { return };
    for checkpoint in read(&with(&[(ARCHIVES[usize::from(number) % ARCHIVES.len()], contents)]), Keep::Everything) {
        look(&checkpoint);
    }
}

fn nested_seeds() -> Vec<Vec<u8>> {
    let archives = (0_u8..).zip(ARCHIVES);
    let mut seeds: Vec<Vec<u8>> = archives
        .filter_map(|(number, archive)| {
            let (_, contents) = parts().iter().find(|(name, _)| name == archive)?;
            Some([&[number], contents.as_slice()].concat())
        })
        .collect();
    seeds.extend(tar_seeds().into_iter().map(|seed| [&[0], seed.as_slice()].concat()));
    seeds
}

/// Everything: parts of the archive are changed, six bytes a change, and then all is asked for in all formats.
pub fn inspect(data: &[u8]) {
    let mut changed: Vec<(&str, Vec<u8>)> = Vec::new();
    for change in data.chunks_exact(6).take(64) {
        let (name, contents) = &parts()[usize::from(change[1]) % parts().len()];
        let place = changed.iter().position(|(other, _)| other == name).unwrap_or_else(|| {
            changed.push((name, contents.clone()));
            changed.len() - 1
        });
        let contents = &mut changed[place].1;
        let at = usize::from(u16::from_le_bytes([change[2], change[3]])).min(contents.len());
        match change[0] % 6 {
            0 => contents.truncate(at),
            1 => contents.insert(at, change[4]),
            2 if at < contents.len() => contents[at] ^= change[4],
            3 if at < contents.len() => drop(contents.remove(at)),
            4 => {
                let end = at.saturating_add(usize::from(change[4])).min(contents.len());
                let piece = contents[at..end].to_vec();
                contents.splice(at..at, piece);
            }
            5 => {
                let number = 1_u64.wrapping_shl(change[4].into()).wrapping_sub((change[5] & 1).into());
                let mut varint = Vec::new();
                prost::encoding::encode_varint(number, &mut varint);
                contents.splice(at..contents.len().min(at + 1), varint);
            }
            _ => {}
        }
    }
    let changed: Vec<(&str, &[u8])> = changed.iter().map(|(name, contents)| (*name, contents.as_slice())).collect();
    let checkpoints = read(&with(&changed), Keep::Everything);
    decode(&checkpoints, None);
    for checkpoint in checkpoints {
        look(&checkpoint);
        for format in [Format::Table, Format::Json, Format::Ndjson, Format::Csv] {
            let style = Style { format, columns: Columns::All, name_tables: true, width: Some(80) };
            let mut writer = RowWriter::new(sink(), style);
            for source in tables::ALL {
                writer.begin(source.table).expect("nothing fails to write to nowhere");
                source.each(&checkpoint, &mut |row| {
                    writer.row(row).expect("nothing fails to write to nowhere");
                    ControlFlow::Continue(())
                });
            }
            writer.finish().expect("nothing fails to write to nowhere");
        }
    }
}

fn inspect_seeds() -> Vec<Vec<u8>> {
    (0_u8..60).map(|member| vec![member % 6, member, member.wrapping_mul(37), 0, member.wrapping_mul(11), 1]).collect()
}
