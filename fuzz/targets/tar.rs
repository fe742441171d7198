//! The tar layer: headers, extensions, sparse maps, links, OCI layouts.

use std::io::Cursor;

use cryoscope::archive::Piece;
use cryoscope::memory::Keep;

use super::parts::{options, parts, tar_of};

pub fn run(data: &[u8]) {
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
        std::hint::black_box((checkpoint.rows().members().count(), checkpoint.warnings()));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
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
    let mut header = tar::Header::from_byte_slice(&archive[..512]).clone();
    header.set_entry_type(tar::EntryType::new(flag));
    header.set_cksum();
    archive[..512].copy_from_slice(header.as_bytes());
}
