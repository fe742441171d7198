//! FS-002: accounts and rights that were added.

use std::cell::OnceCell;
use std::collections::HashSet;

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::commands::{self, Line};
use super::super::facts::ChangedFile;
use super::super::words::{count, shown};
use super::super::{Facts, Finding, Report, Severity};
use super::common::{about, changed, line, quoted, text, when};

rule! {
    /// Changes to `/etc/passwd`, `/etc/shadow`, `/etc/group`, `/etc/sudoers` and `/etc/sudoers.d` that give rights: a
    /// second account with user id 0, an account without a password, a login shell or a password for an account of a
    /// service, a password for root that is as new as the container, a rule of sudo without a password, an account of a service
    /// or a new one in a group whose members become root. What the file
    /// was before is not known, so only lines that are suspicious in any file count. Ordinary accounts, such as the one
    /// line that Podman or an entry point adds for a user id without a name, are no finding.
    "FS-002", account_file_changed, version 2, Files, Stable, High,
    title: "An account or a right was added",
    why: "A second root account, a password for an account of a service or a rule of sudo lets an intruder come back.",
    benign: [
        "An entry point that sets up a user for logins: the image would run a server for logins, such as sshd.",
        "A package that added an account: it has no password and no shell.",
    ],
    attack: ["T1136.001", "T1098", "T1548.003"],
    cost: Files,
    tags: ["persistence"],
    check: check,
}

/// Accounts of services that no package gives a shell.
const SERVICES: [&str; 24] = [
    "daemon",
    "bin",
    "sys",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
    "backup",
    "list",
    "irc",
    "gnats",
    "_apt",
    "nobody",
    "nginx",
    "apache",
    "http",
    "ntp",
    "dbus",
    "messagebus",
    "sshd",
];

