//! The search of memory against the plainest one there is: read every stretch of a process's memory, and look at each
//! place. Address spaces are random: runs, holes, neighbouring mappings, memory that two processes share at different
//! places, and contents so uniform that matches lie across every border.

use std::ops::{ControlFlow, Range};

use cryoscope::images::proto::{MmEntry, PagemapEntry, PagemapHead, VmaEntry};
use cryoscope::memory::{Content, Encoding, Findings, Keep, Matcher, Pattern, SearchOptions, StringOptions};
use cryoscope::model::process::Process;
use cryoscope::{Checkpoint, Options};
use proptest::prelude::*;
use prost::Message;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;

use crate::archives::Members;
use crate::fixtures;

const PAGE: u64 = 4096;
/// Where the random pages of both processes begin.
const BASE: u64 = 0x10000;
/// The shared object.
const SHARED: u64 = 2055;

/// What is at a page of a process.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Page {
    /// No mapping.
    Nothing,
    /// Anonymous memory that was never written to.
    Untouched,
    /// A page of its own.
    Own,
    /// A page of the shared object.
    Shared(u64),
}

fn page() -> impl Strategy<Value = Page> {
    prop_oneof![
        1 => Just(Page::Nothing),
        1 => Just(Page::Untouched),
        5 => Just(Page::Own),
        3 => (0..4_u64).prop_map(Page::Shared),
    ]
}

/// Contents of so few different bytes that everything occurs everywhere.
fn contents(seed: u64, pages: u64) -> Vec<u8> {
    let mut state = seed | 1;
    (0..pages * PAGE)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            b"ab\0c"[usize::try_from(state >> 11 & 3).unwrap()]
        })
        .collect()
}

/// An archive in which process 1 and 6 have these pages, and the shared object those that are true.
fn forge(one: &[Page], six: &[Page], object: [bool; 4], seed: u64) -> Checkpoint {
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    for (pid, pages) in [(1, one), (6, six)] {
        members.edit::<MmEntry>(&format!("checkpoint/mm-{pid}.img"), |_, mm| mm.vmas = vmas(pages));
        let own: Vec<u64> =
            (0..).zip(pages).filter(|(_, page)| **page == Page::Own).map(|(n, _)| BASE + n * PAGE).collect();
        pagemap(&mut members, &format!("pagemap-{pid}"), 900 + pid, &own, seed.wrapping_add(pid.into()));
    }
    let there: Vec<u64> = (0..4).filter(|&n| object[usize::try_from(n).unwrap()]).map(|n| n * PAGE).collect();
    pagemap(&mut members, &format!("pagemap-shmem-{SHARED}"), 955, &there, seed.wrapping_mul(3));
    open(&members)
}

/// Opens an archive with all its memory.
fn open(members: &Members) -> Checkpoint {
    let mut all = Options::new().keep(Keep::Memory).open_reader(members.tar().as_slice()).unwrap();
    all.pop().unwrap()
}

/// Mappings of pages; those of one kind that follow each other are one, except that every fifth page begins a new one.
fn vmas(pages: &[Page]) -> Vec<VmaEntry> {
    const PRIVATE: (u32, u32) = (0x201, 0x22);
    const ANON_SHARED: (u32, u32) = (0x101, 0x21);
    let mut vmas: Vec<VmaEntry> = Vec::new();
    let mut last = Page::Nothing;
    for (n, &page) in (0_u64..).zip(pages) {
        let goes_on = match (last, page) {
            (Page::Own | Page::Untouched, Page::Own | Page::Untouched) => n % 5 != 0,
            (Page::Shared(a), Page::Shared(b)) => a + 1 == b,
            _ => false,
        };
        last = page;
        let end = Some(BASE + (n + 1) * PAGE);
        let ((status, flags), offset) = match page {
            Page::Nothing => continue,
            Page::Own | Page::Untouched => (PRIVATE, 0),
            Page::Shared(at) => (ANON_SHARED, at * PAGE),
        };
        match vmas.last_mut() {
            Some(vma) if goes_on => vma.end = end,
            _ => vmas.push(VmaEntry {
                start: Some(BASE + n * PAGE),
                end,
                pgoff: Some(offset),
                shmid: Some(if matches!(page, Page::Shared(_)) { SHARED } else { 0 }),
                prot: Some(3),
                flags: Some(flags),
                status: Some(status),
                ..Default::default()
            }),
        }
    }
    vmas
}

/// Puts a pagemap and its pages into an archive.
fn pagemap(members: &mut Members, name: &str, pages_id: u32, addresses: &[u64], seed: u64) {
    let head = PagemapHead { pages_id: Some(pages_id) };
    let entry = |&address: &u64| PagemapEntry {
        vaddr: Some(address),
        compat_nr_pages: Some(1),
        flags: Some(4),
        ..Default::default()
    };
    members.parts(&format!("checkpoint/{name}.img"), |image| {
        image.records = std::iter::once((head.encode_to_vec(), Vec::new()))
            .chain(addresses.iter().map(|address| (entry(address).encode_to_vec(), Vec::new())))
            .collect();
    });
    let pages = u64::try_from(addresses.len()).unwrap();
    members.set(&format!("checkpoint/pages-{pages_id}.img"), contents(seed, pages));
}

