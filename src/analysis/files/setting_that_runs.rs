//! FS-035: settings of programs that run code, or open a door.

mod doors;
mod forms;

use std::cell::OnceCell;
use std::collections::HashMap;

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::commands::{self, Line};
use super::super::facts::{ChangedFile, Kind, Place, base};
use super::super::vocabulary::is_world_writable;
use super::super::words::shown;
use super::super::{Facts, Report, Severity};
use super::common::{about, everywhere, extension, hidden_part, is_web, line, quoted, runs_changed, text, when};
use super::more_persistence;

rule! {
    /// Settings of programs, besides those of the other rules, that run code or let somebody in: variables for logins
    /// (`/etc/environment`, `pam_env`, `~/.ssh/environment`) that load a library or a script, scripts that PHP runs before
    /// each page, modules of PHP, a proxy to a hidden socket, certificates and user environments of SSH, `.rhosts`, shells
    /// of inetd, scripts of npm, a server for packages that is a bare address, `kernel.core_pattern`, tmpfiles, binfmt,
    /// rsyslog, snmpd, mailcap, fail2ban, audit, editors, debuggers, consoles and shells of languages, helpers for
    /// credentials of cloud tools, tasks of editors and installers, and shells that keep no history. A command that fetches
    /// and runs, a hidden or world-writable file, and a door that is open to everybody are high; a program or library among the
    /// changes is medium, and high if what it does is dangerous. Other settings and files of packages do not count.
    "FS-035", setting_that_runs, version 1, Files, Incubating, Medium,
    title: "A setting runs code or opens a door",
    why: "Programs run what their settings name, each time that they start or something happens, and nobody looks there.",
    benign: ["An administrator's or an installer's setting: the program that it names is of a package or of the image."],
    attack: ["T1546", "T1574"],
    cost: Files,
    tags: ["persistence"],
    check: check,
}

/// What a line of a setting does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does<'l> {
    /// It runs a command.
    Runs(&'l [u8]),
    /// It has a file loaded as code: a path, or the name of a module.
    Loads(&'l [u8]),
    /// It opens a door, in words that follow `which `.
    Opens(Severity, &'static str),
    /// It opens a door to the holder of what is in a file.
    Trusts(&'l [u8]),
}

/// Libraries among the changes, by their names.
type Modules<'f> = HashMap<&'f [u8], Vec<&'f ChangedFile>>;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let modules = OnceCell::new();
    for (file, kind) in everywhere(facts) {
        let is_kept = matches!(file.place, Place::Rootfs | Place::Volume);
        if !is_kept || file.file_type != "regular" || file.engine_noise || kind == Kind::Nothing {
            continue;
        }
        let Some(form) = forms::of(&file.path) else { continue };
        if !report.look() {
            return;
        }
        if facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        let text = text(facts, file, report);
        let is_known = more_persistence::reads(&file.path);
        let worst = commands::lines(&text)
            .filter_map(|line| {
                let does = form.does(line.text)?;
                // The commands of these files are another rule's.
                let is_mine = !is_known || !matches!(does, Does::Runs(_));
                is_mine
                    .then(|| judge(facts, &modules, file, does))
                    .flatten()
                    .map(|(severity, words)| (line, severity, words))
            })
            .max_by_key(|(line, severity, _)| (*severity, std::cmp::Reverse(line.number)));
        match worst {
            Some((at, severity, words)) => found(facts, file, at, form.most(severity), &words, report),
            None => report.skip(),
        }
    }
}

fn found(
    facts: &Facts<'_>,
    file: &ChangedFile,
    at: Line<'_>,
    severity: Severity,
    words: &str,
    report: &mut Report<'_>,
) {
    report.add(about(facts, &RULE, file).severity(severity).evidence(line(facts, file, at)).sentence(format!(
        "{} has the line {}, which {words}{}.",
        shown(&file.path),
        quoted(at.text),
        when(facts, file)
    )));
}

/// How bad it is, and why.
fn judge<'f>(
    facts: &'f Facts<'_>,
    modules: &OnceCell<Modules<'f>>,
    file: &ChangedFile,
    does: Does<'_>,
) -> Option<(Severity, String)> {
    match does {
        Does::Opens(severity, words) => Some((severity, words.to_owned())),
        Does::Trusts(path) => {
            let is_new = facts.files().at(path).any(|file| file.place != Place::Deleted && !file.engine_noise);
            let severity = if is_new { Severity::High } else { Severity::Medium };
            Some((severity, format!("lets in everybody with a certificate of the key in {}", shown(path))))
        }
        Does::Runs(command) => {
            if let Some(words) = commands::danger(command) {
                return Some((Severity::High, words.to_owned()));
            }
            let changed = runs_changed(facts, command)?;
            Some(by_contents(facts, changed, "runs"))
        }
        Does::Loads(path) => {
            if path.starts_with(b"/") && (is_world_writable(path) || hidden_part(path).is_some()) {
                return Some((Severity::High, format!("loads {}, from a place where no software is", shown(path))));
            }
            let changed = loaded(facts, modules, file, path)?;
            Some(by_contents(facts, changed, "loads"))
        }
    }
}

/// A file among the changes that is run or loaded, by what it does.
fn by_contents(facts: &Facts<'_>, file: &ChangedFile, verb: &str) -> (Severity, String) {
    let text = facts.files().head(file, 64 << 10);
    let is_program = Kind::of(&text) == Kind::Elf;
    let does = if is_program { None } else { commands::lines(&text).find_map(|line| commands::danger(line.text)) };
    // A page that is run before others is named as one.
    let is_disguised = !is_program
        && text.contains_str("<?")
        && !(is_web(&file.path) && matches!(extension(&file.path).as_slice(), b"php" | b"inc" | b"phtml"));
    match does {
        Some(does) => (Severity::High, format!("{verb} {}, which is among the changes and {does}", shown(&file.path))),
        None if is_disguised => {
            (Severity::High, format!("{verb} {}, a script that is not where pages are", shown(&file.path)))
        }
        None => (Severity::Medium, format!("{verb} {}, which is itself among the changes", shown(&file.path))),
    }
}

/// The file among the changes that a setting loads: by its path, or a module by its name.
fn loaded<'f>(
    facts: &'f Facts<'_>,
    modules: &OnceCell<Modules<'f>>,
    setting: &ChangedFile,
    path: &[u8],
) -> Option<&'f ChangedFile> {
    let is_own = |file: &&ChangedFile| {
        file.place != Place::Deleted
            && file.file_type == "regular"
            && !file.engine_noise
            && file.path != setting.path
            && facts.packages().manager_of(facts.files(), file).is_none()
    };
    if path.starts_with(b"/") {
        return facts.files().at(path).find(is_own);
    }
    // `extension=name` stands for `name.so` in the directory of modules.
    let name = base(path);
    let name = if name.ends_with(b".so") { name.to_vec() } else { bstr::concat([name, b".so"]) };
    let all = modules.get_or_init(|| {
        let mut all = Modules::new();
        for (file, kind) in everywhere(facts) {
            if kind == Kind::Elf && file.path.contains_str("/lib") {
                all.entry(base(&file.path)).or_default().push(file);
            }
        }
        all
    });
    all.get(name.as_slice())?.iter().copied().find(is_own)
}
