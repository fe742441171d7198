//! Every bound on what an archive may cost: documented, settable by a flag, and named by the warning that tells of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::sync::Arc;

use cryoscope::analysis::{Brought, yara};
use cryoscope::extract::{Choice, Output, What, extract};
use cryoscope::images::proto::{
    EventpollFileEntry, EventpollTfdEntry, FdTypes, FdinfoEntry, FileEntry, PagemapEntry, TaskKobjIdsEntry,
};
use cryoscope::memory::{Encoding, Keep, Matcher, Pattern, SearchOptions};
use cryoscope::query::{Bounds, Database};
use cryoscope::{Checkpoint, Code, Limit, Limits, Options};
use prost::Message;

use crate::archives::Members;
use crate::command::{run, run_with};
use crate::docs::compare;
use crate::fixtures;
use crate::hostile::read_everything;
use crate::recovered::chunked;

/// The flag that sets a limit.
fn flag(limit: &Limit) -> String {
    format!("--max-{}", limit.name)
}

/// A number as `--help` has it: with a unit, if it is one of bytes.
fn human(field: &str, number: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.iter().find(|(bits, _)| number.is_multiple_of(1 << bits)) {
        Some((bits, unit)) if field.contains("bytes") || field.contains("memory") => {
            format!("{} {unit}", number >> bits)
        }
        _ => number.to_string(),
    }
}

#[test]
fn limits_are_documented() {
    let mut text = "# Limits\n\nAn attacker may have written the archive. Every count, length and depth in it is bounded by the bytes that \
                    the archive really holds,\nor by one of these limits. When a limit is reached, the warning `limit_reached` gives \
                    its value and the flag that raises it, and the\nexit code is 3: nothing is skipped in silence. The library \
                    has the same limits as fields of `Limits`.\n\n\
                    | flag | field | default | what is bounded |\n| --- | --- | --- | --- |\n"
        .to_owned();
    for limit in Limits::ALL {
        let default = human(limit.field, limit.default);
        let doc = limit.doc.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "| `{}` | `{}` | {default} | {doc} |", flag(limit), limit.field);
    }
    text.push_str(
        "\n`memparse --max-matches` bounds the number of matches of a search, and `--max-match-length` the length of one. They depend on \
         the question,\nnot on the archive. Standard error says when the first is reached. Files of rules, lists and packs have limits of their \
         own, which\n[yara.md](yara.md), [sigma.md](sigma.md), [osquery.md](osquery.md) and [indicators.md](indicators.md) give.\n\n\
         ## What an archive can use in total\n\n\
         For *N* bytes of input and *U* bytes after inflating (*U* = *N* for plain archives; at most `--max-unpacked`, and at most \
         `--max-ratio` times\n*N* above the first 4 GiB):\n\n\
         - **Reading** passes over the *U* bytes once, forward. Nested archives are read again for each table that needs them. Compressed \
         ones inflate to\n  `--max-nested` at most, and all together have at most `--max-nested-members` members. Compression inside \
         compression is undone four times.\n\
         - **Facts that belong to many rows** are repeated in each: an open file for each of its descriptors, a mount table for each \
         process. The\n  rows of one table therefore use at most `--max-table` plus 32 bytes for each of the *U*, the view of `/proc` \
         `--max-view` plus the same,\n  and all extracted files 1 GiB or 32 *U*, whichever is more (`--max-extracted-ratio`). Images that are \
         links to one file each count\n  (`--max-linked`), and so do descriptors in tables that processes share, and bytes waiting behind \
         descriptors of one file\n  (`--max-shared`).\n\
         - **Tables** use time and memory in proportion to the records and members that exist. A claimed count or length costs nothing: it \
         is compared\n  with the bytes that remain before anything is allocated. Trees and chains of links are followed to a bounded \
         length, and never by\n  recursion over the archive's data. JSON has at most `--max-json-depth` levels.\n\
         - **Memory**: `--max-memory` for data kept from a stream (more goes to a temporary file without a name), five times `--max-metadata` \
         for names,\n  about 1 KiB for each member, at most a hundred times the bytes of records (a process is recorded in 25 bytes and \
         shown with 2.8 KiB;\n  `--max-processes` bounds that), and 64 MiB for the rest.\n\
         - **Searching and hashing** pass over the stored bytes once. Holes of sparse members are hashed, and those of pages images read as \
         memory, up\n  to `--max-holes`. The size of compiled patterns is bounded by `--max-patterns`. YARA rules pass over memory, files and queues \
         once\n  (`--max-yara`, `--max-yara-file`), and stop after a time (`--yara-timeout`).\n\
         - **Writing** happens only where a flag says so, such as `--output` and `--dump`. Holes stay holes. In a stream, they \
         become zeros, up to\n  `--max-dump`.\n",
    );
    compare("docs/limits.md", &text);
}