/// The stretches of recorded bytes of a process.
fn stretches(checkpoint: &Checkpoint, process: &Process) -> Vec<(u64, Vec<u8>)> {
    let space = checkpoint.memory().space(process).unwrap();
    let mut stretches: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut end = None;
    for (at, content) in space.pieces(0, BASE + 64 * PAGE) {
        let bytes = match content {
            Content::Bytes(bytes) => bytes.into_owned(),
            Content::Zeros(len) => vec![0; usize::try_from(len).unwrap()],
            Content::Untouched(_) | Content::Missing(..) => continue,
        };
        let next = at + u64::try_from(bytes.len()).unwrap();
        match stretches.last_mut() {
            Some((_, last)) if end == Some(at) => last.extend(bytes),
            _ => stretches.push((at, bytes)),
        }
        end = Some(next);
    }
    stretches
}

/// All memory of a process.
fn all_of(process: &Process) -> (&Process, Vec<Range<u64>>) {
    (process, std::iter::once(0..u64::MAX).collect())
}

fn search(checkpoint: &Checkpoint, patterns: &[Pattern], threads: usize) -> Findings {
    let matcher = Matcher::new(patterns).unwrap();
    let processes: Vec<_> = checkpoint.model().processes().iter().map(all_of).collect();
    let options = SearchOptions { threads, ..SearchOptions::default() };
    checkpoint.memory().search_in(&processes, &matcher, &options)
}

/// Process, address, pattern and length, in that order.
type Row = (u32, u64, usize, u64);

fn rows(findings: &Findings) -> Vec<Row> {
    assert!(!findings.more && findings.unread == 0);
    findings.found.iter().map(|f| (f.pid.0, f.address, f.pattern, f.len)).collect()
}

/// Every occurrence of every literal, by looking everywhere.
fn naive(checkpoint: &Checkpoint, literals: &[Vec<u8>]) -> Vec<Row> {
    let mut rows = Vec::new();
    for process in checkpoint.model().processes() {
        for (start, bytes) in stretches(checkpoint, process) {
            for (at, place) in (start..).zip(0..bytes.len()) {
                for (number, literal) in literals.iter().enumerate() {
                    if bytes[place..].starts_with(literal) {
                        rows.push((process.pid().0, at, number, u64::try_from(literal.len()).unwrap()));
                    }
                }
            }
        }
    }
    rows.sort_unstable();
    rows
}

fn literal(bytes: &[u8]) -> Pattern {
    Pattern::bytes("literal", bytes).unwrap()
}

proptest! {
    #![proptest_config(fixtures::cases_of(60))]

    #[test]
    fn literals_are_found_wherever_they_are_and_nowhere_else(
        one in proptest::collection::vec(page(), 1..14),
        six in proptest::collection::vec(page(), 1..14),
        object in any::<[bool; 4]>(),
        seed in any::<u64>(),
        literals in proptest::collection::vec(proptest::collection::vec(proptest::sample::select(b"ab\0c".to_vec()), 3..9), 1..4),
        border in proptest::option::of(1_usize..13),
    ) {
        let checkpoint = forge(&one, &six, object, seed);
        let mut literals = literals;
        // One that lies across a border, if there is one.
        let space = &checkpoint.model().processes()[0];
        if let Some((_, bytes)) = stretches(&checkpoint, space).iter().max_by_key(|(_, bytes)| bytes.len())
            && let Some(at) = border.map(|n| n * 4096).filter(|at| at + 8 < bytes.len())
        {
            literals.push(bytes[at - 8..at + 8].to_vec());
        }
        let patterns: Vec<Pattern> = literals.iter().map(|bytes| literal(bytes)).collect();
        let expected = naive(&checkpoint, &literals);
        for threads in [1, 4] {
            prop_assert_eq!(rows(&search(&checkpoint, &patterns, threads)), expected.clone());
        }
    }

    #[test]
    fn expressions_match_as_over_the_whole_of_private_memory(
        pages in proptest::collection::vec(prop_oneof![1 => Just(Page::Nothing), 6 => Just(Page::Own)], 1..14),
        seed in any::<u64>(),
        regex in proptest::sample::select(vec!["a+b", "[ab]{3,9}c", "c\\x00+", "a.{5}b", "(?:ab|ba)+", "\\bb+"]),
    ) {
        let checkpoint = forge(&pages, &[], [false; 4], seed);
        let syntax = syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true);
        let oracle = Regex::builder().syntax(syntax).build(regex).unwrap();
        let process = &checkpoint.model().processes()[0];
        let mut expected = Vec::new();
        for (start, bytes) in stretches(&checkpoint, process) {
            expected.extend(oracle.find_iter(&bytes).map(|m| {
                (1, start + u64::try_from(m.start()).unwrap(), 0, u64::try_from(m.len()).unwrap())
            }));
        }
        for threads in [1, 4] {
            prop_assert_eq!(rows(&search(&checkpoint, &[Pattern::regex(regex, false)], threads)), expected.clone());
        }
    }

    #[test]
    fn strings_of_private_memory_are_those_of_its_stretches(
        pages in proptest::collection::vec(prop_oneof![1 => Just(Page::Nothing), 4 => Just(Page::Own)], 1..10),
        seed in any::<u64>(),
        least in 1_usize..8,
    ) {
        let checkpoint = forge(&pages, &[], [false; 4], seed);
        let process = &checkpoint.model().processes()[0];
        let mut expected = Vec::new();
        for (start, bytes) in stretches(&checkpoint, process) {
            let mut at = start;
            for run in bytes.split(|&b| b == 0) {
                let len = u64::try_from(run.len()).unwrap();
                if run.len() >= least {
                    expected.push((at, len));
                }
                at += len + 1;
            }
        }
        let options = StringOptions { threads: 2, least, ascii: true, utf16: false };
        let mut found = Vec::new();
        checkpoint.memory().strings(
            &[all_of(process)],
            &options,
            |block| block.strings.clone(),
            |strings| {
                found.extend(strings.iter().map(|string| (string.address, string.len)));
                ControlFlow::Continue(())
            },
        );
        prop_assert_eq!(found, expected);
    }
}

