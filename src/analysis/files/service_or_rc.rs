//! FS-005: services that were added.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::facts::{ChangedFile, Kind, base};
use super::super::vocabulary::is_hidden_name;
use super::super::words::shown;
use super::super::{Facts, Report, Severity};
use super::common::{
    Judged, about, changed, is_below, is_late, is_system, judge, line, quoted, runs_changed, script, text, when,
};

rule! {
    /// New or changed units of systemd, scripts of init, `rc.local`, `inittab`, and services of supervisord, s6, runit
    /// and `OpenRC`. The line that runs something is shown. A line that fetches and runs, or that runs from a place
    /// which everyone may write to, is high. What a package brought is not a finding. What an entry point wrote for the
    /// supervisor that the container runs is low.
    "FS-005", service_or_rc, version 1, Files, Stable, Medium,
    title: "A service that starts a program was added",
    why: "A service starts an intruder's program at each start, and again when it ends.",
    benign: [
        "A package that was installed: its database lists the file.",
        "An entry point that writes the settings of the supervisor that the image runs.",
    ],
    attack: ["T1543.002", "T1037.004"],
    cost: Files,
    tags: ["persistence"],
    check: check,
}

/// Programs that run services in containers.
const SUPERVISORS: [&str; 9] =
    ["supervisord", "s6-svscan", "runsvdir", "systemd", "init", "openrc-init", "busybox", "runsv", "monit"];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, kind) in changed(facts, report) {
        let Some(form) = form(&file.path) else { continue };
        if file.file_type != "regular" || kind == Kind::Nothing {
            continue;
        }
        if !report.look() {
            return;
        }
        if facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        service(facts, file, form, report);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `Exec…=` of systemd.
    Unit,
    /// `command=` of supervisord.
    Supervisor,
    /// A script, or lines of commands.
    Script,
    /// `inittab`: the last field.
    Inittab,
}

fn form(path: &[u8]) -> Option<Form> {
    let name = base(path);
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix.as_bytes()));
    let is_generator = path.contains_str("/systemd/") && path.contains_str("-generators/");
    if is_below(path, &["/etc/systemd/", "/lib/systemd/", "/usr/lib/systemd/", "/run/systemd/"])
        || path.contains_str("/.config/systemd/")
    {
        let is_unit = ends(&[".service", ".socket", ".path"]) || path.contains_str(".service.d/");
        (is_unit && !is_generator).then_some(Form::Unit)
    } else if path == b"/etc/inittab" {
        Some(Form::Inittab)
    } else if is_below(path, &["/etc/supervisor", "/etc/supervisord", "/etc/monit"]) || name == b"supervisord.conf" {
        Some(Form::Supervisor)
    } else if is_below(
        path,
        &["/etc/init.d/", "/etc/rc.d/", "/etc/local.d/", "/etc/init/", "/etc/boot.d/", "/etc/my_init.d/"],
    ) || matches!(path, b"/etc/rc.local" | b"/etc/rc.common")
        || is_below(
            path,
            &["/etc/s6", "/etc/services.d/", "/etc/cont-init.d/", "/etc/service/", "/etc/sv/", "/etc/runit/"],
        )
    {
        (!matches!(name, b"README" | b"type" | b"up" | b"dependencies")).then_some(Form::Script)
    } else {
        None
    }
}

fn service(facts: &Facts<'_>, file: &ChangedFile, form: Form, report: &mut Report<'_>) {
    let text = text(facts, file, report);
    let command: &dyn Fn(&[u8]) -> Option<&[u8]> = match form {
        Form::Unit => &|line| value(line, |key| key.starts_with(b"Exec")),
        Form::Supervisor => &|line| value(line, |key| matches!(key, b"command" | b"start program")),
        Form::Script => &script,
        Form::Inittab => &|line| script(line)?.splitn_str(4, ":").nth(3),
    };
    let Some(judged) = judge(facts, &text, command) else {
        report.skip();
        return;
    };
    let is_hidden = is_hidden_name(base(&file.path));
    let supervisor = facts
        .runs_from_image(&SUPERVISORS)
        .filter(|process| process.program.base() != "busybox" || process.name() == "init");
    let (severity, benign) = match supervisor {
        _ if judged.is_danger || is_hidden => {
            (Severity::High, "A line like this is rarely anything but an intruder's: ask who wrote it.".to_owned())
        }
        _ if is_running(facts, &judged) => {
            (Severity::High, "Software that was deployed by hand together with its service: ask who did.".to_owned())
        }
        Some(process) if !is_late(facts, file) => (
            Severity::Low,
            format!(
                "The container runs {} of its image, and the file was written as it started.",
                shown(process.program.base())
            ),
        ),
        Some(_) => (Severity::Medium, "An administrator's service: ask who wrote it.".to_owned()),
        None if judged.runs_changed || form == Form::Unit => (
            Severity::Medium,
            "A service that came with software, although nothing in the container starts it.".to_owned(),
        ),
        None => (Severity::Low, "A file that came with software; nothing in the container starts services.".to_owned()),
    };
    let why = if judged.words.is_empty() { String::new() } else { format!(", which {}", judged.words) };
    report.add(
        about(facts, &RULE, file).severity(severity).benign(benign).evidence(line(facts, file, judged.line)).sentence(
            format!("{} has the line {}{why}{}.", shown(&file.path), quoted(judged.line.text), when(facts, file)),
        ),
    );
}

/// Whether the line runs a changed program of the system's directories that runs now, apart from the container's own command.
fn is_running(facts: &Facts<'_>, judged: &Judged<'_>) -> bool {
    let Some(program) = judged.runs_changed.then(|| runs_changed(facts, judged.line.text)).flatten() else {
        return false;
    };
    let is_apart = |pid| facts.process(pid).is_some_and(|process| !facts.is_of_entry_point(process));
    is_system(&program.path) && facts.uses().running(&program.path).iter().any(|pid| is_apart(*pid))
}

/// The value of `key = value`, if the key is one of those wanted.
fn value(line: &[u8], is_wanted: fn(&[u8]) -> bool) -> Option<&[u8]> {
    let (key, value) = line.split_once_str("=")?;
    let value = value.trim_ascii();
    // Prefixes of systemd: `-`, `@`, `+`, `!`, `:`.
    let plain = value.trim_start_with(|c| "-@+!:".contains(c));
    (is_wanted(key.trim_ascii()) && !plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_without_prefixes() {
        assert_eq!(value(b"ExecStart=-/tmp/x", |key| key.starts_with(b"Exec")), Some(&b"/tmp/x"[..]));
        assert_eq!(value(b"Description=x", |key| key.starts_with(b"Exec")), None);
        assert_eq!(value(b"command = /srv/a", |key| key == b"command"), Some(&b"/srv/a"[..]));
    }

    #[test]
    fn places_have_forms() {
        assert_eq!(form(b"/etc/systemd/system/a.service"), Some(Form::Unit));
        assert_eq!(form(b"/root/.config/systemd/user/a.service"), Some(Form::Unit));
        assert_eq!(form(b"/etc/init.d/a"), Some(Form::Script));
        assert_eq!(form(b"/etc/supervisor/conf.d/a.conf"), Some(Form::Supervisor));
        assert_eq!(form(b"/srv/app.service"), None);
        assert_eq!(form(b"/etc/systemd/system.conf"), None);
    }
}
