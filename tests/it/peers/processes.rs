//! Processes: trees, threads, credentials, executables, arguments, environments.

use cryoscope::Code;
use cryoscope::images::proto::{CoreEntry, CredsEntry, MmEntry, PstreeEntry};

use super::{codes, open, reference};
use crate::command::run;
use crate::fixtures;

/// W14: peers print blanks for arguments that lie in pages which are not there, and the same for a process that emptied them.
#[test]
fn arguments_that_are_not_in_the_archive_are_not_empty_arguments() {
    let mut emptied = reference();
    emptied.edit("checkpoint/mm-1.img", |_, mm: &mut MmEntry| mm.mm_arg_end = mm.mm_arg_start);
    let emptied = emptied.open();
    let process = emptied.rows().processes().next().unwrap();
    assert_eq!((process.argv, process.cmdline), (Some(vec![]), Some("".into())));
    assert!(!codes(&emptied).contains(&Code::ArgumentsUnavailable));

    let mut without_pages = reference();
    for pages in ["checkpoint/pages-2.img", "checkpoint/pages-3.img"] {
        without_pages.remove(pages);
    }
    let without_pages = without_pages.open();
    let process = without_pages.rows().processes().next().unwrap();
    assert_eq!((process.argv, process.cmdline), (None, None));
    assert_eq!(process.path.unwrap(), "/tick", "what images other than pages say is still there");
    assert!(codes(&without_pages).contains(&Code::ArgumentsUnavailable));
    assert!(without_pages.is_partial());
}

/// W17: peers show the last root only.
#[test]
fn a_second_root_does_not_hide_the_first() {
    let archive = fixtures::path("forms-trees/two-roots.tar.gz");
    let checkpoint = cryoscope::Checkpoint::open(&archive).unwrap();
    let roots: Vec<u32> = checkpoint.rows().processes().filter(|p| p.parent == Some(0)).map(|p| p.pid.0).collect();
    assert_eq!(roots, [1, 6]);
    assert!(codes(&checkpoint).contains(&Code::ProcessRoots));
    let screen = run(["inspect".as_ref(), archive.as_os_str()]).ok();
    assert!(screen.lines().any(|line| line.trim_start().starts_with("1 ")), "{screen}");
    assert!(screen.lines().any(|line| line.trim_start().starts_with("6 ")), "{screen}");
}

/// W18: peers show no threads.
#[test]
fn threads_are_listed_with_name_and_registers() {
    let checkpoint = open("criu-4.2-threads");
    let threads: Vec<_> = checkpoint.rows().threads().collect();
    let process = checkpoint.rows().processes().find(|p| p.threads > 1).unwrap();
    let of_process: Vec<_> = threads.iter().filter(|t| t.pid == process.pid).collect();
    assert_eq!(of_process.len() as u64, process.threads);
    let names: std::collections::BTreeSet<_> = of_process.iter().map(|t| t.name.clone().unwrap()).collect();
    assert!(names.len() > 1, "threads have names of their own: {names:?}");
    assert!(of_process.iter().all(|t| t.instruction_pointer.is_some() && t.stack_pointer.is_some()));
    let screen =
        run(["inspect".as_ref(), "--threads".as_ref(), fixtures::archive_of("criu-4.2-threads").as_os_str()]).ok();
    for name in names {
        let name = cryoscope::formats::escape(&name).into_owned();
        assert!(screen.contains(&name), "{name} is not on the screen: {screen}");
    }
}

/// W19: peers show no credentials.
#[test]
fn credentials_are_decoded() {
    let mut members = reference();
    members.edit("checkpoint/core-1.img", |_, core: &mut CoreEntry| {
        let creds = core.thread_core.as_mut().unwrap().creds.as_mut().unwrap();
        *creds = CredsEntry {
            uid: Some(1000),
            euid: Some(0),
            suid: Some(0),
            fsuid: Some(0),
            gid: Some(100),
            groups: vec![100, 27],
            cap_eff: vec![0x0020_0000, 0],
            cap_bnd: vec![0xffff_ffff, 0x1ff],
            no_new_privs: Some(1),
            lsm_profile: Some(b"unconfined".to_vec()),
            ..creds.clone()
        };
    });
    let process = members.open().rows().processes().next().unwrap();
    assert_eq!((process.uid, process.euid, process.gid), (Some(1000), Some(0), Some(100)));
    assert_eq!(process.groups.unwrap(), [100, 27]);
    assert_eq!(process.cap_eff.unwrap().0, 0x20_0000, "CAP_SYS_ADMIN");
    assert_eq!(process.cap_bnd.unwrap().0, 0x1ff_ffff_ffff);
    assert_eq!((process.no_new_privs, process.seccomp), (Some(true), Some("filter")));
    assert_eq!(process.lsm_profile.unwrap(), "unconfined");
}

