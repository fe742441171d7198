//! Archives that somebody has tampered with: whatever is changed, there is an answer or a message, never a panic, and
//! never more memory than there are bytes.

mod commands;
mod joins;
mod lookups;
mod malformed;
mod mutations;
mod text;

use std::io::Cursor;
use std::ops::ControlFlow;

use cryoscope::catalog;
use cryoscope::{Checkpoint, Options};
use proptest::prelude::*;
use proptest::sample::Index;

pub(crate) use self::commands::COMMANDS;
#[cfg(feature = "parquet")]
pub(crate) use self::text::all_text_hostile;
use crate::archives::{Members, inflated};
use crate::fixtures;

/// Reads all rows of all tables; returns how many there are.
pub(crate) fn read_everything(checkpoints: &[Checkpoint]) -> usize {
    let mut rows = 0;
    for checkpoint in checkpoints {
        for source in catalog::all() {
            source.each(checkpoint, &mut |row| {
                for column in 0..row.table().columns.len() {
                    let _ = format!("{:?}", row.value(column));
                }
                rows += 1;
                ControlFlow::Continue(())
            });
        }
    }
    rows
}

/// Rows that the bytes of a fixture can have at most, whatever they say.
const ROWS: usize = 200_000;

/// How an image is tampered with.
#[derive(Clone, Debug)]
enum Tampering {
    /// Some bits are turned.
    Flip(Index, u8),
    /// Its end is cut off.
    Cut(Index),
    /// Some bytes are repeated.
    Repeat(Index, usize),
    /// A number becomes one that is hard to believe.
    Number(Index, u64),
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let numbers = prop_oneof![Just(0), Just(u64::MAX), Just(1 << 63), Just(0x7fff_ffff), any::<u64>()];
    prop_oneof![
        4 => (any::<Index>(), 1_u8..=255).prop_map(|(at, bits)| Tampering::Flip(at, bits)),
        1 => any::<Index>().prop_map(Tampering::Cut),
        1 => (any::<Index>(), 1_usize..64).prop_map(|(at, len)| Tampering::Repeat(at, len)),
        2 => (any::<Index>(), numbers).prop_map(|(at, number)| Tampering::Number(at, number)),
    ]
}

fn tamper(contents: &mut Vec<u8>, tampering: &Tampering) {
    if contents.is_empty() {
        return;
    }
    match tampering {
        Tampering::Flip(at, bits) => {
            let at = at.index(contents.len());
            contents[at] ^= bits;
        }
        Tampering::Cut(at) => contents.truncate(at.index(contents.len())),
        Tampering::Repeat(at, len) => {
            let at = at.index(contents.len());
            let piece = contents[at..contents.len().min(at + len)].to_vec();
            contents.splice(at..at, piece);
        }
        Tampering::Number(at, number) => {
            let at = at.index(contents.len());
            let mut varint = Vec::new();
            prost::encoding::encode_varint(*number, &mut varint);
            let end = contents.len().min(at + 1);
            contents.splice(at..end, varint);
        }
    }
}

fn tamper_all(contents: &mut Vec<u8>, tamperings: &[Tampering]) {
    for tampering in tamperings {
        tamper(contents, tampering);
    }
}

/// Fixtures that have many kinds of images.
const CASES: [&str; 6] = ["files-more", "sockets-unix", "memory", "nspaces", "criu-1.5-agedipc", "forms-reference"];

proptest! {
    #![proptest_config(fixtures::cases_of(120))]

    #[test]
    fn tampered_images_are_read_as_far_as_they_can_be(
        case in 0..CASES.len(),
        which in any::<Index>(),
        tamperings in prop::collection::vec(tampering(), 1..4),
    ) {
        let mut members = Members::of(&fixtures::archive_of(CASES[case]));
        // Pages have no structure that could be tampered with.
        let mut images: Vec<_> = members.0.iter_mut().filter(|m| !m.name.contains("pages-")).collect();
        let chosen = which.index(images.len());
        tamper_all(&mut images[chosen].contents, &tamperings);
        if let Ok(checkpoints) = members.open_all() {
            prop_assert!(read_everything(&checkpoints) < ROWS);
        }
    }

    #[test]
    fn tampered_archives_are_read_as_far_as_they_can_be(
        headers in any::<bool>(),
        tamperings in prop::collection::vec(tampering(), 1..6),
    ) {
        let mut bytes = inflated(&std::fs::read(fixtures::archive_of("criu-4.2-threads")).unwrap());
        if headers {
            // The first blocks are headers and small images.
            let mut rest = bytes.split_off(8192);
            tamper_all(&mut bytes, &tamperings);
            bytes.append(&mut rest);
        } else {
            tamper_all(&mut bytes, &tamperings);
        }
        if let Ok(checkpoints) = Options::new().open_reader(Cursor::new(bytes)) {
            prop_assert!(read_everything(&checkpoints) < ROWS);
        }
    }

    #[test]
    fn tampered_compressed_archives_are_read_as_far_as_they_can_be(tamperings in prop::collection::vec(tampering(), 1..4)) {
        let mut bytes = std::fs::read(fixtures::archive_of("criu-4.2-threads")).unwrap();
        tamper_all(&mut bytes, &tamperings);
        if let Ok(checkpoints) = Options::new().open_reader(Cursor::new(bytes)) {
            prop_assert!(read_everything(&checkpoints) < ROWS);
        }
    }
}

#[test]
fn an_archive_may_end_anywhere() {
    let bytes = inflated(&std::fs::read(fixtures::archive_of("criu-4.2-shell")).unwrap());
    for end in (0..bytes.len()).step_by(509) {
        if let Ok(checkpoints) = Options::new().open_reader(Cursor::new(&bytes[..end])) {
            assert!(read_everything(&checkpoints) < ROWS);
        }
    }
}
