//! FS-028: other files from which something starts.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::commands;
use super::super::facts::{ChangedFile, Kind, Place, base};
use super::super::vocabulary::is_world_writable;
use super::super::words::shown;
use super::super::{Facts, Report, Severity};
use super::common::{about, everywhere, hidden_part, is_below, is_home, judge, line, quoted, script, text, when};

rule! {
    /// Files that start something, besides cron, services and shells: greetings at login, rules of udev, hooks of git,
    /// apt, dnf and `NetworkManager`, generators of systemd, programs that start with a desktop, rules of polkit and
    /// doas, `sshrc`, settings of modules of the kernel, `.htaccess` and `.user.ini` of web servers, scripts of packages,
    /// and settings of logrotate, inetd, SSH clients, editors and tmux. A line that fetches and runs, or that runs from a
    /// place which everyone may write to, is high. A line that runs a program among the changes is medium. Others, and
    /// files of packages, do not count. Settings of PHP, nginx, Apache, OpenSSL, Redis and databases count if they load a
    /// library or a script from a hidden place, from one that everyone may write to, or a library among the changes.
    "FS-028", more_persistence, version 2, Files, Incubating, Medium,
    title: "A file that starts something at an event was added",
    why: "These places are read at a login, an update, a commit or a request, and are seldom looked at.",
    benign: ["A package that was installed, or a hook of a project's own: its line runs a program of the image."],
    attack: ["T1546", "T1547"],
    cost: Files,
    tags: ["persistence"],
    check: check,
}

/// How a file starts something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Each line is a command.
    Script,
    /// A command somewhere in a line: `autocmd … !command`, `run-shell "command"`, `ProxyCommand command`.
    Personal,
    /// A value behind `=`: `RUN+=`, `Exec=`, `DPkg::Post-Invoke`.
    Value,
    /// `install NAME COMMAND` of modprobe.
    Modprobe,
    /// Settings of PHP or Apache.
    Web,
    /// A rule of doas.
    Doas,
    /// Settings that name libraries to load.
    Loads,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, kind) in everywhere(facts) {
        let is_kept = matches!(file.place, Place::Rootfs | Place::Volume);
        if !is_kept || file.file_type != "regular" || file.engine_noise || kind == Kind::Nothing {
            continue;
        }
        let Some(form) = form(&file.path) else { continue };
        if !report.look() {
            return;
        }
        if facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        match form {
            Form::Web => web(facts, file, report),
            Form::Doas => doas(facts, file, report),
            Form::Loads => loads(facts, file, report),
            form => commands_of(facts, file, form, report),
        }
    }
}

/// Whether the commands of a file are read here.
pub(super) fn reads(path: &[u8]) -> bool {
    form(path).is_some_and(|form| form != Form::Loads)
}

