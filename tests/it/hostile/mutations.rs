//! Changes to real archives that nobody chose: cut at every edge, records and members that are lost, twice there, in another
//! order, or claim to be as long as can be. By itself over some small fixtures; `HOSTILE_ALL` asks for all of them.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use cryoscope::Options;
use cryoscope::memory::Keep;

use super::commands::{COMMANDS, guarded};
use super::{ROWS, read_everything};
use crate::archives::{Image, Members, inflated};
use crate::fixtures;
use crate::forms::each;
use crate::oracle::Schema;

/// Small archives that have many kinds of images between them.
const SMALL: [&str; 6] =
    ["criu-4.2-shell", "forms-reference", "criu-1.5-agedipc", "sockets-unix", "signals", "nspaces"];

fn archives() -> Vec<PathBuf> {
    if std::env::var_os("HOSTILE_ALL").is_some() {
        return fixtures::cases().iter().flat_map(|case| fixtures::archives_of(case)).collect();
    }
    SMALL.iter().map(|case| fixtures::archive_of(case)).collect()
}

/// How many of all that could be tried are tried: so that a run stays short.
fn share<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let step = if std::env::var_os("HOSTILE_ALL").is_some() { 1 } else { all.len().div_ceil(most).max(1) };
    all.into_iter().step_by(step).collect()
}

/// Opens a tar and reads all rows of all tables; panics, as the test does, only where the library does.
fn read(tar: &[u8]) {
    if let Ok(checkpoints) = Options::new().keep(Keep::Everything).hash(true).open_reader(Cursor::new(tar)) {
        assert!(read_everything(&checkpoints) < ROWS, "more rows than the bytes can have");
    }
}

/// Runs one of the commands over a mutant, in a process that may use a minute and 1 GiB, and says if it is brought down.
fn run_over(number: usize, tar: &[u8]) -> Option<String> {
    let command = COMMANDS[number % COMMANDS.len()];
    let folder = tempfile::tempdir().unwrap();
    let [archives, home, out] = ["archives", "home", "out"].map(|name| folder.path().join(name));
    for folder in [&archives, &home, &out] {
        std::fs::create_dir(folder).unwrap();
    }
    let archive = archives.join("mutant.tar");
    std::fs::write(&archive, tar).unwrap();
    let output = guarded(command, &archive, &home, &out);
    let left = std::fs::read_dir(&home).unwrap().count() + std::fs::read_dir(&archives).unwrap().count() - 1;
    (left > 0 || !matches!(output.status.code(), Some(0..=3))).then(|| {
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        format!("{command:?}: {}, {left} files left behind: {message}", output.status)
    })
}

