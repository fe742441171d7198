//! osquery's tables that are lines of files: users, jobs, keys.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bstr::{BString, ByteSlice};

use super::given::{Cell, Given, Take};
use crate::analysis::facts::{ChangedFile, Place};
use crate::limits::Limits;
use crate::warning::Place as Where;

/// The regular files with a path, or below one that ends with `/`.
fn at<'g>(given: &'g Given<'_>, path: &'static str) -> impl Iterator<Item = &'g ChangedFile> {
    let is_wanted = move |file: &&ChangedFile| {
        let is_it = if path.ends_with('/') {
            file.path.strip_prefix(path.as_bytes()).is_some_and(|name| !name.is_empty() && !name.contains(&b'/'))
        } else {
            file.path == path
        };
        is_it && file.file_type == "regular" && matches!(file.place, Place::Rootfs | Place::Volume | Place::Tmpfs)
    };
    given.files.all().iter().filter(is_wanted)
}

/// The text of a file, up to a limit.
fn text<'g>(given: &'g Given<'_>, file: &ChangedFile) -> Cow<'g, [u8]> {
    let limit = given.checkpoint.limits().list_bytes;
    if file.size > limit {
        let place = file.member.as_ref().map_or_else(Where::archive, Where::member);
        given.checkpoint.warn(&Limits::LIST_BYTES, place, || {
            format!("{} has {} bytes, more than {limit}; only its beginning was read", file.path, file.size)
        });
    }
    given.files.head(file, limit)
}

/// The lines of a file that are no comments, without blanks around them.
fn lines(given: &Given<'_>, file: &ChangedFile) -> Vec<BString> {
    let text = text(given, file);
    let lines = text.lines().map(<[u8]>::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).map(BString::from).collect()
}

fn fields(line: &[u8]) -> Vec<&[u8]> {
    line.split(|&byte| byte == b':').collect()
}

fn number(text: &[u8]) -> Option<u64> {
    text.to_str().ok()?.trim().parse().ok()
}

fn text_at(fields: &[&[u8]], place: usize) -> Cell {
    fields.get(place).map_or(Cell::Null, |text| (*text).into())
}

fn number_at(fields: &[&[u8]], place: usize) -> Cell {
    fields.get(place).and_then(|text| number(text)).into()
}

/// Names of users and groups, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Names {
    users: BTreeMap<u64, Vec<u8>>,
    groups: BTreeMap<u64, Vec<u8>>,
    /// Users by their home directories.
    homes: BTreeMap<Vec<u8>, u64>,
}

impl Names {
    pub(super) fn read(given: &Given<'_>) -> Self {
        let mut names = Names::default();
        for file in at(given, "/etc/passwd") {
            for line in lines(given, file) {
                let fields = fields(&line);
                if let (Some(name), Some(uid)) = (fields.first(), fields.get(2).and_then(|uid| number(uid))) {
                    names.users.entry(uid).or_insert_with(|| name.to_vec());
                    names.homes.entry(fields.get(5).map_or_else(Vec::new, |home| home.to_vec())).or_insert(uid);
                }
            }
        }
        for file in at(given, "/etc/group") {
            for line in lines(given, file) {
                let fields = fields(&line);
                if let (Some(name), Some(gid)) = (fields.first(), fields.get(2).and_then(|gid| number(gid))) {
                    names.groups.entry(gid).or_insert_with(|| name.to_vec());
                }
            }
        }
        names
    }

    /// The name of a user, or the number.
    pub(super) fn user(&self, uid: u64) -> String {
        known(&self.users, uid)
    }

    /// The name of a group, or the number.
    pub(super) fn group(&self, gid: u64) -> String {
        known(&self.groups, gid)
    }

    /// The user whose home directory a path is in, or else the owner of the file.
    fn owner(&self, file: &ChangedFile) -> Option<u64> {
        let mut here = file.path.as_slice();
        while let Some(at) = here.iter().rposition(|&byte| byte == b'/').filter(|&at| at > 0) {
            here = here.get(..at)?;
            if let Some(&uid) = self.homes.get(here) {
                return Some(uid);
            }
        }
        if file.path.starts_with(b"/root/") { Some(0) } else { file.uid }
    }
}

fn known(names: &BTreeMap<u64, Vec<u8>>, id: u64) -> String {
    match names.get(&id) {
        Some(name) => name.to_str_lossy().into_owned(),
        None if id == 0 => "root".to_owned(),
        None => id.to_string(),
    }
}