fn form(path: &[u8]) -> Option<Form> {
    let name = base(path);
    if matches!(name, b".htaccess" | b".user.ini") {
        return Some(Form::Web);
    }
    if is_below(path, &["/etc/doas.d/"]) || path == b"/etc/doas.conf" {
        return Some(Form::Doas);
    }
    let is_hook = path.contains_str(".git/hooks/") && !name.ends_with(b".sample");
    let is_generator = path.contains_str("/systemd/") && path.contains_str("-generators/");
    let is_login = is_below(path, &["/etc/update-motd.d/"])
        || matches!(path, b"/etc/ssh/sshrc" | b"/etc/motd.sh")
        || path.ends_with(b"/.ssh/rc");
    let is_event = is_below(
        path,
        &[
            "/etc/NetworkManager/dispatcher.d/",
            "/etc/network/if-up.d/",
            "/etc/network/if-pre-up.d/",
            "/etc/dhcp/dhclient-exit-hooks.d/",
            "/etc/initramfs-tools/",
            "/usr/share/initramfs-tools/hooks/",
            "/etc/kernel/postinst.d/",
            "/etc/acpi/",
            "/etc/X11/Xsession.d/",
            "/etc/logrotate.d/",
            "/etc/ppp/ip-up.d/",
            "/etc/letsencrypt/renewal-hooks/",
            "/etc/xinetd.d/",
            "/lib/systemd/system-sleep/",
            "/usr/lib/systemd/system-sleep/",
            "/lib/systemd/system-shutdown/",
            "/usr/lib/systemd/system-shutdown/",
        ],
    ) || matches!(path, b"/etc/inetd.conf" | b"/etc/logrotate.conf" | b"/etc/aliases");
    let is_package = is_below(path, &["/var/lib/dpkg/info/"])
        && [".postinst", ".preinst", ".prerm", ".postrm"].iter().any(|end| name.ends_with(end.as_bytes()));
    // Programs that people use run commands from their settings.
    let is_personal = matches!(
        name,
        b".vimrc" | b".exrc" | b".tmux.conf" | b".screenrc" | b".gdbinit" | b".psqlrc" | b".forward" | b".mailcap"
    ) && is_home(path)
        || matches!(path, b"/etc/vim/vimrc.local" | b"/etc/tmux.conf" | b"/etc/screenrc");
    let is_ssh = path.ends_with(b"/.ssh/config") || is_below(path, &["/etc/ssh/ssh_config"]);
    if is_personal || is_ssh {
        return Some(Form::Personal);
    }
    let is_loader = is_below(path, &["/etc/php", "/usr/local/etc/php/", "/etc/nginx/", "/etc/apache2/", "/etc/httpd/"])
        || is_below(path, &["/etc/mysql/", "/etc/postgresql/", "/etc/redis/"])
        || matches!(path, b"/etc/ssl/openssl.cnf" | b"/usr/lib/ssl/openssl.cnf" | b"/etc/pki/tls/openssl.cnf")
        || matches!(name, b"php.ini" | b"nginx.conf" | b"httpd.conf" | b"postgresql.conf" | b"redis.conf");
    if is_loader {
        return Some(Form::Loads);
    }
    if is_hook || is_package || is_generator || is_login || is_event {
        return Some(Form::Script);
    }
    if is_below(path, &["/etc/modprobe.d/", "/lib/modprobe.d/", "/usr/lib/modprobe.d/"]) {
        return Some(Form::Modprobe);
    }
    let is_value = is_below(
        path,
        &[
            "/etc/udev/rules.d/",
            "/lib/udev/rules.d/",
            "/usr/lib/udev/rules.d/",
            "/etc/apt/apt.conf.d/",
            "/etc/dpkg/dpkg.cfg.d/",
            "/etc/xdg/autostart/",
            "/usr/share/dbus-1/system-services/",
            "/usr/share/dbus-1/services/",
            "/etc/dnf/plugins/",
            "/etc/yum/pluginconf.d/",
            "/etc/polkit-1/",
        ],
    ) || path == b"/etc/apt/apt.conf"
        || path.contains_str("/.config/autostart/")
        || name == b".gitconfig" && is_home(path)
        || path == b"/etc/gitconfig"
        || path.ends_with(b"/.config/git/config");
    is_value.then_some(Form::Value)
}

fn commands_of(facts: &Facts<'_>, file: &ChangedFile, form: Form, report: &mut Report<'_>) {
    let text = text(facts, file, report);
    let command: &dyn Fn(&[u8]) -> Option<&[u8]> = match form {
        Form::Modprobe => &|line| {
            script(line)?.strip_prefix(b"install ")?.trim_ascii().split_once_str(" ").map(|(_, command)| command)
        },
        Form::Value => &value,
        Form::Personal => &personal,
        _ => &script,
    };
    let judged = judge(facts, &text, command).filter(|judged| judged.is_danger || judged.runs_changed);
    let Some(judged) = judged else {
        report.skip();
        return;
    };
    let severity = if judged.is_danger { Severity::High } else { Severity::Medium };
    report.add(about(facts, &RULE, file).severity(severity).evidence(line(facts, file, judged.line)).sentence(
        format!(
            "{} has the line {}, which {}{}.",
            shown(&file.path),
            quoted(judged.line.text),
            judged.words,
            when(facts, file)
        ),
    ));
}

/// The command in a setting: what stands between quotation marks, or else behind `=`.
fn value(line: &[u8]) -> Option<&[u8]> {
    let line = script(line).filter(|line| !line.starts_with(b"//"))?;
    let quoted = line.find("\"").and_then(|from| {
        let rest = line.get(from.saturating_add(1)..)?;
        rest.get(..rest.find("\"")?)
    });
    // A rule of udev has several values: the one that runs something is the last.
    let runs = line.find("RUN").and_then(|at| line.get(at..)).and_then(|rest| rest.split_str("\"").nth(1));
    runs.or(quoted)
        .or_else(|| line.split_once_str("=").map(|(_, value)| value.trim_ascii()))
        .filter(|value| !value.is_empty())
}

