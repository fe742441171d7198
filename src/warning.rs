//! What was odd, damaged or missing in an archive, each with its place. Every layer reports here; nothing is dropped
//! silently, and nothing that can be read is withheld because something else cannot.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bstr::{BStr, BString, ByteSlice};

use crate::int::usize_of;
use crate::{Limit, Limits};

/// How much a warning matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Odd, but nothing is missing from the answer.
    Note,
    /// Something is missing, damaged or contradicts something else: the answer is partial.
    Warning,
}

impl Severity {
    /// `note` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
        }
    }
}

/// Defines [`Code`]: one line a kind of warning.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $severity:ident;)+) => {
        /// What a warning is about. The names are stable; new ones may be added.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[doc = $doc])+ $variant,)+ }

        impl Code {
            /// All codes, in the order of their definition.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)+];

            /// The stable name, for example `tar_truncated`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)+ }
            }

            /// How much a warning of this kind matters.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)+ }
            }

            /// What the code means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$variant => concat!($($doc, " "),+).trim_ascii(),)+ }
            }
        }
    };
}

codes! {
    /// The input was changed while it was read: what was read of it may fit nothing that ever was.
    InputChanged = "input_changed", Warning;
    /// Contents were asked for that were not kept when the archive was read as a stream, and it could not be read again.
    NotKept = "not_kept", Warning;
    /// The compressed stream is damaged or ends early; what was inflated before is kept.
    CompressedDamaged = "compressed_damaged", Warning;
    /// A bound of `Limits` was reached; the warning names it.
    LimitReached = "limit_reached", Warning;
    /// The archive ends within a member or a header.
    TarTruncated = "tar_truncated", Warning;
    /// The archive ends early, but in zeros: nothing of a member is lost.
    TarEndMissing = "tar_end_missing", Note;
    /// A member's header is not one (check sum, size); reading went on at the next that is.
    TarHeaderDamaged = "tar_header_damaged", Warning;
    /// A header and its PAX header give different sizes; PAX counts. Other readers may see other members.
    TarSizeDisagrees = "tar_size_disagrees", Note;
    /// A PAX or GNU extension header cannot be read.
    TarExtensionDamaged = "tar_extension_damaged", Warning;
    /// The map of a sparse member contradicts itself; its contents are not used.
    TarSparseDamaged = "tar_sparse_damaged", Warning;
    /// Bytes that are no member follow the end mark.
    TarTrailingData = "tar_trailing_data", Note;
    /// Members follow an end mark: archives were joined.
    TarContinued = "tar_continued", Note;
    /// Two members have one name; the last counts, as in tar.
    MemberDuplicate = "member_duplicate", Note;
    /// A member's name is absolute or has `..`; names with `..` are listed but not used.
    MemberNameUnsafe = "member_name_unsafe", Note;
    /// The archive holds another archive, or an image, with a checkpoint of its own; it is shown beside the others.
    ArchiveInner = "archive_inner", Note;
    /// An image (OCI layout, docker archive) names parts that are missing, or that are not what it says; the rest is read.
    LayoutDamaged = "layout_damaged", Warning;
    /// A part of an image is not what its digest says: it was changed, or it is damaged.
    BlobDigest = "blob_digest", Warning;
    /// A member is a link to another member, which was read in its place.
    MemberLinked = "member_linked", Note;
    /// A member is a link that leads out of the archive, nowhere, or in a circle.
    MemberLinkBroken = "member_link_broken", Warning;
    /// Extracted files have zeros where bytes should be that are not in the archive.
    ContentsMissing = "contents_missing", Warning;
    /// Something was to be extracted that no file was made of; the manifest says why.
    NotExtracted = "not_extracted", Warning;
    /// A member or file could not be read.
    MemberUnreadable = "member_unreadable", Warning;
    /// An image, a document or a log is not a file (a directory, a device, a pipe).
    ImageNotAFile = "image_not_a_file", Warning;
    /// An image begins with the magic of another kind, or with none that is known.
    ImageMagic = "image_magic", Warning;
    /// An image ends within a record or its payload; the records before are kept.
    ImageTruncated = "image_truncated", Warning;
    /// An image has no record where there must be one.
    ImageEmpty = "image_empty", Warning;
    /// A record is not valid protobuf; it is left out.
    RecordDamaged = "record_damaged", Warning;
    /// A record has fields that are not in the schema; a newer CRIU may write them.
    RecordUnknownField = "record_unknown_field", Note;
    /// A file in the image directory is of no known kind.
    ImageUnknown = "image_unknown", Note;
    /// The inventory names an image version that is not known.
    ImageVersion = "image_version", Warning;
    /// An image is missing that others say must be there.
    ImageMissing = "image_missing", Warning;
    /// There is no image of CRIU beside what the engine wrote: only that is shown.
    ImagesMissing = "images_missing", Warning;
    /// CRIU's log says that the dump failed, or ends before the dump did.
    DumpFailed = "dump_failed", Warning;
    /// An image belongs to no process of the tree: left over from an earlier dump.
    ImageOrphaned = "image_orphaned", Note;
    /// One of the two documents that every engine writes is missing, but the other is there.
    DocumentMissing = "document_missing", Warning;
    /// A JSON document cannot be read, or not as a whole.
    JsonDamaged = "json_damaged", Warning;
    /// A JSON document says something other than its form allows.
    JsonUnexpected = "json_unexpected", Warning;
    /// `rootfs-diff.tar` is no tar.
    RootfsDiffDamaged = "rootfs_diff_damaged", Warning;
    /// There is no process: a pre-dump, or what is left of a dump.
    ProcessesMissing = "processes_missing", Warning;
    /// The process tree contradicts itself (circles, unknown parents, one pid twice).
    ProcessTree = "process_tree", Warning;
    /// The process tree has several roots.
    ProcessRoots = "process_roots", Note;
    /// A process, thread or namespace has a number that cannot be.
    NumberInvalid = "number_invalid", Warning;
    /// A mapping contradicts itself or its neighbours.
    MappingInvalid = "mapping_invalid", Warning;
    /// Something refers to an open file that is not in the file table.
    FileMissing = "file_missing", Warning;
    /// One open file, descriptor or thread is recorded twice, differently.
    RecordDuplicate = "record_duplicate", Warning;
    /// An open file or socket is of a type that is not known.
    FileTypeUnknown = "file_type_unknown", Warning;
    /// A socket's address or port cannot be.
    SocketInvalid = "socket_invalid", Warning;
    /// A signal that waits, or the list of a process's signal actions, is not as any kernel has it.
    SignalInvalid = "signal_invalid", Warning;
    /// A pagemap's entries contradict each other, their mappings or the address space.
    PagemapInvalid = "pagemap_invalid", Warning;
    /// A pages image is shorter than its pagemap says.
    PagesShort = "pages_short", Warning;
    /// A pages image is longer than its pagemap says.
    PagesLong = "pages_long", Warning;
    /// Two pagemaps claim one pages image.
    PagesShared = "pages_shared", Warning;
    /// Compressed pages cannot be read.
    PagesCompressed = "pages_compressed", Warning;
    /// Pages are in a parent that is not in this archive.
    ParentMissing = "parent_missing", Warning;
    /// Pages stayed in the frozen process for a lazy-pages server.
    PagesLazy = "pages_lazy", Warning;
    /// Arguments or environment lie in memory that the archive does not have.
    ArgumentsUnavailable = "arguments_unavailable", Warning;
    /// The page size is not one that any machine has; 4096 was used.
    PageSizeUnknown = "page_size_unknown", Warning;
    /// A filter of system calls, or of a socket, that no kernel would take, or that is not in the archive.
    FilterInvalid = "filter_invalid", Warning;
    /// Statistics of the dump and the images disagree.
    StatisticsDisagree = "statistics_disagree", Note;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where in the archive something is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The member's path; empty for the archive as a whole.
    pub member: BString,
    /// The record's number in its image, from 0.
    pub record: Option<u64>,
    /// Bytes from the beginning of the member, or of the uncompressed archive where `member` is empty.
    pub offset: Option<u64>,
}