/// `users`: those of a changed list, and others that processes run as.
pub(super) fn users(given: &Given<'_>, take: &mut Take<'_>) {
    let mut seen = BTreeSet::new();
    for file in at(given, "/etc/passwd") {
        for line in lines(given, file) {
            let fields = fields(&line);
            if fields.len() < 4 {
                continue;
            }
            seen.extend(fields.get(2).and_then(|uid| number(uid)));
            let (uid, gid) = (number_at(&fields, 2), number_at(&fields, 3));
            let row = vec![
                uid.clone(),
                gid.clone(),
                uid,
                gid,
                text_at(&fields, 0),
                text_at(&fields, 4),
                text_at(&fields, 5),
                text_at(&fields, 6),
                Cell::Null,
            ];
            if !take(row) {
                return;
            }
        }
    }
    let mut others: BTreeMap<u64, u64> = BTreeMap::new();
    for process in given.checkpoint.rows().processes() {
        for (uid, gid) in [(process.uid, process.gid), (process.euid, process.egid)] {
            if let Some((uid, gid)) = uid.zip(gid) {
                others.entry(uid.into()).or_insert_with(|| gid.into());
            }
        }
    }
    for (uid, gid) in others.into_iter().filter(|(uid, _)| !seen.contains(uid)) {
        let name = known(&BTreeMap::new(), uid);
        let numbers = [uid, gid, uid, gid].map(Cell::from);
        let rest = [name.into(), Cell::Null, Cell::Null, Cell::Null, Cell::Null];
        if !take(numbers.into_iter().chain(rest).collect()) {
            return;
        }
    }
}

/// `groups`.
pub(super) fn groups(given: &Given<'_>, take: &mut Take<'_>) {
    for file in at(given, "/etc/group") {
        for line in lines(given, file) {
            let fields = fields(&line);
            let gid = number_at(&fields, 2);
            if fields.len() >= 3 && !take(vec![gid.clone(), gid, text_at(&fields, 0)]) {
                return;
            }
        }
    }
}

/// `user_groups`.
pub(super) fn user_groups(given: &Given<'_>, take: &mut Take<'_>) {
    let mut users: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for file in at(given, "/etc/passwd") {
        for line in lines(given, file) {
            let fields = fields(&line);
            let (uid, gid) = (fields.get(2).and_then(|uid| number(uid)), fields.get(3).and_then(|gid| number(gid)));
            let (Some(uid), Some(gid), Some(name)) = (uid, gid, fields.first()) else { continue };
            users.insert(name.to_vec(), uid);
            if !take(vec![uid.into(), gid.into()]) {
                return;
            }
        }
    }
    for file in at(given, "/etc/group") {
        for line in lines(given, file) {
            let fields = fields(&line);
            let Some(gid) = fields.get(2).and_then(|gid| number(gid)) else { continue };
            let members = fields.get(3).copied().unwrap_or_default().split(|&byte| byte == b',');
            for uid in members.filter_map(|name| users.get(name)) {
                if !take(vec![(*uid).into(), gid.into()]) {
                    return;
                }
            }
        }
    }
}

/// `shadow`: what is said about passwords, but no hash.
pub(super) fn shadow(given: &Given<'_>, take: &mut Take<'_>) {
    for file in at(given, "/etc/shadow") {
        for line in lines(given, file) {
            let fields = fields(&line);
            if fields.len() < 2 {
                continue;
            }
            let (status, algorithm) = password(fields.get(1).copied().unwrap_or_default());
            let mut row = vec![status.into(), algorithm.map_or(Cell::Null, Cell::from)];
            row.extend((2..9).map(|place| number_at(&fields, place)));
            row.push(text_at(&fields, 0));
            if !take(row) {
                return;
            }
        }
    }
}

/// The state of a password, and the algorithm of its hash.
fn password(hash: &[u8]) -> (&'static str, Option<String>) {
    match hash {
        b"" => ("empty", None),
        b"*" | b"!*" | b"!!" | b"!" => ("not_set", None),
        _ => {
            let status = if hash.starts_with(b"!") { "locked" } else { "active" };
            let algorithm = hash.trim_start_with(|c| c == '!').strip_prefix(b"$").and_then(|rest| {
                let end = rest.iter().position(|&byte| byte == b'$')?;
                Some(rest.get(..end.min(16))?.to_str_lossy().into_owned())
            });
            (status, algorithm)
        }
    }
}

/// `crontab`: jobs of the system and of users.
pub(super) fn crontab(given: &Given<'_>, take: &mut Take<'_>) {
    let places = ["/etc/crontab", "/etc/cron.d/", "/var/spool/cron/crontabs/", "/var/spool/cron/", "/etc/crontabs/"];
    for file in places.into_iter().flat_map(|place| at(given, place)) {
        for line in lines(given, file) {
            let Some(job) = job(&line) else { continue };
            let mut row: Vec<Cell> = job.into_iter().collect();
            row.push(file.path.as_slice().into());
            if !take(row) {
                return;
            }
        }
    }
}

