//! FS-021: code that interpreters run before any script.

use std::sync::OnceLock;

use bstr::{BString, ByteSlice};
use regex_automata::meta::Regex;

use super::super::card::rule;
use super::super::commands::{self, Line};
use super::super::facts::{ChangedFile, Place, ProcessFacts, base};
use super::super::vocabulary::{is_hidden, is_interpreter, is_shell_name, is_world_writable};
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{about, changed, has_part, line, quoted, text, when};
use crate::int::u64_of;

rule! {
    /// Code that an interpreter runs before any script: `sitecustomize.py` and `usercustomize.py`, lines of `.pth`
    /// files that begin with `import`, and variables such as `NODE_OPTIONS`, `PYTHONSTARTUP`, `PERL5OPT`, `RUBYOPT`,
    /// `JAVA_TOOL_OPTIONS` and `GIT_SSH_COMMAND` that load a file among the changes, or in a place that everyone may
    /// write to; paths in them of logs, dumps and keys do not count. Lines that use the network, start programs or hide their text are high. What installers of Python
    /// packages write into `.pth` files does not count.
    "FS-021", python_or_node_hook, version 2, Files, Incubating, Medium,
    title: "An interpreter runs code before any script",
    why: "Such code runs in each process of the interpreter, with the rights and secrets of the service.",
    benign: ["An agent for monitoring or for measuring coverage: its package lists the file.", "A virtual environment or an editable install."],
    attack: ["T1546.018", "T1574"],
    cost: Files,
    tags: ["persistence"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, _) in changed(facts, report) {
        let name = base(&file.path);
        let is_custom = matches!(name, b"sitecustomize.py" | b"usercustomize.py");
        let is_pth = name.ends_with(b".pth") && has_part(&file.path, &["site-packages", "dist-packages"]);
        if !(is_custom || is_pth) || file.file_type != "regular" || file.size == 0 {
            continue;
        }
        if !report.look() {
            return;
        }
        if facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        python(facts, file, is_custom, report);
    }
    for process in facts.living() {
        if !report.look() {
            return;
        }
        variables(facts, process, report);
    }
}

fn python(facts: &Facts<'_>, file: &ChangedFile, is_custom: bool, report: &mut Report<'_>) {
    let text = text(facts, file, report);
    let runs = |line: &Line<'_>| is_custom || line.text.starts_with(b"import ") || line.text.starts_with(b"import\t");
    let lines: Vec<Line<'_>> =
        commands::lines(&text).filter(|line| runs(line) && !commands::code(line.text).is_empty()).collect();
    let worst = lines.iter().find(|line| is_active(line.text));
    let Some(at) = worst.or(lines.first()).copied() else {
        report.skip();
        return;
    };
    let (severity, why) = match worst {
        Some(_) => (Severity::High, ", which uses the network, starts a program or hides its text"),
        None if is_custom => (Severity::Medium, ""),
        None => {
            // Namespaces, editable installs, virtual environments and measuring of coverage.
            report.skip();
            return;
        }
    };
    report.add(about(facts, &RULE, file).severity(severity).evidence(line(facts, file, at)).sentence(format!(
        "Each Python process that has {} runs its line {}{why}{}.",
        shown(&file.path),
        quoted(at.text),
        when(facts, file)
    )));
}

/// Whether a line of Python does what no hook of a package does.
pub(super) fn is_active(line: &[u8]) -> bool {
    static REGEX: OnceLock<Option<Regex>> = OnceLock::new();
    let pattern = r"\b(?:socket|urllib|requests|http\.client|subprocess|pty)\b|\bos\.(?:system|popen|exec\w*|fork)\s*\(|b64decode|base64|\bmarshal\b|zlib\.decompress|\\x[0-9a-f]{2}\\x[0-9a-f]{2}\\x|/tmp/|/dev/shm/";
    let line = commands::code(line);
    REGEX.get_or_init(|| Regex::new(pattern).ok()).as_ref().is_some_and(|regex| regex.is_match(line))
}

/// Variables that make an interpreter run code, or a program start another.
pub(super) const VARIABLES: [&str; 14] = [
    "NODE_OPTIONS",
    "PYTHONSTARTUP",
    "PYTHONPATH",
    "PYTHONHOME",
    "PERL5OPT",
    "PERL5LIB",
    "RUBYOPT",
    "RUBYLIB",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "GIT_SSH_COMMAND",
    "GIT_EXTERNAL_DIFF",
    "DOTNET_STARTUP_HOOKS",
];

