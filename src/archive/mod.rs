//! From a path, a reader or a directory to **members**: names, what is recorded of them, and bytes to borrow.
//!
//! Uncompressed archives are mapped, and nothing but headers is touched until contents are asked for. Compressed input
//! is inflated once, as a stream; what of it is kept is decided by a [`Select`]. This layer knows nothing of CRIU.
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

mod beside;
mod contents;
mod copies;
mod decompress;
mod directory;
mod folder;
mod frames;
mod given;
mod header;
mod identity;
mod inner;
mod input;
mod layout;
mod lazy;
mod listing;
mod map;
mod member;
mod nested;
mod pax;
mod select;
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
use sha2::{Digest as _, Sha256};

pub use beside::{read_most, read_small};
pub use contents::{Absence, Contents, Piece, Stop};
pub use identity::Identity;
pub(crate) use lazy::Fault;
pub(crate) use member::folder_of;
pub use member::{Member, MemberKind};
pub(crate) use nested::Nested;
pub use select::{Everything, Island, Kept, Select, Selection};
pub use sniff::Compression;
pub(crate) use sniff::{TOO_SHORT, UNKNOWN};

use self::contents::{Backing, Layout, Source};
use self::given::Given;
use self::identity::Watch;
use self::inner::Inner;
use self::input::{End, StreamInput};
use self::listing::Listing;
use self::map::Map;
use self::nested::Inflated;
use self::sniff::{ENOUGH, Format, sniff};
use self::stream::Below;
use crate::digest::{Digest, hex};
use crate::error::ErrorKind;
use crate::int::u64_of;
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Compression in compression that is undone.
const NESTING: usize = 4;

/// The members of an archive or a directory.
#[derive(Debug)]
pub struct Archive {
    listing: Listing,
    /// There is something that may not be read, which may be what is looked for.
    unreadable: bool,
    backings: Vec<Backing>,
    /// Bytes of the input as it was given; `None` of a directory.
    input_bytes: Option<u64>,
    /// Bytes of the innermost tar; `None` of a directory.
    unpacked_bytes: Option<u64>,
    compression: Vec<Compression>,
    /// Archives and images in it that hold something of what is looked for.
    volumes: Vec<Inner>,
    /// What the input was when it was opened.
    watch: Option<Watch>,
    sha256: OnceLock<Option<String>>,
    inflated: Inflated,
}

impl Archive {
    /// All members, in the order of the archive.
    pub fn members(&self) -> &[Member] {
        &self.listing.members
    }

    /// The member that counts for a path: the last of that name, as in tar.
    pub fn find(&self, path: &[u8]) -> Option<&Member> {
        self.listing.find(path)
    }

    /// The place of a member in the list of members; only of one that counts for its path.
    pub(crate) fn number_of(&self, member: &Member) -> Option<usize> {
        self.listing.number_of(member)
    }

    /// The bytes of a member. Links have none: [`Archive::resolve`] first.
    pub fn contents<'a>(&'a self, member: &'a Member) -> Contents<'a> {
        Contents { layout: &member.layout, backings: &self.backings }
    }

