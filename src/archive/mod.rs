//! From a path, a reader or a directory to **members**: names, metadata, and bytes to borrow.
//!
//! Uncompressed archives are mapped, and only headers are read until contents are asked for. Compressed input is
//! inflated once, as a stream; a [`Select`] decides which bytes are kept. This layer knows nothing of CRIU.
//!
//! ```text
//! path ─ sniff ─┬─ directory ─────────────┐
//!               ├─ tar ── map ── walk ────┼─ members ── (OCI layout? its layers, opened the same way)
//! reader ───────┴─ compressed ── stream ──┘
//! ```

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

mod absence;
mod compression;
mod contents;
mod copies;
mod decompress;
mod digest;
mod directory;
mod folder;
mod frames;
mod header;
mod identity;
mod inner;
mod input;
mod kind;
mod layout;
mod lazy;
mod listing;
mod map;
mod member;
mod nested;
mod number;
mod open;
mod path;
mod pax;
mod select;
mod small_file;
mod sniff;
mod sparse;
mod spool;
mod stream;
mod tar;
mod walk;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use bstr::BString;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

pub use absence::Absence;
pub use compression::Compression;
pub use contents::{Contents, Piece, Stop};
pub(crate) use digest::Digest;
pub use identity::Identity;
pub use kind::MemberKind;
pub(crate) use lazy::Fault;
pub use member::Member;
pub(crate) use nested::NestedArchive;
pub(crate) use path::{folder_of, is_below};
pub use select::{Everything, Island, Kept, Select, Selection};
pub use small_file::{read_most, read_small};

use self::contents::{Backing, Layout, Location};
use self::identity::Watch;
use self::inner::Inner;
use self::input::{End, StreamInput};
use self::listing::Listing;
use self::map::Map;
use self::nested::Inflated;
use self::open::OpenInput;
use self::sniff::{ENOUGH, Format, sniff};
use self::stream::Below;
use crate::error::ErrorKind;
use crate::int::u64_of;
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Layers of compression that are undone.
const NESTING: usize = 4;

/// The members of an archive or a directory.
#[derive(Debug)]
pub struct Archive {
    listing: Listing,
    /// Something cannot be read, and it may be what is searched for.
    unreadable: bool,
    backings: Vec<Backing>,
    /// Size of the input in bytes. `None` for a directory.
    input_bytes: Option<u64>,
    /// Size of the innermost tar in bytes. `None` for a directory.
    unpacked_bytes: Option<u64>,
    compression: Vec<Compression>,
    /// Nested archives and images that hold a checkpoint.
    volumes: Vec<Inner>,
    /// Identity of the input when it was opened.
    watch: Option<Watch>,
    sha256: OnceLock<Option<String>>,
    inflated: Inflated,
}

impl Archive {
    /// All members, in the order of the archive.
    pub fn members(&self) -> &[Member] {
        &self.listing.members
    }

    /// The member that is used for a path: the last with that name, as in tar.
    pub fn find(&self, path: &[u8]) -> Option<&Member> {
        self.listing.find(path)
    }

    /// The position of a member in the list of members. `None` if another member counts for its path.
    pub(crate) fn number_of(&self, member: &Member) -> Option<usize> {
        self.listing.number_of(member)
    }

    /// The bytes of a member. A link has none: call [`Archive::resolve`] first.
    pub fn contents<'a>(&'a self, member: &'a Member) -> Contents<'a> {
        Contents { layout: &member.layout, backings: &self.backings }
    }

