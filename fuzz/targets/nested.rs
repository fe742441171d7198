//! Archives within the archive: changed files, file systems in memory, volumes.

use cryoscope::memory::Keep;

use super::look::look;
use super::parts::{parts, read, with};
use super::tar;

/// Members that are replaced as archives.
const ARCHIVES: [&str; 4] =
    ["rootfs-diff.tar", "devshm-checkpoint.tar", "checkpoint/tmpfs-dev-60.tar.gz.img", "volumes/data.tar"];


pub fn run(data: &[u8]) {
    let Some((&number, contents)) = data.split_first() else { return };
    for checkpoint in read(&with(&[(ARCHIVES[usize::from(number) % ARCHIVES.len()], contents)]), Keep::Everything) {
        look(&checkpoint);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let archives = (0_u8..).zip(ARCHIVES);
    let mut seeds: Vec<Vec<u8>> = archives
        .filter_map(|(number, archive)| {
            let (_, contents) = parts().iter().find(|(name, _)| name == archive)?;
            Some([&[number], contents.as_slice()].concat())
        })
        .collect();
    seeds.extend(tar::seeds().into_iter().map(|seed| [&[0], seed.as_slice()].concat()));
    seeds
}