/// W20: peers show no executable and no mappings, or leave out the name of the first segment.
#[test]
fn executables_and_mappings_have_their_names() {
    let checkpoint = open("webapp-compromise");
    let paths: Vec<_> = checkpoint.rows().processes().filter_map(|p| Some(p.path?.to_string())).collect();
    assert!(paths.iter().any(|path| path.starts_with("/memfd:")), "{paths:?}");
    assert!(paths.iter().any(|path| path.ends_with("kdevtmpfsi (deleted)")), "{paths:?}");
    let root = checkpoint.rows().processes().next().unwrap();
    let exe = root.path.unwrap();
    let of_exe = |m: &cryoscope::tables::Mapping| m.pid == root.pid && m.path == exe;
    assert!(
        checkpoint.rows().process_memory_map().any(|m| of_exe(&m) && m.offset == 0),
        "the first segment has its name"
    );
    assert!(checkpoint.rows().process_memory_map().any(|m| of_exe(&m) && m.offset != 0 && m.permissions == "r-xp"));
}

/// W28, W31: peers lose the order, lose duplicates, and give up at an entry without `=`.
#[test]
fn environments_are_lists_in_the_order_of_memory() {
    let mut members = reference();
    let variables: Vec<(String, Option<String>)> = members
        .open()
        .rows()
        .process_envs()
        .filter(|row| row.pid.0 == 1)
        .map(|row| (row.key.to_string(), row.value.map(|value| value.to_string())))
        .collect();
    let (name, value) = variables.iter().find(|(_, value)| value.as_ref().is_some_and(|v| v.len() > 12)).unwrap();
    let whole = format!("{name}={}", value.as_ref().unwrap());
    // Two variables of one name, the second without a value.
    let filler = "x".repeat(whole.len() - "A=1\0A=2\0A".len() - 1);
    members.overwrite("checkpoint/pages-2.img", whole.as_bytes(), format!("A=1\0A=2\0A\0{filler}").as_bytes());
    let rows: Vec<(String, Option<String>)> = members
        .open()
        .rows()
        .process_envs()
        .filter(|row| row.pid.0 == 1)
        .map(|row| (row.key.to_string(), row.value.map(|value| value.to_string())))
        .collect();
    let at = rows.iter().position(|(key, _)| key == "A").unwrap();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(rows[at..at + 3], [("A".to_owned(), some("1")), ("A".to_owned(), some("2")), ("A".to_owned(), None)]);
    assert_eq!(rows.len(), variables.len() + 3);
}

/// W30: peers print nothing or panic at trees that contradict themselves.
#[test]
fn no_tree_is_too_odd_to_show_its_processes() {
    let edited = |change: fn(&mut PstreeEntry)| {
        let mut members = reference();
        members.edit("checkpoint/pstree.img", |number, entry: &mut PstreeEntry| {
            if number == 1 {
                change(entry);
            }
        });
        let checkpoint = members.open();
        let pids: Vec<u32> = checkpoint.rows().processes().map(|p| p.pid.0).collect();
        (pids, codes(&checkpoint))
    };
    let (pids, warned) = edited(|entry| entry.ppid = Some(4711));
    assert_eq!(
        (pids.as_slice(), warned.contains(&Code::ProcessTree)),
        (&[1, 6][..], true),
        "a parent that is not there"
    );
    let (pids, warned) = edited(|entry| entry.ppid = Some(6));
    assert_eq!((pids.as_slice(), warned.contains(&Code::ProcessTree)), (&[1, 6][..], true), "its own parent");

    let mut without = reference();
    without.remove("checkpoint/pstree.img");
    let checkpoint = without.open();
    assert_eq!(checkpoint.rows().processes().map(|p| (p.pid.0, p.parent)).collect::<Vec<_>>(), [(1, None), (6, None)]);
    assert!(codes(&checkpoint).contains(&Code::ImageMissing));
}

/// W30: without the tree, images of threads are not taken for processes.
#[test]
fn threads_are_no_processes_where_the_tree_is_missing() {
    let mut members = crate::archives::Members::of(&fixtures::archives_of("criu-4.2-threads")[0]);
    let folder = members.0.iter().find_map(|m| m.name.strip_suffix("pstree.img").map(str::to_owned)).unwrap();
    let whole: Vec<u32> = members.open().rows().processes().map(|p| p.pid.0).collect();
    members.remove(&format!("{folder}pstree.img"));
    let checkpoint = members.open();
    assert_eq!(checkpoint.rows().processes().map(|p| p.pid.0).collect::<Vec<_>>(), whole);
    checkpoint.read_all();
    let warning = checkpoint.warnings().into_iter().find(|w| w.code == Code::ImageMissing).unwrap();
    assert!(warning.message.contains("more threads"), "{}", warning.message);
}