    /// Follows links from member to member, only inside the archive.
    ///
    /// # Errors
    ///
    /// The last link of the chain, if its target is not in the archive or the links form a loop.
    pub fn resolve<'a>(&'a self, member: &'a Member) -> Result<&'a Member, &'a Member> {
        self.listing.resolve(member)
    }

    /// The folder of the archive that a symbolic link points to. `None` if it points outside. The folder may not exist.
    pub fn folder_of_link(&self, link: &Member) -> Option<BString> {
        let target = link.link.as_ref().filter(|target| !target.starts_with(b"/"))?;
        let cleaned = path::Cleaned::new(&bstr::join("/", [link.folder(), target.as_slice()]));
        (!cleaned.outside).then_some(cleaned.path)
    }

    /// Size of the input in bytes. `None` for a directory or a pipe.
    pub fn input_bytes(&self) -> Option<u64> {
        self.input_bytes
    }

    /// Offset of a member's contents in the inflated tar. `None` in a directory, and for a sparse member, whose contents
    /// are in pieces.
    pub fn data_offset(&self, member: &Member) -> Option<u64> {
        (self.unpacked_bytes().is_some() && !member.is_sparse).then_some(member.offset)
    }

    /// Size of the inflated archive in bytes. `None` for a directory.
    pub fn unpacked_bytes(&self) -> Option<u64> {
        self.unpacked_bytes
    }

    /// Whether something in a directory cannot be read.
    pub(crate) fn has_unreadable(&self) -> bool {
        self.unreadable
    }

    /// Whether contents of some member were not kept while the archive was inflated.
    pub(crate) fn lacks_contents(&self) -> bool {
        self.listing.members.iter().any(|member| member.layout.lacks_contents())
    }

    /// How the input was compressed, from the outside in.
    pub fn compression(&self) -> &[Compression] {
        &self.compression
    }

    /// Annotations of the image that a directory of the archive comes from. Empty if it does not come from an image.
    pub fn annotations(&self, folder: &[u8]) -> &[(String, String)] {
        self.volume_of(folder).map_or(&[], |volume| &volume.annotations)
    }

    /// The nested archive or image that a directory is in, if it is in one.
    fn volume_of(&self, folder: &[u8]) -> Option<&Inner> {
        let around = |volume: &&Inner| {
            volume.root.is_empty() || folder == volume.root.as_slice() || is_below(folder, &volume.root)
        };
        self.volumes.iter().filter(around).max_by_key(|volume| volume.root.len())
    }

    /// The numbers of the members that belong to a directory: those of the nested archive that it is in, or those that
    /// are in none. With `rest`, the latter in any case.
    pub(crate) fn members_with(&self, folder: &[u8], rest: bool) -> impl Iterator<Item = (usize, &Member)> {
        let outer = 0..self.volumes.first().map_or(self.members().len(), |volume| volume.members.start);
        let own = self.volume_of(folder).map(|volume| volume.members.clone());
        let outer = if rest || own.is_none() { outer } else { 0..0 };
        outer.chain(own.unwrap_or(0..0)).filter_map(|number| Some((number, self.members().get(number)?)))
    }

    /// Identity of the input when it was opened, if it is a file.
    pub fn identity(&self) -> Option<&Identity> {
        self.watch.as_ref().map(Watch::before)
    }

    /// How the input was changed since it was opened. `None` if it was not, or if that cannot be known, as for a pipe.
    /// For a directory, the first of the files that were read and have changed.
    pub fn changed(&self) -> Option<String> {
        let of_files = || {
            let (name, fault) = self.faults().find(|(_, fault)| fault.code == Code::InputChanged)?;
            Some(format!("{name}: {}", fault.message))
        };
        self.watch.as_ref().and_then(Watch::changed).or_else(of_files)
    }

    /// Faults of the files of a directory that were opened so far, each with the file's name: it could not be read, or
    /// was changed after the directory was listed. Each call asks the file system again.
    pub(crate) fn faults(&self) -> impl Iterator<Item = (BString, Fault)> {
        self.backings.iter().filter_map(|backing| match backing {
            Backing::File(file) => Some((file.name(), file.fault()?)),
            Backing::Map(_) | Backing::Heap(_) => None,
        })
    }

    /// How the input itself was changed while it was read. The place of the change is the whole archive.
    pub(crate) fn watched(&self) -> Option<String> {
        self.watch.as_ref().and_then(Watch::changed)
    }

    /// SHA-256 of the input in hexadecimal. Mapped input is hashed on the first call. A stream is hashed only if
    /// [`Options::hash`](crate::Options::hash) asks for it. `None` for a directory.
    pub fn sha256(&self) -> Option<&str> {
        let hash = || {
            let (Some(Backing::Map(_)), Some(size), []) =
                (self.backings.first(), self.input_bytes, self.compression.as_slice())
            else {
                return None;
            };
            let layout = Layout::run(size, Location::Backing { number: 0, offset: 0 });
            let mut digest = Digest::new(0);
            digest.contents(&Contents { layout: &layout, backings: &self.backings });
            digest.finish()
        };
        self.sha256.get_or_init(hash).as_deref()
    }
}

/// The kernel file system that a directory is on, such as `proc`. `None` if it is on another file system, or cannot be
/// opened. Files of a kernel file system are generated when they are read, and may be endless.
pub fn kernel_file_system(path: impl AsRef<Path>) -> Option<&'static str> {
    folder::Folder::open(path.as_ref()).ok()?.is_of_the_kernel()
}

/// Bytes at the start of a file that are enough to recognise it.
pub(crate) const HEAD: u64 = 512;

/// Whether the first [`HEAD`] bytes of a file can be those of a tar, plain or compressed.
pub(crate) fn may_be_tar(head: &[u8]) -> bool {
    matches!(sniff(head), Format::Tar | Format::Compressed(_))
}

/// The name of another tool's checkpoint format, by the first [`HEAD`] bytes of a file.
pub(crate) fn foreign(head: &[u8]) -> Option<&'static str> {
    match sniff(head) {
        Format::Foreign(name) => Some(name),
        _ => None,
    }
}

