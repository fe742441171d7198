//! Table `extracted`: the manifest of what was extracted.

use bstr::BString;
use jiff::Timestamp;

use super::table::table;
use crate::model::ids::Pid;

table! {
    "extracted", key(what, path, member, offset), brief(what, state, type, size, file),
    event(Event::PLAIN.about(Subject::Record));
    /// What was extracted, in the order in which it was written: the lines of `manifest.ndjson`. Links, devices, named
    /// pipes and deleted files have a row but no file.
    pub struct Extracted {
        /// What the row belongs to, as `--what` names it.
        pub what: &'static str,
        /// The file or directory in the output. Null if none was created.
        pub file: Option<BString>,
        /// `written`. `partial`: the file has zeros in place of bytes that are not in the archive. `listed`: not a file
        /// or directory, so only the manifest has it. `left_out`: it should have been written but was not.
        pub state: &'static str,
        /// Why it was skipped or only listed, or why some of it is missing. For an ELF image out of memory, how its file was
        /// made.
        pub why: Option<&'static str>,
        /// Path in the container. For a mapping, the text that `maps` prints. For a pipe or socket, its link text. For
        /// a log or a member, its name.
        pub path: Option<BString>,
        /// Type: `regular`, `directory`, `symlink`, `character`, `block`, `fifo`, `socket` or `other`. Null for a
        /// deleted file.
        pub r#type: Option<&'static str>,
        /// Size of the contents in bytes, including holes.
        pub size: Option<u64>,
        /// Original permissions, four octal digits. In the output, files have 0600 and directories 0700.
        pub mode: Option<String>,
        /// Original owner.
        pub uid: Option<u64>,
        /// Original group.
        pub gid: Option<u64>,
        /// Time of the last modification.
        pub mtime: Option<Timestamp>,
        /// Target of a link. Links are not created in the output.
        pub link: Option<BString>,
        /// Original device number, `major:minor`.
        pub device: Option<String>,
        /// Processes that held it, or whose memory it is. At most 256 are listed.
        pub pids: Vec<Pid>,
        /// The member of the archive that it comes from. Null for memory, whose origins are in `memory/index.ndjson`.
        pub member: Option<BString>,
        /// Offset of the contents in bytes: in the inflated member if that is a tar or an image, or in the inflated
        /// archive for a whole member.
        pub offset: Option<u64>,
        /// SHA-256 of the file. Null if bytes are missing, or if holes exceed the limit on hashing.
        pub sha256: Option<String>,
        /// Bytes that are not in the archive; the file has zeros for them.
        pub missing_bytes: Option<u64>,
    }
}

impl Extracted {
    /// A row that has only `what` filled in.
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
