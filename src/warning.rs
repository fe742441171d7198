//! Everything odd, damaged or missing in an archive, each with its place. Every layer reports here. Nothing is dropped
//! silently, and damage in one place does not hide what can be read elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bstr::{BStr, BString, ByteSlice};

use crate::int::usize_of;
use crate::{Limit, Limits};

/// How serious a warning is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Odd, but nothing is missing from the answer.
    Note,
    /// Something is missing, damaged or contradictory: the answer is partial.
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

/// Defines [`Code`]: one line for each kind of warning.
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

            /// How serious a warning of this kind is.
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
    /// The input changed while it was read, so the answer may mix two states of it.
    InputChanged = "input_changed", Warning;
    /// Contents were needed that were not kept when the archive was read as a stream, and it could not be read again.
    NotKept = "not_kept", Warning;
    /// The compressed stream is damaged or ends early. The bytes inflated before that were used.
    CompressedDamaged = "compressed_damaged", Warning;
    /// A limit was reached. The warning names it.
    LimitReached = "limit_reached", Warning;
    /// The archive ends in the middle of a member or a header.
    TarTruncated = "tar_truncated", Warning;
    /// The archive ends without its end mark, but no member is truncated.
    TarEndMissing = "tar_end_missing", Note;
    /// A member's header is not valid (checksum, size). Reading continued at the next valid header.
    TarHeaderDamaged = "tar_header_damaged", Warning;
    /// A header and its PAX header give different sizes. The PAX size was used; other programs may see other members.
    TarSizeDisagrees = "tar_size_disagrees", Note;
    /// A PAX or GNU extension header is not valid.
    TarExtensionDamaged = "tar_extension_damaged", Warning;
    /// The map of a sparse member contradicts itself. The member's contents were skipped.
    TarSparseDamaged = "tar_sparse_damaged", Warning;
    /// Bytes that are not a member follow the end mark.
    TarTrailingData = "tar_trailing_data", Note;
    /// Members follow an end mark: archives were concatenated.
    TarContinued = "tar_continued", Note;
    /// Two members have the same name. The last one was used, as tar does.
    MemberDuplicate = "member_duplicate", Note;
    /// A member's name is absolute or contains `..`. Names with `..` are listed but not used.
    MemberNameUnsafe = "member_name_unsafe", Note;
    /// The archive holds a nested archive or a container image with a checkpoint of its own. It is shown next to the
    /// others.
    ArchiveInner = "archive_inner", Note;
    /// A container image (OCI layout, docker archive) refers to parts that are missing or not what it says. The rest
    /// was read.
    LayoutDamaged = "layout_damaged", Warning;
    /// The digest of a part of a container image does not match: the part was changed or is damaged.
    BlobDigest = "blob_digest", Warning;
    /// A member is a link to another member, which was read instead.
    MemberLinked = "member_linked", Note;
    /// A member is a link that leads out of the archive, to nothing, or in a circle.
    MemberLinkBroken = "member_link_broken", Warning;
    /// Extracted files have zeros in place of bytes that are not in the archive.
    ContentsMissing = "contents_missing", Warning;
    /// Something could not be extracted as a file. The manifest says why.
    NotExtracted = "not_extracted", Warning;
    /// The image that was given with `--root` is not that of the container, or some of its files are not those that were
    /// mapped. They were not used.
    RootImageOther = "root_image_other", Warning;
    /// A member or file could not be read.
    MemberUnreadable = "member_unreadable", Warning;
    /// An image, a JSON document or a log is not a file but a directory, a device or a pipe.
    ImageNotAFile = "image_not_a_file", Warning;
    /// An image begins with the magic number of another kind, or with an unknown one.
    ImageMagic = "image_magic", Warning;
    /// An image ends in the middle of a record or its payload. The records before it were used.
    ImageTruncated = "image_truncated", Warning;
    /// An image has no record, although it must have one.
    ImageEmpty = "image_empty", Warning;
    /// A record is not valid protobuf. It was skipped.
    RecordDamaged = "record_damaged", Warning;
    /// A record has fields that are not in the schema; it may come from a newer CRIU.
    RecordUnknownField = "record_unknown_field", Note;
    /// A file in the image directory is of an unknown kind.
    ImageUnknown = "image_unknown", Note;
    /// The inventory has an unknown image version.
    ImageVersion = "image_version", Warning;
    /// An image is missing that, according to other images, must exist.
    ImageMissing = "image_missing", Warning;
    /// There are no CRIU images next to the engine's files. Only the engine's files are shown.
    ImagesMissing = "images_missing", Warning;
    /// CRIU's log says that the dump failed, or the log ends before the dump finished.
    DumpFailed = "dump_failed", Warning;
    /// An image belongs to no process in the tree; it is probably left over from an earlier dump.
    ImageOrphaned = "image_orphaned", Note;
    /// One of the two JSON documents that every engine writes is missing.
    DocumentMissing = "document_missing", Warning;
    /// A JSON document could not be read, or only in part.
    JsonDamaged = "json_damaged", Warning;
    /// A JSON document has a value of the wrong type or an impossible one.
    JsonUnexpected = "json_unexpected", Warning;
    /// `rootfs-diff.tar` is not a tar.
    RootfsDiffDamaged = "rootfs_diff_damaged", Warning;
    /// There are no processes: this is a pre-dump, or the rest of a dump.
    ProcessesMissing = "processes_missing", Warning;
    /// The process tree contradicts itself (a circle, an unknown parent, a pid recorded twice).
    ProcessTree = "process_tree", Warning;
    /// The process tree has several roots.
    ProcessRoots = "process_roots", Note;
    /// The number of a process, thread or namespace is not valid.
    NumberInvalid = "number_invalid", Warning;
    /// A mapping contradicts itself or its neighbours.
    MappingInvalid = "mapping_invalid", Warning;
    /// Something refers to an open file that is not in the file table.
    FileMissing = "file_missing", Warning;
    /// An open file, descriptor or thread is recorded twice, with different contents.
    RecordDuplicate = "record_duplicate", Warning;
    /// An open file or socket is of an unknown type.
    FileTypeUnknown = "file_type_unknown", Warning;
    /// A socket's address or port is not valid.
    SocketInvalid = "socket_invalid", Warning;
    /// A pending signal or a process's list of signal actions is not valid.
    SignalInvalid = "signal_invalid", Warning;
    /// Entries of a pagemap contradict each other, their mappings or the address space.
    PagemapInvalid = "pagemap_invalid", Warning;
    /// A pages image is shorter than its pagemap says.
    PagesShort = "pages_short", Warning;
    /// A pages image is longer than its pagemap says.
    PagesLong = "pages_long", Warning;
    /// Two pagemaps claim the same pages image.
    PagesShared = "pages_shared", Warning;
    /// Compressed pages could not be read.
    PagesCompressed = "pages_compressed", Warning;
    /// Pages are in a parent dump that is not in this archive.
    ParentMissing = "parent_missing", Warning;
    /// Pages stayed in the frozen process for a lazy-pages server.
    PagesLazy = "pages_lazy", Warning;
    /// Arguments or environment are in memory that is not in the archive.
    ArgumentsUnavailable = "arguments_unavailable", Warning;
    /// The recorded page size is not valid on any machine; 4096 was used.
    PageSizeUnknown = "page_size_unknown", Warning;
    /// A system call filter or socket filter is not valid, or is not in the archive.
    FilterInvalid = "filter_invalid", Warning;
    /// The statistics of the dump disagree with the images.
    StatisticsDisagree = "statistics_disagree", Note;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place in the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Path of the member. Empty for the archive as a whole.
    pub member: BString,
    /// Number of the record in its image, from 0.
    pub record: Option<u64>,
    /// Offset in bytes from the beginning of the member, or of the uncompressed archive if `member` is empty.
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

    /// The same place, with the number of a record.
    #[must_use]
    pub fn record(mut self, number: u64) -> Self {
        self.record = Some(number);
        self
    }

    /// The same place, for an archive that is nested at `root` in another.
    pub(crate) fn below(mut self, root: &BStr) -> Self {
        let known = self.member.starts_with(root) || root.is_empty();
        self.member = match (self.member.is_empty(), known) {
            (true, _) => root.into(),
            (false, true) => self.member,
            (false, false) => bstr::join("/", [root.as_bytes(), self.member.as_bytes()]).into(),
        };
        self
    }

    /// The same place, with an offset.
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

