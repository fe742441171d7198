//! What a member of the archive is, and the files in it: the places of secrets that are not in memory.

use std::collections::HashMap;

use bstr::{BStr, BString, ByteSlice};

use super::super::Facts;
use super::super::facts::{ChangedFile, Place};
use super::super::secrets::value::{Context, Site};
use crate::model::LOGS_OF_CONTAINER;

/// The files of the archive by the members that have them.
pub(super) struct Places<'f> {
    /// The first of each member.
    members: HashMap<&'f [u8], &'f ChangedFile>,
    /// By member and path.
    files: HashMap<(&'f [u8], &'f [u8]), &'f ChangedFile>,
}

impl<'f> Places<'f> {
    pub(super) fn read(facts: &'f Facts<'_>) -> Self {
        let mut places = Places { members: HashMap::new(), files: HashMap::new() };
        for entry in facts.files().all() {
            let Some(member) = entry.member.as_deref().map(Vec::as_slice) else { continue };
            places.members.entry(member).or_insert(entry);
            places.files.entry((member, relative(&entry.path))).or_insert(entry);
        }
        places
    }

    fn of(&self, member: &[u8], file: Option<&BString>) -> Option<&'f ChangedFile> {
        match file {
            Some(file) => self.files.get(&(member, relative(file))).copied(),
            None => self.members.get(member).copied(),
        }
    }
}

/// What a member of the archive, or a file in one, is.
pub(super) fn about(places: &Places<'_>, member: &BStr, file: Option<&BString>) -> Site {
    let name = member.rsplit_str("/").next().unwrap_or_default();
    let mut site = Site::new(Context::OtherMember);
    site.member = Some(member.into());
    if let Some(known) = places.of(member, file) {
        site.context = match known.place {
            Place::Rootfs | Place::Deleted => Context::ChangedFile,
            Place::Volume => Context::Volume,
            Place::Tmpfs => Context::Tmpfs,
            Place::Ghost => Context::DeletedFile,
            Place::Memfd => Context::Memfd,
            Place::Sysv => Context::SharedMemory,
        };
        site.path = Some(known.path.clone());
        site.mode = Some(known.mode).filter(|_| known.place != Place::Memfd && known.place != Place::Sysv);
        site.uid = known.uid;
        return site;
    }
    let starts = |text: &str| name.starts_with(text.as_bytes());
    let is_queue = ["tcp-stream", "sk-queues", "pipes-data", "fifo-data", "tty-data", "ipcns-msg"];
    site.context = if is_queue.iter().any(|queue| starts(queue)) {
        Context::Queue
    } else if starts("ghost-file") {
        Context::DeletedFile
    } else if starts("tmpfs") || starts("devshm") || name.ends_with(b"dev-shm.tar") {
        Context::Tmpfs
    } else if starts("ipcns-shm") {
        Context::SharedMemory
    } else if name.ends_with(b".dump") || name == b"config.json" {
        Context::Specification
    } else if LOGS_OF_CONTAINER.iter().any(|log| name == log.as_bytes()) || name.ends_with(b".log") {
        Context::Log
    } else if starts("rootfs-diff") {
        Context::ChangedFile
    } else {
        Context::OtherMember
    };
    site.path = file.map(|file| path_of(file));
    site
}

/// The path in the container of a file in a tar, where names begin with `./`, with `/`, or with neither.
fn path_of(file: &[u8]) -> BString {
    bstr::concat([b"/", relative(file)]).into()
}

fn relative(file: &[u8]) -> &[u8] {
    file.strip_prefix(b"./").or_else(|| file.strip_prefix(b"/")).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_dots() {
        assert_eq!(
            (path_of(b"./.env"), path_of(b".env"), path_of(b"/etc/x")),
            ("/.env".into(), "/.env".into(), "/etc/x".into())
        );
        assert!(relative(b"/.env") == relative(b"./.env") && relative(b"/env") != relative(b".env"));
    }
}
