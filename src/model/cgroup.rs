//! Control groups: the groups of each thread and the properties of their directories; `cgroup.img`.

use std::collections::BTreeMap;

use bstr::BString;

use super::ids::{Pid, Tid};
use super::{EngineFiles, Model};
use crate::images::proto::{CgMemberEntry, CgroupDirEntry, CgroupEntry, CgroupPerms};
use crate::images::{Images, Kind};
use crate::warning::Code;

/// Greatest nesting depth of directories. The kernel sets no useful limit by default; real hierarchies have about ten
/// levels, and protobuf itself stops at 100.
const MOST_DEPTH: usize = 64;
/// Bytes of a path, which all properties of a directory repeat: the kernel's limit.
const MOST_PATH: usize = 4096;

/// A control group that a thread is in.
#[derive(Clone, Debug)]
pub struct Membership {
    /// Controllers of the hierarchy, as in `/proc/PID/cgroup`; empty for the unified hierarchy.
    pub controllers: BString,
    /// Path in the host's hierarchy.
    pub path: BString,
    /// The path below the root of the cgroup namespace, as the thread sees it. `None` if no path of the dump has such a
    /// root: before CRIU 2.0 and outside of all cgroup namespaces.
    pub inside: Option<BString>,
}

/// A property of a directory, or the directory itself.
#[derive(Clone, Debug)]
pub struct Property {
    /// Controllers of the hierarchy, joined by commas; empty for the unified hierarchy.
    pub controllers: BString,
    /// Path of the directory in the host's hierarchy.
    pub path: BString,
    /// Name and contents of the file; `None` for the directory itself.
    pub file: Option<(BString, BString)>,
    /// Mode, owner and group; `None` before CRIU 2.0.
    pub perms: Option<CgroupPerms>,
    /// Whether the directory may hold single threads; `None` before CRIU 3.18.
    pub threaded: Option<bool>,
}

/// The control groups of a dump.
#[derive(Debug, Default)]
pub struct Cgroups {
    sets: BTreeMap<u32, Vec<Membership>>,
    threads: Vec<(Pid, Tid, u32)>,
    properties: Vec<Property>,
}

impl Cgroups {
    /// Threads whose set is known, with the id of the set, by pid and tid.
    pub fn threads(&self) -> &[(Pid, Tid, u32)] {
        &self.threads
    }

    /// The groups of a set; `None` if the archive has no such set. CRIU's own set is not recorded.
    pub fn set(&self, id: u32) -> Option<&[Membership]> {
        self.sets.get(&id).map(Vec::as_slice)
    }

    /// The directories and their properties, in the order of the image.
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }
}

/// Reads control groups.
pub(crate) fn read(images: Images<'_>, model: &Model, _engine_files: &EngineFiles<'_>) -> Cgroups {
    let mut cgroups = Cgroups::default();
    for process in model.processes() {
        let of_process = process.task().and_then(|task| task.cg_set);
        for thread in process.threads.iter().filter(|_| !process.is_zombie()) {
            // Since CRIU 3.18 each thread has its own set.
            let set = thread.own().and_then(|own| own.cg_set).or(of_process);
            cgroups.threads.extend(set.map(|set| (process.pid(), thread.tid, set)));
        }
    }
    cgroups.threads.sort_unstable();
    images.each::<CgroupEntry>(Kind::Cgroup, 0, |entry, _, place| {
        // Not written if the root of the namespace is the root of the hierarchy.
        let has_roots = entry.sets.iter().flat_map(|set| &set.ctls).any(|member| member.cgns_prefix.is_some());
        for set in &entry.sets {
            cgroups.sets.insert(set.id(), set.ctls.iter().map(|member| membership(member, has_roots)).collect());
        }
        for controller in entry.controllers {
            let names = bstr::join(",", &controller.cnames);
            let names = BString::from(names.get(..MOST_PATH).unwrap_or(&names));
            let mut is_cut = false;
            for directory in &controller.dirs {
                let walk = Walk { controllers: &names, threaded: controller.is_threaded };
                is_cut |= !walk.follow(directory, b"", 0, &mut cgroups.properties);
            }
            if is_cut {
                images.warnings.push(Code::LimitReached, place(), || {
                    format!(
                        "control group directories are nested more than {MOST_DEPTH} deep, or have paths of more than \
                         {MOST_PATH} bytes; those were skipped"
                    )
                });
            }
        }
    });
    cgroups
}

