//! The library answers the same of an archive whatever it is packed with, and whether it comes by its path or through a
//! reader: what was not kept while inflating is read again, or a warning says that it is missing.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use cryoscope::memory::{EarlySearch, Encoding, Keep, Matcher, Pattern, SearchOptions, StringOptions};
use cryoscope::{Checkpoint, Code, Options};
use serde_json::Value;

use crate::archives::inflated;
use crate::fixtures;

/// Archives in which all kinds of contents are: changed files, volumes, logs, deleted files.
const CASES: [&str; 2] = ["rootfs-diff/rootfs-diff.tar.zst", "mounts/mounts.tar.zst"];

/// A tar in every form that can be read.
fn forms(tar: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(tar).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(tar).unwrap();
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
    xz.write_all(tar).unwrap();
    vec![
        ("tar", tar.to_vec()),
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd::encode_all(tar, 1).unwrap()),
        ("xz", xz.finish().unwrap()),
        ("bzip2", bzip2.finish().unwrap()),
    ]
}

/// A question to a checkpoint, and its answer as JSON.
type Question = (&'static str, fn(&Checkpoint) -> Value);

/// What needs contents that are not kept by default. Each is asked of a checkpoint of its own.
const QUESTIONS: [Question; 9] = [
    ("search", |checkpoint| {
        let findings = checkpoint.memory().search(&needles(), &SearchOptions::default());
        assert!(findings.unread == 0 && !findings.found.is_empty());
        let found = findings.found.iter();
        found.map(|f| Value::from(format!("{} {:#x} {} {}", f.pid, f.address, f.pattern, f.len))).collect()
    }),
    ("elsewhere", |checkpoint| {
        let findings = checkpoint.memory().search_elsewhere(&needles(), &SearchOptions::default(), 16);
        assert_eq!(findings.unread, 0);
        findings.found.iter().map(|found| Value::from(format!("{found:?}"))).collect()
    }),
    ("strings", |checkpoint| {
        let all: Vec<_> = checkpoint
            .model()
            .processes()
            .iter()
            .map(|process| (process, std::iter::once(0..u64::MAX).collect()))
            .collect();
        let options = StringOptions { threads: 2, least: 12, ascii: true, utf16: true };
        let mut strings = Vec::new();
        let map = |block: &cryoscope::memory::StringBlock<'_>| {
            block.strings.iter().map(|s| Value::from(format!("{} {:#x} {}", s.pid, s.address, s.len))).collect()
        };
        checkpoint.memory().strings(&all, &options, map, |mut found: Vec<Value>| {
            strings.append(&mut found);
            ControlFlow::Continue(())
        });
        assert!(!strings.is_empty());
        strings.into()
    }),
    ("bytes", |checkpoint| {
        let memory = checkpoint.memory();
        let spaces = checkpoint.model().processes().iter().filter_map(|process| memory.space(process));
        let runs = spaces.flat_map(|space| {
            let runs: Vec<_> = space.runs(0, u64::MAX).map(|run| run.start..run.end).collect();
            runs.into_iter().map(move |run| match space.read(run.start, (run.end - run.start).min(4096)) {
                Ok(bytes) => format!("{:#x} {:x?}", run.start, bytes.get(..64)),
                Err(error) => format!("{:#x} {}", error.address, error.why.as_str()),
            })
        });
        runs.map(Value::from).collect()
    }),
    ("rootfs_changes", |checkpoint| rows(checkpoint, "rootfs_changes")),
    ("recovered_files", |checkpoint| rows(checkpoint, "recovered_files")),
    ("log_lines", |checkpoint| rows(checkpoint, "log_lines")),
    ("volume_files", |checkpoint| rows(checkpoint, "volume_files")),
    ("members", |checkpoint| rows(checkpoint, "members")),
];

fn needles() -> Matcher {
    let patterns = [
        Pattern::text("PATH=", Encoding::Utf8, false).unwrap(),
        Pattern::regex("lib[a-z]{1,8}[.]so", false),
        Pattern::hex("7f 45 4c 46").unwrap(),
    ];
    Matcher::new(&patterns).unwrap()
}

fn rows(checkpoint: &Checkpoint, table: &str) -> Value {
    fixtures::rows_of(checkpoint, &[table]).remove(table).unwrap().into()
}

/// Asks a checkpoint, which must have nothing to warn of but what its archive has.
fn ask((what, question): Question, checkpoints: Vec<Checkpoint>, expected: &Value, form: &str) {
    for checkpoint in checkpoints {
        assert_eq!(&question(&checkpoint), expected, "{what} of {form}");
        let lost = checkpoint.warnings().into_iter().find(|warning| warning.code == Code::NotKept);
        assert_eq!(lost, None, "{what} of {form}");
    }
}

