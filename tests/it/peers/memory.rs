//! Memory: what today's tools miss, misread or hide.

use serde_json::Value;

use crate::archives::Members;
use crate::command::{Ran, run};
use crate::fixtures;

const TICK: &str = "forms-reference/podman-runc.tar";

fn memparse(archive: &str, arguments: &[&str]) -> Ran {
    let path = fixtures::path(archive);
    let mut all = vec!["memparse", path.to_str().unwrap()];
    all.extend(arguments);
    run(all)
}

fn rows(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Process and address of each match.
fn places(archive: &str, arguments: &[&str]) -> Vec<(u64, String)> {
    let mut all = arguments.to_vec();
    all.extend(["--format", "ndjson"]);
    let place = |row: &Value| (row["pid"].as_u64().unwrap(), row["address"].as_str().unwrap().to_owned());
    rows(&memparse(archive, &all)).iter().map(place).collect()
}

/// W1, W2: peers read one of the two generations of page counts, and find nothing in archives of the other.
#[test]
fn page_counts_of_both_generations_are_read() {
    let old = places(TICK, &["--search", "cryoscope needle"]);
    assert_eq!(old.len(), 24);
    assert_eq!(places("forms-memory/nr-pages-4.2.tar.gz", &["--search", "cryoscope needle"]), old);
    let sizes = |archive| {
        let mut rows = memparse(archive, &["--format", "json"]).json();
        for row in rows.as_array_mut().unwrap() {
            row.as_object_mut().unwrap().remove("archive").unwrap();
        }
        rows
    };
    assert_eq!(sizes("forms-memory/nr-pages-4.2.tar.gz"), sizes(TICK));
}

/// W3, W4: peers count pages that are in the parent, or lazy, as if they were in the file, and read others in their place.
#[test]
fn pages_that_are_elsewhere_shift_no_others() {
    let all = places(TICK, &["--search", "cryoscope needle"]);
    let here = places("forms-memory/chain-final.tar.gz", &["--search", "cryoscope needle"]);
    assert!(!here.is_empty() && here.len() < all.len() && here.iter().all(|place| all.contains(place)));
    let ran = memparse("forms-memory/chain-final.tar.gz", &["--search", "cryoscope needle"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("pages are in a parent dump"), "{}", ran.err);
    let lazy = memparse("forms-memory/lazy.tar.gz", &[]);
    assert!(lazy.err.contains("pages stayed in the frozen processes") && lazy.code == Some(3), "{}", lazy.err);
    let parent = fixtures::path("forms-memory/chain-pre.tar.gz");
    let with_parent = ["--search", "cryoscope needle", "--parent", parent.to_str().unwrap()];
    assert_eq!(places("forms-memory/chain-final.tar.gz", &with_parent), all, "a parent in another archive is followed");
}

/// W5: peers hide rows of a hexdump whose bytes differ but look alike.
#[test]
fn a_hexdump_hides_only_equal_rows() {
    let range = ["--pid", "1", "--range", "0x7f722c505000-0x7f722c506000", "--hexdump"];
    let squeezed = memparse(TICK, &range);
    let whole = memparse(TICK, &[&range[..], &["--no-squeeze"]].concat());
    let rows: Vec<&str> = whole.out.lines().filter(|line| line.contains('|')).collect();
    assert_eq!(rows.len(), 256);
    // What is left out of the short one is equal to the row before it in the whole one.
    let shown: Vec<&str> = squeezed.out.lines().filter(|line| line.contains('|')).collect();
    for pair in rows.windows(2).filter(|pair| !shown.contains(&pair[1])) {
        assert_eq!(pair[0][18..], pair[1][18..]);
    }
}

/// W6, W7: peers lose matches across their buffers of 10 MiB, and across two entries of a pagemap.
#[test]
fn matches_across_pages_entries_and_buffers_are_found() {
    // Across a page, a mebibyte, seven mebibytes, a seam of mappings, and two views of one shared object.
    for (hex, address) in [
        ("f313334387e1dddd139f3d3fe399df2dd5839b23", "0x200000000ff3"),
        ("8f7f71cfb3a9d9c3dfdba51149f9d5895d994991", "0x2000100ffffb"),
        ("ef5173f5ef5b0bef8fb195c7b1b195610d454b33", "0x2000106fffe1"),
        ("a1df37152b9593157be5eb151701cb55196fb9cf", "0x200000100ff8"),
        ("1bcd1155f18bad9be5475dcb6d61d121a56b6935", "0x200040000ff6"),
    ] {
        let expected = [(1, address.to_owned()), (7, address.to_owned())];
        assert_eq!(places("memory/memory.tar.zst", &["--search-hex", hex]), expected, "{hex}");
    }
    let needle = ["--search", "cryoscope needle"];
    assert_eq!(places("forms-memory/one-page-entries.tar.gz", &needle), places(TICK, &needle));
}

/// W8: peers replace bytes before they match, so that `?` finds what it should not, and text beyond ASCII is never found.
#[test]
fn bytes_are_matched_as_they_are() {
    let none = memparse(TICK, &["--search", "cryoscope?needle"]);
    assert_eq!((none.code, none.out.lines().count()), (Some(1), 0), "a question mark is a question mark");
    assert!(!places(TICK, &["--search-regex", r"cryoscope\x20needle"]).is_empty());
    assert!(!places(TICK, &["--search-hex", "7f 45 4c 46"]).is_empty(), "an ELF header");
    let any_case = places(TICK, &["-i", "--search", "CRYOSCOPE NEEDLE"]);
    assert_eq!(any_case, places(TICK, &["--search", "cryoscope needle"]));
}

/// W9: peers search one process of one archive.
#[test]
fn all_processes_are_searched_unless_some_are_named() {
    let pids = |arguments: &[&str]| {
        let mut pids: Vec<u64> = places(TICK, arguments).into_iter().map(|place| place.0).collect();
        pids.dedup();
        pids
    };
    assert_eq!(pids(&["--search", "cryoscope needle"]), [1, 6]);
    assert_eq!(pids(&["--search", "cryoscope needle", "--pid", "6"]), [6]);
    assert_eq!(pids(&["--search", "cryoscope needle", "--name", "tic*"]), [1]);
}

/// W10: peers tell an address and nothing else.
#[test]
fn matches_tell_where_they_are() {
    let ran = memparse(TICK, &["--search", "cryoscope needle 0", "--pid", "1", "--format", "ndjson"]);
    let rows = rows(&ran);
    let of = |row: &Value| {
        ["permissions", "kind", "image", "offset", "shared_id"]
            .map(|key| row[key].to_string().replace('"', ""))
            .join(" ")
    };
    let expected =
        ["rw-p anonymous checkpoint/pages-2.img 8256 null", "rw-s shared_anonymous checkpoint/pages-1.img 64 2055"];
    assert_eq!(rows.iter().map(of).collect::<Vec<_>>(), expected);
    assert_eq!(rows[1]["shared_with"], serde_json::json!([6]));
}

/// W11: peers search no shared memory, no memfds, no files, no queues.
#[test]
fn everything_that_is_bytes_is_searched() {
    for (what, hex) in [
        ("System V", "91efe78979e7673ba57f1ddf95d319dd"),
        ("memfd", "772d7ff313bbcdad7917ed9759bd015f"),
        ("/dev/zero", "fdcbcba92307ed398fcd77c9812fc9fb"),
    ] {
        assert!(places("memory/memory.tar.zst", &["--search-hex", hex]).len() >= 2, "{what}");
    }
    let webapp = "webapp-compromise/webapp-compromise.tar.zst";
    let ran = memparse(webapp, &["--search", "root:x:0:0", "--everywhere", "--format", "ndjson"]);
    let paths: Vec<String> = rows(&ran).iter().map(|row| row["path"].as_str().unwrap_or_default().to_owned()).collect();
    assert!(paths.iter().any(|path| path == "rootfs-diff.tar: etc/passwd"), "{paths:?}");
    let ran = memparse(TICK, &["--search", "localhost/tick:1", "--everywhere", "--format", "ndjson"]);
    assert!(rows(&ran).iter().any(|row| row["image"] == "config.dump" && row["kind"] == "file"));
}

/// W13: peers read no compressed pages.
#[test]
fn compressed_pages_are_searched() {
    let needle = ["--search", "cryoscope needle"];
    for form in ["lz4-pages", "lz4-regions"] {
        assert_eq!(places(&format!("forms-memory/{form}.tar.gz"), &needle), places(TICK, &needle));
    }
}

/// W15: peers look at the root's state when they dump a zombie.
#[test]
fn a_zombie_has_no_memory_and_that_is_said() {
    let ran = memparse("tree/tree.tar.zst", &["--pid", "17", "--hexdump"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("17") && ran.err.contains("zombie") && ran.err.contains("no memory"), "{}", ran.err);
}

/// W16: peers have no strings, no raw dump, no filters.
#[test]
fn strings_dumps_and_filters() {
    let ran = memparse(TICK, &["--strings", "--format", "ndjson", "--kind", "stack"]);
    let rows = rows(&ran);
    assert!(rows.iter().any(|row| row["text"].as_str().unwrap().starts_with("PATH=")), "the environment");
    assert!(rows.iter().all(|row| row["kind"] == "stack"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    let dump = ["--pid", "1", "--range", "0x7f722c505000-0x7f722c507000", "--dump"];
    assert_eq!(memparse(TICK, &[&dump[..], &[file.to_str().unwrap()]].concat()).code, Some(0));
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!(bytes.len(), 0x2000);
    assert!(bytes[0x40..].starts_with(b"cryoscope needle 0"));
    let index = std::fs::read_to_string(folder.path().join("dump.index.ndjson")).unwrap();
    let first: Value = serde_json::from_str(index.lines().next().unwrap()).unwrap();
    assert_eq!((&first["address"], &first["state"]), (&"0x7f722c505000".into(), &"recorded".into()));
    // By permissions: code is in the kernel's page and in pages that were written.
    let maps = memparse(TICK, &["--by", "class", "--format", "json"]).json();
    assert!(maps.as_array().unwrap().iter().any(|row| row["class"] == "vdso" && row["recorded_bytes"] != 0));
}

/// W51: peers' hexdump of a process grows to gigabytes and takes minutes. All rows are there, in order.
#[test]
fn a_hexdump_is_whole() {
    let ran = memparse(TICK, &["--pid", "1", "--no-squeeze", "--hexdump"]);
    let sizes = memparse(TICK, &["--pid", "1", "--format", "json"]).json();
    let rows: Vec<&str> = ran.out.lines().filter(|line| line.ends_with('|')).collect();
    assert_eq!(u64::try_from(rows.len()).unwrap() * 16, sizes[0]["recorded_bytes"].as_u64().unwrap());
    assert!(rows.is_sorted());
    assert!(ran.out.contains("missing: file-backed, not in the archive"));
}

/// W61: peers print a row for every byte where an expression matches the empty text.
#[test]
fn empty_matches_are_no_matches() {
    let ran = memparse(TICK, &["--search-regex", "(cryoscope needle)?", "--format", "ndjson"]);
    assert_eq!(rows(&ran).len(), 24);
    let limited = memparse(TICK, &["--search-regex", "[a-z]", "--max-matches", "5", "--format", "ndjson"]);
    assert_eq!((rows(&limited).len(), limited.code), (5, Some(3)));
    assert!(limited.err.contains("--max-matches"), "{}", limited.err);
}

/// W12: peers take the page size of the machine that they run on. Here it is that of the dump, whatever runs this test.
#[test]
fn the_page_size_is_that_of_the_dump() {
    use cryoscope::images::proto::{CoreEntry, MmEntry, PagemapEntry, PagemapHead, VmaEntry};
    use prost::Message;

    const PAGE: u64 = 65536;
    const AT_PAGESZ: u64 = 6;
    let mut members = Members::of(&fixtures::path(TICK));
    for pid in [1, 6] {
        members.edit::<CoreEntry>(&format!("checkpoint/core-{pid}.img"), |_, core| {
            core.thread_info = None;
            core.mtype = Some(cryoscope::images::proto::core_entry::March::Aarch64.into());
        });
        members.edit::<MmEntry>(&format!("checkpoint/mm-{pid}.img"), |_, mm| {
            for pair in mm.mm_saved_auxv.chunks_mut(2).filter(|pair| pair[0] == AT_PAGESZ) {
                pair[1] = PAGE;
            }
            let (start, end) = (Some(16 * PAGE), Some(18 * PAGE));
            mm.vmas = vec![VmaEntry {
                start,
                end,
                status: Some(0x201),
                flags: Some(0x22),
                prot: Some(3),
                ..Default::default()
            }];
        });
    }
    members.parts("checkpoint/pagemap-1.img", |image| {
        let head = PagemapHead { pages_id: Some(901) };
        let entry = PagemapEntry { vaddr: Some(16 * PAGE), nr_pages: Some(2), flags: Some(4), ..Default::default() };
        image.records = vec![(head.encode_to_vec(), Vec::new()), (entry.encode_to_vec(), Vec::new())];
    });
    let mut pages = vec![0; 2 * 65536];
    pages[65530..65536 + 6].copy_from_slice(b"large needle");
    members.set("checkpoint/pages-901.img", pages);
    let archive = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(archive.path(), members.tar()).unwrap();
    let ran = run(["memparse", archive.path().to_str().unwrap(), "--search", "large needle", "--format", "ndjson"]);
    let expected = format!("{:#x}", 16 * PAGE + 65530);
    assert_eq!(rows(&ran)[0]["address"], expected, "{}", ran.err);
}

/// What was asked wrongly is said in a sentence, before anything is read.
#[test]
fn wrong_questions_get_an_answer() {
    for (arguments, says) in [
        (&["--search-regex", "("][..], "not a regular expression"),
        (&["--search-regex", ""], "empty"),
        (&["--search-hex", "4"], "one digit"),
        (&["--search-hex", "0x4142"], "without 0x"),
        (&["--search", ""], "nothing to search for"),
        (&["--search", "x", "--pid", "4711"], "the pids are 1, 6"),
        (&["--search", "x", "--kind", "hep"], "choose from heap"),
        (&["--search", "x", "--range", "2000-1000"], "ends before it begins"),
        (&["--search", "x", "--prot", "q"], "rwx"),
        (&["--search", "x", "--name", "nobody"], "no running process is named"),
        (&["--search", "x", "--hexdump"], "cannot be combined"),
        (&["--hexdump", "--format", "json"], "--dump"),
        (&["--count"], "--search"),
        (&["--patterns", "/nowhere"], "cannot read patterns"),
        (&["--dump", "-"], "one process"),
    ] {
        let ran = memparse(TICK, arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?} {}", ran.err);
        assert!(ran.err.contains(says) && ran.err.lines().count() == 1, "{arguments:?}: {}", ran.err);
    }
}

/// A dump replaces nothing unless it is told to, and leaves nothing behind if it cannot be whole.
#[test]
fn dumps_overwrite_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    std::fs::write(&file, "evidence").unwrap();
    let dump = ["--pid", "1", "--kind", "stack", "--dump", file.to_str().unwrap()];
    let ran = memparse(TICK, &dump);
    assert!(ran.code == Some(2) && ran.err.contains("--force"), "{}", ran.err);
    assert_eq!(std::fs::read(&file).unwrap(), b"evidence");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no index, no half file");
    assert_eq!(memparse(TICK, &[&dump[..], &["--force"]].concat()).code, Some(0));
    assert_ne!(std::fs::read(&file).unwrap(), b"evidence");
}

/// Exit codes: found, not found.
#[test]
fn nothing_found_is_an_answer() {
    assert_eq!(memparse(TICK, &["--search", "cryoscope needle"]).code, Some(0));
    let none = memparse(TICK, &["--search", "surely not there"]);
    assert_eq!(none.code, Some(1));
    assert!(none.err.contains("no match for \"surely not there\""), "{}", none.err);
}