/// The command in a line of settings of an editor, a terminal or an SSH client.
fn personal(line: &[u8]) -> Option<&[u8]> {
    let line = script(line).filter(|line| !line.starts_with(b"\""))?;
    let after = |word: &str| line.find(word).and_then(|at| line.get(at.saturating_add(word.len())..));
    let quotes = |c: char| c == '"' || c == '\'' || c.is_whitespace();
    let words = [
        "run-shell",
        "if-shell",
        "default-command",
        "ProxyCommand",
        "LocalCommand",
        "KnownHostsCommand",
        "shell ",
        "system(",
    ];
    if let Some(rest) = words.iter().find_map(|word| after(word)) {
        return Some(rest.trim_with(quotes));
    }
    // `!command` of editors, `|command` of mail.
    let piped = || line.trim_start_with(|c| c == '"').strip_prefix(b"|");
    after("!").or_else(piped).map(|rest| rest.trim_with(quotes))
}

/// Settings by which servers and libraries load code.
const LOADERS: [&str; 14] = [
    "extension",
    "zend_extension",
    "auto_prepend_file",
    "auto_append_file",
    "opcache.preload",
    "load_module",
    "loadmodule",
    "loadfile",
    "dynamic_path",
    "module",
    "plugin_load",
    "plugin_load_add",
    "shared_preload_libraries",
    "session_preload_libraries",
];

/// The file that a line loads.
fn loaded(line: &[u8]) -> Option<&[u8]> {
    let line = commands::code(line);
    let line = line.get(..line.find_byte(b';').unwrap_or(line.len()))?.trim_ascii();
    let end = line.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'=')?;
    let key = line.get(..end)?.to_ascii_lowercase();
    if !LOADERS.iter().any(|loader| loader.as_bytes() == key) {
        return None;
    }
    commands::paths(line.get(end..)?).next()
}

fn loads(facts: &Facts<'_>, file: &ChangedFile, report: &mut Report<'_>) {
    let text = text(facts, file, report);
    let wrong = commands::lines(&text).find_map(|line| {
        let path = loaded(line.text)?;
        let is_odd = is_world_writable(path) || hidden_part(path).is_some();
        let is_changed = || {
            facts.files().at(path).any(|file| {
                Kind::of(&facts.files().head(file, 4096)) == Kind::Elf
                    && facts.packages().manager_of(facts.files(), file).is_none()
                    && !file.engine_noise
            })
        };
        match () {
            () if is_odd => Some((line, Severity::High, format!("{}, from a place where no software is", shown(path)))),
            () if is_changed() => {
                Some((line, Severity::Medium, format!("{}, which is itself among the changes", shown(path))))
            }
            () => None,
        }
    });
    let Some((at, severity, words)) = wrong else {
        report.skip();
        return;
    };
    report.add(about(facts, &RULE, file).severity(severity).evidence(line(facts, file, at)).sentence(format!(
        "{} has the line {}, which loads {words}{}.",
        shown(&file.path),
        quoted(at.text),
        when(facts, file)
    )));
}

fn doas(facts: &Facts<'_>, file: &ChangedFile, report: &mut Report<'_>) {
    let text = text(facts, file, report);
    let free = commands::lines(&text).find(|line| {
        let code = commands::code(line.text);
        code.starts_with(b"permit") && code.contains_str("nopass") && !code.contains_str(" cmd ")
    });
    let Some(at) = free else {
        report.skip();
        return;
    };
    report.add(about(facts, &RULE, file).severity(Severity::High).evidence(line(facts, file, at)).sentence(format!(
        "{} has the line {}, which lets a user run any command as root without a password{}.",
        shown(&file.path),
        quoted(at.text),
        when(facts, file)
    )));
}

fn web(facts: &Facts<'_>, file: &ChangedFile, report: &mut Report<'_>) {
    let text = text(facts, file, report);
    let Some((at, (severity, words))) = commands::lines(&text).find_map(|line| Some((line, directive(line.text)?)))
    else {
        report.skip();
        return;
    };
    report.add(about(facts, &RULE, file).severity(severity).evidence(line(facts, file, at)).sentence(format!(
        "{} has the line {}, which {words}{}.",
        shown(&file.path),
        quoted(at.text),
        when(facts, file)
    )));
}

