//! Mappings and pages that claim to be without end: what is written of them is bounded, and the bound is named. These run with
//! the checks of overflow that the profile of tests has.

use std::fs;

use cryoscope::images::proto::{MmEntry, VmaEntry};
use prost::Message as _;

use super::{memparse, reference, saved, with_mapping};
use crate::archives::Members;
use crate::command::run;

/// Mappings that are empty, reversed, overlap, or are the whole address space.
fn odd() -> Members {
    let mut members = reference();
    members.edit::<MmEntry>("checkpoint/mm-1.img", |_, mm| {
        let odd = [
            (0x1000, 0x1000),
            (0x9000, 0x2000),
            (0, u64::MAX),
            (0x1000, 1 << 63),
            (0x2000, 0x6000),
            (0x3000, u64::MAX - 4095),
        ];
        let flags = [0x22, 0x2122, 0x22, 0x122, 0x2022, 0x21];
        let first = mm.vmas[0];
        mm.vmas = odd
            .into_iter()
            .zip(flags)
            .map(|((start, end), flags)| VmaEntry {
                start: Some(start),
                end: Some(end),
                flags: Some(flags),
                prot: Some(5),
                status: Some(1),
                ..first
            })
            .collect();
    });
    members
}

#[test]
fn odd_mappings_overflow_nothing() {
    let (home, archive) = saved(&odd().tar());
    let out = home.path().join("out").to_str().unwrap().to_owned();
    let core = home.path().join("core").to_str().unwrap().to_owned();
    for arguments in [
        &["extract", &archive, "-o", &out, "--what", "all"][..],
        &["inspect", &archive, "--all"],
        &["memparse", &archive],
        &["memparse", &archive, "--by", "class"],
        &["memparse", &archive, "--pid", "1", "--strings"],
        &["memparse", &archive, "--pid", "1", "--hexdump"],
        &["core", &archive, "--pid", "1", "-o", &core],
    ] {
        let ran = run(arguments);
        assert!(ran.code == Some(3) && !ran.err.contains("panicked"), "{arguments:?}: {ran:?}");
    }
    assert!(fs::read_to_string(format!("{out}/proc/1/status")).unwrap().contains("VmSize"));
}

#[test]
fn an_endless_dump_is_refused_before_it_begins() {
    let archive = with_mapping(0x1000, 1 << 63).tar();
    let ran = memparse(&archive, &["--pid", "1", "--dump", "-"]);
    assert!(ran.code == Some(2) && ran.out.is_empty() && ran.err.contains("--max-dump"), "{ran:?}");
    let ran = memparse(&archive, &["--pid", "1", "--dump", "-", "--range", "0x1000-0x3000"]);
    assert!(ran.code == Some(0) && ran.out.len() == 0x2000, "{:?} {}", ran.code, ran.err);
    let ran = memparse(&archive, &["--pid", "1", "--dump", "-", "--range", "0x1000-0x3000", "--max-dump", "8191"]);
    assert!(ran.code == Some(2), "{ran:?}");
    // Files have holes, but no end of them.
    let (home, archive) = saved(&archive);
    let folder = format!("{}/dumped/", home.path().to_str().unwrap());
    let ran = run(["memparse", &archive, "--pid", "1", "--dump", &folder]);
    assert!(ran.code == Some(3), "{ran:?}");
    let core = format!("{}/core", home.path().to_str().unwrap());
    assert_eq!(run(["core", &archive, "--pid", "1", "-o", &core]).code, Some(0));
    assert!(fs::metadata(&core).unwrap().len() < 1 << 20);
}

/// An archive whose pages image is a sparse member of some terabytes.
fn sparse() -> Vec<u8> {
    const PAGES: u64 = 1 << 31;
    let mut members = with_mapping(0x10000, 0x10000 + PAGES * 4096);
    members.parts("checkpoint/pagemap-1.img", |image| {
        image.records.truncate(1);
        image.records.push((super::present(0x10000, PAGES).encode_to_vec(), Vec::new()));
    });
    members.remove("checkpoint/pages-2.img");
    let mut archive = sparse_member("checkpoint/pages-2.img", PAGES * 4096);
    archive.extend(members.tar());
    archive
}

/// A sparse member that begins with `first`, as a tar without its end.
fn sparse_member(name: &str, size: u64) -> Vec<u8> {
    // PAX form 1.0: the map stands before the contents.
    let mut builder = tar::Builder::new(Vec::new());
    let mut map = b"1\n0\n5\n".to_vec();
    map.resize(512, 0);
    map.extend(b"first");
    let record = |key: &str, value: &str| {
        let len = key.len() + value.len() + 3;
        let whole = len + (len + 2).to_string().len();
        format!("{whole} {key}={value}\n")
    };
    let pax = [
        record("GNU.sparse.major", "1"),
        record("GNU.sparse.minor", "0"),
        record("GNU.sparse.name", name),
        record("GNU.sparse.realsize", &size.to_string()),
    ]
    .concat();
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::XHeader);
    header.set_size(pax.len() as u64);
    builder.append_data(&mut header, "PaxHeaders/pages", pax.as_bytes()).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(map.len() as u64);
    header.set_mode(0o600);
    builder.append_data(&mut header, "GNUSparseFile/pages", map.as_slice()).unwrap();
    let mut archive = builder.into_inner().unwrap();
    archive.truncate(archive.len() - 1024);
    archive
}

#[test]
fn holes_of_pages_that_no_pagemap_names_are_not_gone_through() {
    let mut archive: Vec<u8> =
        (90..140).flat_map(|number| sparse_member(&format!("checkpoint/pages-{number}.img"), 1 << 40)).collect();
    archive.extend(with_mapping(0x10000, 0x20000).tar());
    for more in [&[][..], &["--everywhere"]] {
        let search = |pattern: &[&str]| memparse(&archive, &[pattern, &["--count"], more].concat());
        let ran = search(&["-s", "nowhere in it"]);
        assert!(ran.code == Some(1) || ran.code == Some(3), "{ran:?}");
        assert!(!ran.out.contains("pages-90.img"), "{ran:?}");
        let ran = search(&["-s", "first"]);
        assert!(ran.out.contains("pages-90.img") && ran.out.contains("pages-139.img"), "{ran:?}");
        // Zeros of a hole are there where bytes end in them.
        let ran = search(&["--search-hex", "7374 0000 0000"]);
        assert!(ran.out.contains("pages-90.img"), "{ran:?}");
    }
}

#[test]
fn holes_of_pages_images_count() {
    let (home, archive) = saved(&sparse());
    let out = format!("{}/out", home.path().to_str().unwrap());
    for arguments in [
        &["memparse", &archive, "-s", "first"][..],
        &["memparse", &archive, "--pid", "1", "--hexdump"],
        &["memparse", &archive, "--pid", "1", "--strings"],
        &["extract", &archive, "-o", &out, "--what", "memory"],
    ] {
        let ran = run(arguments.iter().copied().chain(["--max-holes", "1000000"]));
        assert!(ran.code == Some(3) && ran.err.contains("--max-holes"), "{arguments:?}: {ran:?}");
        assert!(arguments[0] == "extract" || ran.out.contains("first"), "{arguments:?}: {ran:?}");
    }
}