fn variables(facts: &Facts<'_>, process: &ProcessFacts<'_>, report: &mut Report<'_>) {
    let Some(env) = process.env() else {
        report.not_checked("the environment of the process is in memory that is not in the archive");
        return;
    };
    let declared = facts.spec().spec.as_ref().and_then(|spec| spec.env.as_ref());
    for (position, (key, value)) in env.iter().enumerate().take(4096) {
        if !VARIABLES.iter().any(|name| key == name) {
            continue;
        }
        let pair = bstr::concat([key.as_slice(), b"=", value.as_slice()]);
        if declared.is_some_and(|all| all.iter().any(|one| one.as_bytes() == pair)) {
            report.skip();
            continue;
        }
        let Some((path, severity)) = target(facts, key, value) else { continue };
        let row = Evidence::row("process_envs", [("pid", process.pid().into()), ("position", u64_of(position).into())])
            .with("key", Some(key))
            .with("value", Some(value));
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(severity)
                .confidence(Confidence::High)
                .identity([key.clone(), path.clone()])
                .next(Next::rows_of("process_envs", process.pid()))
                .evidence(row)
                .link(Link::Path(path.clone()))
                .sentence(format!(
                    "{} runs code of {} first, by its variable {}.",
                    process.title(),
                    shown(&path),
                    shown(key)
                )),
        );
    }
}

/// The path that a variable makes an interpreter run, if it is among the changes or in a place that everyone may write to.
fn target(facts: &Facts<'_>, key: &[u8], value: &[u8]) -> Option<(BString, Severity)> {
    let is_folder = is_search_path(key);
    run_by(key, value).into_iter().take(64).find_map(|path| {
        let slashed = bstr::concat([path, b"/"]);
        if is_world_writable(&slashed) {
            // A folder of jobs is an ordinary value of a search path.
            return Some((path.into(), if is_folder { Severity::Low } else { Severity::High }));
        }
        if is_folder {
            // A hidden folder that was added; those of virtual environments and package managers have usual names.
            let is_added = is_hidden(path) && facts.files().is_changed(path);
            return is_added.then(|| (path.into(), Severity::Medium));
        }
        let is_changed = facts.files().at(path).any(|file| {
            file.place == Place::Rootfs
                && file.file_type == "regular"
                && facts.packages().manager_of(facts.files(), file).is_none()
        });
        is_changed.then(|| (path.into(), Severity::Medium))
    })
}

/// Whether a variable is a list of folders to look for modules in.
fn is_search_path(key: &[u8]) -> bool {
    key.ends_with(b"PATH") || key.ends_with(b"LIB") || key.ends_with(b"HOME")
}

/// Options that load code, of an interpreter whose options stand in a variable.
struct Loads {
    /// Options that the path follows at once: `-javaagent:/a.jar`.
    joined: &'static [&'static str],
    /// Options whose path is the next word, or follows `=`.
    apart: &'static [&'static str],
}

/// The absolute paths that a variable makes an interpreter run or load. Other paths in it, as of logs, dumps and keys, are
/// only data.
fn run_by<'v>(key: &[u8], value: &'v [u8]) -> Vec<&'v [u8]> {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'');
    let mut words = value.split(blank).filter(|word| !word.is_empty());
    let loads = match key {
        b"PYTHONSTARTUP" => return absolute([value]),
        b"DOTNET_STARTUP_HOOKS" => return absolute(value.split_str(":")),
        _ if is_search_path(key) => return absolute(value.split_str(":")),
        b"GIT_SSH_COMMAND" | b"GIT_EXTERNAL_DIFF" => {
            // The program; the script if it is a shell or an interpreter; and what ssh starts to connect.
            let program = words.next().unwrap_or_default();
            let starts: [&[u8]; 2] = [b"ProxyCommand=", b"LocalCommand="];
            let started =
                |word: &'v [u8]| starts.iter().find_map(|start| word.split_once_str(start).map(|(_, rest)| rest));
            let runs_script = is_shell_name(base(program)) || is_interpreter(base(program));
            let script = words.clone().find(|word| !word.starts_with(b"-")).filter(|_| runs_script);
            return absolute([program].into_iter().chain(script).chain(words.filter_map(started)));
        }
        b"NODE_OPTIONS" => {
            Loads { joined: &[], apart: &["--require", "-r", "--import", "--loader", "--experimental-loader"] }
        }
        b"PERL5OPT" | b"RUBYOPT" => Loads { joined: &["-M", "-m", "-I", "-r"], apart: &["-I", "-r"] },
        _ => Loads {
            joined: &[
                "-javaagent:",
                "-agentpath:",
                "-Xbootclasspath/a:",
                "-Xbootclasspath/p:",
                "-Xbootclasspath:",
                "@",
            ],
            apart: &["-cp", "-classpath", "--class-path", "-XX:OnError", "-XX:OnOutOfMemoryError"],
        },
    };
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let is_apart = |option: &&&str| {
            word.strip_prefix(option.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"="))
        };
        if let Some(option) = loads.apart.iter().find(is_apart) {
            match word.get(option.len().saturating_add(1)..).filter(|joined| !joined.is_empty()) {
                Some(joined) => found.push(joined),
                None => found.extend(words.next()),
            }
        } else if let Some(joined) = loads.joined.iter().find_map(|option| word.strip_prefix(option.as_bytes())) {
            // `-Mlib=/path` names a path behind the module, `-javaagent:/a.jar=option` options behind the path.
            let ends = joined.split_once_str("=").filter(|(module, _)| !module.starts_with(b"/"));
            found.push(ends.map_or(joined, |(_, path)| path));
        }
    }
    let ends = |byte: &u8| matches!(byte, b':' | b',' | b'=' | b';');
    absolute(found.into_iter().flat_map(|text| text.strip_prefix(b"file://").unwrap_or(text).split(ends)))
}

