//! The programs in `examples/` print the same of an archive whatever it is packed with, and what it has.

use std::fs;
use std::path::{Path, PathBuf};

use crate::archives::inflated;
use crate::fixtures;

#[expect(dead_code, unreachable_pub, reason = "its `main` is not called here, and examples have public functions")]
#[path = "../../examples/archive_from_reader.rs"]
mod archive_from_reader;
#[expect(dead_code, unreachable_pub, reason = "its `main` is not called here, and examples have public functions")]
#[path = "../../examples/regex_over_memory.rs"]
mod regex_over_memory;
#[expect(dead_code, unreachable_pub, reason = "its `main` is not called here, and examples have public functions")]
#[path = "../../examples/sockets_of_processes.rs"]
mod sockets_of_processes;

/// A fixture as a plain tar and in zstd.
fn plain_and_zstd(fixture: &str, folder: &Path) -> [PathBuf; 2] {
    let tar = inflated(&fs::read(fixtures::path(fixture)).unwrap());
    let (plain, packed) = (folder.join("a.tar"), folder.join("a.tar.zst"));
    fs::write(&packed, zstd::encode_all(tar.as_slice(), 1).unwrap()).unwrap();
    fs::write(&plain, tar).unwrap();
    [plain, packed]
}

/// What a program prints of both forms of a fixture; it must be the same.
fn printed(fixture: &str, program: impl Fn(&Path, &mut Vec<u8>)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let [plain, packed] = plain_and_zstd(fixture, folder.path()).map(|path| {
        let mut out = Vec::new();
        program(&path, &mut out);
        String::from_utf8(out).unwrap()
    });
    assert_eq!(plain, packed);
    plain
}

#[test]
fn sockets_of_processes_lists_sockets() {
    let out = printed("sockets-udp/sockets-udp.tar.gz", |path, out| sockets_of_processes::run(path, out).unwrap());
    insta::assert_snapshot!("example_sockets_of_processes", out);
}

#[test]
fn regex_over_memory_finds_matches() {
    let out = printed("forms-reference/podman-runc.tar", |path, out| {
        regex_over_memory::run(path, "container=[a-z]+", out).unwrap();
    });
    insta::assert_snapshot!("example_regex_over_memory", out);
}

#[test]
fn archive_from_reader_lists_changed_files() {
    let out = printed("rootfs-diff/rootfs-diff.tar.zst", |path, out| {
        archive_from_reader::run(fs::File::open(path).unwrap(), out).unwrap();
    });
    insta::assert_snapshot!("example_archive_from_reader", out);
}