impl Place {
    /// The archive as a whole.
    pub fn archive() -> Self {
        Place::default()
    }

    /// A member.
    pub fn member(path: impl AsRef<[u8]>) -> Self {
        Place { member: BString::from(path.as_ref()), ..Place::default() }
    }

    /// The same place, at a record.
    #[must_use]
    pub fn record(mut self, number: u64) -> Self {
        self.record = Some(number);
        self
    }

    /// The same place, of an archive that lies at `root` in another.
    pub(crate) fn below(mut self, root: &BStr) -> Self {
        let known = self.member.starts_with(root) || root.is_empty();
        self.member = match (self.member.is_empty(), known) {
            (true, _) => root.into(),
            (false, true) => self.member,
            (false, false) => bstr::join("/", [root.as_bytes(), self.member.as_bytes()]).into(),
        };
        self
    }

    /// The same place, at an offset.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.member.is_empty() {
            f.write_str("archive")?;
        } else {
            write!(f, "{}", BStr::new(&self.member))?;
        }
        if let Some(record) = self.record {
            write!(f, " record {record}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at {offset:#x}")?;
        }
        Ok(())
    }
}

/// One thing that was odd, damaged or missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// What it is about.
    pub code: Code,
    /// Where it is.
    pub place: Place,
    /// What was found, what was expected, and what became of it. May hold bytes from the archive: escape before showing.
    pub message: String,
    /// The limit that was reached, if one was: a higher one may show more.
    pub limit: Option<&'static Limit>,
}

