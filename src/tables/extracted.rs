//! Table `extracted`: the manifest of what was extracted.

use bstr::BString;
use jiff::Timestamp;

use super::table::table;
use crate::model::ids::Pid;

table! {
    "extracted", key(what, path, member, offset), brief(what, state, type, size, file),
    event(Event::PLAIN.about(Subject::Record));
    /// What was extracted, in the order in which it was written: the lines of `manifest.ndjson`. Of links, devices, named pipes
    /// and deleted files there is a row, but no file.
    pub struct Extracted {
        /// What it belongs to, as `--what` names it.
        pub what: &'static str,
        /// The file or folder in the output; null if none was made.
        pub file: Option<BString>,
        /// `written`; `partial`: the file has zeros where bytes are not in the archive; `listed`: it is no file or folder, and stands
        /// only here; `left_out`: it should have been written, but was not.
        pub state: &'static str,
        /// Why it was left out or only listed, or why some of it is missing.
        pub why: Option<&'static str>,
        /// Its path in the container; what `maps` prints for a mapping; the link text of a pipe or socket; the name of a log or
        /// of a member.
        pub path: Option<BString>,
        /// `regular`, `directory`, `symlink`, `character`, `block`, `fifo`, `socket` or `other`; null of what was deleted.
        pub r#type: Option<&'static str>,
        /// Bytes of the contents, holes included.
        pub size: Option<u64>,
        /// Permissions that it had, four octal digits. The file in the output has 0600, a folder 0700.
        pub mode: Option<String>,
        /// Owner that it had.
        pub uid: Option<u64>,
        /// Group that it had.
        pub gid: Option<u64>,
        /// Last modification.
        pub mtime: Option<Timestamp>,
        /// Target of a link: nothing was made that leads there.
        pub link: Option<BString>,
        /// The device that it was, `major:minor`.
        pub device: Option<String>,
        /// Processes that held it, or whose memory it is. At most 256.
        pub pids: Vec<Pid>,
        /// The member of the archive that it is from; of memory, null: `memory/index.ndjson` has where each run is from.
        pub member: Option<BString>,
        /// Where its contents begin: in the member, inflated, if that is a tar or an image; of whole members in the archive,
        /// inflated.
        pub offset: Option<u64>,
        /// SHA-256 of the file; null where bytes are missing, or more of it is holes than may be hashed.
        pub sha256: Option<String>,
        /// Bytes that are not in the archive, zeros in the file.
        pub missing_bytes: Option<u64>,
    }
}

impl Extracted {
    /// A row of which nothing is known yet but what it belongs to.
    pub(crate) fn of(what: &'static str) -> Self {
        Extracted {
            what,
            file: None,
            state: "listed",
            why: None,
            path: None,
            r#type: None,
            size: None,
            mode: None,
            uid: None,
            gid: None,
            mtime: None,
            link: None,
            device: None,
            pids: Vec::new(),
            member: None,
            offset: None,
            sha256: None,
            missing_bytes: None,
        }
    }
}