#[test]
fn every_limit_has_a_flag_and_the_help_tells_its_default() {
    let help = run(["table", "--help"]).ok();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for limit in Limits::ALL {
        let (_, rest) =
            help.split_once(&format!(" {} <", flag(limit))).unwrap_or_else(|| panic!("{limit:?} has no flag"));
        let text = rest.split(" --").next().unwrap();
        let default = format!("(default: {})", human(limit.field, limit.default));
        assert!(text.contains(&default), "{}: the help says {text}, not {default}", limit.name);
    }
}

fn reference() -> Members {
    Members::of(&fixtures::path("forms-reference/podman-runc.tar"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An archive and limits of which `flag` is hit by it.
#[expect(clippy::too_many_lines, reason = "an arm a limit")]
fn hit(flag: &str) -> (Vec<u8>, Limits) {
    let mut limits = Limits::default();
    let mut members = reference();
    let archive = match flag {
        "--max-unpacked" => {
            limits.unpacked_bytes = 65_536;
            gzip(&members.tar())
        }
        "--max-nested" => {
            limits.nested_bytes = 4096;
            let mut inner = Members::default();
            inner.set("etc/passwd", vec![b'x'; 100_000]);
            members.set("rootfs-diff.tar", gzip(&inner.tar()));
            members.tar()
        }
        "--max-nested-members" => {
            limits.nested_members = 5;
            let mut inner = Members::default();
            (0..4).for_each(|number| inner.set(&format!("etc/{number}"), "x"));
            members.set("rootfs-diff.tar", inner.tar());
            members.set("devshm-checkpoint.tar", gzip(&inner.tar()));
            members.tar()
        }
        "--max-archives" => {
            limits.inner_archives = 0;
            let mut inner = Members::default();
            inner.set("notes", "nothing");
            members.set("more.tar", inner.tar());
            members.tar()
        }
        "--max-members" => {
            limits.members = 10;
            members.tar()
        }
        "--max-header" => {
            limits.header_bytes = 256;
            members.set(&"long/".repeat(100), "");
            members.0.last_mut().unwrap().name.push('x');
            members.tar()
        }
        "--max-metadata" => {
            limits.metadata_bytes = 1000;
            let mut archive = Members::default();
            for number in 0..10 {
                archive.set(&format!("{}{number}", "long/".repeat(60)), "");
            }
            let mut first = members.tar();
            first.truncate(first.len() - 1024);
            first.extend(archive.tar());
            first
        }
        "--max-json" => {
            limits.json_bytes = 100;
            members.tar()
        }
        "--max-json-depth" => {
            limits.json_depth = 3;
            members.set("config.dump", r#"{"a":[[[1]]]}"#);
            members.tar()
        }
        "--max-line" => {
            limits.line_bytes = 40;
            members.set("ctr.log", format!("2026-11-23T11:12:27.184697551Z stdout F {}\n", "x".repeat(100)));
            members.tar()
        }
        "--max-lines" => {
            limits.lines = 2;
            members.set("ctr.log", "2026-11-23T11:12:27.184697551Z stdout F x\n".repeat(5));
            members.tar()
        }
        "--max-extracted" => {
            limits.extracted_bytes = 8;
            members.tar()
        }
        "--max-extracted-ratio" => {
            // The first GiB is free: here the smaller bound is the other one, with the same words.
            limits.extracted_bytes = 8;
            limits.extracted_ratio = 0;
            members.tar()
        }
        "--max-checkpoints" => {
            limits.checkpoints = 1;
            members.set("second/checkpoint/pstree.img", members.get("checkpoint/pstree.img").to_vec());
            members.tar()
        }
        "--max-linked" => {
            limits.linked_bytes = 100;
            members.remove("checkpoint/mm-6.img");
            with_link(members.tar(), "checkpoint/mm-6.img", "checkpoint/mm-1.img")
        }
        "--max-shared" => {
            limits.shared_descriptors = 1;
            members.edit("checkpoint/ids-6.img", |_, ids: &mut TaskKobjIdsEntry| ids.files_id = Some(2));
            members.tar()
        }
        "--max-path" => {
            limits.path_bytes = 3;
            members.tar()
        }
        "--max-table" => {
            limits.table_bytes = 1;
            members.set("ctr.log", "\n".repeat(100_000));
            members.tar()
        }
        "--max-view" => {
            limits.view_bytes = 1;
            wait_often(&mut members);
            members.tar()
        }
        "--max-files" => {
            limits.extracted_files = 2;
            members.tar()
        }
        "--max-assembled" => {
            limits.assembled_bytes = 1000;
            return (sparse(&members), limits);
        }
        "--max-records" => {
            limits.records = 1;
            members.tar()
        }
        "--max-processes" => {
            limits.processes = 1;
            members.tar()
        }
        "--max-filter-steps" => {
            limits.filter_steps = 10;
            members.tar()
        }
        "--max-record" => {
            limits.record_bytes = 8;
            members.tar()
        }
        "--max-pagemap" => {
            limits.pagemap_entries = 2;
            members.tar()
        }
        "--max-arguments" => {
            limits.argument_bytes = 10;
            members.tar()
        }
        "--max-holes" => {
            limits.hole_bytes = 4096;
            return (sparse(&members), limits);
        }
        "--max-candidates" => {
            limits.rule_candidates = 1;
            members.tar()
        }
        "--max-yara-file" => {
            limits.yara_file_bytes = 10;
            with_changed(&mut members, "etc/motd", "longer than that");
            members.tar()
        }
        "--max-yara" => {
            limits.yara_bytes = 5;
            // Holes take no room in the archive.
            members.set("checkpoint/ghost-file-1.img", chunked(1 << 24, &[]));
            members.tar()
        }
        "--max-yara-matches" => {
            limits.yara_matches = 1;
            members.tar()
        }
        "--max-list" => {
            limits.list_bytes = 12;
            with_changed(&mut members, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
            members.tar()
        }
        "--max-warnings" => {
            limits.warnings_per_code = 1;
            for pid in 10..20 {
                members.set(&format!("checkpoint/unknown-{pid}.img"), "unknown");
            }
            members.tar()
        }
        "--max-elf" | "--max-elf-images" => {
            limits.elf_bytes = 128;
            limits.elf_images = 1;
            let mut tar = tar::Builder::new(Vec::new());
            for name in ["a", "b"] {
                let mut header = tar::Header::new_gnu();
                header.set_size(4096);
                let image = [&b"\x7fELF\x02\x01\x01"[..], &[0; 4089]].concat();
                tar.append_data(&mut header, name, image.as_slice()).unwrap();
            }
            members.set("rootfs-diff.tar", tar.into_inner().unwrap());
            members.tar()
        }
        other => panic!("{other} is a new limit: show here what hits it"),
    };
    (archive, limits)
}

/// A changed file of the root file system.
fn with_changed(members: &mut Members, path: &str, contents: &str) {
    let mut inner = Members::default();
    inner.set(path, contents);
    members.set("rootfs-diff.tar", inner.tar());
}

/// A rule that matches everything.
fn of_yara() -> Arc<Brought> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"rule all { condition: true }").unwrap();
    let mut loader = yara::Loader::new();
    loader.path(file.path());
    Arc::new(Brought::default().with_yara(loader.finish().rules.unwrap()))
}

/// Reads a table of osquery's.
fn read_users(checkpoint: &Checkpoint) {
    let mut database = Database::new(Bounds::default()).unwrap().with_osquery().unwrap();
    let mut query = database.prepare("SELECT * FROM users").unwrap();
    database.load(&mut query, "", checkpoint).unwrap();
}

/// An epoll instance that waits for 500 descriptors, and is open as often: each of them tells it anew.
fn wait_often(members: &mut Members) {
    let fd_type = Some(FdTypes::Eventpoll.into());
    let target = EventpollTfdEntry { tfd: Some(1), dev: Some(1), inode: Some(1), pos: Some(0), ..Default::default() };
    let instance = EventpollFileEntry { id: Some(900), tfd: vec![target; 500], ..Default::default() };
    let file = FileEntry { r#type: fd_type, id: Some(900), epfd: Some(instance), ..Default::default() };
    members.parts("checkpoint/files.img", |image| image.records.push((file.encode_to_vec(), Vec::new())));
    members.parts("checkpoint/fdinfo-2.img", |image| {
        image.records.extend((100..600).map(|fd| {
            let entry = FdinfoEntry { id: Some(900), r#type: fd_type, fd: Some(fd), ..Default::default() };
            (entry.encode_to_vec(), Vec::new())
        }));
    });
}

/// The archive with a hard link in it.
fn with_link(mut archive: Vec<u8>, name: &str, target: &str) -> Vec<u8> {
    archive.truncate(archive.len() - 1024);
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Link);
    header.set_size(0);
    builder.append_link(&mut header, name, target).unwrap();
    archive.extend(builder.into_inner().unwrap());
    archive
}

/// The archive, with an image that is a sparse member: the same bytes in two pieces, and a hole behind them.
fn sparse(members: &Members) -> Vec<u8> {
    let mut members = members.clone();
    let image = members.get("checkpoint/files.img").to_vec();
    members.remove("checkpoint/files.img");
    let mut archive = members.tar();
    archive.truncate(archive.len() - 1024);
    let middle = image.len() / 2;
    let size = image.len() + 100_000;
    let records = [
        "GNU.sparse.major=0".to_owned(),
        "GNU.sparse.minor=1".to_owned(),
        format!("GNU.sparse.size={size}"),
        format!("GNU.sparse.map=0,{middle},{middle},{},{size},0", image.len() - middle),
    ];
    let records = records.iter().fold(String::new(), |text, record| {
        // A record begins with its own length.
        let rest = record.len() + 2;
        let len = (1..4).map(|digits| rest + digits).find(|len| len.to_string().len() + rest == *len).unwrap();
        format!("{text}{len} {record}\n")
    });
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::XHeader);
    header.set_size(records.len() as u64);
    builder.append_data(&mut header, "pax", records.as_bytes()).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(image.len() as u64);
    builder.append_data(&mut header, "checkpoint/files.img", image.as_slice()).unwrap();
    archive.extend(builder.into_inner().unwrap());
    archive
}

/// Limits that no archive hits here: one only moves bytes elsewhere, two bound what is asked (`remains/`), one leaves the
/// first 4 GiB free, and one bounds what is listed: the rest is counted in a column.
const OTHERS: [&str; 5] = ["memory", "patterns", "dump", "ratio", "evidence"];

#[test]
fn every_limit_that_is_hit_is_a_warning_that_names_it() {
    for limit in Limits::ALL.iter().filter(|limit| !OTHERS.contains(&limit.name)) {
        let (archive, limits) = hit(&flag(limit));
        let set = limits.values().find(|(other, _)| *other == limit).unwrap().1;
        let mut options = Options::new().limits(limits).keep(Keep::Everything).hash(true);
        if limit.name.starts_with("yara") {
            options = options.bring(of_yara());
        }
        let checkpoints = options.open_reader(Cursor::new(archive)).unwrap();
        let checkpoint = &checkpoints[0];
        checkpoint.read_all();
        read_everything(&checkpoints);
        read_users(checkpoint);
        let pattern = Pattern::text("nowhere in it", Encoding::Utf8, false).unwrap();
        let matcher = Matcher::new(&[pattern]).unwrap();
        let search = SearchOptions { threads: 1, longest: 16, most: 10 };
        drop(checkpoint.memory().search_elsewhere(&matcher, &search, 0));
        let home = tempfile::tempdir().unwrap();
        let mut output =
            Output::create(&home.path().join("out"), false, checkpoint.limits(), Box::new(|_, _| ())).unwrap();
        let choice = Choice { what: &[What::Images, What::Proc], path: &|_| true, pids: &[] };
        extract(checkpoint, &choice, &mut output).unwrap();
        let warnings = checkpoint.warnings();
        // The first GiB is free of it: what is hit is the other bound on the same bytes.
        let hit = if limit.name == "extracted-ratio" { &Limits::EXTRACTED_BYTES } else { limit };
        let named = warnings.iter().find(|warning| warning.limit == Some(hit));
        let named = named.unwrap_or_else(|| panic!("{} is not named: {warnings:?}", limit.name));
        if !matches!(limit.name, "extracted-ratio" | "warnings") {
            assert_eq!(named.code, Code::LimitReached, "{}", limit.name);
            assert!(named.message.contains(&set.to_string()), "the number {set} is not in: {}", named.message);
        }
    }
}

/// What does not fit into memory goes to a file without a name: the answer is the same, and nothing is left.
#[test]
fn memory_that_is_short_changes_no_answer() {
    let archive = gzip(&reference().tar());
    let rows = |flags: &[&str]| {
        let arguments = ["table", "-", "--all", "--format", "ndjson"].iter().chain(flags);
        run_with(&archive, arguments).ok()
    };
    assert_eq!(rows(&[]), rows(&["--max-memory", "0"]));
}

#[test]
fn flags_reach_the_limits() {
    let mut flags = BTreeSet::new();
    for limit in Limits::ALL {
        assert!(flags.insert(limit.name), "{} stands twice", limit.name);
    }
    let ran = run_with(&reference().tar(), ["show", "-", "--max-members", "5"]);
    assert!(ran.err.contains("more than 5 members") || ran.code == Some(2), "{ran:?}");
    let mut members = reference();
    members.parts("checkpoint/pagemap-1.img", |image| {
        let entry = PagemapEntry { vaddr: Some(0x1000), nr_pages: Some(1), ..Default::default() };
        image.records.push((entry.encode_to_vec(), Vec::new()));
    });
    let ran = run_with(&members.tar(), ["memparse", "-", "--max-pagemap", "3"]);
    assert!(ran.err.contains("--max-pagemap") && ran.code == Some(3), "{ran:?}");
}

#[test]
fn a_choice_among_one_checkpoint_without_a_name_says_so() {
    let ran = run([
        "show".as_ref(),
        fixtures::path("forms-reference/podman-runc.tar").as_os_str(),
        "--set".as_ref(),
        "nope".as_ref(),
    ]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err.contains("no checkpoint named nope in the archive; its only checkpoint has no name"),
        "{}",
        ran.err
    );
}
