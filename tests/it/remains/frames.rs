//! Pages images in LZ4 frames, as `CRaC`'s fork of CRIU writes them.

use std::io::Write;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use super::{memparse, places, reference};
use crate::archives::Members;
use crate::command::run_with;

const PAGES: [&str; 3] = ["pages-1", "pages-2", "pages-3"];

fn frame(bytes: &[u8], mode: BlockMode) -> Vec<u8> {
    let info =
        FrameInfo::new().block_mode(mode).block_size(BlockSize::Max64KB).block_checksums(true).content_checksum(true);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The same archive with its pages in frames: one, or several with something to be skipped between them.
fn framed(mode: BlockMode, parts: usize) -> Members {
    let mut members = reference();
    for name in PAGES {
        let pages = members.get(&format!("checkpoint/{name}.img")).to_vec();
        let mut frames = Vec::new();
        for part in pages.chunks(pages.len().div_ceil(parts)) {
            frames.extend(frame(part, mode));
            if parts > 1 {
                frames.extend(*b"\x53\x2a\x4d\x18\x03\0\0\0abc");
            }
        }
        members.remove(&format!("checkpoint/{name}.img"));
        members.set(&format!("checkpoint/{name}.comp.img"), frames);
    }
    members
}

#[test]
fn pages_in_frames_are_pages() {
    let whole = reference().tar();
    for members in [framed(BlockMode::Independent, 1), framed(BlockMode::Linked, 1), framed(BlockMode::Linked, 3)] {
        for flags in [&["-s", "needle"][..], &["--format", "ndjson"], &["--strings"], &["--pid", "1", "--hexdump"]] {
            let (plain, framed) = (memparse(&whole, flags).ok(), memparse(&members.tar(), flags).ok());
            assert_eq!(plain, framed);
        }
        let ran = run_with(&members.tar(), ["inspect", "-", "--env"]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        assert!(ran.out.contains("container=podman"), "{ran:?}");
    }
}

#[test]
fn frames_that_are_cut_or_damaged_are_named() {
    let mut cut = framed(BlockMode::Independent, 1);
    let frames = cut.get("checkpoint/pages-2.comp.img").to_vec();
    cut.set("checkpoint/pages-2.comp.img", frames[..frames.len() - 9].to_vec());
    let mut damaged = framed(BlockMode::Independent, 1);
    damaged.overwrite("checkpoint/pages-2.comp.img", b"needle", b"noodle");
    let mut other = reference();
    other.remove("checkpoint/pages-2.img");
    other.set("checkpoint/pages-2.comp.img", b"no frames".to_vec());
    for (members, what) in [(cut, "truncated"), (damaged, "damaged"), (other, "not LZ4 frames")] {
        let ran = memparse(&members.tar(), &[]);
        assert!(ran.code == Some(3) && ran.err.contains("pages-2.comp.img: the LZ4 frames are"), "{ran:?}");
        assert!(ran.err.contains(what), "{what}: {ran:?}");
    }
    let ran = memparse(&framed(BlockMode::Independent, 1).tar(), &["--max-nested", "20000"]);
    assert!(ran.code == Some(3) && ran.err.contains("--max-nested"), "{ran:?}");
}

#[test]
fn of_both_the_one_counts_that_fits() {
    let mut members = framed(BlockMode::Independent, 1);
    let plain = reference().get("checkpoint/pages-2.img").to_vec();
    for (pages, left) in [(plain.clone(), "pages-2.comp.img"), (plain[..4096].to_vec(), "pages-2.img")] {
        members.set("checkpoint/pages-2.img", pages);
        let ran = run_with(&members.tar(), ["table", "-", "warnings", "--format", "ndjson"]);
        assert!(ran.code == Some(0) && ran.out.contains(&format!("checkpoint/{left}\"")), "{ran:?}");
        let (there, whole) = (members.tar(), reference().tar());
        let found = |archive: &[u8]| places(&memparse(archive, &["-s", "needle"]));
        assert_eq!(found(&there), found(&whole));
    }
}
