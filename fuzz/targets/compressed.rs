//! Decompression: whatever can be inflated, in whatever can be inflated.

use std::io::Cursor;

use super::parts::options;

pub fn run(data: &[u8]) {
    for checkpoint in options().open_reader(Cursor::new(data)).unwrap_or_default() {
        std::hint::black_box((checkpoint.rows().members().count(), checkpoint.warnings()));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let files: [&[u8]; 4] = [
        include_bytes!("../../fixtures/malformed/gzip-second-member.tar.gz"),
        include_bytes!("../../fixtures/malformed/zstd-checksum.tar.zst"),
        include_bytes!("../../fixtures/malformed/cut-xz.tar.xz"),
        include_bytes!("../../fixtures/malformed/cut-bzip2.tar.bz2"),
    ];
    files.iter().flat_map(|file| [1024, 8192, file.len()].map(|len| file[..len.min(file.len())].to_vec())).collect()
}
