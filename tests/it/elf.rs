//! ELF images: the tables `elf_files` and `modules`, and `extract --what elf`. Other programs say whether they are right.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::archives::Members;
use crate::command::{Ran, cryoscope, run};
use crate::fixtures;
use crate::programs;

/// The rows of a table of an archive.
fn rows(archive: &Path, table: &str) -> Vec<Value> {
    let ran = run([Path::new("table"), archive, Path::new(table), Path::new("--format"), Path::new("ndjson")]);
    let out = ran.ok();
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text<'v>(row: &'v Value, column: &str) -> &'v str {
    row[column].as_str().unwrap_or_default()
}

/// Real programs and libraries of this machine, none of them large.
fn real_files(most: usize) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in ["/usr/bin", "/usr/sbin", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let mut of_folder = 0;
        for path in paths {
            let is_small = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() < 200_000);
            if !is_small || found.len() >= most || of_folder >= most / 2 {
                continue;
            }
            let bytes = fs::read(&path).unwrap_or_default();
            if bytes.starts_with(b"\x7fELF") {
                of_folder += 1;
                found.push((path.to_str().unwrap().trim_start_matches('/').to_owned(), bytes));
            }
        }
    }
    found
}

/// The reference archive with changed files.
fn with_files(files: &[(String, Vec<u8>)]) -> (tempfile::TempDir, std::path::PathBuf) {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o755);
        tar.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    members.set("rootfs-diff.tar", tar.into_inner().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.tar");
    fs::write(&archive, members.tar()).unwrap();
    (folder, archive)
}

fn readelf(arguments: &[&str], path: &Path) -> (String, String) {
    let ran = Command::new("readelf").args(arguments).arg(path).env("LC_ALL", "C").output().unwrap();
    (String::from_utf8_lossy(&ran.stdout).into_owned(), String::from_utf8_lossy(&ran.stderr).into_owned())
}

/// The word after some text on a line.
fn after<'t>(out: &'t str, before: &str) -> Option<&'t str> {
    out.lines().find_map(|line| Some(line.trim().strip_prefix(before)?.trim()))
}

#[test]
fn elf_files_say_what_readelf_says() {
    if !programs::runs("readelf", &["--version"]) {
        return;
    }
    let files = real_files(50);
    assert!(files.len() >= 20, "this machine has programs");
    let (_folder, archive) = with_files(&files);
    let rows: Vec<Value> = rows(&archive, "elf_files").into_iter().filter(|row| row["source"] == "rootfs").collect();
    assert_eq!(rows.len(), files.len());
    for (row, (name, bytes)) in rows.iter().zip(&files) {
        assert_eq!(text(row, "path"), format!("/{name}"));
        assert_eq!(row["fault"], Value::Null, "{name}");
        let (out, _) = readelf(&["-h", "-l", "-d", "-n", "--dyn-syms", "-S", "-W"], Path::new(&format!("/{name}")));
        let word = |before: &str| after(&out, before);
        let hex = |before: &str| word(before).map(str::to_owned);
        assert_eq!(row["entry"].as_str().map(str::to_owned), hex("Entry point address:"), "{name}");
        let sections: Option<u64> = word("Number of section headers:").and_then(|word| word.parse().ok());
        assert_eq!(row["sections"].as_u64(), sections, "{name}");
        let build_id = out.split_once("Build ID: ").and_then(|(_, rest)| rest.split_whitespace().next());
        assert_eq!(row["build_id"].as_str(), build_id, "{name}");
        let needed = |tag: &str| -> Vec<String> {
            let lines = out.lines().filter(|line| line.contains(tag));
            lines.filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned())).collect()
        };
        let listed: Vec<String> =
            row["needed"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        assert_eq!(listed, needed("(NEEDED)"), "{name}");
        assert_eq!(row["soname"].as_str().map(str::to_owned), needed("(SONAME)").pop(), "{name}");
        let interpreter =
            out.split_once("Requesting program interpreter: ").and_then(|(_, rest)| rest.split(']').next());
        assert_eq!(row["interpreter"].as_str(), interpreter, "{name}");
        assert_eq!(row["stripped"].as_bool(), Some(!out.contains(" SYMTAB ")), "{name}");
        // Number: value, size, type, binding, visibility, section, name.
        let symbols: Vec<Vec<&str>> = out
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|line| {
                line.len() >= 8 && line[0].ends_with(':') && line[0].trim_end_matches(':').parse::<u32>().is_ok()
            })
            .collect();
        let imports = symbols.iter().filter(|line| line[6] == "UND").count();
        let exports = symbols.iter().filter(|line| {
            line[6] != "UND"
                && matches!(line[4], "GLOBAL" | "WEAK" | "UNIQUE")
                && matches!(line[5], "DEFAULT" | "PROTECTED")
        });
        assert_eq!(row["imports"].as_u64().unwrap_or(0), imports as u64, "{name}");
        assert_eq!(row["exports"].as_u64().unwrap_or(0), exports.count() as u64, "{name}");
        let names: BTreeSet<&str> = symbols.iter().map(|line| line[7].split('@').next().unwrap()).collect();
        for import in row["import_names"].as_array().unwrap() {
            assert!(names.contains(import.as_str().unwrap()), "{name}: {import}");
        }
        assert_eq!(row["size"].as_u64(), Some(bytes.len() as u64));
        assert_eq!(row["overlay"].as_u64(), Some(0), "{name}");
    }
}

