//! Recognises an input by its contents. Names are never believed: Podman writes zstd under `.tar.gz`.

use std::io::Read as _;

use super::compression::Compression;
use super::decompress;
use super::header::{BLOCK, Block, Header};
use crate::error::{TOO_SHORT, UNKNOWN};
use crate::int::u64_of;

/// Bytes of an input needed to recognise it.
pub(super) const ENOUGH: usize = BLOCK;

/// Bytes of a compressed member that are inflated to see whether it is an archive.
pub(super) const PEEK: usize = 4096;

/// What an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Compressed(Compression),
    Tar,
    Empty,
    /// A checkpoint that is not an archive of CRIU images: its name, with its article.
    Foreign(&'static str),
    /// Something else: its name, with its article.
    Other(&'static str),
}

/// Magic numbers of other files that are taken for checkpoints.
const OTHERS: &[(&[u8], &str)] = &[
    (b"%PDF-", "a PDF"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\x7fELF", "an ELF file (a program, or a core dump)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x04\x22\x4d\x18", "an lz4 frame"),
    (b"hsqs", "a squashfs image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\xd4\xc3\xb2\xa1", "a packet capture"),
    (b"\x0a\x0d\x0d\x0a", "a packet capture"),
    (b"PAR1", "a Parquet file"),
    (b"QFI\xfb", "a qcow2 disk image"),
    (b"{", "JSON text"),
    (b"[", "JSON text"),
    (b"#!", "a script"),
    (b"\x19\x43\x56\x54", "a single CRIU image"),
    (b"\x54\x56\x43\x19", "a single CRIU image"),
    (b"\x16\x31\x31\x58", "a single CRIU image (an inventory)"),
    (b"\x58\x31\x31\x16", "a single CRIU image (an inventory)"),
    (b"\x40\x59\x10\x55", "a CRIU service file (statistics)"),
];

/// Tells what an input is by its first [`ENOUGH`] bytes, or by all it has.
pub(super) fn sniff(head: &[u8]) -> Format {
    if head.is_empty() {
        return Format::Empty;
    }
    if let Some(compression) = compression(head) {
        return Format::Compressed(compression);
    }
    if let Some(block) = head.first_chunk::<BLOCK>()
        && (Header::parse(block).is_some() || *block == Block::from([0; BLOCK]))
    {
        return Format::Tar;
    }
    if head.starts_with(b"gVisorSF") {
        return Format::Foreign("a state file of gVisor (runsc), which saves its own kernel and writes no CRIU images");
    }
    if is_image_stream(head) {
        return Format::Foreign(
            "a stream of criu-image-streamer (write its images to a directory with `criu-image-streamer --images-dir DIR extract` and give that directory)",
        );
    }
    let other = OTHERS.iter().find(|(magic, _)| head.starts_with(magic));
    Format::Other(match other {
        Some((_, name)) => name,
        None if head.len() < BLOCK && head.contains(&0) => TOO_SHORT,
        None if head.iter().all(|&b| b.is_ascii_graphic() || b.is_ascii_whitespace()) => "text",
        None => UNKNOWN,
    })
}

/// Whether a file is a tar, plain or compressed, by its first [`PEEK`] bytes. Where compression gives nothing away so early,
/// it may be.
pub(super) fn is_archive(head: &[u8]) -> bool {
    // Zeros are the end of a tar, but no archive.
    let begins_as_tar = |head: &[u8]| head.first_chunk().is_some_and(|block: &Block| Header::parse(block).is_some());
    if begins_as_tar(head) {
        return true;
    }
    let Format::Compressed(compression) = sniff(head) else { return false };
    let mut inflated = Vec::new();
    let failed = decompress::decoder(compression, head)
        .and_then(|decoder| decoder.take(u64_of(ENOUGH)).read_to_end(&mut inflated))
        .is_err();
    begins_as_tar(&inflated) || failed && inflated.is_empty() || matches!(sniff(&inflated), Format::Compressed(_))
}

/// Whether an input begins as criu-image-streamer writes: the length of a marker (32 bits, little end first), and a marker
/// of protobuf with the number of the next image (1, left out if 0) and its name (2).
fn is_image_stream(head: &[u8]) -> bool {
    let Some((len, rest)) = head.split_first_chunk() else { return false };
    let Some(marker) = usize::try_from(u32::from_le_bytes(*len)).ok().and_then(|len| rest.get(..len)) else {
        return false;
    };
    let after_number = match marker {
        [0x08, number, rest @ ..] if *number < 0x80 => rest,
        other => other,
    };
    match after_number {
        [0x12, len, name @ ..] => {
            usize::from(*len) == name.len()
                && name.ends_with(b".img")
                && name.iter().all(|&b| b.is_ascii_graphic() && b != b'/')
        }
        _ => false,
    }
}

fn compression(head: &[u8]) -> Option<Compression> {
    // A zstd file may begin with a skippable frame, whose magic has 16 values.
    let skippable = head.len() >= 4 && head.starts_with(&[head.first()? & 0x0f | 0x50, 0x2a, 0x4d, 0x18]);
    match head {
        [0x1f, 0x8b, 0x08, ..] => Some(Compression::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Compression::Zstd),
        _ if skippable => Some(Compression::Zstd),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
        // A first block, or the end of an empty stream.
        [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..]
            if rest.starts_with(b"1AY&SY") || rest.starts_with(b"\x17\x72\x45\x38\x50\x90") =>
        {
            Some(Compression::Bzip2)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        assert_eq!(sniff(b""), Format::Empty);
        assert_eq!(sniff(b"\x1f\x8b\x08\0"), Format::Compressed(Compression::Gzip));
        assert_eq!(sniff(b"\x28\xb5\x2f\xfd\0"), Format::Compressed(Compression::Zstd));
        assert_eq!(sniff(b"\x5a\x2a\x4d\x18\x04"), Format::Compressed(Compression::Zstd));
        assert_eq!(sniff(b"BZh91AY&SY"), Format::Compressed(Compression::Bzip2));
        assert_eq!(sniff(b"%PDF-1.7"), Format::Other("a PDF"));
        assert_eq!(sniff(b"hello\n"), Format::Other("text"));
        let mut header = tar::Header::new_gnu();
        header.set_path("a").unwrap();
        header.set_cksum();
        assert_eq!(sniff(header.as_bytes()), Format::Tar);
        assert_eq!(sniff(&[7; 512]), Format::Other("an unrecognised file type"));
        assert!(matches!(sniff(b"gVisorSF\0\0"), Format::Foreign(_)));
        assert!(matches!(sniff(b"\x0c\0\0\0\x12\x0acgroup.img\x05\0\0\0"), Format::Foreign(_)));
        assert!(matches!(sniff(b"\x0e\0\0\0\x08\x02\x12\x0acgroup.img\x05\0\0\0"), Format::Foreign(_)));
    }
}
