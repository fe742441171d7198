//! FS-004: commands that run at a time.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::commands;
use super::super::facts::{ChangedFile, Kind, ProcessFacts, base};
use super::super::vocabulary::{is_hidden_name, is_shell_name, is_world_writable};
use super::super::words::shown;
use super::super::{Facts, Report, Severity};
use super::common::{TEXT, about, changed, is_below, is_late, judge, line, quoted, runs_changed, script, text, when};

rule! {
    /// New or changed jobs of cron, anacron, at and timers of systemd. The line that runs something is shown. A line
    /// that fetches and runs, that runs from a place which everyone may write to, or that runs a program which is
    /// itself among the changes, and a job with a hidden name are high. A job of a package is not a finding. A harmless
    /// job that was written as a container with cron started is low: entry points do that. One that runs a script among
    /// the changes is medium if all of the script is known and nothing in it is odd: configuration management does that.
    "FS-004", cron_or_timer, version 2, Files, Stable, High,
    title: "A scheduled job was added",
    why: "A job of cron starts an intruder's program again and again, and after each restart of the container.",
    benign: ["The container runs cron as its service, and its entry point wrote the job: the job runs a program of the image."],
    attack: ["T1053.003", "T1053.006", "T1053.002"],
    cost: Files,
    tags: ["persistence"],
    check: check,
}

/// Programs that run the jobs.
const DAEMONS: [&str; 8] = ["cron", "crond", "anacron", "fcron", "atd", "supercronic", "systemd", "dcron"];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, kind) in changed(facts, report) {
        let Some(form) = form(&file.path) else { continue };
        if file.file_type == "directory" || kind == Kind::Nothing && file.file_type == "regular" {
            continue;
        }
        if !report.look() {
            return;
        }
        if facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        job(facts, file, form, report);
    }
}

/// How a file holds its commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A table with a column for the user.
    System,
    /// A table of anacron: days, delay, name, command.
    Anacron,
    /// A table of a user.
    User,
    /// A script.
    Script,
    /// A unit of systemd.
    Timer,
}

fn form(path: &[u8]) -> Option<Form> {
    let name = base(path);
    if matches!(name, b".placeholder" | b"README" | b".keep" | b"cron.update" | b".SEQ") {
        return None;
    }
    if path == b"/etc/anacrontab" {
        Some(Form::Anacron)
    } else if path == b"/etc/crontab" || is_below(path, &["/etc/cron.d/"]) {
        Some(Form::System)
    } else if is_below(path, &["/var/spool/cron/atjobs/", "/var/spool/at/", "/var/spool/cron/atspool/"]) {
        Some(Form::Script)
    } else if is_below(path, &["/var/spool/cron/", "/etc/crontabs/", "/var/spool/fcron/", "/var/cron/tabs/"]) {
        Some(Form::User)
    } else if is_below(
        path,
        &["/etc/cron.hourly/", "/etc/cron.daily/", "/etc/cron.weekly/", "/etc/cron.monthly/", "/etc/periodic/"],
    ) {
        Some(Form::Script)
    } else if name.ends_with(b".timer") && path.contains_str("/systemd/") {
        Some(Form::Timer)
    } else {
        None
    }
}

fn job(facts: &Facts<'_>, file: &ChangedFile, form: Form, report: &mut Report<'_>) {
    let text = text(facts, file, report);
    let command: &dyn Fn(&[u8]) -> Option<&[u8]> = match form {
        Form::System => &|line| command(line, true),
        Form::Anacron => &|line| {
            let line =
                script(line).filter(|line| line.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'@'))?;
            let mut rest = line;
            for _ in 0..3 {
                let end = rest.iter().position(u8::is_ascii_whitespace)?;
                rest = rest.get(end..)?.trim_ascii_start();
            }
            Some(rest)
        },
        Form::User => &|line| command(line, false),
        Form::Script => &script,
        Form::Timer => &|line| script(line).filter(|line| line.starts_with(b"On") || line.starts_with(b"Unit=")),
    };
    let judged = judge(facts, &text, command);
    let is_hidden = is_hidden_name(base(&file.path));
    if judged.is_none() && !is_hidden && file.file_type == "regular" {
        report.skip();
        return;
    }
    // Busybox is many programs: the one that is wanted need not be the first of them.
    let is_crond = |process: &&ProcessFacts<'_>| {
        process.program.base() == "busybox"
            && process.name() == "crond"
            && !process.is_program_suspicious()
            && !facts.is_program_new(process)
    };
    let daemon = facts.runs_from_image(&DAEMONS).or_else(|| facts.living().find(is_crond));
    let is_bad = judged.as_ref().is_some_and(|judged| judged.is_danger);
    let command_of = |text| command(text).map(commands::code);
    let run = judged.as_ref().filter(|judged| judged.runs_changed).and_then(|judged| command_of(judged.line.text));
    // A script that came with the job and does nothing suspicious is what configuration management brings.
    let is_plain = run.and_then(|run| runs_changed(facts, run)).is_some_and(|file| is_plain_script(facts, file));
    let runs_changed = judged.as_ref().is_some_and(|judged| judged.runs_changed);
    let is_calling = judged.as_ref().is_some_and(|judged| names_the_network(judged.line.text));
    let is_elf = judged
        .as_ref()
        .and_then(|judged| super::common::runs_changed(facts, judged.line.text))
        .is_some_and(|program| Kind::of(&facts.files().head(program, 4096)) == Kind::Elf);
    let (severity, benign) = match daemon {
        _ if is_bad || is_hidden => {
            (Severity::High, "A line like this is rarely anything but an intruder's: ask who wrote it.".to_owned())
        }
        // Installers and tools that manage machines write scripts and jobs for them.
        Some(_) if runs_changed && is_elf => (
            Severity::Medium,
            "An entry point that wrote both the job and its program: ask what the program is for.".to_owned(),
        ),
        Some(daemon) if !is_late(facts, file) => (
            Severity::Low,
            format!(
                "The container runs {} of its image, and the job was written as it started.",
                shown(daemon.program.base())
            ),
        ),
        _ if runs_changed && is_plain => {
            (Severity::Medium, "A job that was deployed together with its script, which does nothing odd.".to_owned())
        }
        Some(_) if runs_changed => {
            (Severity::High, "A job that was deployed together with its program after the start.".to_owned())
        }
        Some(_) => (Severity::Medium, "An administrator's job: ask who wrote it.".to_owned()),
        None if runs_changed && is_elf => {
            (Severity::High, "A job that was copied into the container together with its program.".to_owned())
        }
        None if judged.is_some() && !is_calling && !is_late(facts, file) => (
            Severity::Low,
            "A job that configuration management wrote as the container started; nothing here runs it.".to_owned(),
        ),
        None => {
            (Severity::Medium, "A job that came with software, although nothing in the container runs it.".to_owned())
        }
    };
    let mut finding = about(facts, &RULE, file).severity(severity).benign(benign);
    let what = match &judged {
        Some(judged) => {
            finding = finding.evidence(line(facts, file, judged.line));
            let why = if judged.words.is_empty() { String::new() } else { format!(", which {}", judged.words) };
            format!("has the line {}{why}", quoted(judged.line.text))
        }
        None => "is a job".to_owned(),
    };
    let hidden = if is_hidden { "; its name is hidden" } else { "" };
    report.add(finding.sentence(format!("{} {what}{hidden}{}.", shown(&file.path), when(facts, file))));
}

