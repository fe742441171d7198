//! Thousands of one thing and thousands of another, where each of the one asks for some of the other. With a look through all
//! of them each time, none of these would end while anybody waits.

use std::ops::ControlFlow;

use cryoscope::abi;
use cryoscope::images::Kind;
use cryoscope::images::proto::{
    CoreEntry, FdTypes, FdinfoEntry, FileEntry, FileLockEntry, InetSkEntry, MmEntry, MntEntry, PagemapEntry,
    PagemapHead, PstreeEntry, RegFileEntry, RemapFilePathEntry, RemapType, SeccompEntry, SeccompFilter, SiginfoEntry,
    SignalQueueEntry, TaskKobjIdsEntry, TtyDataEntry, TtyFileEntry, TtyInfoEntry, VmaEntry,
};
use cryoscope::memory::{Keep, Matcher, Pattern, SearchOptions, StringOptions};
use cryoscope::model::ids::Pid;
use cryoscope::proc_view::{self, Content};
use cryoscope::tables::{Mappings, Matches};
use cryoscope::{Checkpoint, Options};
use prost::Message;

use crate::archives::{Member, Members, image_of};
use crate::fixtures;

const PAGE: u64 = 4096;

fn reference() -> Members {
    Members::of(&fixtures::path("forms-reference/podman-runc.tar"))
}

fn records(messages: impl IntoIterator<Item = impl Message>) -> Vec<(Vec<u8>, Vec<u8>)> {
    messages.into_iter().map(|message| (message.encode_to_vec(), Vec::new())).collect()
}

/// Adds records to an image.
fn add(members: &mut Members, name: &str, messages: impl IntoIterator<Item = impl Message>) {
    members.parts(&format!("checkpoint/{name}.img"), |image| image.records.extend(records(messages)));
}

/// An image of these records alone.
fn set(members: &mut Members, name: &str, kind: Kind, messages: impl IntoIterator<Item = impl Message>) {
    members.set(&format!("checkpoint/{name}.img"), image_of(kind, &records(messages)).bytes());
}

/// Adds many members that are not there yet, without a look at those that are.
fn push(members: &mut Members, name: &str, contents: Vec<u8>) {
    members.0.push(Member { name: format!("checkpoint/{name}.img"), contents });
}

