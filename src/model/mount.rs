//! The mount tables of mount namespaces, as `/proc/PID/mountinfo` prints them: `mountpoints-NS.img`.

use std::collections::BTreeSet;

use bstr::{BString, ByteSlice};

use super::ids::NamespaceId;
use crate::abi;
use crate::abi::device::Device;
use crate::images::proto::{MntEntry, UidGidExtent, UsernsEntry};
use crate::images::{Images, Kind};

/// A mount.
#[derive(Clone, Debug)]
pub struct Mount {
    /// The mount namespace (CRIU's id).
    pub namespace: NamespaceId,
    /// The kernel's number of the mount.
    pub id: Option<u32>,
    /// The kernel's number of the parent mount.
    pub parent: Option<u32>,
    /// Mount point.
    pub path: Vec<u8>,
    /// File system type; `None` if CRIU has no name for it (ext4, xfs, nfs, …).
    pub file_system: Option<BString>,
    /// Mounted source, as mountinfo prints it.
    pub source: Vec<u8>,
    /// Directory of the file system that is mounted.
    pub root: Vec<u8>,
    /// Options of the mount and of the file system, sorted.
    pub options: Vec<BString>,
    /// Options of the mount alone, in the order of mountinfo.
    pub own_options: BString,
    /// Options of the file system, in the order of mountinfo, with ids as numbered on the host.
    pub super_options: BString,
    /// Propagation, as mountinfo's optional fields.
    pub propagation: String,
    /// Whether the engine provides the mount.
    pub external: bool,
    /// Device of the file system.
    pub device: Option<Device>,
}

/// Reads the mount tables of all namespaces, each in the order of its image.
pub(super) fn read(images: Images<'_>, users: Option<&UsernsEntry>) -> Vec<Mount> {
    let mut mounts = Vec::new();
    let namespaces: Vec<u64> =
        images.set.of_kind(images.archive, Kind::Mountpoints).map(|(number, _)| number).collect();
    for number in namespaces {
        let namespace = NamespaceId(u32::try_from(number).unwrap_or(u32::MAX));
        images.each::<MntEntry>(Kind::Mountpoints, number, |entry, _, _| mounts.push(mount(namespace, &entry, users)));
    }
    mounts
}

fn mount(namespace: NamespaceId, entry: &MntEntry, users: Option<&UsernsEntry>) -> Mount {
    let number = entry.fstype();
    let file_system = match number {
        abi::mount::AUTO => entry.fsname.clone().map(BString::from),
        _ => abi::mount::file_system(number).map(BString::from),
    };
    let mut propagation = Vec::new();
    propagation.extend(entry.shared_id.filter(|&id| id != 0).map(|id| format!("shared:{id}")));
    propagation.extend(entry.master_id.filter(|&id| id != 0).map(|id| format!("master:{id}")));
    propagation.extend((entry.flags() & abi::mount::UNBINDABLE != 0).then(|| "unbindable".to_owned()));
    Mount {
        namespace,
        id: entry.mnt_id,
        parent: entry.parent_mnt_id,
        path: entry.mountpoint().to_vec(),
        file_system,
        source: entry.source().to_vec(),
        root: entry.root().to_vec(),
        options: options(entry, users),
        own_options: own_options(entry),
        super_options: super_options(entry, users),
        propagation: propagation.join(" "),
        external: entry.ext_key.is_some() || entry.ext_mount(),
        device: entry.root_dev.map(Device::from_kernel),
    }
}

/// Options of the mount and of its file system, sorted; without the file system's own `ro` and `rw`.
fn options(entry: &MntEntry, users: Option<&UsernsEntry>) -> Vec<BString> {
    let mut options = BTreeSet::from([access(entry.flags())]);
    options.extend(known(entry.flags(), abi::mount::OPTIONS));
    options.extend(known(entry.sb_flags(), abi::mount::SUPER_OPTIONS));
    options.extend(particular(entry, users));
    options.into_iter().collect()
}

fn own_options(entry: &MntEntry) -> BString {
    let all: Vec<BString> =
        [access(entry.flags())].into_iter().chain(known(entry.flags(), abi::mount::OPTIONS)).collect();
    bstr::join(",", all).into()
}

