//! Mounts: file systems and flags.

use super::{Bits, name_of};

/// `mnt_entry.fstype` if the type has no number. Its name is then in `fsname`.
pub const AUTO: u32 = 16;

const FILE_SYSTEMS: Bits = &[
    (1, "proc"),
    (2, "sysfs"),
    (3, "devtmpfs"),
    (4, "binfmt_misc"),
    (5, "tmpfs"),
    (6, "devpts"),
    (7, "simfs"),
    (8, "pstore"),
    (9, "securityfs"),
    (10, "fusectl"),
    (11, "debugfs"),
    (12, "cgroup"),
    (13, "aufs"),
    (14, "mqueue"),
    (15, "fuse"),
    (17, "overlay"),
    (18, "autofs"),
    (19, "tracefs"),
    (20, "rpc_pipefs"),
    (21, "nfs"),
    (22, "nfs4"),
    (23, "cgroup2"),
];

/// CRIU's number of devpts.
pub const DEVPTS: u32 = 6;
/// CRIU's number of cgroup and cgroup2.
pub const CGROUP: [u32; 2] = [12, 23];

/// The name of a file system by CRIU's number; `None` for 0, which stands for every type without a number.
pub fn file_system(number: u32) -> Option<&'static str> {
    name_of(number.into(), FILE_SYSTEMS)
}

/// `MS_RDONLY`.
pub const READ_ONLY: u32 = 0x1;
/// The option that mountinfo prints for it.
pub const READ_ONLY_OPTION: &str = "ro";
/// `MS_UNBINDABLE`.
pub const UNBINDABLE: u32 = 0x2_0000;

/// Flags of a mount that mountinfo prints, in its order. Source: the kernel's `fs/proc_namespace.c`, `show_mnt_opts`.
pub const OPTIONS: Bits = &[
    (0x2, "nosuid"),
    (0x4, "nodev"),
    (0x8, "noexec"),
    (0x400, "noatime"),
    (0x800, "nodiratime"),
    (0x20_0000, "relatime"),
    (0x100, "nosymfollow"),
];

/// Flags of a file system that mountinfo prints. Source: the same, `show_sb_opts`.
pub const SUPER_OPTIONS: Bits = &[(0x10, "sync"), (0x80, "dirsync"), (0x40, "mand"), (0x200_0000, "lazytime")];

/// Splits the options of a file system, as mountinfo prints them, at commas. Commas inside quotes do not split, as in
/// `SELinux` labels (`context="system_u:object_r:container_file_t:s0:c31,c779"`), and neither do those in a list of
/// nodes (`mpol=bind:0,2`). Source: the kernel's `security/selinux/hooks.c` (`show_sid`) and `mm/mempolicy.c`.
pub fn split_options(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut end = end_of_option(text, 0);
        // A number is not an option.
        while text.starts_with(b"mpol=") && text.get(end.saturating_add(1)).is_some_and(u8::is_ascii_digit) {
            end = end_of_option(text, end.saturating_add(1));
        }
        rest = text.get(end.saturating_add(1)..).filter(|_| end < text.len());
        text.get(..end)
    })
}

/// End of the option at a place.
fn end_of_option(text: &[u8], from: usize) -> usize {
    let comma_after = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        rest.iter().position(|&byte| byte == b',').map_or(text.len(), |comma| at.saturating_add(comma))
    };
    let comma = comma_after(from);
    let option = text.get(from..comma).unwrap_or_default();
    let value = option.iter().position(|&byte| byte == b'=').map(|at| from.saturating_add(at).saturating_add(1));
    let quote = value.filter(|&at| text.get(at) == Some(&b'"'));
    // An unclosed quote is a character like any other.
    quote.and_then(|at| closing_quote(text, at.saturating_add(1))).map_or(comma, comma_after)
}

/// Place of the quote that closes the one before.
fn closing_quote(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            // The next character is escaped.
            b'\\' => at = at.saturating_add(2),
            _ => at = at.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        split_options(text.as_bytes()).map(|option| std::str::from_utf8(option).unwrap()).collect()
    }

    #[test]
    fn commas_within_quotes_are_of_the_option() {
        let label = r#"context="system_u:object_r:container_file_t:s0:c31,c779""#;
        assert_eq!(split(&format!("{label},size=64000k")), [label, "size=64000k"]);
        assert_eq!(split(&format!("rw,{label}")), ["rw", label]);
        let both = r#"fscontext="a:s0:c1,c2",rootcontext="b:s0:c3,c4",defcontext=c:s0"#;
        assert_eq!(split(both), [r#"fscontext="a:s0:c1,c2""#, r#"rootcontext="b:s0:c3,c4""#, "defcontext=c:s0"]);
        assert_eq!(split(r#"context="a\042,b\"c",d"#), [r#"context="a\042,b\"c""#, "d"]);
        assert_eq!(split(r#"context="a,b"c,d"#), [r#"context="a,b"c"#, "d"]);
    }

    #[test]
    fn quotes_that_are_not_around_a_value_are_characters() {
        assert_eq!(split(r#"lowerdir=/a"b,upperdir=/c"d"#), [r#"lowerdir=/a"b"#, r#"upperdir=/c"d"#]);
        assert_eq!(split(r#"context="a,b"#), [r#"context="a"#, "b"], "never closed");
        assert_eq!(split(r#"context="a,b\"#), [r#"context="a"#, r"b\"]);
        assert_eq!((split(""), split("a,,b"), split("a,")), (vec![""], vec!["a", "", "b"], vec!["a", ""]));
    }

    #[test]
    fn lists_of_nodes_are_of_the_option() {
        assert_eq!(split("size=1k,mpol=bind:0,2,4-5,huge=always"), ["size=1k", "mpol=bind:0,2,4-5", "huge=always"]);
    }
}
