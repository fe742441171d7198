//! Memory of which parts are missing, packed otherwise, left over, or claimed without end; and what is asked of it without
//! end: what is here is read, the rest is said to be missing, and nothing costs more than it says.

mod bounds;
mod earlier;
mod frames;
mod layouts;
mod leftover;
mod patterns;

use std::fs;

use cryoscope::images::proto::{MmEntry, PagemapEntry, VmaEntry};

use crate::archives::Members;
use crate::command::{Ran, run_with};
use crate::fixtures;

fn reference() -> Members {
    Members::of(&fixtures::path("forms-reference/podman-runc.tar"))
}

fn memparse(archive: &[u8], flags: &[&str]) -> Ran {
    run_with(archive, ["memparse", "-"].iter().chain(flags))
}

/// The lines of output that name a process and an address.
fn places(ran: &Ran) -> Vec<(String, String)> {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines = ran.out.lines().map(words).filter(|words| words.len() > 3 && words[2].starts_with("0x"));
    lines.map(|words| (words[0].clone(), words[2].clone())).collect()
}

/// The same archive whose process 1 has one mapping.
fn with_mapping(start: u64, end: u64) -> Members {
    let mut members = reference();
    members.edit::<MmEntry>("checkpoint/mm-1.img", |_, mm| {
        mm.vmas = vec![VmaEntry {
            start: Some(start),
            end: Some(end),
            pgoff: Some(0),
            shmid: Some(0),
            prot: Some(7),
            flags: Some(0x22),
            status: Some(1),
            fd: Some(-1),
            ..mm.vmas[0]
        }];
    });
    members
}

/// A tar with links as well as files.
fn tar_with_link(members: &Members, link: &str, target: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, link, target).unwrap();
    let mut archive = builder.into_inner().unwrap();
    // Without the two blocks of zeros at its end.
    archive.truncate(archive.len() - 1024);
    archive.extend(members.tar());
    archive
}

/// A file in a folder that goes away.
fn saved(archive: &[u8]) -> (tempfile::TempDir, String) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("archive.tar");
    fs::write(&path, archive).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (home, path)
}

fn present(vaddr: u64, pages: u64) -> PagemapEntry {
    PagemapEntry { vaddr: Some(vaddr), nr_pages: Some(pages), flags: Some(4), ..Default::default() }
}