/// Something wrong with a line.
struct Wrong {
    severity: Severity,
    /// Continues `FILE has a line that `.
    words: String,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let accounts = Accounts::new(facts);
    for (file, _) in changed(facts, report) {
        let judge: fn(&Accounts<'_, '_>, &[u8]) -> Option<Wrong> = match file.path.as_slice() {
            b"/etc/passwd" => |accounts, line| passwd(line).or_else(|| odd_shell(line, || accounts.have_few_shells())),
            b"/etc/shadow" => |accounts, line| shadow(accounts.facts, line),
            b"/etc/group" => |accounts, line| group(line, &|who| accounts.is_new(who)),
            b"/etc/sudoers" | b"/etc/sudo.conf" => |_, line| sudoers(line),
            path if path.starts_with(b"/etc/sudoers.d/") => |_, line| sudoers(line),
            _ => continue,
        };
        if !report.look() {
            return;
        }
        if file.file_type == "symlink" {
            report.skip();
            continue;
        }
        let text = text(facts, file, report);
        let mut wrong: Vec<(Line<'_>, Wrong)> =
            commands::lines(&text).filter_map(|line| Some((line, judge(&accounts, line.text)?))).take(32).collect();
        if file.path.starts_with(b"/etc/sudoers") && is_of_start(facts, file) {
            for (line, wrong) in wrong.iter_mut().filter(|(_, wrong)| wrong.severity == Severity::High) {
                if line.text.fields().next().is_some_and(|who| is_new_person(facts, who)) {
                    wrong.severity = Severity::Medium;
                }
            }
        }
        report_lines(facts, file, &wrong, report);
    }
}

/// Seconds after its start in which an entry point prepares a container.
const PREPARED: i64 = 60;
/// Most bytes of the list of accounts that are read.
const ACCOUNTS: u64 = 256 << 10;

/// Whether a file was written when the container started, as an entry point does.
fn is_of_start(facts: &Facts<'_>, file: &ChangedFile) -> bool {
    let after = facts.started().zip(file.mtime).map(|(start, time)| time.as_second().saturating_sub(start.as_second()));
    after.is_some_and(|after| (0..=PREPARED).contains(&after))
}

/// Whether the container's own list of accounts has a name for a person: images that take the user from the environment
/// make one at the start, with sudo.
fn is_new_person(facts: &Facts<'_>, who: &[u8]) -> bool {
    let files = facts.files();
    let is_person = |line: &[u8]| {
        let fields = fields(line);
        let uid = fields.get(2).and_then(|uid| uid.to_str().ok()?.parse::<u32>().ok());
        fields.first() == Some(&who) && uid.is_some_and(|uid| (1000..60_000).contains(&uid))
    };
    files.at(b"/etc/passwd").any(|file| files.head(file, ACCOUNTS).lines().any(is_person))
}

/// One finding for a file: the worst line tells the severity, and all are evidence.
fn report_lines(facts: &Facts<'_>, file: &ChangedFile, wrong: &[(Line<'_>, Wrong)], report: &mut Report<'_>) {
    let Some((_, worst)) = wrong.iter().max_by_key(|(_, wrong)| wrong.severity) else {
        report.skip();
        return;
    };
    let more = match wrong.len().saturating_sub(1) {
        0 => String::new(),
        others => format!(", and {} more", count(others, "such line")),
    };
    let mut finding: Finding = about(facts, &RULE, file).severity(worst.severity);
    for (at, _) in wrong {
        let name = at.text.split_str(":").next().unwrap_or(at.text);
        finding = finding.identity([name]).evidence(line(facts, file, *at));
    }
    if file.path.ends_with(b"shadow") {
        // The line has a hash of a password; it is not for reports.
        for evidence in &mut finding.evidence {
            if evidence.kind == "bytes" {
                let name = evidence.text.as_ref().and_then(|text| text.split_str(":").next().map(<[u8]>::to_vec));
                evidence.text = name.map(|name| bstr::concat([name.as_slice(), b":(hash of the password)"]).into());
                evidence.bytes.clear();
            }
        }
    }
    let login = facts.runs_from_image(&["sshd", "sshd-session", "dropbear", "vsftpd", "proftpd"]);
    if let (Some(server), Severity::Medium) = (login, worst.severity) {
        let benign = format!(
            "The image serves logins ({}), so an entry point may set up its user.",
            shown(server.program.base())
        );
        finding = finding.severity(Severity::Low).benign(benign);
    }
    report.add(finding.sentence(format!("{} {}{more}{}.", shown(&file.path), worst.words, when(facts, file))));
}

fn fields(line: &[u8]) -> Vec<&[u8]> {
    line.split_str(":").collect()
}

/// Whether a field is a hash of a password, or one in plain text.
fn is_password(field: &[u8]) -> bool {
    !field.is_empty()
        && !matches!(field.first(), Some(b'!' | b'*'))
        && field != b"x"
        && field != b"NP"
        && field.len() > 1
}

fn is_login_shell(shell: &[u8]) -> bool {
    let name = super::super::facts::base(shell.trim_ascii());
    super::super::vocabulary::is_shell_name(name)
}

fn passwd(line: &[u8]) -> Option<Wrong> {
    let fields = fields(line);
    let [name, password, uid, _, _, _, shell] = fields.as_slice() else { return None };
    let wrong = |severity, words: String| Some(Wrong { severity, words });
    let is_root = *name == b"root";
    if !uid.is_empty() && uid.iter().all(|&byte| byte == b'0') && !is_root {
        return wrong(Severity::High, format!("has a second account with user id 0, {}", shown(name)));
    }
    if password.is_empty() && is_login_shell(shell) {
        return wrong(Severity::High, format!("has an account without a password, {}", shown(name)));
    }
    if is_password(password) && password.len() >= 13 {
        return wrong(
            Severity::High,
            format!("has the password of {} itself, which belongs into /etc/shadow", shown(name)),
        );
    }
    let is_service = SERVICES.iter().any(|service| service.as_bytes() == *name);
    // The accounts of old Debian have /bin/sh.
    if is_service && is_login_shell(shell) && !shell.trim_ascii().ends_with(b"/bin/sh") {
        return wrong(
            Severity::Medium,
            format!("gives the service account {} the shell {}", shown(name), shown(shell)),
        );
    }
    None
}