/// The columns of a job: the event, five fields of time, the command with the user before it.
fn job(line: &[u8]) -> Option<[Cell; 7]> {
    let null = || Cell::Null;
    if line.starts_with(b"@") {
        let end = line.iter().position(u8::is_ascii_whitespace)?;
        let (event, command) = line.split_at_checked(end)?;
        return Some([event.into(), null(), null(), null(), null(), null(), command.trim_start().into()]);
    }
    let mut rest = line;
    let mut times = Vec::new();
    for _ in 0..5 {
        let end = rest.iter().position(u8::is_ascii_whitespace)?;
        let (field, after) = rest.split_at_checked(end)?;
        // A line that sets a variable is no job.
        if field.contains(&b'=') {
            return None;
        }
        times.push(Cell::from(field));
        rest = after.trim_start();
    }
    let mut times = times.into_iter();
    let mut next = || times.next().unwrap_or(Cell::Null);
    Some([null(), next(), next(), next(), next(), next(), rest.into()])
}

/// `authorized_keys`.
pub(super) fn authorized_keys(given: &Given<'_>, take: &mut Take<'_>) {
    let names = Names::read(given);
    let is_list = |file: &&ChangedFile| {
        file.file_type == "regular"
            && file.place != Place::Deleted
            && (file.path.ends_with(b"/.ssh/authorized_keys") || file.path.ends_with(b"/.ssh/authorized_keys2"))
    };
    for file in given.files.all().iter().filter(is_list) {
        for line in lines(given, file) {
            let Some([options, algorithm, key, comment]) = key(&line) else { continue };
            let row = vec![
                names.owner(file).into(),
                algorithm.into(),
                key.into(),
                options.into(),
                comment.into(),
                file.path.as_slice().into(),
            ];
            if !take(row) {
                return;
            }
        }
    }
}

/// Options, algorithm, key and comment of a line.
fn key(line: &[u8]) -> Option<[&[u8]; 4]> {
    const KINDS: [&[u8]; 4] = [b"ssh-", b"ecdsa-", b"sk-ssh-", b"sk-ecdsa-"];
    let is_kind = |word: &[u8]| KINDS.iter().any(|kind| word.starts_with(kind));
    // Options may have blanks between quotes; an algorithm begins after a blank outside them.
    let (mut is_quoted, mut begin) = (false, 0_usize);
    for (place, &byte) in line.iter().enumerate() {
        if place == begin && is_kind(line.get(place..)?) {
            break;
        }
        match byte {
            b'"' => is_quoted = !is_quoted,
            b' ' | b'\t' if !is_quoted => begin = place.saturating_add(1),
            _ => {}
        }
    }
    let (options, rest) = line.split_at_checked(begin)?;
    if !is_kind(rest) {
        return None;
    }
    let mut words = rest.splitn(3, u8::is_ascii_whitespace);
    Some([options.trim(), words.next()?, words.next()?, words.next().unwrap_or_default().trim()])
}

/// `sudoers`.
pub(super) fn sudoers(given: &Given<'_>, take: &mut Take<'_>) {
    for file in at(given, "/etc/sudoers").chain(at(given, "/etc/sudoers.d/")) {
        for line in lines(given, file) {
            let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
            let (header, details) = line.split_at_checked(end).unwrap_or((&line, b""));
            if !take(vec![file.path.as_slice().into(), header.into(), details.trim().into()]) {
                return;
            }
        }
    }
}

/// `etc_hosts`.
pub(super) fn etc_hosts(given: &Given<'_>, take: &mut Take<'_>) {
    for file in at(given, "/etc/hosts") {
        for line in lines(given, file) {
            let line = line.split(|&byte| byte == b'#').next().unwrap_or_default();
            let mut words = line.fields();
            let Some(address) = words.next() else { continue };
            let names: Vec<&[u8]> = words.collect();
            if !take(vec![address.into(), names.join(&b' ').as_slice().into()]) {
                return;
            }
        }
    }
}

/// `dns_resolvers`.
pub(super) fn dns_resolvers(given: &Given<'_>, take: &mut Take<'_>) {
    for file in at(given, "/etc/resolv.conf") {
        for (id, line) in (0_u64..).zip(lines(given, file)) {
            let mut words = line.fields();
            let kind = words.next().unwrap_or_default();
            let rest: Vec<&[u8]> = words.collect();
            if !take(vec![id.into(), kind.into(), rest.join(&b' ').as_slice().into(), Cell::Null, Cell::Null]) {
                return;
            }
        }
    }
}

