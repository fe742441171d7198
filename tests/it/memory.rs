//! Memory against what `/proc/PID/mem` gave before the freeze, and archives of one dump in many forms against each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cryoscope::memory::{Content, Keep, Missing, MissingError};
use cryoscope::model::process::Process;
use cryoscope::{Checkpoint, Options};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::command::run;
use crate::fixtures;

fn open(path: &Path) -> Checkpoint {
    Options::new().keep(Keep::Memory).open(path).unwrap().pop().unwrap()
}

fn address(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

fn truth(case: &str) -> Value {
    serde_json::from_slice(&fs::read(fixtures::path(&format!("{case}/truth.json"))).unwrap()).unwrap()
}

/// Cases with a truth about memory.
fn cases() -> impl Iterator<Item = (String, Value)> {
    fixtures::cases().into_iter().map(|case| (truth(&case), case)).map(|(truth, case)| (case, truth))
}

fn process(checkpoint: &Checkpoint, pid: u64) -> &Process {
    checkpoint.model().processes().iter().find(|process| u64::from(process.pid().0) == pid).unwrap()
}

/// The bytes of a range; what is not here as zeros.
fn bytes(checkpoint: &Checkpoint, pid: u64, start: u64, end: u64) -> Vec<u8> {
    let space = checkpoint.memory().space(process(checkpoint, pid)).unwrap();
    let mut all = Vec::new();
    for (_, content) in space.pieces(start, end) {
        match content {
            Content::Bytes(bytes) => all.extend_from_slice(&bytes),
            nothing => all.resize(all.len() + usize::try_from(nothing.len()).unwrap(), 0),
        }
    }
    all
}

#[test]
fn private_memory_is_what_the_process_had() {
    let mut compared = 0;
    for (case, truth) in cases() {
        let mappings = truth["memory"].as_array().map_or(&[][..], Vec::as_slice);
        if mappings.is_empty() {
            continue;
        }
        let checkpoint = open(&fixtures::archive_of(&case));
        for mapping in mappings {
            let (start, end) = (address(&mapping["start"]), address(&mapping["end"]));
            let mut bytes = bytes(&checkpoint, mapping["pid"].as_u64().unwrap(), start, end);
            // The kernel or the dump itself writes to these.
            for page in mapping["without_pages"].as_array().into_iter().flatten() {
                let at = usize::try_from(address(page) - start).unwrap();
                bytes[at..at + 4096].fill(0);
            }
            let expected = mapping["sha256"].as_str().unwrap();
            let expected =
                expected.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16));
            let expected: Vec<u8> = expected.map(Result::unwrap).collect();
            assert_eq!(Sha256::digest(&bytes).as_slice(), expected, "{case}: {mapping}");
            compared += 1;
        }
    }
    assert!(compared > 500, "{compared} mappings");
}

#[test]
fn needles_are_found_where_they_were_planted_and_nowhere_else() {
    let mut compared = 0;
    for (case, truth) in cases() {
        let needles = truth["needles"].as_array().map_or(&[][..], Vec::as_slice);
        let hexes: BTreeSet<&str> = needles.iter().map(|needle| needle["hex"].as_str().unwrap()).collect();
        if hexes.is_empty() {
            continue;
        }
        let archive = fixtures::archive_of(&case);
        let mut arguments = vec!["memparse", archive.to_str().unwrap(), "--format", "ndjson"];
        arguments.extend(hexes.iter().flat_map(|hex| ["--search-hex", hex]));
        let ran = run(&arguments);
        let mut found: BTreeSet<(u64, String, String)> = ran
            .out
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|row| {
                let text = |key: &str| row[key].as_str().unwrap().to_owned();
                (row["pid"].as_u64().unwrap(), text("address"), text("pattern"))
            })
            .collect();
        if case == "forms-reference" {
            // Its truth leaves out that pages-1.img, shared memory, has the first four needles again.
            let shared = ["0x7f722c50d040", "0x7f722c50e040", "0x7f722c50f040", "0x7f722c510040"];
            let before = found.len();
            found.retain(|(_, address, _)| !shared.contains(&address.as_str()));
            assert_eq!(before - found.len(), 8);
        }
        let planted = needles.iter().map(|needle| {
            let text = |key: &str| needle[key].as_str().unwrap().to_owned();
            (needle["pid"].as_u64().unwrap(), text("address"), text("hex"))
        });
        assert_eq!(found, planted.collect(), "{case}");
        compared += needles.len();
    }
    assert!(compared >= 40, "{compared} needles");
}

/// Every mapping of every process, with what is in it.
fn everything(checkpoint: &Checkpoint) -> Vec<(u32, u64, Vec<u8>)> {
    let mut all = Vec::new();
    for process in checkpoint.model().processes() {
        for vma in process.mm.iter().flat_map(|mm| &mm.vmas) {
            let pid = process.pid().0;
            all.push((pid, vma.start.0, bytes(checkpoint, pid.into(), vma.start.0, vma.end.0)));
        }
    }
    all
}

#[test]
fn one_dump_in_other_forms_has_the_same_bytes() {
    let reference = everything(&open(&fixtures::path("forms-reference/podman-runc.tar")));
    for form in [
        "chain-both",
        "chain-three",
        "chain-deduplicated",
        "nr-pages-4.2",
        "no-flags-3.4",
        "one-page-entries",
        "images-v1.0",
        "lz4-pages",
        "lz4-regions",
    ] {
        let form = fixtures::path(&format!("forms-memory/{form}.tar.gz"));
        assert!(everything(&open(&form)) == reference, "{}", form.display());
    }
    let mut last = open(&fixtures::path("forms-memory/chain-final.tar.gz"));
    assert!(everything(&last) != reference, "its parent is elsewhere");
    last.add_parent(&open(&fixtures::path("forms-memory/chain-pre.tar.gz")));
    assert!(everything(&last) == reference, "and now it is here");
}

/// Why bytes are missing, and of how many pages.
fn missing(form: &str) -> Vec<(Missing, u64)> {
    let checkpoint = open(&fixtures::path(&format!("forms-memory/{form}.tar.gz")));
    let reasons = [Missing::InParent, Missing::Lazy, Missing::Truncated];
    let count = |why: Missing| {
        let mut pages = 0;
        for process in checkpoint.model().processes() {
            let space = checkpoint.memory().space(process).unwrap();
            let pieces = process.mm.iter().flat_map(|mm| &mm.vmas).flat_map(|vma| space.pieces(vma.start.0, vma.end.0));
            for (at, content) in pieces {
                if let Content::Missing(len, reason) = content
                    && reason == why
                {
                    assert_eq!(space.read(at, len), Err(MissingError { address: at, why }), "never zeros");
                    pages += len / 4096;
                }
            }
        }
        pages
    };
    let counted: Vec<(Missing, u64)> = reasons.into_iter().map(|why| (why, count(why))).collect();
    counted.into_iter().filter(|(_, pages)| *pages > 0).collect()
}

#[test]
fn what_is_not_here_is_said_and_never_zeros() {
    for (form, why) in [
        ("chain-final", Missing::InParent),
        ("chain-broken", Missing::InParent),
        ("lazy", Missing::Lazy),
        ("no-pages", Missing::Truncated),
    ] {
        let missing = missing(form);
        assert!(matches!(missing.as_slice(), [(only, pages)] if *only == why && *pages > 0), "{form}: {missing:?}");
    }
}
