//! What an archive says of itself: engine, times, statistics, leftovers, forged members.

use std::collections::BTreeSet;

use cryoscope::images::proto::PagemapHead;
use cryoscope::{Checkpoint, Code};
use prost::Message;
use serde_json::Value;

use super::{codes, open, reference};
use crate::command::{run, run_with};
use crate::fixtures;

/// W26: peers call every engine that they do not know containerd. Here only the JSON for their scripts does, where an engine
/// wrote the archive.
#[test]
fn an_engine_that_is_not_known_is_not_containerd() {
    for (name, theirs) in [
        ("forms-bare/runc-images.tar", "unknown"),
        ("forms-kubernetes/crio-without-annotations.tar", "containerd"),
        ("malformed/spec-empty.tar.gz", "containerd"),
    ] {
        let archive = fixtures::path(name);
        assert_eq!(Checkpoint::open(&archive).unwrap().rows().container().engine, None, "{name}");
        let json = run(["inspect".as_ref(), "--format=checkpointctl-json".as_ref(), archive.as_os_str()]).json();
        assert_eq!(json[0]["engine"], theirs, "{name}");
        let screen = run(["inspect".as_ref(), archive.as_os_str()]).out;
        assert!(screen.contains("unknown"), "the screen says so: {screen}");
    }
    assert_eq!(open("containerd2-logs").rows().container().engine, Some("containerd"));
}

/// W24: peers never list the files that were deleted while they were open, and W59: nor what was in `/dev/shm` and other
/// file systems in memory. They are listed with hash and holders, and their bytes can be had.
#[test]
fn files_that_are_on_no_disk_are_listed_with_their_hashes() {
    let archive = fixtures::archive_of("webapp-compromise");
    let arguments = ["table".as_ref(), archive.as_os_str(), "recovered_files".as_ref(), "--format=json".as_ref()];
    let rows = run(arguments).json();
    let find = |path: &str| rows.as_array().unwrap().iter().find(|row| row["path"] == path).unwrap();
    let program = find("/tmp/.cache/.x/kdevtmpfsi");
    assert_eq!((&program["source"], &program["holders"][0]), (&"ghost".into(), &"15:exe".into()));
    // The program that runs from a memfd is the same, and lies in other images.
    let memfd = find("/memfd:");
    assert!(
        memfd["sha256"].is_string() && memfd["sha256"] == program["sha256"] && memfd["member"] != program["member"]
    );
    let lock = find("/dev/shm/.lck/pid");
    assert_eq!((&lock["member"], &lock["size"]), (&"devshm-checkpoint.tar".into(), &2.into()));
    assert!(find("/dev/null")["member"].as_str().unwrap().ends_with(".tar.gz.img"), "and what is in a tmpfs");
}

/// W27: peers print a missing time as the year 1, and times to the minute.
#[test]
fn times_that_are_not_known_are_not_the_year_one() {
    let bare = fixtures::path("forms-bare/runc-images.tar");
    let json = run(["show".as_ref(), "--format=json".as_ref(), bare.as_os_str()]).json();
    assert_eq!(json[0]["created"], Value::Null);
    let screens = [run(["show".as_ref(), bare.as_os_str()]).ok(), run(["inspect".as_ref(), bare.as_os_str()]).ok()];
    for screen in screens {
        assert!(!screen.contains("0001-01-01") && !screen.contains("01 Jan 01"), "{screen}");
    }
    let text = run(["show".as_ref(), fixtures::archive_of("tree").as_os_str()]).ok();
    assert!(text.contains("(UTC)") && text.contains("2026-11-23 11:26:28"), "to the second: {text}");
}

