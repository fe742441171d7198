//! The view of `/proc` as programs meet it: with links, bound over `/proc`. What works is listed in `docs/proc.md`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::command::cryoscope;
use crate::fixtures;

/// Extracts the view of a case into a folder.
fn extracted(case: &str, folder: &Path, flags: &[&str]) {
    let archive = fixtures::archive_of(case);
    let mut command = cryoscope(folder);
    command.args(["extract".as_ref(), archive.as_os_str()]).args(["--what", "proc", "-o", "view"]).args(flags);
    let ran = command.current_dir(folder).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// Says what was not tried.
#[allow(clippy::print_stdout, reason = "who runs the tests should know")]
fn skipped(what: &str) {
    println!("skipped: {what}");
}

/// Runs a program with the view in the place of `/proc`, as the first process of its pid namespace; `None`, and a word on
/// the screen, where that cannot be done.
fn with_view(view: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    let run = |command: &str, arguments: &[&str]| {
        let script = "mount --bind \"$0\" /proc && exec \"$@\"";
        let mut bound = Command::new("unshare");
        bound.args(["--mount", "--pid", "--fork", "sh", "-c", script]).arg(view).arg(command).args(arguments);
        bound.stdin(Stdio::null()).env("LC_ALL", "C").env("COLUMNS", "200").env("TZ", "UTC").output()
    };
    if !run("true", &[]).is_ok_and(|ran| ran.status.success()) {
        skipped(&format!("{program}, because nothing can be mounted here"));
        return None;
    }
    let found = Command::new("sh").args(["-c", "command -v \"$0\""]).arg(program).output().unwrap();
    if !found.status.success() {
        skipped(&format!("{program} is not installed"));
        return None;
    }
    let ran = run(program, arguments).unwrap();
    Some(String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr))
}

#[test]
fn programs_work_on_the_view() {
    let place = tempfile::tempdir().unwrap();
    extracted("webapp-compromise", place.path(), &["--links"]);
    let view = place.path().join("view/proc");
    let cases: [(&str, &[&str], &[&str]); 9] = [
        ("ps", &["aux"], &["python3 implant.py 203.0.113.66 8443", "./xmrig --donate-level 1"]),
        ("ps", &["-eLf"], &["sh /tmp/.cache/.x/run.sh", "sshd: [accepted]"]),
        ("pstree", &["-pa"], &["python3,1 /srv/shop/app.py", "`-bash,35"]),
        ("pgrep", &["-a", "xmrig"], &["21 ./xmrig --donate-level 1"]),
        ("top", &["-b", "-n1", "-w200"], &["14 total", "xmrig"]),
        ("lsof", &["-w", "-n", "-p", "23"], &["/tmp/.cache/.x", "/var/log/.journal-cache (deleted)", "rtd"]),
        ("netstat", &["-anp"], &["10.20.30.40:40968", "23/python3", "1/python3", "/tmp/.cache/.x/ctl.sock"]),
        ("pwdx", &["23"], &["23: /tmp/.cache/.x"]),
        ("free", &[], &["Mem:"]),
    ];
    for (program, arguments, expected) in cases {
        let Some(printed) = with_view(&view, program, arguments) else { continue };
        for text in expected {
            assert!(printed.contains(text), "{program} {arguments:?} does not say {text:?}:\n{printed}");
        }
    }
    let script = "import psutil\n\
                  p = psutil.Process(23)\n\
                  print(p.name(), p.cmdline(), p.exe(), p.cwd(), p.ppid(), p.num_fds(), p.environ()['HOSTNAME'])\n\
                  print([c.raddr for c in p.net_connections()], len(psutil.pids()))\n\
                  print(sorted((c.pid, c.status) for c in psutil.net_connections('tcp')))\n";
    if !Command::new("python3").args(["-c", "import psutil"]).output().is_ok_and(|ran| ran.status.success()) {
        skipped("psutil is not installed");
    } else if let Some(printed) = with_view(&view, "python3", &["-c", script]) {
        for text in ["/usr/bin/python3.13", "'implant.py'", "ip='203.0.113.66', port=8443", "(1, 'LISTEN')", "] 14"] {
            assert!(printed.contains(text), "psutil does not say {text:?}:\n{printed}");
        }
    }
}

