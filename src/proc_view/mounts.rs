//! `/proc/PID/mountinfo` and `mounts`.

use std::collections::HashMap;

use super::{Task, text};
use crate::model::mount::Mount;

/// Printed for file systems without a number in CRIU (ext4, xfs, nfs, …), whose names are not stored.
const UNKNOWN: &[u8] = b"unknown";
/// Characters that would break a line of mountinfo.
const SPECIAL: &[u8] = b" \t\n\\";
/// The same for names of file systems and sources, where `#` would begin a comment.
const SPECIAL_SOURCE: &[u8] = b" \t\n\\#";

/// Source: the kernel's `fs/proc_namespace.c`, `show_mountinfo`.
pub(super) fn mountinfo(task: &Task<'_>) -> Option<Vec<u8>> {
    lines(task, |out, mount, path| {
        let (id, parent) = (mount.id.unwrap_or(0), mount.parent.unwrap_or(0));
        let device = mount.device.unwrap_or_default();
        out.extend_from_slice(format!("{id} {parent} {}:{} ", device.major, device.minor).as_bytes());
        text::octal(out, &mount.root, SPECIAL);
        out.push(b' ');
        text::octal(out, path, SPECIAL);
        out.push(b' ');
        out.extend_from_slice(&mount.own_options);
        if !mount.propagation.is_empty() {
            out.push(b' ');
            out.extend_from_slice(mount.propagation.as_bytes());
        }
        out.extend_from_slice(b" - ");
        text::octal(out, mount.file_system.as_deref().map_or(UNKNOWN, |name| name), SPECIAL_SOURCE);
        out.push(b' ');
        text::octal(out, &mount.source, SPECIAL_SOURCE);
        out.push(b' ');
        text::octal(out, &mount.super_options, b"\n");
        out.push(b'\n');
    })
}

/// Source: the same, `show_vfsmnt`.
pub(super) fn mounts(task: &Task<'_>) -> Option<Vec<u8>> {
    lines(task, |out, mount, path| {
        text::octal(out, &mount.source, SPECIAL_SOURCE);
        out.push(b' ');
        text::octal(out, path, SPECIAL);
        out.push(b' ');
        text::octal(out, mount.file_system.as_deref().map_or(UNKNOWN, |name| name), SPECIAL_SOURCE);
        out.push(b' ');
        text::octal(out, &options(&mount.own_options, &mount.super_options), b"\n");
        out.extend_from_slice(b" 0 0\n");
    })
}

/// Access mode of the mount or else of its file system, then the general options of the file system, those of the
/// mount, and those specific to the file system. The order no longer distinguishes them, so the kernel's is kept.
fn options(own: &[u8], of_super: &[u8]) -> Vec<u8> {
    let (own, of_super): (Vec<&[u8]>, Vec<&[u8]>) =
        (own.split(|&b| b == b',').collect(), of_super.split(|&b| b == b',').collect());
    let read_only = own.first() == Some(&&b"ro"[..]) || of_super.first() == Some(&&b"ro"[..]);
    let general = |option: &&&[u8]| [&b"sync"[..], b"dirsync", b"mand", b"lazytime"].contains(*option);
    let mut all: Vec<&[u8]> = vec![if read_only { b"ro" } else { b"rw" }];
    all.extend(of_super.iter().skip(1).take_while(general));
    all.extend(own.iter().skip(1));
    all.extend(of_super.iter().skip(1).skip_while(general));
    all.join(&b","[..])
}

/// One line per mount that can be reached from the root of the process. CRIU's image has the last mount first.
fn lines(task: &Task<'_>, write: impl Fn(&mut Vec<u8>, &Mount, &[u8])) -> Option<Vec<u8>> {
    let namespace = task.process.ids.as_ref()?.mnt_ns_id?;
    let mounts = task.common.mounts(namespace)?;
    let root =
        task.process.fs.as_ref().and_then(|fs| task.model.files().path(fs.root_id.map(crate::model::ids::FileId)?));
    let root = root.map_or_else(|| b"/".to_vec(), |path| path.text);
    let mut out = Vec::new();
    for mount in mounts.below(&root).into_iter().rev() {
        if let Some(path) = below(&mount.path, &root) {
            write(&mut out, mount, path);
        }
    }
    Some(out)
}

/// The mounts of one namespace.
#[derive(Debug, Default)]
pub(super) struct Table<'c> {
    all: Vec<&'c Mount>,
    /// Their paths and places in the list, by path.
    by_path: Vec<(&'c [u8], usize)>,
}

impl<'c> Table<'c> {
    /// The tables of all namespaces, by number.
    pub(super) fn of_all(mounts: &'c [Mount]) -> HashMap<u32, Self> {
        let mut tables: HashMap<u32, Table<'c>> = HashMap::new();
        for mount in mounts {
            let table = tables.entry(mount.namespace.0).or_default();
            table.by_path.push((&mount.path, table.all.len()));
            table.all.push(mount);
        }
        for table in tables.values_mut() {
            table.by_path.sort_unstable();
        }
        tables
    }

    /// Mounts at a root and below it, in order. Thousands of processes may have thousands of roots.
    fn below(&self, root: &[u8]) -> Vec<&'c Mount> {
        if root == b"/" {
            return self.all.clone();
        }
        let from = |path: &[u8]| self.by_path.partition_point(|(other, _)| *other < path);
        let after = |first: usize| self.by_path.get(first..).unwrap_or_default().iter();
        let folder = [root, b"/"].concat();
        let at = after(from(root)).take_while(|(path, _)| *path == root);
        let within = after(from(&folder)).take_while(|(path, _)| path.starts_with(&folder));
        let mut places: Vec<usize> = at.chain(within).map(|(_, place)| *place).collect();
        places.sort_unstable();
        places.into_iter().filter_map(|place| self.all.get(place).copied()).collect()
    }
}

/// A path as seen from a root. `None` if it is not below the root.
fn below<'p>(path: &'p [u8], root: &[u8]) -> Option<&'p [u8]> {
    if root == b"/" {
        return Some(path);
    }
    match path.strip_prefix(root)? {
        [] => Some(b"/"),
        rest @ [b'/', ..] => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_that_the_process_sees() {
        assert_eq!(below(b"/a/b", b"/"), Some(&b"/a/b"[..]));
        assert_eq!(below(b"/a/b", b"/a"), Some(&b"/b"[..]));
        assert_eq!(below(b"/a", b"/a"), Some(&b"/"[..]));
        assert_eq!((below(b"/ab", b"/a"), below(b"/", b"/a")), (None, None));
    }

    #[test]
    fn options_of_both_in_the_order_of_the_kernel() {
        let text = |own: &str, sb: &str| String::from_utf8(options(own.as_bytes(), sb.as_bytes())).unwrap();
        assert_eq!(text("rw,nosuid,relatime", "rw,sync,size=64000k"), "rw,sync,nosuid,relatime,size=64000k");
        assert_eq!(text("rw,relatime", "ro"), "ro,relatime");
    }
}
