//! osquery's tables that are made from files of the container: changed files, files of volumes, recovered files.

use super::given::{Given, Take};
use super::{files, lists};

/// A table.
#[derive(Debug)]
pub(in crate::query) struct Made {
    /// Its name.
    pub(in crate::query) name: &'static str,
    /// Its columns.
    pub(in crate::query) columns: &'static [&'static str],
    /// What to know about its rows.
    pub(in crate::query) note: Option<&'static str>,
    /// Makes its rows.
    pub(in crate::query) rows: fn(&Given<'_>, &mut Take<'_>),
}

/// Why rows may be missing.
const OF_IMAGE: &str = "files of the image that were not changed are not in a checkpoint";

/// The tables.
pub(in crate::query) const MADE: &[Made] = &[
    Made {
        name: "file",
        columns: &[
            "path",
            "directory",
            "filename",
            "inode",
            "uid",
            "gid",
            "mode",
            "device",
            "size",
            "block_size",
            "atime",
            "mtime",
            "ctime",
            "btime",
            "hard_links",
            "symlink",
            "type",
            "attributes",
            "place",
        ],
        note: Some(OF_IMAGE),
        rows: files::file,
    },
    Made {
        name: "hash",
        columns: &["path", "directory", "md5", "sha1", "sha256"],
        note: Some("files of the image that were not changed are not in a checkpoint; md5 is not computed"),
        rows: files::hash,
    },
    Made {
        name: "suid_bin",
        columns: &["path", "username", "groupname", "permissions"],
        note: Some(OF_IMAGE),
        rows: files::suid_bin,
    },
    Made {
        name: "users",
        columns: &["uid", "gid", "uid_signed", "gid_signed", "username", "description", "directory", "shell", "uuid"],
        note: Some("users are those of a changed /etc/passwd, and the user ids of processes"),
        rows: lists::users,
    },
    Made { name: "groups", columns: &["gid", "gid_signed", "groupname"], note: Some(OF_IMAGE), rows: lists::groups },
    Made { name: "user_groups", columns: &["uid", "gid"], note: Some(OF_IMAGE), rows: lists::user_groups },
    Made {
        name: "shadow",
        columns: &[
            "password_status",
            "hash_alg",
            "last_change",
            "min",
            "max",
            "warning",
            "inactive",
            "expire",
            "flag",
            "username",
        ],
        note: Some(OF_IMAGE),
        rows: lists::shadow,
    },
    Made {
        name: "crontab",
        columns: &["event", "minute", "hour", "day_of_month", "month", "day_of_week", "command", "path"],
        note: Some(OF_IMAGE),
        rows: lists::crontab,
    },
    Made {
        name: "authorized_keys",
        columns: &["uid", "algorithm", "key", "options", "comment", "key_file"],
        note: Some(OF_IMAGE),
        rows: lists::authorized_keys,
    },
    Made {
        name: "sudoers",
        columns: &["source", "header", "rule_details"],
        note: Some(OF_IMAGE),
        rows: lists::sudoers,
    },
    Made { name: "etc_hosts", columns: &["address", "hostnames"], note: Some(OF_IMAGE), rows: lists::etc_hosts },
    Made {
        name: "dns_resolvers",
        columns: &["id", "type", "address", "netmask", "options"],
        note: Some(OF_IMAGE),
        rows: lists::dns_resolvers,
    },
    Made {
        name: "os_version",
        columns: &[
            "name",
            "version",
            "major",
            "minor",
            "patch",
            "build",
            "platform",
            "platform_like",
            "codename",
            "arch",
        ],
        note: Some(OF_IMAGE),
        rows: lists::os_version,
    },
    Made {
        name: "shell_history",
        columns: &["uid", "time", "command", "history_file"],
        note: Some("lines are those in the memory of shells and in changed history files"),
        rows: lists::shell_history,
    },
];