/// `os_version`.
pub(super) fn os_version(given: &Given<'_>, take: &mut Take<'_>) {
    let Some(file) = at(given, "/etc/os-release").chain(at(given, "/usr/lib/os-release")).next() else { return };
    let mut values: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for line in lines(given, file) {
        if let Some((key, value)) = line.split_once_str("=") {
            values.insert(key.to_vec(), value.trim_with(|c| c == '"' || c == '\'').to_vec());
        }
    }
    let text = |key: &str| values.get(key.as_bytes()).map_or(Cell::Null, |value| value.as_slice().into());
    let version = values.get(&b"VERSION_ID"[..]).cloned().unwrap_or_default();
    let mut parts = version.split(|&byte| byte == b'.').map(|part| Cell::from(number(part)));
    let mut part = || parts.next().unwrap_or(Cell::Null);
    take(vec![
        text("NAME"),
        text("VERSION"),
        part(),
        part(),
        part(),
        text("BUILD_ID"),
        text("ID"),
        text("ID_LIKE"),
        text("VERSION_CODENAME"),
        given.checkpoint.model().arch().map_or(Cell::Null, |arch| arch.as_str().into()),
    ]);
}

/// `shell_history`: lines in the memory of shells, and those of changed history files.
pub(super) fn shell_history(given: &Given<'_>, take: &mut Take<'_>) {
    let users: BTreeMap<_, _> = given.checkpoint.rows().processes().map(|row| (row.pid, row.uid)).collect();
    for line in given.checkpoint.rows().shell_history() {
        let uid = users.get(&line.pid).copied().flatten().map(u64::from);
        let time = line.time.map_or(Cell::Null, |time| Cell::Number(time.as_second()));
        let place = format!("memory of process {}", line.pid);
        if !take(vec![uid.into(), time, line.command.as_slice().into(), place.into()]) {
            return;
        }
    }
    let names = Names::read(given);
    let is_history = |file: &&ChangedFile| {
        let name = file.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let is_named = name.starts_with(b".") && name.ends_with(b"_history");
        is_named && file.file_type == "regular" && file.place != Place::Deleted
    };
    for file in given.files.all().iter().filter(is_history) {
        let text = text(given, file);
        let mut time: Option<u64> = None;
        for line in text.lines().filter(|line| !line.is_empty()) {
            // bash writes the time before the line, if it writes it.
            if let Some(seconds) = line.strip_prefix(b"#").and_then(number) {
                time = Some(seconds);
                continue;
            }
            let row = vec![names.owner(file).into(), time.take().into(), line.into(), file.path.as_slice().into()];
            if !take(row) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cells: &[Cell]) -> Vec<String> {
        let one = |cell: &Cell| match cell {
            Cell::Null => "-".to_owned(),
            Cell::Number(number) => number.to_string(),
            Cell::Text(text) => text.to_str_lossy().into_owned(),
        };
        cells.iter().map(one).collect()
    }

    #[test]
    fn jobs_are_split_as_in_osquery() {
        assert_eq!(
            text(&job(b"*/5 * * * * root curl x | sh").unwrap()),
            ["-", "*/5", "*", "*", "*", "*", "root curl x | sh"]
        );
        assert_eq!(text(&job(b"@reboot /tmp/x").unwrap()), ["@reboot", "-", "-", "-", "-", "-", "/tmp/x"]);
        assert_eq!(job(b"PATH=/bin:/usr/bin x y z w v"), None);
        assert_eq!(job(b"too short"), None);
    }

    #[test]
    fn keys_may_have_options_with_blanks() {
        let line = b"command=\"echo ssh-rsa\",no-pty ssh-ed25519 AAAAC3 me@home";
        assert_eq!(
            key(line).unwrap(),
            [&b"command=\"echo ssh-rsa\",no-pty"[..], b"ssh-ed25519", b"AAAAC3", b"me@home"]
        );
        assert_eq!(key(b"ssh-rsa AAAAB3").unwrap(), [&b""[..], b"ssh-rsa", b"AAAAB3", b""]);
        assert_eq!(key(b"no key here"), None);
    }

    #[test]
    fn passwords_are_told_without_their_hashes() {
        assert_eq!(password(b"$6$salt$hash"), ("active", Some("6".to_owned())));
        assert_eq!(password(b"!$y$j9T$x"), ("locked", Some("y".to_owned())));
        assert_eq!(password(b"*"), ("not_set", None));
        assert_eq!(password(b""), ("empty", None));
    }
}