/// The kernel prints ids as numbered on the host, whoever reads them.
fn super_options(entry: &MntEntry, users: Option<&UsernsEntry>) -> BString {
    let general = [access(entry.sb_flags())].into_iter().chain(known(entry.sb_flags(), abi::mount::SUPER_OPTIONS));
    let all: Vec<BString> = general.chain(particular(entry, users).map(|option| outside(&option, users))).collect();
    bstr::join(",", all).into()
}

fn access(flags: u32) -> BString {
    BString::from(if flags & abi::mount::READ_ONLY != 0 { "ro" } else { "rw" })
}

/// Names of the flags that are set.
fn known(mask: u32, bits: &'static [(u64, &'static str)]) -> impl Iterator<Item = BString> {
    bits.iter().filter(move |(bit, _)| u64::from(mask) & bit == *bit).map(|(_, name)| BString::from(*name))
}

/// Options specific to the file system.
fn particular<'e>(entry: &'e MntEntry, users: Option<&'e UsernsEntry>) -> impl Iterator<Item = BString> + 'e {
    // CRIU adds this option to every devpts, so that restoring it creates a new one.
    let is_added = |option: &[u8]| entry.fstype() == abi::mount::DEVPTS && option == b"newinstance";
    let options =
        abi::mount::split_options(entry.options()).filter(move |option| !option.is_empty() && !is_added(option));
    options.map(move |option| inside(option, users))
}

/// An option with ids as numbered in the container's user namespace. Some versions of CRIU record ids as numbered on
/// the host, others translate them.
fn inside(option: &[u8], users: Option<&UsernsEntry>) -> BString {
    translated(option, users, |e, id| {
        id.checked_sub(e.lower_first()).filter(|&k| k < e.count())?.checked_add(e.first())
    })
}

/// An option with ids as numbered on the host.
fn outside(option: &[u8], users: Option<&UsernsEntry>) -> BString {
    translated(option, users, |e, id| {
        id.checked_sub(e.first()).filter(|&k| k < e.count())?.checked_add(e.lower_first())
    })
}

/// An option with its user or group id translated by the first extent that contains it.
fn translated(option: &[u8], users: Option<&UsernsEntry>, by: impl Fn(&UidGidExtent, u32) -> Option<u32>) -> BString {
    let translated = users.and_then(|users| {
        let (key, value) = option.split_once_str("=")?;
        let map = match key {
            b"uid" => &users.uid_map,
            b"gid" => &users.gid_map,
            _ => return None,
        };
        let id: u32 = value.to_str().ok()?.parse().ok()?;
        let id = map.iter().find_map(|extent| by(extent, id))?;
        Some(BString::from(format!("{}={id}", key.as_bstr())))
    });
    translated.unwrap_or_else(|| option.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_the_mount_and_of_the_file_system() {
        let entry = MntEntry {
            fstype: Some(abi::mount::DEVPTS),
            flags: Some(0x20_000b),
            sb_flags: Some(0x1),
            options: Some(b"gid=100005,mode=620,newinstance".to_vec()),
            ..Default::default()
        };
        let extent = UidGidExtent { first: Some(0), lower_first: Some(100_000), count: Some(65536) };
        let users = UsernsEntry { gid_map: vec![extent], ..Default::default() };
        assert_eq!(options(&entry, Some(&users)), ["gid=5", "mode=620", "noexec", "nosuid", "relatime", "ro"]);
        assert_eq!(options(&entry, None)[0], "gid=100005");
        assert_eq!(own_options(&entry), "ro,nosuid,noexec,relatime");
        assert_eq!(super_options(&entry, Some(&users)), "ro,gid=100005,mode=620");
        let by_criu = MntEntry { options: Some(b"gid=5,mode=620,newinstance".to_vec()), ..entry };
        assert_eq!(super_options(&by_criu, Some(&users)), "ro,gid=100005,mode=620");
    }

    #[test]
    fn ids_outside_the_map_stay() {
        let users = UsernsEntry::default();
        assert_eq!(inside(b"uid=7", Some(&users)), "uid=7");
        assert_eq!(inside(b"mode=755", Some(&users)), "mode=755");
    }
}