    /// Follows links from member to member, inside the archive only.
    ///
    /// # Errors
    ///
    /// The last member of the chain, if its target is not in the archive or the links go round in circles.
    pub fn resolve<'a>(&'a self, member: &'a Member) -> Result<&'a Member, &'a Member> {
        self.listing.resolve(member)
    }

    /// The folder of the archive that a symbolic link leads to; `None` if it leads out of it. The folder may not exist.
    pub fn folder_of_link(&self, link: &Member) -> Option<BString> {
        let target = link.link.as_ref().filter(|target| !target.starts_with(b"/"))?;
        let cleaned = member::Cleaned::of(&bstr::join("/", [link.folder(), target.as_slice()]));
        (!cleaned.outside).then_some(cleaned.path)
    }

    /// Bytes of the input as it was given; `None` of a directory or a pipe.
    pub fn input_bytes(&self) -> Option<u64> {
        self.input_bytes
    }

    /// Bytes of the archive once inflated; `None` of a directory.
    pub fn unpacked_bytes(&self) -> Option<u64> {
        self.unpacked_bytes
    }

    /// Whether there is something in a directory that may not be read.
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

    /// Annotations of the image that held what lies in a folder of the archive; none if no image did.
    pub fn annotations(&self, folder: &[u8]) -> &[(String, String)] {
        self.volume_of(folder).map_or(&[], |volume| &volume.annotations)
    }

    /// The archive or image in the archive that a folder lies in; `None` if it lies in none.
    fn volume_of(&self, folder: &[u8]) -> Option<&Inner> {
        let around = |volume: &&Inner| {
            volume.root.is_empty() || folder == volume.root.as_slice() || is_below(folder, &volume.root)
        };
        self.volumes.iter().filter(around).max_by_key(|volume| volume.root.len())
    }

    /// The places of the members that belong together with a folder: those of the archive in the archive that it lies in, or
    /// those that lie in none. With `rest`, the latter in any case.
    pub(crate) fn members_with(&self, folder: &[u8], rest: bool) -> impl Iterator<Item = (usize, &Member)> {
        let outer = 0..self.volumes.first().map_or(self.members().len(), |volume| volume.members.start);
        let own = self.volume_of(folder).map(|volume| volume.members.clone());
        let outer = if rest || own.is_none() { outer } else { 0..0 };
        outer.chain(own.unwrap_or(0..0)).filter_map(|number| Some((number, self.members().get(number)?)))
    }

    /// What the input was when it was opened, if it is a file.
    pub fn identity(&self) -> Option<&Identity> {
        self.watch.as_ref().map(Watch::before)
    }

    /// Whether the input has been changed since it was opened, and how; `None` if it was not, or nobody can tell, as of a
    /// pipe. Of a directory, the first of its files that was read and has been changed.
    pub fn changed(&self) -> Option<String> {
        let of_files = || {
            let (name, fault) = self.faults().find(|(_, fault)| fault.code == Code::InputChanged)?;
            Some(format!("{name}: {}", fault.message))
        };
        self.watch.as_ref().and_then(Watch::changed).or_else(of_files)
    }

    /// What is wrong with the files of a directory that were opened so far, each with its name: they could not be read, or
    /// have been changed since the directory was listed. The file system is asked each time.
    pub(crate) fn faults(&self) -> impl Iterator<Item = (BString, Fault)> {
        self.backings.iter().filter_map(|backing| match backing {
            Backing::File(file) => Some((file.name(), file.fault()?)),
            Backing::Map(_) | Backing::Heap(_) => None,
        })
    }

    /// What of the input itself was changed while it was read; the place is the archive as a whole.
    pub(crate) fn watched(&self) -> Option<String> {
        self.watch.as_ref().and_then(Watch::changed)
    }

    /// SHA-256 of the input as it was given, in hexadecimal. What is mapped is hashed when first asked; a stream is only
    /// hashed if [`Options::hash`](crate::Options::hash) asks for it. `None` of a directory.
    pub fn sha256(&self) -> Option<&str> {
        let hash = || {
            let (Some(Backing::Map(_)), Some(size), []) =
                (self.backings.first(), self.input_bytes, self.compression.as_slice())
            else {
                return None;
            };
            let layout = Layout::run(size, Source::Backing { number: 0, offset: 0 });
            let mut digest = Digest::new(0);
            digest.contents(&Contents { layout: &layout, backings: &self.backings });
            digest.finish()
        };
        self.sha256.get_or_init(hash).as_deref()
    }
}

/// What file system of the kernel's own a folder is on, such as `proc`; `None` if it is on another, or not to be had. Files
/// of such a folder are made when they are read, and may have no end.
pub fn kernel_file_system(path: impl AsRef<Path>) -> Option<&'static str> {
    folder::Folder::open(path.as_ref()).ok()?.is_of_the_kernel()
}

/// How many bytes of a file tell what it is.
pub(crate) const HEAD: u64 = 512;

/// Whether a file can be a tar, plain or compressed, by its first [`HEAD`] bytes.
pub(crate) fn may_be_tar(head: &[u8]) -> bool {
    matches!(sniff(head), Format::Tar | Format::Compressed(_))
}

/// What a file is by its first [`HEAD`] bytes, if it is a checkpoint that CRIU did not make.
pub(crate) fn foreign(head: &[u8]) -> Option<&'static str> {
    match sniff(head) {
        Format::Foreign(name) => Some(name),
        _ => None,
    }
}

/// Whether a path lies below a folder.
pub(crate) fn is_below(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"))
}

/// What an image says of itself.
pub(super) type Annotations = Vec<(String, String)>;

/// How far inflating has come: bytes of the input read, and how many there are, if that is known.
pub type Progress<'a> = dyn Fn(u64, Option<u64>) + Send + Sync + 'a;