/// What the lists of accounts say as a whole, read once when a line asks for it.
struct Accounts<'f, 'c> {
    facts: &'f Facts<'c>,
    few_shells: OnceCell<bool>,
    new: OnceCell<HashSet<BString>>,
}

impl<'f, 'c> Accounts<'f, 'c> {
    fn new(facts: &'f Facts<'c>) -> Self {
        Accounts { facts, few_shells: OnceCell::new(), new: OnceCell::new() }
    }

    /// Whether most accounts of services have no shell.
    fn have_few_shells(&self) -> bool {
        *self.few_shells.get_or_init(|| {
            let files = self.facts.files();
            files.at(b"/etc/passwd").next().is_some_and(|file| have_few_shells(&files.head(file, ACCOUNTS)))
        })
    }

    /// Whether an account was made in this container: its password is as new.
    fn is_new(&self, who: &[u8]) -> bool {
        self.new.get_or_init(|| new_accounts(self.facts)).contains(who.as_bstr())
    }
}

/// Whether a line of the list of accounts is of a service, with whether it has a shell.
fn service_shell(line: &[u8]) -> Option<bool> {
    let fields = fields(line);
    let is_service = fields.first().is_some_and(|name| SERVICES.iter().take(17).any(|one| one.as_bytes() == *name));
    fields.get(6).filter(|_| is_service).map(|shell| is_login_shell(shell))
}

fn have_few_shells(text: &[u8]) -> bool {
    let (mut with, mut without) = (0_usize, 0_usize);
    for has in text.lines().filter_map(service_shell) {
        let count = if has { &mut with } else { &mut without };
        *count = count.saturating_add(1);
    }
    without >= 4 && with < without
}

/// A service with a shell where most have none. In old Debian all had one.
fn odd_shell(line: &[u8], have_few: impl Fn() -> bool) -> Option<Wrong> {
    let fields = fields(line);
    let (name, shell) = (fields.first()?, fields.get(6)?);
    (service_shell(line) == Some(true) && have_few()).then(|| Wrong {
        severity: Severity::Medium,
        words: format!(
            "gives the service account {} the shell {}, while most others have none",
            shown(name),
            shown(shell)
        ),
    })
}

/// The accounts whose passwords are as new as the container.
fn new_accounts(facts: &Facts<'_>) -> HashSet<BString> {
    let files = facts.files();
    let created = facts.model().container().facts.created.or_else(|| facts.started());
    let Some(today) = created.map(|created| created.as_second().div_euclid(86_400)) else { return HashSet::new() };
    let of_today = |line: &[u8]| {
        let fields = fields(line);
        let day = fields.get(2).and_then(|day| day.to_str().ok()?.parse::<i64>().ok());
        day.filter(|day| *day >= today).and_then(|_| Some(BString::from(*fields.first()?)))
    };
    let heads = files.at(b"/etc/shadow").map(|file| files.head(file, ACCOUNTS));
    heads.flat_map(|head| head.lines().filter_map(of_today).collect::<Vec<_>>()).collect()
}