/// Whether a file is a script, all of which is known, and none of whose lines is dangerous.
fn is_plain_script(facts: &Facts<'_>, file: &ChangedFile) -> bool {
    let text = facts.files().head(file, TEXT);
    file.size <= TEXT
        && Kind::of(&text) == Kind::Script
        && !is_hidden_name(base(&file.path))
        && !is_world_writable(&file.path)
        && !commands::lines(&text).any(|line| commands::danger(line.text).is_some())
}

/// Whether a command line names a server or a program that fetches.
fn names_the_network(line: &[u8]) -> bool {
    const WORDS: [&str; 8] = ["://", "curl", "wget", "nc ", "ncat", "socat", "ssh ", "/dev/tcp"];
    WORDS.iter().any(|word| line.contains_str(word))
}

/// The command of a line of a table of cron.
fn command(line: &[u8], has_user: bool) -> Option<&[u8]> {
    let line = line.trim_ascii();
    let first = *line.first()?;
    let columns = match first {
        b'#' => return None,
        b'@' => 1_usize,
        b'*' | b'0'..=b'9' | b'-' => 5,
        // Names of days and months do not begin a line; what is left are variables.
        _ => return line.split_once_str("=").filter(|(key, value)| !is_setting(key, value)).map(|_| line),
    };
    let columns = usize::from(has_user).saturating_add(columns);
    let mut rest = line;
    for _ in 0..columns {
        let end = rest.iter().position(u8::is_ascii_whitespace)?;
        rest = rest.get(end..)?.trim_ascii_start();
    }
    Some(rest).filter(|rest| !rest.is_empty())
}

/// Whether a variable only says how jobs run: which shell of the system, and who gets their output.
fn is_setting(key: &[u8], value: &[u8]) -> bool {
    let value = value.trim_ascii().trim_with(|c| matches!(c, '"' | '\''));
    match key.trim_ascii() {
        b"PATH" | b"MAILTO" => true,
        b"SHELL" => is_below(value, &["/bin/", "/usr/bin/"]) && is_shell_name(base(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_follow_the_times() {
        let system = |line: &'static str| command(line.as_bytes(), true).map(|line| line.to_str_lossy());
        assert_eq!(system("*/5 * * * * root curl x | sh # c").as_deref(), Some("curl x | sh # c"));
        assert_eq!(system("@reboot root /x").as_deref(), Some("/x"));
        assert_eq!(system("# 1 2 3 4 5 root x"), None);
        assert_eq!(system("PATH=/bin"), None);
        assert_eq!((system("SHELL=/bin/bash"), system("MAILTO=\"\"")), (None, None));
        assert!(
            system("SHELL=/tmp/bash").is_some()
                && system("SHELL=/bin/x").is_some()
                && system("LD_PRELOAD=/x").is_some()
        );
        assert_eq!(command(b"0 3 * * * /backup.sh", false), Some(&b"/backup.sh"[..]));
        assert_eq!(command(b"0 3 * *", false), None);
    }

    #[test]
    fn lines_may_name_the_network() {
        assert!(names_the_network(b"5 * * * * root wget -q x") && names_the_network(b"@daily a http://b"));
        assert!(!names_the_network(b"*/30 * * * * /usr/bin/puppet apply /root/site.pp >/dev/null 2>&1"));
    }

    #[test]
    fn places_have_forms() {
        assert_eq!(form(b"/etc/cron.d/.sysupdate"), Some(Form::System));
        assert_eq!(form(b"/var/spool/cron/crontabs/root"), Some(Form::User));
        assert_eq!(form(b"/etc/cron.daily/logrotate"), Some(Form::Script));
        assert_eq!(form(b"/etc/systemd/system/a.timer"), Some(Form::Timer));
        assert_eq!(form(b"/etc/cron.d/.placeholder"), None);
        assert_eq!(form(b"/srv/cron.txt"), None);
    }
}