impl Warning {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// What a warning is about: a code, or a limit that was reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) code: Code,
    pub(crate) limit: Option<&'static Limit>,
}

impl From<Code> for About {
    fn from(code: Code) -> Self {
        About { code, limit: None }
    }
}

impl From<&'static Limit> for About {
    fn from(limit: &'static Limit) -> Self {
        About { code: Code::LimitReached, limit: Some(limit) }
    }
}

/// Collects warnings while an archive is read. Of each code, a bounded number is kept and the rest is counted.
#[derive(Debug)]
pub(crate) struct Warnings {
    per_code: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    list: Vec<Warning>,
    count: BTreeMap<Code, usize>,
}

impl Warnings {
    pub(crate) fn new(limits: &Limits) -> Self {
        Warnings { per_code: usize_of(limits.warnings_per_code), inner: Mutex::default() }
    }

    /// Adds a warning; `message` is only made if it is kept.
    pub(crate) fn push(&self, about: impl Into<About>, place: Place, message: impl FnOnce() -> String) {
        let About { code, limit } = about.into();
        let mut inner = self.lock();
        let count = inner.count.entry(code).or_default();
        *count = count.saturating_add(1);
        if *count <= self.per_code {
            inner.list.push(Warning { code, place, message: message(), limit });
        }
    }

    /// Adds those of another reading of the same that are not known yet.
    pub(crate) fn add_new(&self, others: Vec<Warning>) {
        let known: std::collections::BTreeSet<Warning> = self.snapshot().into_iter().collect();
        for warning in others.into_iter().filter(|warning| !known.contains(warning)) {
            let Warning { code, place, message, limit } = warning;
            self.push(About { code, limit }, place, || message);
        }
    }

    /// All that was kept, in the order in which it was found, and a last one for each code that ran over.
    pub(crate) fn snapshot(&self) -> Vec<Warning> {
        let inner = self.lock();
        let mut list = inner.list.clone();
        for (&code, &count) in &inner.count {
            let left_out = count.saturating_sub(self.per_code);
            if left_out > 0 {
                let message = format!("{left_out} more of {code} are left out");
                let limit = Some(&Limits::WARNINGS_PER_CODE);
                list.push(Warning { code, place: Place::archive(), message, limit });
            }
        }
        list
    }

    /// Whether something is missing from what has been read so far.
    pub(crate) fn partial(&self) -> bool {
        self.lock().count.keys().any(|code| code.severity() == Severity::Warning)
    }

    /// Whether there is a warning of a kind so far.
    pub(crate) fn has(&self, code: Code) -> bool {
        self.lock().count.contains_key(&code)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_unique_names_and_a_meaning() {
        let mut names: Vec<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|c| c.meaning().ends_with('.')), "each meaning is a sentence");
    }

    #[test]
    fn warnings_of_one_code_are_bounded_and_counted() {
        let limits = Limits { warnings_per_code: 2, ..Limits::default() };
        let warnings = Warnings::new(&limits);
        for i in 0..5 {
            warnings.push(Code::MemberDuplicate, Place::member("a"), || i.to_string());
        }
        let list = warnings.snapshot();
        assert_eq!(list.len(), 3);
        assert!(list[2].message.starts_with("3 more of member_duplicate"));
        assert!(!warnings.partial(), "a duplicate member leaves nothing out");
        warnings.push(Code::TarTruncated, Place::archive(), String::new);
        assert!(warnings.partial());
    }

    #[test]
    fn a_place_reads_from_the_outside_in() {
        let place = Place::member("checkpoint/pstree.img").record(2).at(0x2c);
        assert_eq!(place.to_string(), "checkpoint/pstree.img record 2 at 0x2c");
        assert_eq!(Place::archive().at(512).to_string(), "archive at 0x200");
    }
}