#[test]
fn every_form_of_an_archive_gives_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    for case in CASES {
        let tar = inflated(&fs::read(fixtures::path(case)).unwrap());
        let plain = folder.path().join("plain.tar");
        fs::write(&plain, &tar).unwrap();
        let options = || Options::new().hash(true);
        let forms = forms(&tar);
        for question in QUESTIONS {
            let expected = question.1(&options().open(&plain).unwrap().remove(0));
            for (form, bytes) in &forms {
                let path = folder.path().join(form);
                fs::write(&path, bytes).unwrap();
                ask(question, options().open(&path).unwrap(), &expected, form);
                ask(question, options().open_reader(Cursor::new(bytes)).unwrap(), &expected, form);
                ask(question, options().open_file(File::open(&path).unwrap()).unwrap(), &expected, form);
                ask(question, options().keep(Keep::Tables).open(&path).unwrap(), &expected, form);
            }
        }
    }
}

#[test]
fn a_reader_of_which_too_little_was_kept_is_partial_and_warns() {
    let tar = inflated(&fs::read(fixtures::path("rootfs-diff/rootfs-diff.tar.zst")).unwrap());
    for (form, bytes) in forms(&tar) {
        for question in
            QUESTIONS.iter().filter(|(what, _)| ["rootfs_changes", "log_lines", "recovered_files"].contains(what))
        {
            let checkpoint = Options::new().keep(Keep::Arguments).open_reader(Cursor::new(&bytes)).unwrap().remove(0);
            let (what, question) = question;
            let _ = question(&checkpoint);
            assert!(checkpoint.is_partial(), "{what} of {form}");
            assert!(checkpoint.warnings().iter().any(|warning| warning.code == Code::NotKept), "{what} of {form}");
        }
        let checkpoint = Options::new().keep(Keep::Arguments).open_reader(Cursor::new(&bytes)).unwrap().remove(0);
        let findings = checkpoint.memory().search(&needles(), &SearchOptions::default());
        assert!(findings.unread > 0 && checkpoint.is_partial(), "{form}");
    }
}

#[test]
fn an_archive_that_was_changed_is_not_mixed_with_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.zst");
    fs::copy(fixtures::path("rootfs-diff/rootfs-diff.tar.zst"), &path).unwrap();
    let checkpoint = Checkpoint::open(&path).unwrap();
    fs::copy(fixtures::path("memory/memory.tar.zst"), &path).unwrap();
    let _ = checkpoint.rows().rootfs_changes().count();
    let codes: Vec<Code> = checkpoint.warnings().iter().map(|warning| warning.code).collect();
    assert!(codes.contains(&Code::InputChanged) && codes.contains(&Code::NotKept), "{codes:?}");
}

/// How many matches a checkpoint has of `needles`, opened for some early search.
fn matches(path: &Path, early: &Pattern, sought: &[Pattern], context: u64) -> (usize, Vec<String>) {
    let matcher = Arc::new(Matcher::new(std::slice::from_ref(early)).unwrap());
    let early = EarlySearch { matcher, options: SearchOptions::default(), context: 0 };
    let checkpoint = Options::new().keep(Keep::Memory).search(early).open(path).unwrap().remove(0);
    let matcher = Matcher::new(sought).unwrap();
    let findings = checkpoint.memory().search(&matcher, &SearchOptions::default());
    let mappings = cryoscope::tables::Mappings::of(&checkpoint);
    let rows = cryoscope::tables::Matches::new(&checkpoint, mappings, &matcher, context);
    let texts = findings.found.iter().map(|found| format!("{:?}", rows.row(found))).collect();
    assert!(findings.unread == 0 && !checkpoint.is_partial());
    (findings.found.len(), texts)
}

#[test]
fn searches_are_answered_whatever_search_was_announced() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, packed) = (folder.path().join("plain.tar"), fixtures::path("memory/memory.tar.zst"));
    fs::write(&plain, inflated(&fs::read(&packed).unwrap())).unwrap();
    let text = |text: &str| Pattern::text(text, Encoding::Utf8, false).unwrap();
    let (path, lib) = (text("PATH="), Pattern::regex("PATH=[!-~]+", false));
    for sought in [&[path.clone()][..], std::slice::from_ref(&lib), &[lib.clone(), path.clone()]] {
        for context in [0, 24] {
            for early in [&path, &lib] {
                let expected = matches(&plain, early, sought, context);
                assert!(expected.0 > 0);
                assert_eq!(matches(&packed, early, sought, context), expected, "{sought:?} {context} {early:?}");
            }
        }
    }
}

#[test]
fn members_are_the_same_however_much_is_kept() {
    let all = fs::read_dir(fixtures::path("")).unwrap().map(|entry| entry.unwrap().path());
    let folders = all.filter(|path| path.is_dir() && !path.ends_with("malformed") && !path.ends_with("field"));
    for archive in folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())) {
        let members = |keep| {
            let checkpoints = Options::new().keep(keep).open(&archive).ok()?;
            let members = checkpoints.first()?.archive().members().iter();
            Some(members.map(|member| (member.path.clone(), member.size)).collect::<Vec<_>>())
        };
        assert_eq!(members(Keep::Tables), members(Keep::Everything), "{}", archive.display());
    }
}