/// Something odd, damaged or missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The kind of warning.
    pub code: Code,
    /// Where it is.
    pub place: Place,
    /// What was found, what was expected, and what was done about it. May contain bytes from the archive: escape it
    /// before showing it.
    pub message: String,
    /// The limit that was reached, if one was: a higher one may show more.
    pub limit: Option<&'static Limit>,
}

impl Warning {
    /// How serious the warning is.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// The subject of a warning: a code, or a limit that was reached.
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

/// Collects warnings while an archive is read. A bounded number is kept for each code; the rest is counted.
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

    /// Adds a warning. `message` is only called if the warning is kept.
    pub(crate) fn push(&self, about: impl Into<About>, place: Place, message: impl FnOnce() -> String) {
        let About { code, limit } = about.into();
        let mut inner = self.lock();
        let count = inner.count.entry(code).or_default();
        *count = count.saturating_add(1);
        if *count <= self.per_code {
            inner.list.push(Warning { code, place, message: message(), limit });
        }
    }

    /// Adds the warnings of another reading of the same archive that are new.
    pub(crate) fn add_new(&self, others: Vec<Warning>) {
        let known: std::collections::BTreeSet<Warning> = self.snapshot().into_iter().collect();
        for warning in others.into_iter().filter(|warning| !known.contains(warning)) {
            let Warning { code, place, message, limit } = warning;
            self.push(About { code, limit }, place, || message);
        }
    }

    /// All warnings that were kept, in the order in which they were found, and a final one for each code with too many.
    pub(crate) fn snapshot(&self) -> Vec<Warning> {
        let inner = self.lock();
        let mut list = inner.list.clone();
        for (&code, &count) in &inner.count {
            let left_out = count.saturating_sub(self.per_code);
            if left_out > 0 {
                let message = format!("{left_out} more warnings of kind {code} were not listed");
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

    /// Whether there has been a warning of this kind so far.
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
        assert!(list[2].message.starts_with("3 more warnings of kind member_duplicate"));
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