/// Opens terminal 1 with each of these files, by a descriptor of the first process.
fn terminals(members: &mut Members, files: std::ops::Range<u32>) {
    let tty = Some(FdTypes::Tty.into());
    add(
        members,
        "files",
        files.clone().map(|id| FileEntry {
            r#type: tty,
            id: Some(id),
            tty: Some(TtyFileEntry { id: Some(id), tty_info_id: Some(1), ..Default::default() }),
            ..Default::default()
        }),
    );
    let descriptors = files.map(|id| FdinfoEntry { id: Some(id), r#type: tty, fd: Some(id), ..Default::default() });
    add(members, "fdinfo-2", descriptors);
}

/// The mappings of process 1: those of one shared object, which show a page each.
fn shared_pages(members: &mut Members, pages: u64, object: u64) {
    let page = |number: u64| VmaEntry {
        start: Some(0x1000_0000 + number * 2 * PAGE),
        end: Some(0x1000_0000 + number * 2 * PAGE + PAGE),
        pgoff: Some(number * PAGE),
        shmid: Some(object),
        prot: Some(3),
        flags: Some(0x21),
        status: Some(0x101),
        ..Default::default()
    };
    members.edit("checkpoint/mm-1.img", |_, mm: &mut MmEntry| mm.vmas = (0..pages).map(page).collect());
}

/// The pages of a shared object: so many runs, with holes between them if there are to be any.
fn object(members: &mut Members, number: u64, runs: impl Iterator<Item = (u64, u64)>, contents: Vec<u8>) {
    let entry = |(page, pages)| PagemapEntry {
        vaddr: Some(page * PAGE),
        nr_pages: Some(pages),
        compat_nr_pages: Some(0),
        flags: Some(4),
        ..Default::default()
    };
    let head = (PagemapHead { pages_id: Some(955) }.encode_to_vec(), Vec::new());
    let entries = runs.map(|run| (entry(run).encode_to_vec(), Vec::new()));
    let all: Vec<_> = std::iter::once(head).chain(entries).collect();
    members.set(&format!("checkpoint/pagemap-shmem-{number}.img"), image_of(Kind::ShmemPagemap, &all).bytes());
    members.set("checkpoint/pages-955.img", contents);
}

fn needle() -> Matcher {
    Matcher::new(&[Pattern::bytes("needle", b"needle-").unwrap()]).unwrap()
}

#[test]
fn bytes_that_wait_in_terminals() {
    let mut members = reference();
    let info = |id| TtyInfoEntry { id: Some(id), ..Default::default() };
    set(&mut members, "tty-info", Kind::TtyInfo, (0..20_000).map(info));
    let waiting = |id| TtyDataEntry { tty_id: Some(id), data: Some(vec![b'a'; 2]) };
    set(&mut members, "tty-data", Kind::TtyData, (0..20_000).map(waiting));
    let checkpoint = members.open();
    assert_eq!(checkpoint.rows().ttys().filter(|tty| tty.waiting == Some(2)).count(), 20_000);
}

#[test]
fn bytes_that_wait_in_one_terminal_that_is_open_often() {
    let mut members = reference();
    terminals(&mut members, 1000..11_000);
    set(&mut members, "tty-info", Kind::TtyInfo, [TtyInfoEntry { id: Some(1), ..Default::default() }]);
    let waiting = TtyDataEntry { tty_id: Some(1), data: Some(vec![b'a']) };
    set(&mut members, "tty-data", Kind::TtyData, vec![waiting; 10_000]);
    let checkpoint = members.open();
    assert_eq!(checkpoint.rows().tty_queues().filter(|row| row.holders.count() == 10_000).count(), 10_000);
}

#[test]
fn locks_of_a_file_that_another_process_has_open_often() {
    let mut members = reference();
    let file = Some(FdTypes::Reg.into());
    let open = |fd| FdinfoEntry { id: Some(1), r#type: file, fd: Some(fd), ..Default::default() };
    members.edit("checkpoint/ids-6.img", |_, ids: &mut TaskKobjIdsEntry| ids.files_id = Some(77));
    set(&mut members, "fdinfo-77", Kind::Fdinfo, (0..20_000).map(open));
    add(&mut members, "fdinfo-2", [open(1000)]);
    let lock = |start| FileLockEntry {
        flag: Some(abi::lock::POSIX),
        r#type: Some(1),
        pid: Some(1),
        fd: Some(1000),
        start: Some(start),
        len: Some(1),
    };
    set(&mut members, "filelocks", Kind::FileLocks, (0..20_000).map(lock));
    let checkpoint = members.open();
    let inherited = checkpoint.rows().file_locks().filter(|lock| lock.inherited).count();
    assert_eq!((checkpoint.rows().file_locks().count(), inherited), (20_000, 0));
}

/// A process with thousands of threads: what all of them share is read once.
#[test]
fn threads_share_signals_mappings_and_filters() {
    const THREADS: u32 = 700;
    let mut members = reference();
    let leader = members.get("checkpoint/core-1.img").to_vec();
    members.edit("checkpoint/pstree.img", |_, entry: &mut PstreeEntry| {
        if entry.pid == Some(1) {
            entry.threads.extend(1000..1000 + THREADS);
        }
    });
    members.edit("checkpoint/core-1.img", |_, core: &mut CoreEntry| {
        let task = core.tc.as_mut().unwrap();
        task.signals_s = Some(SignalQueueEntry { signals: vec![SiginfoEntry { siginfo: Some(vec![]) }; 40_000] });
        core.thread_core.as_mut().unwrap().seccomp_mode = Some(2);
        core.thread_core.as_mut().unwrap().seccomp_filter = Some(39_999);
    });
    for tid in 1000..1000 + THREADS {
        push(&mut members, &format!("core-{tid}"), leader.clone());
    }
    let previous = |number: u32| SeccompFilter { prev: number.checked_sub(1), ..Default::default() };
    let filters = SeccompEntry { seccomp_filters: (0..40_000).map(previous).collect() };
    set(&mut members, "seccomp", Kind::Seccomp, [filters]);
    for tid in 1000..1000 + THREADS {
        let name = format!("checkpoint/core-{tid}.img");
        let member = members.0.iter_mut().rev().find(|member| member.name == name).unwrap();
        let mut core = CoreEntry::decode(&member.contents[12..]).unwrap();
        (core.tc, core.thread_core.as_mut().unwrap().seccomp_mode) = (None, Some(2));
        core.thread_core.as_mut().unwrap().seccomp_filter = Some(39_999);
        member.contents = image_of(Kind::Core, &records([core])).bytes();
    }
    shared_pages(&mut members, 20_000, 9055);
    let checkpoint = members.open();
    let threads = usize::try_from(THREADS).unwrap() + 2;
    assert_eq!(checkpoint.rows().signals().count(), threads);
    let status = |path: &str| path.starts_with("1/task/") && path.ends_with("/status");
    let counted = |file: &proc_view::File| match &file.content {
        Content::Bytes(bytes) => bstr::ByteSlice::contains_str(bytes.as_slice(), "Seccomp_filters:\t40000\n"),
        Content::Link(_) => false,
    };
    let files = proc_view::files(&checkpoint).filter(|file| status(&file.path));
    assert_eq!(files.filter(counted).count(), threads - 1);
}

/// Thousands of processes, each in namespaces of its own, and thousands of sockets and mounts in others.
#[test]
fn processes_have_namespaces_of_their_own() {
    const PROCESSES: u32 = 400;
    let mut members = reference();
    let (core, fs) = (members.get("checkpoint/core-6.img").to_vec(), members.get("checkpoint/fs-6.img").to_vec());
    let ids = TaskKobjIdsEntry::decode(&members.get("checkpoint/ids-6.img")[12..]).unwrap();
    let process = |pid| PstreeEntry { pid: Some(pid), ppid: Some(1), threads: vec![pid], ..Default::default() };
    add(&mut members, "pstree", (1000..1000 + PROCESSES).map(process));
    for pid in 1000..1000 + PROCESSES {
        let own = TaskKobjIdsEntry { net_ns_id: Some(pid), mnt_ns_id: Some(7), ..ids };
        push(&mut members, &format!("ids-{pid}"), image_of(Kind::Ids, &records([own])).bytes());
        push(&mut members, &format!("core-{pid}"), core.clone());
        push(&mut members, &format!("fs-{pid}"), fs.clone());
    }
    let socket = |id| FileEntry {
        r#type: Some(FdTypes::Inetsk.into()),
        id: Some(id),
        isk: Some(InetSkEntry { id: Some(id), family: Some(2), r#type: Some(1), ns_id: Some(5), ..Default::default() }),
        ..Default::default()
    };
    add(&mut members, "files", (10_000..25_000).map(socket));
    let mount = |number: u32| MntEntry { mnt_id: Some(number), mountpoint: Some("/m".into()), ..Default::default() };
    set(&mut members, "mountpoints-8", Kind::Mountpoints, (0..20_000).map(mount));
    let checkpoint = members.open();
    let of_net = proc_view::files(&checkpoint).filter(|file| file.path.ends_with("/net/tcp"));
    assert_eq!(of_net.count(), usize::try_from(PROCESSES).unwrap() + 1, "and that of the container");
}

#[test]
fn routes_have_the_gateway_of_their_family() {
    let mut members = reference();
    let ips: Vec<_> = (0..20_000)
        .map(|n| serde_json::json!({ "address": "10.0.0.5/16", "gateway": format!("10.{}.{}.1", n / 250, n % 250) }))
        .collect();
    let routes: Vec<_> = (0..20_000).map(|n| serde_json::json!({ "dst": format!("fd00:{n:x}::/64") })).collect();
    let result = serde_json::json!([{ "cniVersion": "1.0.0", "ips": ips, "routes": routes }]);
    members.set("network.status", result.to_string());
    let checkpoint = members.open();
    let rows: Vec<_> = checkpoint.rows().routes().filter(|row| row.namespace.is_none()).collect();
    assert!(rows.len() == 20_000 && rows.iter().all(|row| row.gateway.is_none()), "{}", rows.len());
}

/// Each match in shared memory is one of those mappings that show its place.
#[test]
fn matches_in_memory_that_thousands_of_mappings_share() {
    const PAGES: u64 = 2000;
    let mut members = reference();
    shared_pages(&mut members, PAGES, 9055);
    let page = [&b"needle-"[..], &[b'x'; 57]].concat().repeat(64);
    object(&mut members, 9055, std::iter::once((0, PAGES)), page.repeat(usize::try_from(PAGES).unwrap()));
    let checkpoint = members.open();
    let findings = checkpoint.memory().search(&needle(), &SearchOptions { most: 100_000, ..SearchOptions::default() });
    assert!(findings.more && findings.found.len() == 100_000 && findings.found[0].pid == Pid(1));
    let rows = Matches::new(&checkpoint, Mappings::of(&checkpoint), &needle(), 0);
    let shared = findings.found.iter().take(5000).map(|found| rows.row(found));
    assert_eq!(shared.filter(|row| row.shared_id == Some(9055) && row.shared_with.is_empty()).count(), 5000);
}

/// Each string in shared memory is of the first process that sees it.
#[test]
fn strings_in_memory_that_thousands_of_mappings_share() {
    const PAGES: u64 = 6000;
    let mut members = reference();
    shared_pages(&mut members, PAGES, 9055);
    let mut page = vec![0; 4096];
    page[..6].copy_from_slice(b"needle");
    // Every second page of the object: each is a line of its own.
    let pages = page.repeat(usize::try_from(PAGES / 2).unwrap());
    object(&mut members, 9055, (0..PAGES / 2).map(|number| (number * 2, 1)), pages);
    let checkpoint = members.open();
    let process = checkpoint.model().process(Pid(1)).unwrap();
    let options = StringOptions { threads: 1, least: 6, ascii: true, utf16: false };
    let mut found = 0;
    let all = [(process, std::iter::once(0..u64::MAX).collect())];
    checkpoint.memory().strings(
        &all,
        &options,
        |block| block.strings.len(),
        |count| {
            found += count;
            ControlFlow::Continue(())
        },
    );
    assert!(found >= 3000, "{found}");
}

/// What was recorded of a mapping of shared memory is summed up from what was recorded of the memory.
#[test]
fn thousands_of_mappings_of_thousands_of_runs() {
    const RUNS: u64 = 6000;
    let mut members = reference();
    let whole = |number: u64| VmaEntry {
        start: Some(0x1000_0000 + number * 4 * RUNS * PAGE),
        end: Some(0x1000_0000 + number * 4 * RUNS * PAGE + 2 * RUNS * PAGE),
        shmid: Some(9055),
        prot: Some(3),
        flags: Some(0x21),
        status: Some(0x101),
        ..Default::default()
    };
    members.edit("checkpoint/mm-1.img", |_, mm: &mut MmEntry| mm.vmas = (0..6000).map(whole).collect());
    object(&mut members, 9055, (0..RUNS).map(|number| (number * 2, 1)), vec![b'x'; 4096 * 6000 - 100]);
    let checkpoint = members.open();
    let rows: Vec<_> = checkpoint.rows().process_memory_map().filter(|row| row.shared_id == Some(9055)).collect();
    assert!(rows.len() == 6000 && rows.iter().all(|row| row.recorded_bytes == RUNS * PAGE - 100));
}

/// No process has an architecture, and each mapping asks for that of the machine.
#[test]
fn a_machine_that_no_process_names() {
    let mut members = reference();
    for pid in [1, 6] {
        members.edit(&format!("checkpoint/core-{pid}.img"), |_, core: &mut CoreEntry| core.mtype = None);
    }
    let process = |pid| PstreeEntry { pid: Some(pid), ppid: Some(1), ..Default::default() };
    add(&mut members, "pstree", (1000..13_000).map(process));
    shared_pages(&mut members, 12_000, 9055);
    let checkpoint = members.open();
    assert_eq!(checkpoint.model().arch(), None);
    assert!(checkpoint.rows().process_memory_map().count() >= 12_000);
}

/// Deleted names that are all found in one file, which is open under its own name thousands of times.
#[test]
fn recovered_files_share_the_list_of_their_open_files() {
    let mut members = reference();
    let mut shm = Members::default();
    shm.set("link_remap.1", "contents");
    members.set("devshm-checkpoint.tar", shm.tar());
    let regular = |id, name: &str| FileEntry {
        r#type: Some(FdTypes::Reg.into()),
        id: Some(id),
        reg: Some(RegFileEntry { id: Some(id), name: Some(name.into()), ..Default::default() }),
        ..Default::default()
    };
    add(&mut members, "files", (1000..9000).map(|id| regular(id, "/dev/shm/link_remap.1")));
    add(&mut members, "files", (20_000..28_000).map(|id| regular(id, "/dev/shm/gone")));
    let remap = |number: u32| RemapFilePathEntry {
        orig_id: Some(20_000 + number),
        remap_id: Some(1000 + number),
        remap_type: Some(RemapType::Linked.into()),
    };
    set(&mut members, "remap-fpath", Kind::RemapFpath, (0..8000).map(remap));
    let checkpoint = members.open();
    let recovered = checkpoint.recovered();
    assert_eq!(recovered.iter().filter(|file| file.size == Some(8)).count(), 8001);
    assert!(recovered.iter().any(|file| file.files.len() == 8000));
}

/// Each of a thousand directories has pages of process 1, which may be those of a parent of any other one. What is wanted of
/// them is read once from each.
#[test]
fn pages_in_thousands_of_directories_of_a_stream() {
    let own = reference();
    let mut members = own.clone();
    for folder in 0..800 {
        for image in ["mm-1", "pagemap-1", "inventory", "pages-1"] {
            let contents = own.0.iter().find(|member| member.name == format!("checkpoint/{image}.img"));
            let contents = contents.map_or_else(|| vec![0; 4096], |member| member.contents.clone());
            members.0.push(Member { name: format!("{folder}/{image}.img"), contents });
        }
    }
    let stream = zstd::encode_all(members.tar().as_slice(), 1).unwrap();
    let opened = Options::new().keep(Keep::Arguments).open_reader(stream.as_slice()).unwrap();
    let first: &Checkpoint = opened.iter().find(|checkpoint| checkpoint.set_name().is_empty()).unwrap();
    assert!(first.rows().processes().all(|process| process.argv.is_some()));
}

/// A chain of thousands of dumps, whose links name directories by their last part only.
#[test]
fn a_chain_of_thousands_of_dumps() {
    let own = reference();
    let mut members = own.clone();
    let mut archive = members.tar();
    let process = |pid| PstreeEntry { pid: Some(pid), ppid: Some(1), ..Default::default() };
    add(&mut members, "pstree", (1000..2500).map(process));
    let pagemap = own.get("checkpoint/pagemap-1.img").to_vec();
    for folder in 0..2000 {
        members.0.push(Member { name: format!("dumps/{folder:x}/pagemap-1.img"), contents: pagemap.clone() });
    }
    archive.clear();
    archive.extend(members.tar());
    archive.truncate(archive.len() - 1024);
    let mut builder = tar::Builder::new(Vec::new());
    let mut link = |from: String, to: String| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, format!("{from}/parent"), to).unwrap();
    };
    link("checkpoint".to_owned(), "../elsewhere/0".to_owned());
    (0..1999).for_each(|folder| link(format!("dumps/{folder:x}"), format!("../../elsewhere/{:x}", folder + 1)));
    archive.extend(builder.into_inner().unwrap());
    let checkpoint = Options::new().open_reader(archive.as_slice()).unwrap().remove(0);
    checkpoint.read_all();
    assert!(checkpoint.model().processes().len() > 1500);
}
