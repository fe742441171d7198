//! The functions that are fuzzed, driven by mutations of their seeds: the same each time, and few. `FUZZ_RUNS` asks for
//! more. Inputs that are worth keeping are in `seeds/`, by the name of the function: the shapes that a format invites an attacker
//! to try, and those on which a function once failed.

use std::fs;
use std::path::Path;

#[allow(unreachable_pub, reason = "cargo-fuzz's crate has them public")]
#[path = "../../fuzz/targets/mod.rs"]
mod targets;

use targets::{ALL, Target};

/// A generator of numbers that are the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 32).unwrap() % bound.max(1)
    }
}

/// Changes bytes in one of the ways in which decoders are surprised.
fn mutate(bytes: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(8) {
        _ if bytes.is_empty() => bytes.push(u8::try_from(random.below(256)).unwrap()),
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'0', b'"', 0x0a][random.below(8)],
        2 => bytes.truncate(at),
        3 => {
            let end = (at + 1 + random.below(16)).min(bytes.len());
            bytes.drain(at..end);
        }
        4 => {
            let end = (at + 1 + random.below(64)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        5 => {
            let end = (at + 8).min(bytes.len());
            let number = [u64::MAX, 1 << 63, 1 << 31, 0xffff_ffff, 1 << 50][random.below(5)];
            bytes.splice(at..end, number.to_le_bytes());
        }
        6 => {
            let number = [u64::MAX, 1 << 63, 1 << 31, 0xffff_ffff, 1 << 50][random.below(5)];
            let mut varint = Vec::new();
            prost::encoding::encode_varint(number, &mut varint);
            bytes.splice(at..=at, varint);
        }
        _ => {
            let other = &others[random.below(others.len())];
            let from = random.below(other.len());
            bytes.splice(at.., other[from..].iter().copied());
        }
    }
    bytes.truncate(64 << 10);
}

fn drive(target: &Target, usual: u64) {
    let runs = std::env::var("FUZZ_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    for seed in &seeds {
        (target.run)(seed);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..runs {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, &seeds, &mut random);
        }
        (target.run)(&bytes);
    }
}

/// One test a function, so that they run side by side.
macro_rules! targets {
    ($($name:ident: $runs:literal;)+) => {
        $(#[test]
        fn $name() {
            let target = ALL.iter().find(|target| target.name == stringify!($name)).expect("a target");
            drive(target, $runs);
        })+

        #[test]
        fn all_are_driven() {
            assert_eq!(ALL.iter().map(|target| target.name).collect::<Vec<_>>(), [$(stringify!($name)),+]);
        }
    };
}

targets! {
    tar: 1000;
    compressed: 200;
    image: 150;
    record: 150;
    unknown: 200;
    memory: 100;
    core: 150;
    filter: 200;
    siginfo: 400;
    queues: 300;
    netlink: 400;
    json: 100;
    log: 400;
    attributes: 400;
    nested: 50;
    inspect: 30;
}

/// Each target has some. An input on which one fails is added by the commit that mends it.
#[test]
fn inputs_that_are_kept_come_back() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/seeds");
    let mut folders: Vec<String> =
        fs::read_dir(&seeds).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort();
    let mut names: Vec<String> = ALL.iter().map(|target| target.name.to_owned()).collect();
    names.sort();
    assert_eq!(folders, names, "a folder for each target, by its name");
    for target in ALL {
        let files: Vec<_> = fs::read_dir(seeds.join(target.name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() > 1, "{} has no inputs", target.name);
        for file in files {
            (target.run)(&fs::read(file).unwrap());
        }
    }
}
