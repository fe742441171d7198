//! FS-006: commands that each shell runs.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::commands::{self, Line};
use super::super::facts::{Place, base};
use super::super::vocabulary::is_world_writable;
use super::super::words::shown;
use super::super::{Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{about, changed, is_below, is_home, line, quoted, runs_changed, text, when};
use crate::int::u64_of;

rule! {
    /// Files that shells run as they start (`/etc/profile`, `/etc/profile.d`, `~/.bashrc`, `~/.profile`, `~/.zshrc` and
    /// others) with a line that fetches or runs something dangerous, that runs a program among the changes, that takes
    /// the place of `sudo`, `su` or `ssh` or records what is typed into them, or that puts a directory which everyone may write to before others in `PATH`.
    /// Also the variables `BASH_ENV`, `ENV` and `PROMPT_COMMAND` of processes, if the file that they name is among the
    /// changes or in such a place. Other changes to these files are ordinary.
    "FS-006", shell_startup, version 2, Files, Stable, High,
    title: "Each shell runs a dangerous command as it starts",
    why: "The next administrator who opens a shell runs the intruder's command, or types a password into it.",
    benign: ["An installer that adds its own directory of programs: the line names no directory that everyone may write to."],
    attack: ["T1546.004"],
    cost: Files,
    tags: ["persistence"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, _) in changed(facts, report) {
        if file.file_type != "regular" || file.size == 0 || !is_startup(&file.path) {
            continue;
        }
        if !report.look() {
            return;
        }
        let text = text(facts, file, report);
        match worst(facts, &text) {
            Some((at, severity, words)) => report.add(
                about(facts, &RULE, file).severity(severity).evidence(line(facts, file, at)).sentence(format!(
                    "Shells that read {} run the line {}, which {words}{}.",
                    shown(&file.path),
                    quoted(at.text),
                    when(facts, file)
                )),
            ),
            None => report.skip(),
        }
    }
    variables(facts, report);
}

fn is_startup(path: &[u8]) -> bool {
    const HOME: [&str; 17] = [
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".bash_logout",
        ".bash_aliases",
        ".profile",
        ".zshrc",
        ".zprofile",
        ".zshenv",
        ".zlogin",
        ".zlogout",
        ".kshrc",
        ".mkshrc",
        ".cshrc",
        ".tcshrc",
        ".login",
        ".ashrc",
    ];
    let name = base(path);
    let is_of_system = matches!(
        path,
        b"/etc/profile"
            | b"/etc/bash.bashrc"
            | b"/etc/bashrc"
            | b"/etc/bash.bash_logout"
            | b"/etc/zshenv"
            | b"/etc/zprofile"
            | b"/etc/environment"
    );
    let is_in_folder =
        is_below(path, &["/etc/profile.d/", "/etc/zsh/", "/etc/fish/", "/etc/bash_completion.d/", "/etc/bashrc.d/"]);
    let is_fish = path.ends_with(b"/.config/fish/config.fish");
    is_of_system
        || is_in_folder
        || is_fish
        || HOME.iter().any(|file| file.as_bytes() == name) && (is_home(path) || !is_below(path, &["/usr/share/"]))
}

/// The worst line of a file.
fn worst<'t>(facts: &Facts<'_>, text: &'t [u8]) -> Option<(Line<'t>, Severity, String)> {
    let judged = commands::lines(text).filter_map(|line| {
        let code = commands::code(line.text);
        if code.is_empty() {
            return None;
        }
        if let Some(words) = commands::danger(code) {
            return Some((line, Severity::High, words.to_owned()));
        }
        if let Some(words) = takes_place(code) {
            return Some((line, Severity::High, words.to_owned()));
        }
        let file = runs_changed(facts, code)?;
        // An installer's own folder of settings, read by the line that it added.
        let is_ordinary = is_home(&file.path) || is_startup(&file.path);
        (!is_ordinary)
            .then(|| (line, Severity::Medium, format!("runs {}, which is itself among the changes", shown(&file.path))))
    });
    judged.max_by_key(|(line, severity, _)| (*severity, std::cmp::Reverse(line.number)))
}