/// Annotations of an OCI image.
pub(super) type Annotations = Vec<(String, String)>;

/// Progress of inflating: bytes of the input read so far, and its size if known.
pub type Progress<'a> = dyn Fn(u64, Option<u64>) + Send + Sync + 'a;

/// Opens archives.
pub(crate) struct Opener<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) warnings: &'a Warnings,
    pub(crate) select: &'a mut dyn Select,
    pub(crate) progress: &'a Progress<'a>,
    /// Whether files may be mapped.
    pub(crate) map: bool,
    /// Whether to hash streams.
    pub(crate) hash: bool,
    /// Whether members of streams are hashed.
    pub(crate) hash_members: bool,
}

impl Opener<'_> {
    /// Opens a file or a directory.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read, or is neither an archive nor a directory.
    pub(crate) fn path(&mut self, path: &Path) -> Result<Archive, ErrorKind> {
        match open::path(path)? {
            OpenInput::Folder(folder) => {
                let (members, backings) = directory::read(folder, self.map, self.limits, self.warnings)?;
                self.finish(Archive::with_backings(backings), members)
            }
            input => self.input(input, Some(path)),
        }
    }

    /// Opens a file from its current position. A regular file that is not compressed is mapped.
    pub(crate) fn file(&mut self, file: File, path: Option<&Path>) -> Result<Archive, ErrorKind> {
        self.input(open::file(file)?, path)
    }

    fn input(&mut self, input: OpenInput, path: Option<&Path>) -> Result<Archive, ErrorKind> {
        match input {
            OpenInput::File(file) => {
                let metadata = file.metadata()?;
                let watch = Watch::start(&file, path, &metadata);
                Ok(Archive { watch, ..self.regular(file, metadata.len())? })
            }
            OpenInput::Stream(first, file) => self.reader(Cursor::new(first).chain(file), None),
            OpenInput::Folder(_) => Err(ErrorKind::NotAnArchive("a directory opened as a file; give its path instead")),
        }
    }

    fn regular(&mut self, mut file: File, size: u64) -> Result<Archive, ErrorKind> {
        if self.map && file.stream_position()? == 0 {
            let mut head = Vec::new();
            (&mut file).take(u64_of(ENOUGH)).read_to_end(&mut head)?;
            if sniff(&head) == Format::Tar
                && let Ok(map) = file.try_clone().and_then(Map::keeping)
            {
                let size = u64_of(map.len());
                let layout = Layout::run(size, Location::Backing { number: 0, offset: 0 });
                let backings = vec![Backing::Map(map)];
                let members = walk::members(&layout, &backings, self.limits, self.warnings);
                let archive =
                    Archive { input_bytes: Some(size), unpacked_bytes: Some(size), ..Archive::with_backings(backings) };
                return self.finish(archive, members);
            }
            file.rewind()?;
        }
        self.reader(file, Some(size))
    }

    /// Opens a stream of `input_bytes`, if known.
    pub(crate) fn reader(
        &mut self,
        mut reader: impl Read + Send,
        input_bytes: Option<u64>,
    ) -> Result<Archive, ErrorKind> {
        let read = AtomicU64::new(0);
        let sha256 = self.hash.then(Mutex::default);
        let metered = Metered { reader: &mut reader, read: &read, sha256: sha256.as_ref() };
        let report = self.progress;
        let progress = || report(read.load(Ordering::Relaxed), input_bytes);
        let input = Box::new(BufReader::with_capacity(64 << 10, metered));
        let archive = self.inflating(input, input_bytes, &progress)?;
        if let Some(sha256) = sha256.filter(|_| !archive.members().is_empty()) {
            // Bytes that the decoder did not reach are part of the input, too.
            let whole = io::copy(&mut Metered { reader, read: &read, sha256: Some(&sha256) }, &mut io::sink());
            let sha256 = sha256.into_inner().unwrap_or_else(PoisonError::into_inner);
            let _ = archive.sha256.set(whole.is_ok().then(|| HEXLOWER.encode(&sha256.finalize())));
        }
        Ok(archive)
    }

    /// Opens a stream, plain or compressed.
    fn inflating(
        &mut self,
        mut input: Box<dyn BufRead + Send + '_>,
        input_bytes: Option<u64>,
        progress: &dyn Fn(),
    ) -> Result<Archive, ErrorKind> {
        let mut compression = Vec::new();
        loop {
            let mut head = Vec::new();
            let failure = (&mut input).take(u64_of(ENOUGH)).read_to_end(&mut head).err();
            match (sniff(&head), failure) {
                (Format::Compressed(inner), _) if compression.len() < NESTING => {
                    let whole = BufReader::with_capacity(64 << 10, Cursor::new(head).chain(input));
                    compression.push(inner);
                    input = Box::new(BufReader::with_capacity(64 << 10, decompress::decoder(inner, whole)?));
                }
                (Format::Compressed(_), _) => return Err(ErrorKind::NotAnArchive("compressed more than four times")),
                (Format::Tar, _) => {
                    let bound = if compression.is_empty() { u64::MAX } else { self.limits.unpacked(input_bytes) };
                    let stream = StreamInput::new(Cursor::new(head).chain(input), bound, progress);
                    return self.stream(stream, input_bytes, compression);
                }
                (Format::Empty | Format::Other(_), Some(error)) => {
                    return Err(match compression.last() {
                        Some(around) => ErrorKind::Damaged(around.as_str(), error),
                        None => ErrorKind::Io(error),
                    });
                }
                (Format::Empty, None) => return Err(ErrorKind::Empty),
                (Format::Foreign(what), _) => return Err(ErrorKind::OtherCheckpoint(what)),
                (Format::Other(what), None) => return Err(ErrorKind::NotAnArchive(what)),
            }
        }
    }

    fn stream(
        &mut self,
        stream: StreamInput<'_, impl Read>,
        input_bytes: Option<u64>,
        compression: Vec<Compression>,
    ) -> Result<Archive, ErrorKind> {
        let streamed =
            stream::read(stream, self.select, Below::default(), self.hash_members, self.limits, self.warnings);
        self.warn_of_end(&streamed.end, &compression, input_bytes);
        let input_bytes = input_bytes.or(compression.is_empty().then_some(streamed.bytes));
        let (members, backings) = (streamed.members, streamed.backings);
        let unpacked_bytes = Some(streamed.bytes);
        self.finish(Archive { input_bytes, unpacked_bytes, compression, ..Archive::with_backings(backings) }, members)
    }

    /// Searches the archive for nested archives and images, and lists its members.
    fn finish(&mut self, mut archive: Archive, members: Vec<Member>) -> Result<Archive, ErrorKind> {
        let listing = Listing::new(members, self.warnings);
        let found = inner::Search {
            select: self.select,
            hash: self.hash_members,
            limits: self.limits,
            warnings: self.warnings,
            input_bytes: archive.input_bytes,
        }
        .run(listing, std::mem::take(&mut archive.backings))?;
        archive.listing = found.listing;
        archive.unreadable = self.warnings.has(Code::MemberUnreadable);
        archive.backings = found.backings;
        archive.volumes = found.volumes;
        Ok(archive)
    }

    fn warn_of_end(&self, end: &End, compression: &[Compression], input_bytes: Option<u64>) {
        let what = compression.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(" in ");
        match end {
            End::Whole => {}
            End::Damaged(error) => self.warnings.push(Code::CompressedDamaged, Place::archive(), || {
                format!("the {what} data is damaged or truncated ({error}); the bytes inflated before that were used")
            }),
            End::Bound(bound) => self.warnings.push(self.limits.unpacked_by(input_bytes), Place::archive(), || {
                format!("the {what} data inflates to more than {bound} bytes; the rest was skipped")
            }),
        }
    }
}