fn shadow(facts: &Facts<'_>, line: &[u8]) -> Option<Wrong> {
    let fields = fields(line);
    let [name, password, changed, ..] = fields.as_slice() else { return None };
    if password.is_empty() {
        // Ours to report only if the account is new or a service: images of Alpine had an empty one for root.
        let words = format!("has an account without a password, {}", shown(name));
        return (*name != b"root").then_some(Wrong { severity: Severity::Medium, words });
    }
    if !is_password(password) {
        return None;
    }
    // The day of the last change of the password, in days since 1970.
    let day: Option<i64> = changed.to_str().ok().and_then(|day| day.parse().ok());
    let created = facts.model().container().facts.created.or_else(|| facts.started());
    if let (Some(day), Some(created)) = (day, created)
        && day < created.as_second().div_euclid(86_400)
    {
        return None;
    }
    let is_service = SERVICES.iter().any(|service| service.as_bytes() == *name);
    if is_service {
        return Some(Wrong {
            severity: Severity::High,
            words: format!("gives the service account {} a password", shown(name)),
        });
    }
    let severity = if *name == b"root" { Severity::Medium } else { Severity::Low };
    Some(Wrong { severity, words: format!("has a password for {} that is as new as the container", shown(name)) })
}

fn group(line: &[u8], is_new: &dyn Fn(&[u8]) -> bool) -> Option<Wrong> {
    const STRONG: [&str; 6] = ["root", "shadow", "disk", "docker", "kmem", "lxd"];
    /// Groups whose members become root by their own password. Images have people in them.
    const ADMINS: [&str; 4] = ["sudo", "wheel", "admin", "sudoers"];
    let fields = fields(line);
    let [name, _, _, members] = fields.as_slice() else { return None };
    let odd: Vec<&[u8]> =
        members.trim_ascii().split_str(",").filter(|member| !member.is_empty() && *member != b"root").collect();
    let is_strong = STRONG.iter().any(|strong| strong.as_bytes() == *name);
    // Alpine has daemon and others in some of them.
    let is_usual = |member: &&[u8]| matches!(*member, b"adm" | b"bin" | b"daemon" | b"operator");
    let is_admin = ADMINS.iter().any(|admin| admin.as_bytes() == *name);
    let is_service =
        |member: &&&[u8]| !is_usual(member) && SERVICES.iter().any(|service| service.as_bytes() == **member);
    if let Some(service) = odd.iter().filter(|_| is_admin || is_strong).find(is_service) {
        return Some(Wrong {
            severity: Severity::High,
            words: format!("has the service account {} in the group {}", shown(service), shown(name)),
        });
    }
    if let Some(new) = odd.iter().filter(|_| is_admin).find(|member| is_new(member)) {
        return Some(Wrong {
            severity: Severity::Medium,
            words: format!("has {}, an account as new as the container, in the group {}", shown(new), shown(name)),
        });
    }
    let first = odd.iter().copied().find(|member| !is_usual(member)).filter(|_| is_strong)?;
    Some(Wrong { severity: Severity::Low, words: format!("has {} in the group {}", shown(first), shown(name)) })
}