/// W57: peers leave the time of the checkpoint out where the engine did not write it down.
#[test]
fn the_time_of_the_checkpoint_is_found_and_its_source_is_named() {
    let container = open("forms-reference").rows().container();
    assert!(container.checkpointed.is_some());
    assert_eq!(container.checkpointed_from, Some("inventory"), "Podman's config.dump does not have it");
    assert_eq!(open("crio-logs").rows().container().checkpointed_from, Some("config.dump"));
    let mut members = reference();
    members.set("config.dump", br#"{"id":"1","name":"tick","checkpointedTime":"2026-01-02T03:04:05.5Z"}"#.as_slice());
    let container = members.open().rows().container();
    assert_eq!(container.checkpointed.unwrap().to_string(), "2026-01-02T03:04:05.5Z");
    assert_eq!(container.checkpointed_from, Some("config.dump"));
}

/// W55: peers show 6 of 13 counters.
#[test]
fn statistics_are_whole() {
    let rows = fixtures::rows_of(&open("memory"), &["statistics"]).remove("statistics").unwrap();
    let counters = [
        "freezing_us",
        "frozen_us",
        "memdump_us",
        "memwrite_us",
        "pages_scanned",
        "pages_skipped_parent",
        "pages_written",
        "pages_lazy",
        "page_pipes",
        "page_pipe_bufs",
        "shpages_scanned",
        "shpages_skipped_parent",
        "shpages_written",
    ];
    for counter in counters {
        assert!(rows[0][counter].is_u64(), "{counter} is {}", rows[0][counter]);
    }
    let screen = run(["inspect".as_ref(), "--stats".as_ref(), fixtures::archive_of("memory").as_os_str()]).ok();
    assert!(screen.contains("shared pages written"), "{screen}");
}

/// W56: engines reuse the image directory: images of dead processes travel along, and claim pages that are another's by now.
#[test]
fn images_of_an_earlier_dump_are_named_and_never_mixed_in() {
    let mut members = reference();
    let before: Vec<_> = members.open().rows().processes().map(|p| (p.pid, p.cmdline)).collect();
    for (from, to) in [("core-6", "core-99"), ("mm-6", "mm-99"), ("fs-6", "fs-99"), ("ids-6", "ids-99")] {
        let contents = members.get(&format!("checkpoint/{from}.img")).to_vec();
        members.set(&format!("checkpoint/{to}.img"), contents);
    }
    // Its pagemap names the pages of a process that lives.
    let pagemap = members.get("checkpoint/pagemap-6.img").to_vec();
    members.set("checkpoint/pagemap-99.img", pagemap);
    let checkpoint = members.open();
    assert_eq!(checkpoint.rows().processes().map(|p| (p.pid, p.cmdline)).collect::<Vec<_>>(), before);
    assert!(checkpoint.rows().process_memory_map().all(|m| m.pid.0 != 99));
    checkpoint.read_all();
    let orphans: BTreeSet<String> = checkpoint
        .warnings()
        .iter()
        .filter(|w| w.code == Code::ImageOrphaned)
        .map(|w| w.place.member.to_string())
        .collect();
    for image in ["core-99", "mm-99", "fs-99", "ids-99", "pagemap-99"] {
        assert!(orphans.contains(&format!("checkpoint/{image}.img")), "{image} is not named: {orphans:?}");
    }
    assert!(!checkpoint.is_partial(), "nothing is missing: leftovers are a note");
    let message = checkpoint.warnings().into_iter().find(|w| w.code == Code::ImageOrphaned).unwrap().message;
    assert!(message.contains("earlier dump") && message.contains("2026"), "with the time of the member: {message}");
}

/// W56: a pages image that two living processes claim goes to whom it fits, or to nobody.
#[test]
fn pages_are_never_attributed_twice() {
    let mut members = reference();
    members.parts("checkpoint/pagemap-6.img", |image| {
        image.records[0].0 = PagemapHead { pages_id: Some(2) }.encode_to_vec();
    });
    let checkpoint = members.open();
    assert!(codes(&checkpoint).contains(&Code::PagesShared));
    assert!(
        checkpoint.rows().processes().all(|p| p.argv.is_none()),
        "both have the size of the image, so nobody gets it"
    );
}

/// W39: peers take any member whose name has `config.dump` in it, and the last one wins.
#[test]
fn members_count_by_their_exact_names() {
    let forged = br#"{"id":"0000","name":"nothing-to-see-here","rootfsImageName":"busybox"}"#;
    let mut members = reference();
    members.set("rootfs/my-config.dump.txt", forged.as_slice());
    members.set("checkpoint-evil/config.dump", forged.as_slice());
    members.set("config.dump.d/config.dump", forged.as_slice());
    let checkpoint = members.open();
    assert_eq!(checkpoint.rows().container().name.unwrap(), "tick");
    assert!(!codes(&checkpoint).contains(&Code::MemberDuplicate));

    // A second member of the very name: as in tar the last counts, and it is said.
    let mut appended = members.tar();
    appended.truncate(appended.len() - 1024);
    let mut more = crate::archives::Members::default();
    more.set("config.dump", forged.as_slice());
    appended.extend(more.tar());
    let table = run_with(&appended, ["table", "-", "warnings", "--format", "ndjson"]);
    assert!(table.out.contains("\"member_duplicate\"") && table.out.contains("config.dump"), "{}", table.out);
    let shown = run_with(&appended, ["show", "-", "--format", "json"]).json();
    assert_eq!(shown[0]["name"], "nothing-to-see-here");
}

/// W60: a directory named as a document stops peers.
#[test]
fn a_member_that_resembles_a_name_stops_nothing() {
    let mut tar = tar::Builder::new(Vec::new());
    let mut directory = tar::Header::new_gnu();
    directory.set_entry_type(tar::EntryType::Directory);
    directory.set_mode(0o755);
    directory.set_size(0);
    tar.append_data(&mut directory, "config.dump.d/", std::io::empty()).unwrap();
    let mut archive = tar.into_inner().unwrap();
    archive.truncate(archive.len() - 1024);
    archive.extend(reference().tar());
    let ran = run_with(&archive, ["show", "-", "--format", "json"]);
    assert_eq!((ran.code, &ran.json()[0]["name"]), (Some(0), &Value::from("tick")));
}
