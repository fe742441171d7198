//! `--root`: the container's image beside the archive. Code is compared with it, and what checkpoints leave out is filled in.

use std::fs;
use std::path::{Path, PathBuf};

use cryoscope::model::ids::Pid;
use cryoscope::{Checkpoint, Limits, RootImage};
use goblin::container::{Container, Ctx, Endian};
use goblin::elf::Elf;
use goblin::elf::header::{EM_X86_64, ET_EXEC, Header};
use goblin::elf::program_header::{PT_LOAD, ProgramHeader};
use goblin::elf::section_header::{SHT_STRTAB, SHT_SYMTAB, SectionHeader};
use goblin::elf::sym::Sym;
use scroll::{Cwrite as _, Pwrite as _};
use serde_json::Value;

use crate::archives::Members;
use crate::command::{Ran, cryoscope, run};
use crate::fixtures;

/// The program of the reference, its size, and where its page of code is: in memory and in the file.
const PROGRAM: &str = "tick";
const SIZE: usize = 8768;
const CODE: u64 = 0x40_1000;
const OFFSET: usize = 0x1000;
/// Where its function begins.
const FUNCTION: u64 = CODE + 0x100;

fn archive() -> PathBuf {
    fixtures::path("forms-reference/podman-runc.tar")
}

/// The program as the image has it: the page of code of the archive, and a table of symbols with one function.
fn program(change: impl Fn(&mut [u8])) -> Vec<u8> {
    let checkpoint = Checkpoint::open(archive()).unwrap();
    let page = checkpoint.memory().space_of(Pid(1)).unwrap().read(CODE, 4096).unwrap().into_owned();
    let context = Ctx::new(Container::Big, Endian::Little);
    let mut file = vec![0; SIZE];
    file[OFFSET..OFFSET + 4096].copy_from_slice(&page);
    change(&mut file[OFFSET..OFFSET + 4096]);
    let header = Header {
        e_type: ET_EXEC,
        e_machine: EM_X86_64,
        e_entry: CODE,
        e_phoff: 64,
        e_phnum: 1,
        e_shoff: 0x2080,
        e_shnum: 3,
        e_shstrndx: 2,
        ..Header::new(context)
    };
    file.as_mut_slice().cwrite_with(header, 0, context);
    let load = ProgramHeader {
        p_type: PT_LOAD,
        p_flags: 5,
        p_offset: OFFSET as u64,
        p_vaddr: CODE,
        p_filesz: 4096,
        p_memsz: 4096,
        ..ProgramHeader::new()
    };
    file.pwrite_with(load, 64, context).unwrap();
    let symbol = Sym { st_name: 1, st_info: 0x12, st_other: 0, st_shndx: 1, st_value: FUNCTION, st_size: 0x80 };
    file.pwrite_with(symbol, 0x2018, context).unwrap();
    file[0x2040..0x2050].copy_from_slice(b"\0count_the_ticks");
    let section = |sh_type, sh_offset, sh_size, sh_link, sh_entsize| SectionHeader {
        sh_type,
        sh_offset,
        sh_size,
        sh_link,
        sh_entsize,
        ..SectionHeader::new()
    };
    file.pwrite_with(section(SHT_SYMTAB, 0x2000, 48, 2, 24), 0x2080 + 64, context).unwrap();
    file.pwrite_with(section(SHT_STRTAB, 0x2040, 17, 0, 0), 0x2080 + 128, context).unwrap();
    file
}

/// A root file system with a program.
fn root(program: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(PROGRAM), program).unwrap();
    fs::create_dir(folder.path().join("etc")).unwrap();
    folder
}

fn findings(root: &Path) -> Vec<Value> {
    let ran =
        run([Path::new("scan"), &archive(), Path::new("--root"), root, Path::new("--format"), Path::new("ndjson")]);
    let rows = ran.out.lines().map(|line| serde_json::from_str(line).unwrap());
    rows.filter(|row: &Value| row["rule"] == "MEM-004" || row["rule"] == "FS-033").collect()
}

#[test]
fn patched_code_is_found_with_the_name_of_its_function_and_other_code_is_silent() {
    let same = root(&program(|_| ()));
    assert_eq!(findings(same.path()), Vec::<Value>::new());
    // What is now in memory differs from the image in five bytes: those of a jump.
    let patched = root(&program(|page| page[0x123..0x128].iter_mut().for_each(|byte| *byte ^= 0x5a)));
    let found = findings(patched.path());
    assert_eq!(found.len(), 1, "{found:#?}");
    let sentence = found[0]["sentence"].as_str().unwrap();
    assert!(sentence.contains("count_the_ticks+0x23") && sentence.contains("/tick"), "{sentence}");
    assert_eq!(found[0]["severity"], "high");
    assert_eq!(found[0]["also_pids"], serde_json::json!([6]), "the same in both processes");
}

