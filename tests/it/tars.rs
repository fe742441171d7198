//! The walk over tars against a naive oracle, on archives that nobody has thought of.

use std::io::Cursor;

use cryoscope::Options;
use cryoscope::archive::{MemberKind, Piece};
use cryoscope::images::proto::{CoreEntry, InventoryEntry, PstreeEntry, TaskCoreEntry};
use proptest::prelude::*;
use prost::Message;

use crate::fixtures::cases_of;

/// A member to be written.
#[derive(Clone, Debug)]
struct Written {
    name: String,
    contents: Vec<u8>,
    mode: u32,
    mtime: u64,
}

fn written() -> impl Strategy<Value = Written> {
    let name = prop_oneof!["[a-z]{1,12}", "[a-z]{1,8}/[a-z0-9 ._-]{1,30}x", "[a-zäöü]{60}/[a-z]{90,160}"];
    (name, prop::collection::vec(any::<u8>(), 0..2000), 0_u32..0o7777, 0_u64..1 << 37)
        .prop_map(|(name, contents, mode, mtime)| Written { name, contents, mode, mtime })
}

fn record(magic: u32, message: &impl Message) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    let len = u32::try_from(bytes.len()).unwrap();
    [&0x5456_4319_u32.to_le_bytes()[..], &magic.to_le_bytes(), &len.to_le_bytes(), &bytes].concat()
}

/// The least that is a checkpoint.
fn checkpoint() -> Vec<(&'static str, Vec<u8>)> {
    let task = TaskCoreEntry { task_state: Some(2), comm: Some(b"ended".to_vec()), ..Default::default() };
    let inventory = InventoryEntry { img_version: Some(2), ..Default::default() };
    vec![
        ("checkpoint/inventory.img", record(0x5831_3116, &inventory)),
        ("checkpoint/pstree.img", record(0x5027_3030, &PstreeEntry { pid: Some(1), ..Default::default() })),
        ("checkpoint/core-1.img", record(0x5505_3847, &CoreEntry { tc: Some(task), ..Default::default() })),
    ]
}

/// A tar of some members and a checkpoint, as the `tar` crate writes it.
fn tar(members: &[Written]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut append = |name: &str, contents: &[u8], mode: u32, mtime: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(mode);
        header.set_mtime(mtime);
        header.set_uid(1 << 30);
        builder.append_data(&mut header, name, contents).unwrap();
    };
    for member in members {
        append(&member.name, &member.contents, member.mode, member.mtime);
    }
    for (name, contents) in checkpoint() {
        append(name, &contents, 0o600, 1);
    }
    builder.into_inner().unwrap()
}

proptest! {
    #![proptest_config(cases_of(64))]

    #[test]
    fn members_are_what_the_oracle_reads(members in prop::collection::vec(written(), 0..12)) {
        let bytes = tar(&members);
        let mut oracle = tar::Archive::new(bytes.as_slice());
        let expected: Vec<_> = oracle
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                let facts = (header.mode().unwrap(), header.mtime().unwrap(), header.uid().unwrap(), entry.size());
                (entry.path_bytes().into_owned(), facts, entry.raw_file_position())
            })
            .collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        for mapped in [true, false] {
            let checkpoints = Options::new().map(mapped).open(file.path()).unwrap();
            let archive = checkpoints[0].archive();
            let read: Vec<_> = archive
                .members()
                .iter()
                .map(|member| {
                    let mtime = u64::try_from(member.mtime.unwrap().as_second()).unwrap();
                    let facts = (member.mode.unwrap(), mtime, member.uid.unwrap(), member.size);
                    (member.name.to_vec(), facts, member.offset)
                })
                .collect();
            prop_assert_eq!(&read, &expected);
        }
        // What is mapped is borrowed where it lies.
        let checkpoints = Options::new().open(file.path()).unwrap();
        let archive = checkpoints[0].archive();
        for (member, written) in archive.members().iter().zip(&members) {
            prop_assert_eq!(member.kind, MemberKind::File);
            let pieces: Vec<u8> = archive
                .contents(member)
                .pieces(0, u64::MAX)
                .flat_map(|piece| match piece {
                    Piece::Bytes(bytes) => bytes.to_vec(),
                    other => panic!("{other:?} in an archive without holes"),
                })
                .collect();
            prop_assert_eq!(&pieces, &written.contents);
        }
    }

    #[test]
    fn a_cut_archive_keeps_what_came_before(members in prop::collection::vec(written(), 1..6), cut in 0.0..1.0_f64) {
        let whole = tar(&members);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "any place will do")]
        let cut = (whole.len() as f64 * cut) as usize;
        let Ok(checkpoints) = Options::new().open_reader(Cursor::new(&whole[..cut])) else { return Ok(()) };
        let mut oracle = tar::Archive::new(&whole[..cut]);
        let readable = oracle.entries().unwrap().take_while(Result::is_ok).count();
        let archive = checkpoints[0].archive();
        prop_assert!(archive.members().len() >= readable, "{} of {readable}", archive.members().len());
    }
}