/// What a path of the view is: contents, or the text of a link.
fn entries(view: &Path) -> BTreeMap<String, (bool, Vec<u8>)> {
    let mut entries = BTreeMap::new();
    let mut folders = vec![view.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(view).unwrap().to_str().unwrap().to_owned();
            if is.is_dir() {
                folders.push(path);
            } else if is.is_symlink() {
                let text = fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes();
                entries.insert(name, (true, text));
            } else {
                entries.insert(name, (false, fs::read(&path).unwrap()));
            }
        }
    }
    entries
}

#[test]
fn links_are_made_only_when_they_are_asked_for_and_say_the_same() {
    let (plain, linked) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    extracted("webapp-compromise", plain.path(), &[]);
    extracted("webapp-compromise", linked.path(), &["--links"]);
    let of = |place: &tempfile::TempDir| entries(&place.path().join("view/proc"));
    let (plain, linked) = (of(&plain), of(&linked));
    assert!(plain.values().all(|(link, _)| !link), "links without being asked for");
    let is_link = |name: &str| {
        let last = name.rsplit('/').next().unwrap();
        ["self", "mounts", "net"].contains(&name) || ["cwd", "exe", "root"].contains(&last) || name.contains("/fd/")
    };
    assert_eq!(plain.len(), linked.len());
    for (name, (link, text)) in &linked {
        assert_eq!((*link, text), (is_link(name), &plain[name].1), "{name}");
    }
    assert_eq!(linked["23/fd/8"].1, b"/var/log/.journal-cache (deleted)");
    assert_eq!((&linked["self"].1[..], &linked["net"].1[..]), (&b"1"[..], &b"self/net"[..]));
}

/// Nothing is written through a link that is there, of an extraction before or of somebody else.
#[test]
fn links_are_replaced_and_never_followed() {
    let place = tempfile::tempdir().unwrap();
    let (victim, view) = (place.path().join("victim"), place.path().join("view/proc"));
    fs::write(&victim, "mine").unwrap();
    extracted("tree", place.path(), &["--links"]);
    for name in ["1/comm", "1/cwd", "uptime"] {
        fs::remove_file(view.join(name)).unwrap();
        symlink(&victim, view.join(name)).unwrap();
    }
    extracted("tree", place.path(), &["--links", "--force"]);
    extracted("tree", place.path(), &["--force"]);
    assert_eq!(fs::read(&victim).unwrap(), b"mine");
    assert!(fs::symlink_metadata(view.join("1/comm")).unwrap().is_file());
    assert_eq!(fs::read(view.join("1/cwd")).unwrap(), b"/");
}

#[test]
fn files_of_the_system_say_what_is_known() {
    let place = tempfile::tempdir().unwrap();
    extracted("webapp-compromise", place.path(), &[]);
    let read = |name: &str| fs::read_to_string(place.path().join("view/proc").join(name)).unwrap();
    // The clock since the kernel started is in the image of the time namespace; the dump's moment less that is the start.
    assert_eq!(read("uptime"), "4680.26 0.00\n");
    assert!(read("stat").contains("\nbtime 1795427676\n") && read("stat").starts_with("cpu  0 0 "), "{}", read("stat"));
    assert_eq!(read("sys/kernel/hostname"), "shop-web-0\n");
    assert_eq!(read("loadavg"), "0.00 0.00 0.00 0/14 0\n");
    let pages = read("23/statm");
    let pages: Vec<&str> = pages.split_whitespace().collect();
    assert_eq!((pages.len(), pages[0], pages[1]), (7, "4049", "0"));
    assert!(read("1/net/udp").lines().count() == 1 && read("1/net/tcp").lines().count() == 6);
    // Of some processes, nothing of the system.
    let one = tempfile::tempdir().unwrap();
    extracted("webapp-compromise", one.path(), &["--pid", "23"]);
    let names: Vec<String> = entries(&one.path().join("view/proc")).into_keys().collect();
    assert!(names.iter().all(|name| name.starts_with("23/")), "{names:?}");
}
