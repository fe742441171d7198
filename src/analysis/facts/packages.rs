//! Package managers among the changed files: which ran, and which files their databases list.
//!
//! Only databases that changed are read: one of the image says nothing about what changed. An attacker can write a
//! database too, so a listed file is less suspicious, never cleared; paths that everyone may write to are not accepted.

use std::collections::{BTreeMap, HashMap, HashSet};

use bstr::{BString, ByteSlice};
use data_encoding::BASE64;
use sha1::{Digest, Sha1};

use super::super::vocabulary::is_world_writable;
use super::{ChangedFile, FileFacts, Place, base};
use crate::int::u64_of;

/// Most bytes of a database that are read.
const DATABASE_MOST: u64 = 8 << 20;
/// Most bytes of all databases together.
const ALL_MOST: u64 = 64 << 20;

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Manager {
    /// Debian's `dpkg`, with `apt`.
    Dpkg,
    /// Alpine's `apk`.
    Apk,
    /// `rpm`, with `dnf`, `yum` and `zypper`.
    Rpm,
    /// Arch Linux's `pacman`.
    Pacman,
    /// Python's `pip`.
    Pip,
    /// `npm`, `yarn` or `pnpm`.
    Npm,
    /// Ruby's `gem`.
    Gem,
}

impl Manager {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Manager::Dpkg => "dpkg",
            Manager::Apk => "apk",
            Manager::Rpm => "rpm",
            Manager::Pacman => "pacman",
            Manager::Pip => "pip",
            Manager::Npm => "npm",
            Manager::Gem => "gem",
        }
    }

    /// The manager whose database or cache a path is.
    pub fn of(path: &[u8]) -> Option<Self> {
        let under = |places: &[&str]| places.iter().any(|place| path.starts_with(place.as_bytes()));
        if under(&["/var/lib/dpkg/info/"]) || path == b"/var/lib/dpkg/status" {
            Some(Manager::Dpkg)
        } else if matches!(path, b"/lib/apk/db/installed" | b"/usr/lib/apk/db/installed") {
            Some(Manager::Apk)
        } else if under(&["/var/lib/rpm/", "/usr/lib/sysimage/rpm/"]) {
            Some(Manager::Rpm)
        } else if under(&["/var/lib/pacman/local/"]) {
            Some(Manager::Pacman)
        } else if path.ends_with(b".dist-info/RECORD") || path.ends_with(b".egg-info/PKG-INFO") {
            Some(Manager::Pip)
        } else if path.contains_str("/node_modules/") && path.ends_with(b"/package.json") {
            Some(Manager::Npm)
        } else if path.contains_str("/specifications/") && path.ends_with(b".gemspec") {
            Some(Manager::Gem)
        } else {
            None
        }
    }
}

/// What package managers did among the changes.
#[derive(Debug, Default)]
pub struct PackageFacts {
    /// Changed paths that a database lists, with the hash that it has of them.
    listed: HashMap<BString, (Manager, Option<String>)>,
    /// Names of packages that were installed or changed, by manager.
    packages: BTreeMap<Manager, Vec<BString>>,
}

impl PackageFacts {
    pub(super) fn read(files: &FileFacts<'_>) -> Self {
        let mut facts = PackageFacts::default();
        let own =
            |file: &&ChangedFile| file.place == Place::Rootfs && file.file_type == "regular" && !file.engine_noise;
        let changed: HashSet<BString> = files.all().iter().filter(own).map(|file| merged(&file.path)).collect();
        let mut left = ALL_MOST;
        for file in files.all().iter().filter(own) {
            let Some(manager) = Manager::of(&file.path) else { continue };
            let packages = facts.packages.entry(manager).or_default();
            if let Some(name) = package(manager, &file.path) {
                packages.push(name);
            }
            let wanted = match manager {
                Manager::Dpkg => file.path.ends_with(b".list"),
                Manager::Apk | Manager::Pip => true,
                _ => false,
            };
            if !wanted || left == 0 {
                continue;
            }
            let text = files.head(file, DATABASE_MOST.min(left));
            left = left.saturating_sub(u64_of(text.len()));
            let mut add = |path: BString, hash: Option<String>| {
                let path = merged(&path);
                if changed.contains(&path) && !is_world_writable(&path) {
                    facts.listed.insert(path, (manager, hash));
                }
            };
            match manager {
                Manager::Dpkg => text.lines().for_each(|line| add(line.into(), None)),
                Manager::Apk => installed(&text, &mut add),
                _ => record(&file.path, &text, &mut add),
            }
        }
        facts
    }

    /// The managers that ran, with the names of packages that they changed.
    pub fn managers(&self) -> impl Iterator<Item = (Manager, &[BString])> {
        self.packages.iter().map(|(manager, packages)| (*manager, packages.as_slice()))
    }

    /// The manager that a changed file is of. A file whose contents are not those in the database is of none.
    pub fn manager_of(&self, files: &FileFacts<'_>, file: &ChangedFile) -> Option<Manager> {
        if file.place != Place::Rootfs || is_world_writable(&file.path) {
            return None;
        }
        if let Some((manager, hash)) = self.listed.get(&merged(&file.path)) {
            let is_same = hash.as_ref().is_none_or(|hash| sha1_of(files, file).is_none_or(|own| own == *hash));
            return is_same.then_some(*manager);
        }
        // What npm and gem install has no list of files: its folder counts.
        let has = |manager| self.packages.contains_key(&manager);
        let under = |part: &str| file.path.contains_str(part);
        if under("/node_modules/") && has(Manager::Npm) {
            Some(Manager::Npm)
        } else if under("/gems/") && has(Manager::Gem) {
            Some(Manager::Gem)
        } else {
            None
        }
    }