#[test]
fn a_file_of_another_size_is_not_compared_page_by_page() {
    let mut other = program(|_| ());
    other.push(0);
    let root = root(&other);
    // Nothing fits: it is the image of something else.
    let ran = run(["scan", archive().to_str().unwrap(), "--root", root.path().to_str().unwrap()]);
    assert!(!ran.out.contains("MEM-004"), "{}", ran.out);
}

#[test]
fn a_core_is_complete_with_the_image() {
    let home = tempfile::tempdir().unwrap();
    let program = program(|_| ());
    let root = root(&program);
    let core = |more: &[&str]| {
        let name = home.path().join(format!("core-{}", more.len()));
        let mut command = cryoscope(home.path());
        command.args(["core", "--pid", "1", "-o"]).arg(&name).arg(archive()).args(more);
        assert_eq!(Ran::of(command.output().unwrap()).code, Some(0));
        fs::read(name).unwrap()
    };
    let there = |core: &[u8], address: u64| {
        let elf = Elf::parse(core).unwrap();
        let load = elf
            .program_headers
            .iter()
            .find(|load| load.p_type == PT_LOAD && (load.p_vaddr..load.p_vaddr + load.p_filesz).contains(&address))?;
        let at = usize::try_from(load.p_offset + address - load.p_vaddr).unwrap();
        Some(core[at..at + 16].to_vec())
    };
    let without = core(&[]);
    let with = core(&["--root", root.path().to_str().unwrap()]);
    assert_eq!((there(&without, 0x40_0000), there(&without, CODE).is_some()), (None, true));
    assert_eq!(there(&with, 0x40_0000).unwrap(), program[..16]);
    assert_eq!(there(&with, CODE), there(&without, CODE), "what was recorded counts");
}

#[test]
fn searches_find_what_only_the_image_has() {
    let root = root(&program(|_| ()));
    let search = |more: &[&str]| {
        let mut arguments = vec!["memparse", "--search-hex", "7f 45 4c 46 02 01 01", "--format", "ndjson"];
        let path = archive();
        arguments.push(path.to_str().unwrap());
        arguments.extend(more);
        let out = run(&arguments).out;
        let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        rows.iter().filter(|row| row["address"] == "0x400000").count()
    };
    assert_eq!(search(&[]), 0);
    assert_eq!(search(&["--root", root.path().to_str().unwrap()]), 2, "in both processes");
}

#[test]
fn an_imported_function_that_was_swapped_is_found_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let image = zstd::decode_all(fs::File::open(fixtures::path("scan/till/image.tar.zst")).unwrap()).unwrap();
    tar::Archive::new(image.as_slice()).unpack(folder.path()).unwrap();
    let found = |name: &str| -> Vec<Value> {
        let archive = fixtures::path("scan/till").join(name);
        let words = ["--rules", "MEM-037", "--format", "ndjson"].map(Path::new);
        let ran = run([Path::new("scan"), &archive, Path::new("--root"), folder.path()].into_iter().chain(words));
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(found("till-none.tar.zst"), Vec::<Value>::new());
    let swapped = found("till-swap.tar.zst");
    assert_eq!(swapped.len(), 1, "{swapped:#?}");
    let sentence = swapped[0]["sentence"].as_str().unwrap();
    assert!(sentence.contains("the function price leads to") && sentence.contains("(discount)"), "{sentence}");
    assert_eq!(swapped[0]["severity"], "high");
    // Without the image, the names of entries are not known.
    let archive = fixtures::path("scan/till/till-swap.tar.zst");
    let without = run([Path::new("scan"), &archive, Path::new("--rules"), Path::new("MEM-037")]);
    assert!(without.out.contains("No findings"), "{}", without.out);
}

