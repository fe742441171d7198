//! Changed files: their extended attributes, and a tree of files, links and deletions that does not fit together.

use cryoscope::memory::Keep;

use super::parts::{add, least, read_tables};

/// Attributes with a form of their own, and others.
const ATTRIBUTES: [&str; 6] = [
    "security.capability",
    "system.posix_acl_access",
    "system.posix_acl_default",
    "security.selinux",
    "user.name",
    "trusted.overlay.opaque",
];
const NAMES: [&str; 16] = [
    "etc", "etc/passwd", "etc/.wh.passwd", "etc/.wh..wh..opq", ".wh..wh..opq", ".wh.etc", ".wh..wh.aufs", "etc/passwd/x",
    "/etc/passwd", "./etc//passwd", "../etc/passwd", "etc/../root", "link", "link/x", "", ".wh.",
];
const FLAGS: &[u8] = b"01234567";

/// The first byte chooses an attribute whose value the rest is, or says that the rest is records of PAX, or entries of
/// three bytes each.
pub fn run(data: &[u8]) {
    let Some((&number, rest)) = data.split_first() else { return };
    let mut changes = Vec::new();
    match number % 8 {
        6 => {
            add(&mut changes, b'x', "x", "", rest);
            add(&mut changes, b'0', "etc/passwd", "", b"root");
        }
        7 => {
            for entry in rest.as_chunks::<3>().0 {
                let [flag, name, target] = entry.map(usize::from);
                let contents = if flag & 8 == 0 { "" } else { "root" };
                let (name, target) = (NAMES[name % NAMES.len()], NAMES[target % NAMES.len()]);
                add(&mut changes, FLAGS[flag % FLAGS.len()], name, target, contents.as_bytes());
            }
        }
        attribute => {
            let name = ATTRIBUTES[usize::from(attribute)];
            let record = [format!(" SCHILY.xattr.{name}=").as_bytes(), rest, b"\n"].concat();
            // The length of a record counts its own digits.
            let digits = (1..9).find(|digits| (record.len() + digits).to_string().len() == *digits).unwrap_or(1);
            let record = [(record.len() + digits).to_string().as_bytes(), &record].concat();
            add(&mut changes, b'x', "x", "", &record);
            add(&mut changes, b'0', "etc/passwd", "", b"root");
        }
    }
    changes.resize(changes.len() + 1024, 0);
    let deleted = br#"["/etc/passwd","etc/x","../x",""]"#;
    let archive = least(&[("rootfs-diff.tar", &changes), ("deleted.files", deleted)]);
    for checkpoint in read_tables(&archive, Keep::Files, &["rootfs_changes"]) {
        std::hint::black_box(checkpoint.rootfs());
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut capability = vec![0, 1, 0, 0, 3];
    capability.extend([0xff, 0xff, 0xff, 0xff].repeat(4));
    capability.extend(1000_u32.to_le_bytes());
    let mut list = vec![1, 2, 0, 0, 0];
    for (tag, permissions) in [(1_u16, 7_u16), (2, 5), (4, 4), (8, 1), (0x10, 7), (0x20, 0)] {
        list.extend([tag.to_le_bytes(), permissions.to_le_bytes(), [1, 0], [0, 0]].concat());
    }
    let every = (0_u8..16).flat_map(|name| [name, name, name.wrapping_mul(5)]);
    vec![
        capability[..21].to_vec(),
        capability,
        list,
        b"\x04value\0\xff".to_vec(),
        b"\x0630 SCHILY.xattr.user.name=value\n25 LIBARCHIVE.xattr.x=YQ\n14 size=100000\n".to_vec(),
        [7].into_iter().chain(every).collect(),
    ]
}