fn membership(member: &CgMemberEntry, has_roots: bool) -> Membership {
    let path = member.path();
    let inside = member.cgns_prefix.or(has_roots.then_some(0)).map(|prefix| {
        let rest = usize::try_from(prefix).ok().and_then(|prefix| path.get(prefix..)).unwrap_or_default();
        if rest.starts_with(b"/") { BString::from(rest) } else { BString::from([b"/", rest].concat()) }
    });
    Membership { controllers: member.name().into(), path: path.into(), inside }
}

/// State of a walk through a hierarchy.
struct Walk<'a> {
    controllers: &'a BString,
    threaded: Option<bool>,
}

impl Walk<'_> {
    /// Adds a directory, its properties and its subdirectories; `false` if it is too deep.
    fn follow(&self, directory: &CgroupDirEntry, above: &[u8], depth: usize, found: &mut Vec<Property>) -> bool {
        if depth >= MOST_DEPTH {
            return false;
        }
        // The names of the topmost directories are whole paths.
        let name = directory.dir_name();
        let slash: &[u8] = if name.starts_with(b"/") || above.ends_with(b"/") { b"" } else { b"/" };
        let above = if name.starts_with(b"/") { above.strip_suffix(b"/").unwrap_or(above) } else { above };
        let path = [above, slash, name].concat();
        if path.len() > MOST_PATH {
            return false;
        }
        let property = |file, perms| Property {
            controllers: self.controllers.clone(),
            path: path.clone().into(),
            file,
            perms,
            threaded: self.threaded,
        };
        found.push(property(None, directory.dir_perms));
        for entry in &directory.properties {
            found.push(property(Some((entry.name().into(), entry.value().into())), entry.perms));
        }
        let mut is_whole = true;
        for child in &directory.children {
            is_whole &= self.follow(child, &path, depth.saturating_add(1), found);
        }
        is_whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(path: &str, prefix: Option<u32>) -> Option<BString> {
        let entry = CgMemberEntry { path: Some(path.into()), cgns_prefix: prefix, ..Default::default() };
        membership(&entry, false).inside
    }

    #[test]
    fn paths_are_seen_from_the_namespace() {
        assert_eq!(member("/pod/c/job", Some(6)).unwrap(), "/job");
        assert_eq!(member("/pod/c", Some(6)).unwrap(), "/", "its root");
        assert_eq!(member("/pod/c", Some(0)).unwrap(), "/pod/c", "the host's namespace");
        assert_eq!(member("/pod/c", Some(99)).unwrap(), "/", "a prefix that is longer than the path");
        assert_eq!(member("/pod/c", None), None);
    }

    #[test]
    fn directories_are_followed_to_a_depth() {
        let mut deep = CgroupDirEntry { dir_name: Some("leaf".into()), ..Default::default() };
        for _ in 0..MOST_DEPTH {
            deep = CgroupDirEntry { dir_name: Some("d".into()), children: vec![deep], ..Default::default() };
        }
        let walk = Walk { controllers: &BString::from("cpu"), threaded: None };
        let mut found = Vec::new();
        assert!(!walk.follow(&deep, b"", 0, &mut found));
        assert_eq!(found.len(), MOST_DEPTH);
        assert!(walk.follow(&deep.children[0], b"", 0, &mut found));
        assert_eq!(found.last().unwrap().path, BString::from(format!("{}/leaf", "/d".repeat(MOST_DEPTH - 1))));
    }
}