impl Archive {
    /// A single file, as the only member of an archive.
    ///
    /// # Errors
    ///
    /// Fails if there is no such file.
    pub(crate) fn of_file(path: &Path, map: bool, limits: &Limits) -> io::Result<Self> {
        let (members, backings) = directory::one(path, map, limits)?;
        Ok(Archive { listing: Listing::unsorted(members), ..Archive::with_backings(backings) })
    }

    /// A temporary file without a name, as the only member of an archive.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be mapped.
    pub(crate) fn of_unlinked(file: File) -> io::Result<Self> {
        let (members, backings) = directory::unlinked(file)?;
        Ok(Archive { listing: Listing::unsorted(members), ..Archive::with_backings(backings) })
    }

    /// An archive whose members are not listed yet.
    fn with_backings(backings: Vec<Backing>) -> Self {
        Archive {
            listing: Listing::default(),
            unreadable: false,
            backings,
            input_bytes: None,
            unpacked_bytes: None,
            compression: Vec::new(),
            volumes: Vec::new(),
            watch: None,
            sha256: OnceLock::new(),
            inflated: Inflated::default(),
        }
    }
}

/// Counts the bytes read, and hashes them if asked to.
struct Metered<'a, R> {
    reader: R,
    read: &'a AtomicU64,
    sha256: Option<&'a Mutex<Sha256>>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.reader.read(buffer)?;
        self.read.fetch_add(u64_of(len), Ordering::Relaxed);
        if let Some(sha256) = self.sha256 {
            let mut sha256 = sha256.lock().unwrap_or_else(PoisonError::into_inner);
            sha256.update(buffer.get(..len).unwrap_or_default());
        }
        Ok(len)
    }
}