fn sudoers(line: &[u8]) -> Option<Wrong> {
    let line = commands::code(line);
    if line.is_empty() || line.starts_with(b"Defaults") || line.starts_with(b"@include") {
        let is_weak = line.contains_str("!authenticate");
        return is_weak.then(|| Wrong {
            severity: Severity::High,
            words: format!("lets sudo run without a password: {}", quoted(line)),
        });
    }
    let who = line.fields().next()?;
    if line.contains_str("NOPASSWD") {
        let all = line
            .rsplit_str(":")
            .next()
            .is_some_and(|rest| rest.trim_ascii().split_str(",").any(|what| what.trim_ascii() == b"ALL"));
        let severity = if who == b"root" {
            Severity::Low
        } else if all {
            Severity::High
        } else {
            Severity::Medium
        };
        return Some(Wrong {
            severity,
            words: format!("lets {} run commands as root without a password: {}", shown(who), quoted(line)),
        });
    }
    let is_usual = matches!(who, b"root" | b"%sudo" | b"%wheel" | b"%admin");
    let is_service = SERVICES.iter().any(|service| service.as_bytes() == who);
    (line.contains_str("ALL") && !is_usual && !who.ends_with(b"_Alias")).then(|| Wrong {
        severity: if is_service { Severity::High } else { Severity::Medium },
        words: format!("lets {} run any command as root: {}", shown(who), quoted(line)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(judge: fn(&[u8]) -> Option<Wrong>, line: &str) -> Option<Severity> {
        judge(line.as_bytes()).map(|wrong| wrong.severity)
    }

    #[test]
    fn accounts_with_rights_are_found() {
        assert_eq!(worst(passwd, "sysadm:x:0:0:x:/root:/bin/bash"), Some(Severity::High));
        assert_eq!(worst(passwd, "a:x:00:0::/:/bin/sh"), Some(Severity::High));
        assert_eq!(worst(passwd, "guest::1001:1001::/:/bin/sh"), Some(Severity::High));
        assert_eq!(worst(passwd, "x:$6$abcdefgh$0123456789:1:1::/:/bin/sh"), Some(Severity::High));
        assert_eq!(worst(passwd, "www-data:x:33:33::/var/www:/bin/bash"), Some(Severity::Medium));
        assert_eq!(worst(sudoers, "www-data ALL=(ALL) NOPASSWD: ALL"), Some(Severity::High));
        assert_eq!(worst(sudoers, "bob ALL=(ALL:ALL) ALL"), Some(Severity::Medium));
        assert_eq!(worst(sudoers, "Defaults !authenticate"), Some(Severity::High));
        let group = |line: &[u8]| group(line, &|who| who == b"mallory");
        assert_eq!(group(b"docker:x:999:eve").map(|wrong| wrong.severity), Some(Severity::Low));
        assert_eq!(group(b"sudo:x:27:games,eve").map(|wrong| wrong.severity), Some(Severity::High));
        assert_eq!(group(b"wheel:x:10:root,mallory").map(|wrong| wrong.severity), Some(Severity::Medium));
        assert!(group(b"sudo:x:27:ubuntu").is_none() && group(b"wheel:x:10:root").is_none());
        assert!(group(b"root:x:0:root").is_none() && group(b"www-data:x:33:eve").is_none());
        assert!(group(b"lp:x:7:daemon").is_none());
    }

    #[test]
    fn a_shell_that_others_do_not_have_is_odd() {
        let nologin = ["bin", "sys", "games", "man", "mail"].map(|name| format!("{name}:x:2:2::/:/usr/sbin/nologin\n"));
        let all = [nologin.concat(), "backup:x:34:34::/:/bin/sh\nnobody:x:9:9::/:/bin/false\n".to_owned()].concat();
        let odd = |text: &str, line: &[u8]| odd_shell(line, || have_few_shells(text.as_bytes())).is_some();
        assert!(odd(&all, b"backup:x:34:34::/:/bin/sh"));
        assert!(!odd(&all, b"ada:x:1000:1000::/:/bin/sh"));
        let old = all.replace("/usr/sbin/nologin", "/bin/sh");
        assert!(!odd(&old, b"backup:x:34:34::/:/bin/sh"));
    }

    #[test]
    fn ordinary_lines_are_not() {
        for line in [
            "root:x:0:0:root:/root:/bin/bash",
            "1000:*:1000:1000:container user:/:/bin/sh",
            "ada:x:1000:1000::/home/ada:/bin/sh",
            "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin",
            "postgres:x:101:104:PostgreSQL administrator:/var/lib/postgresql:/bin/bash",
            "daemon:x:1:1:daemon:/usr/sbin:/bin/sh",
            "sync:x:4:65534:sync:/bin:/bin/sync",
            "",
        ] {
            assert_eq!(worst(passwd, line), None, "{line}");
        }
        for line in [
            "root ALL=(ALL:ALL) ALL",
            "%sudo ALL=(ALL:ALL) ALL",
            "# x ALL=NOPASSWD: ALL",
            "Defaults env_reset",
            "@includedir /etc/sudoers.d",
        ] {
            assert_eq!(worst(sudoers, line), None, "{line}");
        }
    }
}