/// What a line puts in the place of something else.
fn takes_place(code: &[u8]) -> Option<&'static str> {
    const WATCHED: [&str; 8] = ["sudo", "su", "ssh", "passwd", "scp", "login", "ps", "netstat"];
    let lower = code.to_ascii_lowercase();
    if let Some(rest) = code.strip_prefix(b"alias ") {
        let (name, value) = rest.trim_ascii_start().split_once_str("=")?;
        let value = value.trim_with(|c| c == '\'' || c == '"');
        let first = value.fields().next().unwrap_or_default();
        // A function that asks for the password itself, or a tool that writes down what is typed.
        let is_watched = WATCHED.iter().any(|watched| watched.as_bytes() == name);
        let records = ["read -s", "strace", "ltrace", ">>", "tee ", "script -", "curl ", "nc "];
        if is_watched && records.iter().any(|word| value.contains_str(word)) {
            return Some("takes the place of a program that asks for a password, and records it");
        }
        // `alias sudo='sudo '` has aliases work behind sudo; it names no path.
        return (WATCHED.iter().any(|watched| watched.as_bytes() == name)
            && first.contains(&b'/')
            && !is_below(first, &["/usr/", "/bin/", "/sbin/", "/opt/"]))
        .then_some("takes the place of a program that asks for a password or shows processes");
    }
    let is_function = WATCHED.iter().take(4).any(|name| {
        lower.starts_with(format!("{name}()").as_bytes()) || lower.starts_with(format!("function {name}").as_bytes())
    });
    if is_function && (code.contains_str("read ") || code.contains_str("/tmp") || code.contains_str("curl")) {
        return Some("takes the place of a program that asks for a password");
    }
    let value = code.strip_prefix(b"export ").unwrap_or(code).strip_prefix(b"PATH=")?;
    let first = value.trim_with(|c| c == '"' || c == '\'').split_str(":").next()?;
    let slashed = bstr::concat([first, b"/"]);
    (is_world_writable(&slashed) || first == b"." || first.starts_with(b"./"))
        .then_some("has programs of a directory that everyone may write to take the place of the system's")
}

/// Variables that name a file which shells run.
fn variables(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let Some(env) = process.env() else {
            report.not_checked("the environment of the process is in memory that is not in the archive");
            continue;
        };
        let declared = facts.spec().spec.as_ref().and_then(|spec| spec.env.as_ref());
        for (position, (key, value)) in env.iter().enumerate().take(4096) {
            let is_one = matches!(key.as_slice(), b"BASH_ENV" | b"ENV" | b"PROMPT_COMMAND" | b"ZDOTDIR");
            if !is_one || value.is_empty() {
                continue;
            }
            let pair = bstr::concat([key.as_slice(), b"=", value.as_slice()]);
            let is_declared = declared.is_some_and(|all| all.iter().any(|one| one.as_bytes() == pair));
            let is_changed = facts.files().at(value).any(|file| file.place != Place::Deleted && !file.engine_noise);
            let danger = (key == "PROMPT_COMMAND").then(|| commands::danger(value)).flatten();
            if !(is_world_writable(value) || is_changed || danger.is_some()) {
                continue;
            }
            let severity = if is_declared { Severity::Low } else { Severity::High };
            let row =
                Evidence::row("process_envs", [("pid", process.pid().into()), ("position", u64_of(position).into())])
                    .with("key", Some(key))
                    .with("value", Some(value));
            report.add(
                Finding::new(&RULE, Subject::Process(process.pid()))
                    .severity(severity)
                    .identity([process.program.path.clone().unwrap_or_default(), key.clone(), value.clone()])
                    .next(Next::rows_of("process_envs", process.pid()))
                    .evidence(row)
                    .link(super::super::Link::Path(value.clone()))
                    .sentence(format!(
                        "Shells that {} starts run {}, by its variable {}.",
                        process.title(),
                        shown(value),
                        shown(key)
                    )),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_shells_are_known() {
        for path in ["/root/.bashrc", "/home/a/.zshrc", "/etc/profile.d/x.sh", "/etc/profile"] {
            assert!(is_startup(path.as_bytes()), "{path}");
        }
        for path in ["/usr/share/base-files/.bashrc", "/srv/profile", "/etc/profile.x"] {
            assert!(!is_startup(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn lines_that_take_the_place_of_programs() {
        assert!(takes_place(b"alias sudo='/tmp/.s/sudo'").is_some());
        assert!(takes_place(b"alias sudo='f(){ read -sp x p; echo $p >>/var/tmp/.p; }; f'").is_some());
        assert!(takes_place(b"alias ssh='strace -o /var/tmp/.s -e read,write ssh'").is_some());
        assert!(takes_place(b"export PATH=/dev/shm/b:$PATH").is_some());
        assert!(takes_place(b"sudo() { read -s p; echo $p >> /tmp/p; }").is_some());
        for line in [
            "alias sudo='sudo '",
            "alias ssh='ssh -A'",
            "alias ls='ls --color'",
            "export PATH=\"$HOME/.cargo/bin:$PATH\"",
            "PATH=/usr/local/bin:/tmp",
        ] {
            assert_eq!(takes_place(line.as_bytes()), None, "{line}");
        }
    }
}