    /// A manager that ran, and whose database cannot be read here: its files cannot be told from others.
    pub fn unread(&self) -> Option<Manager> {
        [Manager::Rpm, Manager::Pacman].into_iter().find(|manager| self.packages.contains_key(manager))
    }
}

/// A path as it is where `/bin`, `/sbin` and `/lib` are links into `/usr`.
fn merged(path: &[u8]) -> BString {
    const TOP: [&str; 5] = ["/bin/", "/sbin/", "/lib/", "/lib64/", "/lib32/"];
    if TOP.iter().any(|top| path.starts_with(top.as_bytes())) {
        bstr::concat([b"/usr".as_slice(), path]).into()
    } else {
        path.into()
    }
}

/// The package that a file of a database is about.
fn package(manager: Manager, path: &[u8]) -> Option<BString> {
    let name = base(path);
    Some(match manager {
        Manager::Dpkg => name.strip_suffix(b".list")?.into(),
        Manager::Gem => name.strip_suffix(b".gemspec")?.into(),
        Manager::Pip | Manager::Npm | Manager::Pacman => {
            let folder = base(path.strip_suffix(name)?.strip_suffix(b"/")?);
            let folder =
                folder.strip_suffix(b".dist-info").or_else(|| folder.strip_suffix(b".egg-info")).unwrap_or(folder);
            folder.into()
        }
        Manager::Apk | Manager::Rpm => return None,
    })
}

/// The files of apk's database: `F:` is a directory, `R:` a file in it, `Z:` the file's hash (`Q1` and SHA-1 in base64).
fn installed(text: &[u8], add: &mut dyn FnMut(BString, Option<String>)) {
    let mut folder: &[u8] = b"";
    let mut file: Option<BString> = None;
    for line in text.lines() {
        let Some((key, value)) = line.split_once_str(":") else { continue };
        match key {
            b"F" => folder = value,
            b"R" => {
                if let Some(file) = file.take() {
                    add(file, None);
                }
                file = Some(bstr::concat([b"/".as_slice(), folder, b"/", value]).into());
            }
            b"Z" => {
                let hash = value.strip_prefix(b"Q1").and_then(|hash| BASE64.decode(hash).ok());
                if let Some(file) = file.take() {
                    add(file, hash.map(|hash| data_encoding::HEXLOWER.encode(&hash)));
                }
            }
            _ => {}
        }
    }
    if let Some(file) = file {
        add(file, None);
    }
}

/// The files of a `RECORD` of pip: paths relative to the directory of packages.
fn record(path: &[u8], text: &[u8], add: &mut dyn FnMut(BString, Option<String>)) {
    let folder = path.strip_suffix(b"/RECORD").and_then(|path| path.strip_suffix(base(path)));
    let Some(folder) = folder else { return };
    for line in text.lines() {
        let name = line.split_str(",").next().unwrap_or(line);
        add(resolved(folder, name), None);
    }
}

/// A relative path below a directory, without `..`.
fn resolved(folder: &[u8], name: &[u8]) -> BString {
    if name.starts_with(b"/") {
        return name.into();
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in folder.split_str("/").chain(name.split_str("/")) {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut path = BString::default();
    for part in parts {
        path.push(b'/');
        path.extend_from_slice(part);
    }
    path
}

/// SHA-1 of a file, if all of it is in the archive.
fn sha1_of(files: &FileFacts<'_>, file: &ChangedFile) -> Option<String> {
    let bytes = files.head(file, DATABASE_MOST.saturating_mul(4));
    (u64_of(bytes.len()) == file.size).then(|| data_encoding::HEXLOWER.encode(&Sha1::digest(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apk_lists_files_with_their_hashes() {
        let text = b"P:busybox\nF:bin\nR:busybox\na:0:0:755\nZ:Q1AAECAwQFBgcICQoLDA0ODxAREhM=\nF:etc\nR:x\nR:y\n";
        let mut all = Vec::new();
        installed(text, &mut |path, hash| all.push((path.to_string(), hash)));
        let hash = Some("000102030405060708090a0b0c0d0e0f10111213".to_owned());
        assert_eq!(all, [("/bin/busybox".into(), hash), ("/etc/x".into(), None), ("/etc/y".into(), None)]);
    }

    #[test]
    fn records_of_pip_are_relative() {
        let mut all = Vec::new();
        let path = b"/usr/lib/python3/site-packages/a-1.dist-info/RECORD";
        record(path, b"a/b.so,sha256=x,3\n../../../bin/a,,\n", &mut |path, _| all.push(path.to_string()));
        assert_eq!(all, ["/usr/lib/python3/site-packages/a/b.so", "/usr/bin/a"]);
    }

    #[test]
    fn databases_are_known_by_their_paths() {
        assert_eq!(Manager::of(b"/var/lib/dpkg/info/curl.list"), Some(Manager::Dpkg));
        assert_eq!(Manager::of(b"/lib/apk/db/installed"), Some(Manager::Apk));
        assert_eq!(Manager::of(b"/srv/node_modules/a/package.json"), Some(Manager::Npm));
        assert_eq!(Manager::of(b"/srv/package.json"), None);
        assert_eq!(package(Manager::Dpkg, b"/var/lib/dpkg/info/curl.list").unwrap(), "curl");
        assert_eq!(package(Manager::Pip, b"/x/site-packages/a-1.dist-info/RECORD").unwrap(), "a-1");
        assert_eq!(merged(b"/lib/x86_64-linux-gnu/libc.so.6"), "/usr/lib/x86_64-linux-gnu/libc.so.6");
    }
}