/// A process with one run of three million bytes, cut by the engine into blocks of 1 MiB.
fn large(fill: impl Fn(&mut [u8])) -> Checkpoint {
    const PAGES: u64 = 750;
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    let pages = vec![Page::Own; usize::try_from(PAGES).unwrap()];
    members.edit::<MmEntry>("checkpoint/mm-1.img", |_, mm| mm.vmas = vmas(&pages));
    let addresses: Vec<u64> = (0..PAGES).map(|n| BASE + n * PAGE).collect();
    pagemap(&mut members, "pagemap-1", 901, &addresses, 1);
    let mut bytes = vec![b'.'; usize::try_from(PAGES * PAGE).unwrap()];
    fill(&mut bytes);
    members.set("checkpoint/pages-901.img", bytes);
    open(&members)
}

#[test]
fn matches_across_blocks_are_found_whole_and_once() {
    const BLOCK: usize = 1 << 20;
    let checkpoint = large(|bytes| {
        bytes[BLOCK - 3..BLOCK + 5].copy_from_slice(b"password");
        bytes[2 * BLOCK..2 * BLOCK + 8].copy_from_slice(b"password");
        // An expression that runs on over a border, longer than the rest of its block.
        bytes[BLOCK + 1000..BLOCK + 1200].fill(b'a');
        bytes[2 * BLOCK - 700..2 * BLOCK - 1].fill(b'a');
        bytes[2 * BLOCK - 100..2 * BLOCK + 100].fill(b'a');
    });
    let patterns = [
        Pattern::text("password", Encoding::Utf8, false).unwrap(),
        Pattern::regex("pass(word)?", false),
        Pattern::regex("a+", false),
    ];
    let at = |offset: usize| BASE + u64::try_from(offset).unwrap();
    for threads in [1, 2, 5] {
        let found: Vec<_> =
            rows(&search(&checkpoint, &patterns, threads)).into_iter().filter(|row| row.0 == 1).collect();
        let of = |pattern| found.iter().filter(|row| row.2 == pattern).map(|row| (row.1, row.3)).collect::<Vec<_>>();
        assert_eq!(of(0), [(at(BLOCK - 3), 8)], "the other is overwritten");
        assert_eq!(of(1), [(at(BLOCK - 3), 8)]);
        // The first `a` is that of "password".
        let runs = [(at(BLOCK - 2), 1), (at(BLOCK + 1000), 200), (at(2 * BLOCK - 700), 800)];
        assert_eq!(of(2), runs, "{threads} threads");
    }
}

#[test]
fn what_is_inflated_is_searched_as_what_is_mapped() {
    // The same archive through standard input, plain and compressed: rows are equal to the byte.
    for (name, arguments) in [
        ("memory/memory.tar.zst", vec!["--search-regex", "[a-z]{6,}", "--context", "7"]),
        ("webapp-compromise/webapp-compromise.tar.zst", vec!["--search", "http", "-i", "--utf16"]),
        ("forms-memory/chain-three.tar.gz", vec!["--search", "cryoscope needle"]),
        ("forms-memory/lz4-regions.tar.gz", vec!["--search", "cryoscope needle", "--context", "3"]),
    ] {
        let path = fixtures::path(name);
        let plain = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(plain.path(), crate::archives::inflated(&std::fs::read(&path).unwrap())).unwrap();
        let run = |path: &std::path::Path| {
            let path = path.to_str().unwrap();
            let mut all = vec!["memparse", path, "--format", "ndjson"];
            all.extend(&arguments);
            crate::command::run(all)
        };
        let (streamed, mapped) = (run(&path), run(plain.path()));
        assert!(!streamed.out.is_empty(), "{name}");
        // But for the name of the archive.
        let rows = |out: &str, path: &std::path::Path| out.replace(path.to_str().unwrap(), "");
        let (one, other) = (rows(&streamed.out, &path), rows(&mapped.out, plain.path()));
        assert!(one == other && streamed.code == mapped.code, "{name}");
    }
}
