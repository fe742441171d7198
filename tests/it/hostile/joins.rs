//! What is said once and belongs to many: a file that is open a thousand times, a filter that binds a thousand threads, an
//! image with a thousand names. What comes of it grows with the archive, not with the product of its parts.

use std::collections::HashSet;
use std::io::Cursor;
use std::ops::ControlFlow;

use cryoscope::catalog;
use cryoscope::images::Kind;
use cryoscope::images::proto::{
    CoreEntry, EventpollFileEntry, EventpollTfdEntry, FdTypes, FdinfoEntry, FileEntry, MmEntry, PstreeEntry,
    RegFileEntry, SeccompEntry, SeccompFilter, TaskKobjIdsEntry, ThreadCoreEntry, UidGidExtent, UsernsEntry,
};
use cryoscope::memory::{Matcher, Pattern, SearchOptions};
use cryoscope::tables::{Mappings, Matches};
use cryoscope::{Checkpoint, Code, Options};
use prost::Message;

use crate::archives::{Members, image_of};
use crate::fixtures;

fn reference() -> Members {
    Members::of(&fixtures::path("forms-reference/podman-runc.tar"))
}

fn rows(checkpoint: &Checkpoint, table: &str) -> usize {
    let mut rows = 0;
    catalog::find(table).unwrap().each(checkpoint, &mut |_| {
        rows += 1;
        ControlFlow::Continue(())
    });
    rows
}

#[track_caller]
fn assert_said(checkpoint: &Checkpoint, code: Code, words: &str) {
    checkpoint.read_all();
    let warnings = checkpoint.warnings();
    let says = |warning: &cryoscope::Warning| {
        let limit = warning.limit.map(|limit| format!("--max-{}", limit.name));
        warning.message.contains(words) || limit.as_deref() == Some(words)
    };
    let said = warnings.iter().any(|warning| warning.code == code && says(warning));
    assert!(said, "nothing says {words:?}: {warnings:?}");
}

fn add(members: &mut Members, image: &str, message: &impl Message) {
    members.parts(image, |image| image.records.push((message.encode_to_vec(), Vec::new())));
}