/// A tar with these files; a name that ends with a slash is a directory.
fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o755);
        if name.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        }
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn layers_are_put_on_each_other() {
    let lower = tar_of(&[
        ("usr/", b""),
        ("usr/lib/", b""),
        ("usr/lib/a", b"old"),
        ("usr/lib/b", b"b"),
        ("gone/x", b"x"),
        ("gone/y", b"y"),
    ]);
    let upper = {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in
            [("usr/lib/a", &b"new"[..]), ("usr/lib/.wh.b", b""), ("gone/.wh..wh..opq", b""), ("gone/z", b"z")]
        {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, bytes).unwrap();
        }
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "lib", "/usr/lib").unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "out", "../../../etc/passwd").unwrap();
        tar.into_inner().unwrap()
    };
    let manifest = br#"[{"Config":"c.json","RepoTags":["x:1"],"Layers":["1/layer.tar","2/layer.tar"]}]"#;
    let image =
        tar_of(&[("manifest.json", manifest), ("c.json", b"{}"), ("1/layer.tar", &lower), ("2/layer.tar", &upper)]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    fs::write(&path, image).unwrap();
    let image = RootImage::open(&path, &Limits::default()).unwrap();
    let read = |path: &str| image.read(path.as_bytes(), 100).map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(read("/usr/lib/a").as_deref(), Some("new"));
    assert_eq!(read("/lib/a").as_deref(), Some("new"));
    assert_eq!(read("/gone/z").as_deref(), Some("z"));
    for path in ["/usr/lib/b", "/lib/b", "/gone/x", "/gone/y", "/out", "/usr/lib", "/usr/lib/.wh.b"] {
        assert_eq!(read(path), None, "{path}");
    }
    // The same as an OCI layout, in a directory, with a compressed layer.
    let blobs = folder.path().join("oci/blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(folder.path().join("oci/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(folder.path().join("oci/index.json"), r#"{"manifests":[{"digest":"sha256:m"}]}"#).unwrap();
    fs::write(blobs.join("m"), r#"{"layers":[{"digest":"sha256:1"},{"digest":"sha256:2"}]}"#).unwrap();
    fs::write(blobs.join("1"), zstd::encode_all(lower.as_slice(), 1).unwrap()).unwrap();
    fs::write(blobs.join("2"), &upper).unwrap();
    let image = RootImage::open(folder.path().join("oci"), &Limits::default()).unwrap();
    assert_eq!(image.read(b"/lib/a", 100).as_deref(), Some(&b"new"[..]));
    assert_eq!(image.read(b"/lib/b", 100), None);
    // What is no image says so.
    let none = folder.path().join("none.tar");
    fs::write(&none, tar_of(&[("empty/", b"")])).unwrap();
    let error = RootImage::open(&none, &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("not the image of a container"), "{error}");
}

/// The reference with a recorded change to its root file system: these files, and the deletion of one.
fn changed(files: &[(&str, u32, &[u8])], deleted: &str) -> Vec<u8> {
    let mut members = Members::of(&archive());
    let mut tar = tar::Builder::new(Vec::new());
    for (name, mode, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(*mode);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    members.set("rootfs-diff.tar", tar.into_inner().unwrap());
    members.set("deleted.files", serde_json::to_vec(&[deleted]).unwrap());
    members.tar()
}

#[test]
fn changed_files_are_compared_with_those_of_the_image() {
    let elf = program(|_| ());
    let root = root(&elf);
    let folder = root.path();
    fs::create_dir_all(folder.join("usr/bin")).unwrap();
    fs::create_dir_all(folder.join("tmp/.cache")).unwrap();
    for (name, bytes) in
        [("tmp/.cache/touched", &elf[..]), ("usr/bin/setuid", &elf), ("etc/motd", b"hello"), ("etc/gone", b"x")]
    {
        fs::write(folder.join(name), bytes).unwrap();
    }
    let files: [(&str, u32, &[u8]); 4] = [
        ("tmp/.cache/touched", 0o755, &elf),
        ("usr/bin/setuid", 0o4755, &elf),
        ("etc/motd", 0o644, b"HELLO"),
        ("usr/bin/fresh", 0o755, &elf),
    ];
    let home = tempfile::tempdir().unwrap();
    let made = home.path().join("made.tar");
    fs::write(&made, changed(&files, "etc/gone")).unwrap();
    let (made, folder) = (made.to_str().unwrap(), folder.to_str().unwrap());
    let rows = |arguments: &[&str]| -> Vec<Value> {
        let out = run(arguments.iter().chain(&["--format", "ndjson"])).out;
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = rows(&["table", "image_changes", made, "--root", folder]);
    let states: Vec<_> =
        all.iter().map(|row| (row["path"].as_str().unwrap(), row["state"].as_str().unwrap())).collect();
    assert_eq!(
        states,
        [
            ("/tmp/.cache/touched", "same"),
            ("/usr/bin/setuid", "same"),
            ("/etc/motd", "changed"),
            ("/usr/bin/fresh", "added"),
            ("/etc/gone", "deleted"),
        ]
    );
    assert_eq!(all[0]["sha256"], all[0]["sha256_in_image"]);
    assert!(all[2]["sha256"].is_string() && all[2]["sha256"] != all[2]["sha256_in_image"]);
    assert_eq!((&all[4]["size"], &all[4]["size_in_image"]), (&Value::Null, &Value::from(1)));
    assert_eq!(rows(&["query", made, "SELECT count(*) AS n FROM image_changes", "--root", folder])[0]["n"], 5);
    assert_eq!(rows(&["table", "image_changes", made]), Vec::<Value>::new());
    // What was only touched is no finding; a set-user-id bit is, whatever the contents.
    let paths = |more: &[&str]| -> Vec<String> {
        let found = rows(&[&["scan", made, "--rules", "FS"], more].concat());
        found.iter().filter_map(|row| row["path"].as_str().map(str::to_owned)).collect()
    };
    let (without, with) = (paths(&[]), paths(&["--root", folder]));
    let has = |paths: &[String], name: &str| paths.iter().any(|path| path == name);
    assert!(has(&without, "/tmp/.cache/touched") && !has(&with, "/tmp/.cache/touched"), "{without:?} {with:?}");
    assert!(has(&with, "/usr/bin/setuid"), "{with:?}");
}