/// Makes mutants one by one, tries all of them, and says which were too much.
fn try_all<T: Sync>(all: &[T], mutant: impl Fn(&T) -> (String, Vec<u8>) + Sync) {
    // A process costs more than a function; so few of them have one.
    let step = if std::env::var_os("HOSTILE_ALL").is_some() { 20 } else { 60 };
    let tried = AtomicUsize::new(0);
    let numbered: Vec<(usize, &T)> = all.iter().enumerate().collect();
    // Which command a mutant gets is a matter of its number, not of the threads that take turns.
    let wrong = each(&numbered, |&(number, what)| {
        tried.fetch_add(1, Ordering::Relaxed);
        let (what, tar) = mutant(what);
        let mut wrong: Vec<String> =
            std::panic::catch_unwind(|| read(&tar)).err().map(|_| what.clone()).into_iter().collect();
        if number.is_multiple_of(step) {
            wrong.extend(run_over(number / step, &tar).map(|message| format!("{what}: {message}")));
        }
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(tried.into_inner(), all.len());
    assert!(all.len() > 20, "hardly anything was tried");
}

#[test]
fn archives_that_end_at_any_edge_or_between() {
    for archive in archives() {
        let whole = inflated(&std::fs::read(&archive).unwrap());
        // Edges of members and of their first records, where decoders change what they expect.
        let edges = (0..whole.len()).step_by(512).flat_map(|edge| [edge, edge + 4, edge + 8, edge + 12]);
        let between = (0..200).map(|part| whole.len() / 200 * part + 77 % (part + 1));
        let places: Vec<usize> = edges.chain(between).filter(|place| *place < whole.len()).collect();
        try_all(&share(places, 40), |&place| {
            (format!("{} cut at {place}", archive.display()), whole[..place].to_vec())
        });
    }
}

/// An image, and all that can be done to its records.
fn of_records(image: &Image) -> Vec<(&'static str, Image)> {
    let mut mutants = Vec::new();
    let mut add = |what, change: &dyn Fn(&mut Image)| {
        let mut mutant = image.clone();
        change(&mut mutant);
        mutants.push((what, mutant));
    };
    let last = image.records.len().saturating_sub(1);
    add("all records are gone", &|image| image.records.clear());
    add("the first record is gone", &|image| drop(image.records.drain(..1.min(image.records.len()))));
    add("the last record is gone", &|image| drop(image.records.pop()));
    add("the records are in reverse", &|image| image.records.reverse());
    add("all records are there twice", &|image| image.records.extend(image.records.clone()));
    add("the first record is there 500 times", &|image| {
        let first = image.records.first().cloned();
        image.records.extend(std::iter::repeat_n(first, 500).flatten());
    });
    add("records have no contents", &|image| image.records.iter_mut().for_each(|(message, _)| message.clear()));
    add("nothing follows the records", &|image| image.records.iter_mut().for_each(|(_, payload)| payload.clear()));
    add("all numbers are as large as can be", &|image| {
        for (message, _) in &mut image.records {
            maximise(message);
        }
    });
    add("the last record is half", &|image| {
        if let Some((message, _)) = image.records.get_mut(last) {
            message.truncate(message.len() / 2);
        }
    });
    mutants
}

/// Makes each varint and length at the outermost level of a message as large as can be in its place.
fn maximise(message: &mut Vec<u8>) {
    let mut changed = Vec::new();
    let mut rest = message.as_slice();
    while let Ok((tag, wire)) = prost::encoding::decode_key(&mut rest) {
        prost::encoding::encode_key(tag, wire, &mut changed);
        match wire {
            prost::encoding::WireType::Varint => {
                if prost::encoding::decode_varint(&mut rest).is_err() {
                    break;
                }
                prost::encoding::encode_varint(u64::MAX - u64::from(tag & 1), &mut changed);
            }
            prost::encoding::WireType::LengthDelimited => {
                let Ok(len) = prost::encoding::decode_varint(&mut rest) else { break };
                let (inside, after) = rest.split_at(usize::try_from(len).unwrap().min(rest.len()));
                prost::encoding::encode_varint(len, &mut changed);
                changed.extend_from_slice(inside);
                rest = after;
            }
            _ => {
                let (inside, after) = rest.split_at(rest.len().min(8));
                changed.extend_from_slice(inside);
                rest = after;
            }
        }
    }
    *message = changed;
}

#[test]
fn records_that_are_lost_doubled_moved_or_as_large_as_can_be() {
    let schema = Schema::load();
    for archive in archives() {
        let members = Members::of(&archive);
        let mut mutants = Vec::new();
        for (number, member) in members.0.iter().enumerate() {
            let image = std::panic::catch_unwind(|| Image::of(&schema, member));
            let Ok(Some(image)) = image else { continue };
            for (what, mutant) in of_records(&image) {
                mutants.push((number, format!("{}: {}: {what}", archive.display(), member.name), mutant.bytes()));
            }
            // A length that cannot be.
            let mut bytes = image.bytes();
            if let Some(length) = bytes.get_mut(image.head.len()..image.head.len() + 4) {
                length.fill(0xff);
                mutants.push((number, format!("{}: {}: a length of 4 GiB", archive.display(), member.name), bytes));
            }
        }
        try_all(&share(mutants, 40), |(number, what, contents)| {
            let mut members = members.clone();
            members.0[*number].contents.clone_from(contents);
            (what.clone(), members.tar())
        });
    }
}

/// What is done to a member of a number.
type Change = fn(&mut Members, usize);

#[test]
fn members_that_are_swapped_lost_or_doubled() {
    for archive in archives() {
        let members = Members::of(&archive);
        let ways: [(&str, Change); 5] = [
            ("lost", |members, number| drop(members.0.remove(number))),
            ("empty", |members, number| members.0[number].contents.clear()),
            ("moved to the end", |members, number| {
                let member = members.0.remove(number);
                members.0.push(member);
            }),
            ("doubled, the second has the contents of the next", |members, number| {
                let next = (number + 1) % members.0.len();
                let mut second = members.0[number].clone();
                second.contents.clone_from(&members.0[next].contents);
                members.0.push(second);
            }),
            ("swapped with the next", |members, number| {
                let next = (number + 1) % members.0.len();
                let contents = std::mem::take(&mut members.0[number].contents);
                let other = std::mem::replace(&mut members.0[next].contents, contents);
                members.0[number].contents = other;
            }),
        ];
        let all: Vec<_> = (0..members.0.len()).flat_map(|number| ways.map(|way| (number, way))).collect();
        try_all(&share(all, 30), |&(number, (what, change))| {
            let mut mutant = members.clone();
            change(&mut mutant, number);
            (format!("{}: {}: {what}", archive.display(), members.0[number].name), mutant.tar())
        });
    }
}

#[test]
fn bytes_that_are_flipped_one_by_one() {
    for archive in archives() {
        let whole = inflated(&std::fs::read(&archive).unwrap());
        let places: Vec<usize> = (0..whole.len()).step_by(61).collect();
        try_all(&share(places, 40), |&place| {
            let mut flipped = whole.clone();
            flipped[place] ^= 1 << (place % 8);
            (format!("{} flipped at {place}", archive.display()), flipped)
        });
    }
}