/// Descriptors of the first process, all of one file.
fn open_often(members: &mut Members, file_type: FdTypes, file: u32, times: u32) {
    members.parts("checkpoint/fdinfo-2.img", |image| {
        image.records.extend((1000..1000 + times).map(|fd| {
            let fd_type = Some(file_type.into());
            let entry = FdinfoEntry { id: Some(file), r#type: fd_type, fd: Some(fd), ..Default::default() };
            (entry.encode_to_vec(), Vec::new())
        }));
    });
}

#[test]
fn a_thread_is_of_one_process_and_once() {
    let mut members = reference();
    members.set("checkpoint/core-7.img", members.get("checkpoint/core-6.img").to_vec());
    members.edit("checkpoint/pstree.img", |_, entry: &mut PstreeEntry| entry.threads.extend([7; 1000]));
    let checkpoint = members.open();
    let threads: usize = checkpoint.model().processes().iter().map(|process| process.threads.len()).sum();
    assert_eq!(threads, 3, "two processes, and one more thread");
    assert_said(&checkpoint, Code::ProcessTree, "999 threads of process 1 were listed earlier");
    assert_said(&checkpoint, Code::ProcessTree, "1000 threads of process 6 were listed earlier");
}

#[test]
fn images_that_are_links_count_as_often_as_they_are_read() {
    let mut members = reference();
    members.edit("checkpoint/mm-1.img", |_, mm: &mut MmEntry| mm.vmas = mm.vmas.repeat(5000));
    members.remove("checkpoint/mm-6.img");
    let size = members.get("checkpoint/mm-1.img").len();
    let mut archive = members.tar();
    archive.truncate(archive.len() - 1024);
    let mut builder = tar::Builder::new(Vec::new());
    for pid in 2..20 {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        builder.append_link(&mut header, format!("checkpoint/mm-{pid}.img"), "checkpoint/mm-1.img").unwrap();
    }
    archive.extend(builder.into_inner().unwrap());
    let checkpoint = Options::new().open_reader(Cursor::new(archive)).unwrap().remove(0);
    let images = checkpoint.images().of_kind(checkpoint.archive(), Kind::Mm).count();
    assert_eq!(images, 1 + (4 << 20) / size);
    assert_said(&checkpoint, Code::LimitReached, "--max-linked");
}

#[test]
fn long_chains_of_filters_bind_one_list_of_threads() {
    let mut members = reference();
    let filter = |previous: Option<u32>| SeccompFilter {
        filter: Some(vec![6, 0, 0, 0, 0, 0, 0xff, 0x7f]),
        prev: previous,
        ..Default::default()
    };
    let chain = (0_u32..20_000).map(|number| filter(number.checked_sub(1)));
    let image = SeccompEntry { seccomp_filters: chain.collect() };
    members.set("checkpoint/seccomp.img", image_of(Kind::Seccomp, &[(image.encode_to_vec(), Vec::new())]).bytes());
    members.edit("checkpoint/core-1.img", |_, core: &mut CoreEntry| {
        let own = core.thread_core.get_or_insert_with(ThreadCoreEntry::default);
        (own.seccomp_mode, own.seccomp_filter) = (Some(2), Some(19_999));
    });
    let checkpoint = members.open();
    let filters = checkpoint.details().seccomp().all();
    assert_eq!(filters.len(), 20_000);
    let lists: HashSet<_> = filters.iter().map(|filter| filter.threads.as_ptr()).collect();
    assert!(lists.len() <= 2, "those of two processes, and of one: {}", lists.len());
    // What they answer together is another list for each; so many are not kept.
    assert_said(&checkpoint, Code::LimitReached, "--max-filter-steps");
    assert!(filters[1].with_previous.is_some() && filters[19_999].with_previous.is_none());
}

#[test]
fn what_is_waited_for_is_not_said_of_thousands_of_descriptors() {
    let mut members = reference();
    let target = |fd| EventpollTfdEntry { tfd: Some(fd), ..Default::default() };
    let instance = EventpollFileEntry { id: Some(900), tfd: (0..3000).map(target).collect(), ..Default::default() };
    let fd_type = Some(FdTypes::Eventpoll.into());
    let file = FileEntry { r#type: fd_type, id: Some(900), epfd: Some(instance), ..Default::default() };
    add(&mut members, "checkpoint/files.img", &file);
    open_often(&mut members, FdTypes::Eventpoll, 900, 3000);
    let checkpoint = members.open();
    let seen = rows(&checkpoint, "epoll");
    assert!((100_000..=1 << 18).contains(&seen), "of nine million: {seen}");
    assert_said(&checkpoint, Code::LimitReached, "--max-shared");
}

#[test]
fn descriptors_that_processes_share_count_for_each() {
    let mut members = reference();
    open_often(&mut members, FdTypes::Reg, 1, 2000);
    let own = members.get("checkpoint/ids-1.img").to_vec();
    for pid in 100..400 {
        members.set(&format!("checkpoint/ids-{pid}.img"), own.clone());
        members.set(&format!("checkpoint/core-{pid}.img"), members.get("checkpoint/core-6.img").to_vec());
        add(
            &mut members,
            "checkpoint/pstree.img",
            &PstreeEntry { pid: Some(pid), ppid: Some(1), ..Default::default() },
        );
    }
    let ids = TaskKobjIdsEntry::decode(&own[12..]).unwrap();
    assert_eq!(ids.files_id, Some(2), "the table that all share");
    let checkpoint = members.open();
    let open = rows(&checkpoint, "process_open_files");
    assert!((1 << 17..=(1 << 18) + 5000).contains(&open), "of 600,000: {open}");
    assert_said(&checkpoint, Code::LimitReached, "--max-shared");
}

/// A search of memory and its rows find the process of each match by an index. A look through a hundred thousand processes for
/// each of fifty thousand matches would not end while anybody waits.
#[test]
fn matches_find_their_process_among_a_hundred_thousand() {
    const LAST: u32 = 200_006;
    let mut members = reference();
    for (from, to) in [("core-6", "core"), ("mm-6", "mm"), ("pagemap-6", "pagemap"), ("ids-6", "ids"), ("fs-6", "fs")] {
        let name = format!("checkpoint/{from}.img");
        let contents = members.get(&name).to_vec();
        members.remove(&name);
        members.set(&format!("checkpoint/{to}-{LAST}.img"), contents);
    }
    members.parts("checkpoint/pstree.img", |image| {
        let record = |pid| {
            let entry = PstreeEntry { pid: Some(pid), ppid: Some(1), threads: vec![pid], ..Default::default() };
            (entry.encode_to_vec(), Vec::new())
        };
        image.records.truncate(1);
        image.records.extend((1000..101_000).chain([LAST]).map(record));
    });
    let checkpoint = members.open();
    assert_eq!(checkpoint.model().processes().len(), 100_002);
    let matcher = Matcher::new(&[Pattern::bytes("zeros", &[0]).unwrap()]).unwrap();
    let findings = checkpoint.memory().search(&matcher, &SearchOptions::default());
    let rows = Matches::new(&checkpoint, Mappings::of(&checkpoint), &matcher, 0);
    let of_last = findings.found.iter().filter(|found| found.pid.0 == LAST);
    let named = of_last.map(|found| rows.row(found)).filter(|row| row.name == Some("tock".into()));
    assert!(named.count() > 40_000);
    assert_eq!(rows.count(findings.found[0].pid, 0, 1).name, Some("tick".into()));
}

#[test]
fn names_and_rows_are_bounded_together() {
    let mut members = reference();
    let fd_type = Some(FdTypes::Reg.into());
    let named = RegFileEntry { id: Some(900), name: Some(vec![b'/'; 1 << 20]), ..Default::default() };
    let file = FileEntry { r#type: fd_type, id: Some(900), reg: Some(named), ..Default::default() };
    add(&mut members, "checkpoint/files.img", &file);
    open_often(&mut members, FdTypes::Reg, 900, 50_000);
    let checkpoint = members.open();
    assert_said(&checkpoint, Code::LimitReached, "a name of 1048576 bytes was cut to 4096");
    let open = rows(&checkpoint, "process_open_files");
    assert!((10_000..50_000).contains(&open), "{open}");
    assert_said(&checkpoint, Code::LimitReached, "the rows of process_open_files use more than");
}

#[test]
fn mappings_that_all_overlap_are_left_out() {
    let mut members = reference();
    members.edit("checkpoint/mm-1.img", |_, mm: &mut MmEntry| {
        let first = mm.vmas[0];
        mm.vmas = vec![first; 1000];
    });
    let checkpoint = members.open();
    let mm = checkpoint.model().processes()[0].mm.as_ref().unwrap();
    assert_eq!(mm.vmas.len(), 257);
    assert_said(&checkpoint, Code::MappingInvalid, "more than 256 mappings overlap");
}

#[test]
fn maps_of_ids_are_as_long_as_the_kernel_allows() {
    let mut members = reference();
    let extent = UidGidExtent { first: Some(1), lower_first: Some(1), count: Some(1) };
    let users = UsernsEntry { uid_map: vec![extent; 1000], ..Default::default() };
    members.set("checkpoint/userns-1.img", image_of(Kind::Userns, &[(users.encode_to_vec(), Vec::new())]).bytes());
    assert_said(&members.open(), Code::NumberInvalid, "a map of 1000 extents");
}

#[test]
fn of_more_checkpoints_than_any_archive_has_the_first_are_shown() {
    let mut members = reference();
    let tree = members.get("checkpoint/pstree.img").to_vec();
    for number in 0..150 {
        members.set(&format!("{number:03}/pstree.img"), tree.clone());
    }
    let checkpoints = members.open_all().unwrap();
    assert_eq!(checkpoints.len(), 100);
    assert_said(&checkpoints[0], Code::LimitReached, "--max-checkpoints");
}

#[test]
fn volumes_are_tars_of_their_own() {
    let mut members = reference();
    let mut volume = Members::default();
    volume.set("file", "contents");
    members.set("volumes/first.tar", volume.tar());
    let mut archive = members.tar();
    archive.truncate(archive.len() - 1024);
    let mut builder = tar::Builder::new(Vec::new());
    for number in 0..50 {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        let name = format!("volumes/{number}.tar");
        builder.append_link(&mut header, name, "volumes/first.tar").unwrap();
    }
    archive.extend(builder.into_inner().unwrap());
    let options = Options::new().keep(cryoscope::memory::Keep::Everything);
    let checkpoint = options.open_reader(Cursor::new(archive)).unwrap().remove(0);
    assert_eq!(checkpoint.volumes().len(), 1 + usize::from(members.0.iter().any(|m| m.name == "volumes/data.tar")));
    assert_said(&checkpoint, Code::MemberLinked, "the same file as volumes/first.tar");
}

/// A document repeats what tells which container it is from, not whatever somebody wrote there a hundred thousand times.
#[test]
fn documents_do_not_repeat_thousands_of_labels_and_annotations() {
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    let mut spec: serde_json::Value = serde_json::from_slice(members.get("spec.dump")).unwrap();
    let many: serde_json::Map<_, _> = (0..2000).map(|i| (format!("key{i}"), "value".into())).collect();
    spec["annotations"].as_object_mut().unwrap().extend(many.clone());
    members.set("spec.dump", spec.to_string());
    let mut config: serde_json::Value = serde_json::from_slice(members.get("config.dump")).unwrap();
    config["labels"] = many.into();
    members.set("config.dump", config.to_string());
    let tar = members.tar();
    for format in ["ecs", "ocsf", "timesketch", "hec"] {
        let ran = crate::command::run_with(&tar, ["table", "-", "processes", "--format", format]);
        assert!(!ran.out.is_empty() && !ran.out.contains("key1999"), "{format}: {}", ran.err);
    }
    let own = crate::command::run_with(&tar, ["table", "-", "container", "--format", "ecs"]);
    assert!(own.out.contains("key1999"), "the container's own document has all of them");
}