#[test]
fn images_in_memory_are_those_that_were_put_there() {
    let archive = fixtures::archive_of("webapp-compromise");
    let rows = rows(&archive, "elf_files");
    let hash_of = |path: &str| text(rows.iter().find(|row| text(row, "path") == path).unwrap(), "sha256").to_owned();
    let memory: Vec<&Value> = rows.iter().filter(|row| row["source"] == "memory").collect();
    let seen: Vec<(u64, &str)> = memory.iter().map(|row| (row["pid"].as_u64().unwrap(), text(row, "header"))).collect();
    assert_eq!(seen, [(6, "wiped"), (6, "whole")]);
    // Both are the miner; the header that was wiped is rebuilt to the last byte.
    for row in &memory {
        assert_eq!(text(row, "sha256"), hash_of("/tmp/.cache/.x/xmrig"), "{row}");
    }
    let idle = hash_of("/tmp/.cache/.x/kw");
    for source in ["memfd", "ghost"] {
        let row = rows.iter().find(|row| row["source"] == source).unwrap();
        assert_eq!(text(row, "sha256"), idle, "{source}");
        assert_eq!(row["static"], true);
    }
    let hook = rows.iter().find(|row| text(row, "path").ends_with("libhook.so")).unwrap();
    assert_eq!(hook["abilities"], serde_json::json!(["hooks"]));
    assert_eq!(hook["pids"], serde_json::json!([22]));
    let libc = rows.iter().find(|row| text(row, "path").ends_with("/libc.so.6")).unwrap();
    assert_eq!((text(libc, "source"), &libc["sha256"]), ("mapped", &Value::Null));
    assert_eq!(text(libc, "missing_reason"), "file-backed, not in the archive");
    assert!(libc["pids"].as_array().unwrap().len() > 5 && text(libc, "build_id").len() == 40, "{libc}");
}

#[test]
fn carved_images_are_files_that_readelf_takes() {
    let has_readelf = programs::runs("readelf", &["--version"]);
    let archive = fixtures::archive_of("webapp-compromise");
    let home = tempfile::tempdir().unwrap();
    let ran = Ran::of(
        cryoscope(home.path()).args(["extract", "--what", "elf,rootfs", "-o", "out"]).arg(&archive).output().unwrap(),
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let manifest = fs::read_to_string(home.path().join("out/manifest.ndjson")).unwrap();
    let lines: Vec<Value> = manifest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let miner = lines.iter().find(|row| text(row, "path") == "/tmp/.cache/.x/xmrig").unwrap();
    let images: Vec<&Value> = lines.iter().filter(|row| row["what"] == "elf" && !row["file"].is_null()).collect();
    let whole: Vec<&&Value> = images.iter().filter(|row| row["state"] == "written").collect();
    assert_eq!(whole.len(), 2, "{whole:#?}");
    for row in &whole {
        assert_eq!(row["sha256"], miner["sha256"], "{row}");
    }
    assert!(images.len() > 20, "changed pages of mapped files");
    for row in images.iter().filter(|_| has_readelf) {
        let (_, wrong) = readelf(&["-a", "-W"], &home.path().join("out").join(text(row, "file")));
        assert_eq!(wrong, "", "{row}");
    }
}

#[test]
fn modules_are_what_the_loader_says() {
    let rows = rows(&fixtures::archive_of("webapp-compromise"), "modules");
    let of = |pid: u64| rows.iter().filter(move |row| row["pid"] == pid);
    for (pid, most) in [(1, 15), (22, 5), (35, 4)] {
        assert!(of(pid).count() >= most, "{pid} {}", of(pid).count());
        assert!(
            of(pid).all(|row| row["state"] == "both" && row["reason"].is_null()),
            "{:#?}",
            of(pid).collect::<Vec<_>>()
        );
    }
    let hook = of(22).find(|row| text(row, "name").ends_with("libhook.so")).unwrap();
    assert_eq!(text(hook, "path"), "/tmp/.cache/.x/libhook.so");
    // The program that runs from a memfd is static.
    assert!(of(13).all(|row| row["state"].is_null() && text(row, "reason").contains("static")));
    // What was injected is in no list.
    let hidden: Vec<&Value> = of(6).filter(|row| row["state"] != "both").collect();
    assert!(!hidden.is_empty() && hidden.iter().all(|row| row["state"] == "hidden"), "{hidden:#?}");
}