/// What is wrong with a setting of a web server.
fn directive(line: &[u8]) -> Option<(Severity, &'static str)> {
    const SHOWN: [&str; 8] = [".jpg", ".jpeg", ".png", ".gif", ".ico", ".txt", ".svg", ".webp"];
    let line = commands::code(line).to_ascii_lowercase();
    let has = |word: &str| line.contains_str(word);
    let prepends = has("auto_prepend_file") || has("auto_append_file");
    if prepends && !has("none") && !has("wordfence") {
        let is_odd = SHOWN.iter().any(|end| has(end))
            || has("/tmp/")
            || has("/var/tmp/")
            || has("/dev/shm/")
            || has("php://")
            || has("data:");
        let severity = if is_odd { Severity::High } else { Severity::Medium };
        return Some((severity, "has a file run before or after each page"));
    }
    let runs = (has("addtype") || has("addhandler") || has("sethandler")) && has("php");
    if runs && SHOWN.iter().any(|end| has(end)) {
        return Some((Severity::High, "has pictures or texts run as scripts"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_forms() {
        assert_eq!(form(b"/srv/x/.git/hooks/post-checkout"), Some(Form::Script));
        assert_eq!(form(b"/srv/x/.git/hooks/post-update.sample"), None);
        assert_eq!(form(b"/etc/apt/apt.conf.d/99x"), Some(Form::Value));
        assert_eq!(form(b"/etc/udev/rules.d/1.rules"), Some(Form::Value));
        assert_eq!(form(b"/etc/modprobe.d/x.conf"), Some(Form::Modprobe));
        assert_eq!(form(b"/var/www/.user.ini"), Some(Form::Web));
        assert_eq!(form(b"/etc/hosts"), None);
    }

    #[test]
    fn settings_load_files() {
        assert_eq!(loaded(b"load_module /usr/lib/.k/ngx.so;"), Some(&b"/usr/lib/.k/ngx.so"[..]));
        assert_eq!(loaded(b"extension=/tmp/x.so"), Some(&b"/tmp/x.so"[..]));
        assert_eq!(loaded(b"dynamic_path = /opt/e.so"), Some(&b"/opt/e.so"[..]));
        assert_eq!(loaded(b"extension=curl"), None);
        assert_eq!(loaded(b"; extension=/tmp/x.so"), None);
        assert_eq!(loaded(b"error_log = /tmp/x.log"), None);
        assert_eq!(form(b"/etc/php/8.4/cli/conf.d/99-x.ini"), Some(Form::Loads));
    }

    #[test]
    fn commands_stand_in_settings_of_people() {
        assert_eq!(personal(b"autocmd BufReadPost * silent! !curl x | sh"), Some(&b"!curl x | sh"[..]));
        assert_eq!(personal(b"run-shell \"curl x | sh\""), Some(&b"curl x | sh"[..]));
        assert_eq!(personal(b"  ProxyCommand /usr/lib/.k/agent %h"), Some(&b"/usr/lib/.k/agent %h"[..]));
        assert_eq!(personal(b"set -g mouse on"), None);
        assert_eq!(personal(b"# run-shell x"), None);
    }

    #[test]
    fn commands_stand_in_values() {
        assert_eq!(value(b"APT::Update::Pre-Invoke {\"curl x|sh\"};"), Some(&b"curl x|sh"[..]));
        assert_eq!(value(b"SUBSYSTEM==\"net\", RUN+=\"/tmp/x\""), Some(&b"/tmp/x"[..]));
        assert_eq!(value(b"Exec=/dev/shm/a"), Some(&b"/dev/shm/a"[..]));
        assert_eq!(value(b"# Exec=/dev/shm/a"), None);
    }

    #[test]
    fn settings_of_web_servers() {
        assert!(directive(b"auto_prepend_file=/tmp/x.php").is_some());
        assert!(directive(b"AddType application/x-httpd-php .jpg").is_some());
        for line in [
            "RewriteEngine On",
            "AddHandler application/x-httpd-php .php",
            "php_value upload_max_filesize 64M",
            "auto_prepend_file = none",
        ] {
            assert_eq!(directive(line.as_bytes()), None, "{line}");
        }
    }
}