/// Opens archives.
pub(crate) struct Opener<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) warnings: &'a Warnings,
    pub(crate) select: &'a mut dyn Select,
    pub(crate) progress: &'a Progress<'a>,
    /// Whether files may be mapped.
    pub(crate) map: bool,
    /// Whether streams are hashed.
    pub(crate) hash: bool,
    /// Whether their members are.
    pub(crate) hash_members: bool,
}

impl Opener<'_> {
    /// Opens a file or a directory.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is neither an archive nor a directory.
    pub(crate) fn path(&mut self, path: &Path) -> Result<Archive, ErrorKind> {
        match given::at(path)? {
            Given::Folder(folder) => {
                let (members, backings) = directory::read(folder, self.map, self.limits, self.warnings)?;
                self.finish(Archive::of(backings), members)
            }
            given => self.given(given, Some(path)),
        }
    }

    /// Opens a file, from where it stands; a regular one that is not compressed is mapped.
    pub(crate) fn file(&mut self, file: File, path: Option<&Path>) -> Result<Archive, ErrorKind> {
        self.given(given::opened(file)?, path)
    }

    fn given(&mut self, given: Given, path: Option<&Path>) -> Result<Archive, ErrorKind> {
        match given {
            Given::File(file) => {
                let metadata = file.metadata()?;
                let watch = Watch::of(&file, path, &metadata);
                Ok(Archive { watch, ..self.regular(file, metadata.len())? })
            }
            Given::Stream(first, file) => self.reader(Cursor::new(first).chain(file), None),
            Given::Folder(_) => Err(ErrorKind::NotAnArchive("a folder that was given as a file; give its path")),
        }
    }

    fn regular(&mut self, mut file: File, size: u64) -> Result<Archive, ErrorKind> {
        if self.map && file.stream_position()? == 0 {
            let mut head = Vec::new();
            (&mut file).take(u64_of(ENOUGH)).read_to_end(&mut head)?;
            if sniff(&head) == Format::Tar
                && let Ok(map) = file.try_clone().and_then(Map::with)
            {
                let size = u64_of(map.len());
                let layout = Layout::run(size, Source::Backing { number: 0, offset: 0 });
                let backings = vec![Backing::Map(map)];
                let members = walk::members(&layout, &backings, self.limits, self.warnings);
                let archive = Archive { input_bytes: Some(size), unpacked_bytes: Some(size), ..Archive::of(backings) };
                return self.finish(archive, members);
            }
            file.rewind()?;
        }
        self.reader(file, Some(size))
    }

    /// Opens a stream of `input_bytes`, if that is known.
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
            // What the decoder did not come to is part of the input.
            let whole = io::copy(&mut Metered { reader, read: &read, sha256: Some(&sha256) }, &mut io::sink());
            let sha256 = sha256.into_inner().unwrap_or_else(PoisonError::into_inner);
            let _ = archive.sha256.set(whole.is_ok().then(|| hex(&sha256.finalize())));
        }
        Ok(archive)
    }

    /// Opens a stream, whatever it is compressed with.
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
                (Format::Compressed(_), _) => return Err(ErrorKind::NotAnArchive("compressed over and over")),
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
        self.finish(Archive { input_bytes, unpacked_bytes, compression, ..Archive::of(backings) }, members)
    }

    /// Opens what lies in the archive, and gives it its members.
    fn finish(&mut self, mut archive: Archive, members: Vec<Member>) -> Result<Archive, ErrorKind> {
        let listing = Listing::of(members, self.warnings);
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
                format!("the {what} data is damaged or cut ({error}); what was inflated before is used")
            }),
            End::Bound(bound) => self.warnings.push(self.limits.unpacked_by(input_bytes), Place::archive(), || {
                format!("the {what} data inflates to more than {bound} bytes; the rest is left out")
            }),
        }
    }
}

impl Archive {
    /// A single file, as the one member of an archive.
    ///
    /// # Errors
    ///
    /// If there is no such file.
    pub(crate) fn of_file(path: &Path, map: bool, limits: &Limits) -> io::Result<Self> {
        let (members, backings) = directory::one(path, map, limits)?;
        Ok(Archive { listing: Listing::unsorted(members), ..Archive::of(backings) })
    }

    /// An archive of which the members are still to come.
    fn of(backings: Vec<Backing>) -> Self {
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

/// Counts what is read, and hashes it if asked to.
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