/// Those of some paths that are absolute.
fn absolute<'v>(paths: impl IntoIterator<Item = &'v [u8]>) -> Vec<&'v [u8]> {
    paths.into_iter().filter(|path| path.starts_with(b"/")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_python_that_do_more_than_hooks_do() {
        assert!(
            is_active(b"import os; os.system('curl x')") && is_active(b"import base64;exec(base64.b64decode('aa'))")
        );
        for line in [
            "import sys, types, os;has_mfs = sys.version_info > (3, 5);p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('google',))",
            "import __editable___a_finder; __editable___a_finder.install()",
            "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim()",
            "import _virtualenv",
        ] {
            assert!(!is_active(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn only_options_that_load_code_run_a_path() {
        let of = |key: &str, value: &str| {
            let found = run_by(key.as_bytes(), value.as_bytes());
            found.iter().map(|path| path.to_str_lossy().into_owned()).collect::<Vec<_>>()
        };
        for (key, value) in [
            ("JAVA_TOOL_OPTIONS", "-Xmx1g -javaagent:/tmp/a.jar=x=/srv/y"),
            ("JAVA_TOOL_OPTIONS", "-agentpath:/tmp/a.jar"),
            ("_JAVA_OPTIONS", "-Xbootclasspath/a:/tmp/a.jar"),
            ("JDK_JAVA_OPTIONS", "-XX:OnOutOfMemoryError=\"/tmp/a.jar %p\""),
            ("NODE_OPTIONS", "--max-old-space-size=99 --require /tmp/a.jar"),
            ("NODE_OPTIONS", "--import=file:///tmp/a.jar"),
            ("PERL5OPT", "-Mlib=/tmp/a.jar"),
            ("RUBYOPT", "-W0 -r/tmp/a.jar"),
            ("RUBYOPT", "-I /tmp/a.jar"),
            ("GIT_SSH_COMMAND", "/tmp/a.jar -v"),
            ("GIT_SSH_COMMAND", "sh -x /tmp/a.jar"),
            ("GIT_SSH_COMMAND", "ssh -o ProxyCommand=/tmp/a.jar"),
            ("PYTHONSTARTUP", "/tmp/a.jar"),
        ] {
            assert_eq!(of(key, value).first().map(String::as_str), Some("/tmp/a.jar"), "{key}={value}");
        }
        for (key, value) in [
            ("JAVA_TOOL_OPTIONS", "-XX:HeapDumpPath=/tmp -XX:+HeapDumpOnOutOfMemoryError"),
            ("JAVA_TOOL_OPTIONS", "-Djava.io.tmpdir=/tmp -Xlog:gc:/tmp/gc.log"),
            ("NODE_OPTIONS", "--diagnostic-dir=/tmp --require dd-trace/init"),
            ("GIT_SSH_COMMAND", "ssh -i /dev/shm/key -o UserKnownHostsFile=/tmp/hosts"),
            ("PERL5OPT", "-MCarp"),
        ] {
            assert_eq!(of(key, value), Vec::<String>::new(), "{key}={value}");
        }
    }
}
