//! A checkpoint: the door to everything that is known of one. It opens an archive, finds the dumps in it, and builds each
//! layer's product when it is first asked for.

mod decode;
mod families;

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bstr::{BStr, BString};
use sha2::{Digest as _, Sha256};

pub use self::decode::ImageFile;
use self::families::Families;
use crate::archive::{Archive, Opener, Progress};
use crate::error::{Error, ErrorKind};
use crate::images::{ImageSet, Images, Kind, Sets, root_of};
use crate::limits::Limits;
use crate::memory::{
    AddressSpace, Demand, EarlySearch, ElsewhereSearch, FindingsElsewhere, Keep, Layer, Matcher, Memory,
    RecoveredFiles, SearchOptions, Searched,
};
use crate::model::ids::Pid;
use crate::model::log::{self, LogFile};
use crate::model::rootfs::RootfsChanges;
use crate::model::tree::{self, FileTree};
use crate::model::{Model, Side};
use crate::warning::{Code, Place, Warning, Warnings};

/// How to open an archive.
///
/// ```
/// # fn main() -> Result<(), cryoscope::Error> {
/// use cryoscope::{Limits, Options};
///
/// let mut limits = Limits::default();
/// limits.members = 10_000;
/// for checkpoint in Options::new().limits(limits).open("fixtures/forms-reference/podman-runc.tar")? {
///     println!("{}", checkpoint.processes().count());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Options {
    limits: Limits,
    map: bool,
    hash: bool,
    expected: Vec<String>,
    keep: Keep,
    search: Option<EarlySearch>,
    progress: Box<Progress<'static>>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("limits", &self.limits).field("map", &self.map).finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            limits: Limits::default(),
            map: true,
            hash: false,
            expected: Vec::new(),
            keep: Keep::default(),
            search: None,
            progress: Box::new(|_, _| ()),
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Options::default()
    }

    /// Bounds on what the archive may cost.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether uncompressed archives may be mapped (the default) or are read as a stream. A map ends the process if the
    /// file shrinks under it, as it may on media that vanish.
    #[must_use]
    pub fn map(mut self, map: bool) -> Self {
        self.map = map;
        self
    }

    /// Whether rows of `members`, `rootfs_changes` and `volume_files` have the hashes of contents (not unless told), and
    /// [`Archive::sha256`] the one of an archive that comes as a stream: that and those of members are made in the pass that
    /// inflates it.
    #[must_use]
    pub fn hash(mut self, hash: bool) -> Self {
        self.hash = hash;
        self
    }

    /// The SHA-256 that the archive must have, or any of several, in hexadecimal; opening another fails. It is read as a whole
    /// for that.
    #[must_use]
    pub fn expect_sha256(mut self, expected: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.expected = expected.into_iter().map(|hash| hash.into().to_ascii_lowercase()).collect();
        self
    }

    /// What is kept of an archive that comes as a stream ([`Keep::Arguments`] unless told).
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// A search that will be made of all memory, by whole processes. Of an archive that comes as a stream, pages are then
    /// searched while they are inflated, and only what matches is kept of them. To be used with [`Keep::Memory`] or more;
    /// another search of the same checkpoint finds nothing in such pages.
    #[must_use]
    pub fn search(mut self, search: EarlySearch) -> Self {
        self.search = Some(search);
        self
    }

    /// Called while a stream is read, with the bytes of the input that were read and how many there are, if that is known.
    #[must_use]
    pub fn progress(mut self, progress: impl Fn(u64, Option<u64>) + Send + Sync + 'static) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// Opens an archive or a directory. It may hold several checkpoints.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or holds no images.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Vec<Checkpoint>, Error> {
        let path = path.as_ref();
        let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        self.checkpoints(file_name, |opener| opener.path(path)).map_err(|kind| Error::of(path, kind))
    }

    /// Opens an archive that is a file already, such as standard input. What can be mapped is.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open_file(&self, file: File) -> Result<Vec<Checkpoint>, Error> {
        Ok(self.checkpoints(None, |opener| opener.file(file, None))?)
    }

    /// Opens an archive that comes as a stream.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open_reader(&self, reader: impl Read + Send) -> Result<Vec<Checkpoint>, Error> {
        Ok(self.checkpoints(None, |opener| opener.reader(reader, None))?)
    }

    fn checkpoints(
        &self,
        file_name: Option<String>,
        open: impl FnOnce(&mut Opener<'_>) -> Result<Archive, ErrorKind>,
    ) -> Result<Vec<Checkpoint>, ErrorKind> {
        let of_archive = Warnings::new(&self.limits);
        let mut demand = Demand::new(&self.limits, self.keep, self.search.as_ref());
        let mut opener = Opener {
            limits: &self.limits,
            warnings: &of_archive,
            select: &mut demand,
            progress: &*self.progress,
            map: self.map,
            hash: self.hash || !self.expected.is_empty(),
        };
        let archive = open(&mut opener)?;
        if !self.expected.is_empty() {
            let found = archive.sha256().unwrap_or("none").to_owned();
            if !self.expected.contains(&found) {
                return Err(ErrorKind::OtherHash { found, expected: self.expected.join(" or ") });
            }
        }
        let searched = demand.into_searched().map(Arc::new);
        let sets = Sets::of(&archive, &self.limits, &of_archive);
        if sets.checkpoints.is_empty() {
            let there = what_is_there(&archive);
            // They may be in what was not read.
            let mut hiding: Vec<_> = of_archive.snapshot().into_iter().filter(|warning| hides(warning.code)).collect();
            // Of what comes of one another, a limit is what can be raised.
            hiding.sort_by_key(|warning| warning.code != Code::LimitReached);
            return Err(match hiding.into_iter().next() {
                Some(warning) => ErrorKind::NotAllRead(there, warning.message),
                None => ErrorKind::NoImages(there),
            });
        }
        let shared = Arc::new(Shared {
            archive: Arc::new(archive),
            sets,
            of_archive,
            limits: self.limits.clone(),
            hash: self.hash,
            file_name,
            searched,
        });
        Ok(shared.sets.checkpoints.iter().map(|set| Checkpoint::new(&shared, set)).collect())
    }
}

/// Whether what a warning is about may hide members.
fn hides(code: Code) -> bool {
    matches!(
        code,
        Code::InputChanged
            | Code::CompressedDamaged
            | Code::LimitReached
            | Code::TarTruncated
            | Code::TarHeaderDamaged
            | Code::MemberUnreadable
    )
}

/// What an archive without images holds, for the message.
fn what_is_there(archive: &Archive) -> String {
    let names: Vec<String> = archive
        .members()
        .iter()
        .map(|m| BStr::new(m.file_name()).to_string())
        .filter(|name| !name.is_empty())
        .collect();
    match names.as_slice() {
        [] => "it has no members at all".to_owned(),
        [one] => format!("its only member is {one:?}"),
        [first, .., last] => format!("{} members, from {first:?} to {last:?}", names.len()),
    }
}

/// What the checkpoints of one archive have in common.
#[derive(Debug)]
struct Shared {
    archive: Arc<Archive>,
    sets: Sets,
    /// Warnings about the archive as such.
    of_archive: Warnings,
    limits: Limits,
    hash: bool,
    file_name: Option<String>,
    /// What was found while it was inflated.
    searched: Option<Arc<Searched>>,
}

/// One checkpoint of an archive.
///
/// ```
/// # fn main() -> Result<(), cryoscope::Error> {
/// use cryoscope::Checkpoint;
///
/// let checkpoint = Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
/// let container = checkpoint.container();
/// assert_eq!(container.name.as_deref(), Some("tick"));
/// for process in checkpoint.processes() {
///     println!("{} {:?}", process.pid, process.argv);
/// }
/// assert!(checkpoint.warnings().is_empty(), "nothing is missing");
/// # Ok(())
/// # }
/// ```
pub struct Checkpoint {
    shared: Arc<Shared>,
    set: Arc<ImageSet>,
    /// Earlier dumps from other archives, the newest first.
    parents: Vec<(Arc<Shared>, Arc<ImageSet>)>,
    warnings: Warnings,
    model: OnceLock<Model>,
    memory: OnceLock<Memory>,
    families: Families,
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint").field("folder", &self.set.folder).finish_non_exhaustive()
    }
}

impl Checkpoint {
    /// Opens the checkpoint of an archive or a directory.
    ///
    /// # Errors
    ///
    /// If it cannot be read, holds no images, or holds several checkpoints ([`Options::open`] opens them all).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        only(Options::new().open(path)?).map_err(|kind| Error::of(path, kind))
    }

    /// Opens the checkpoint of an archive that comes as a stream, compressed or not.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::open`].
    pub fn from_reader(reader: impl Read + Send) -> Result<Self, Error> {
        Ok(only(Options::new().open_reader(reader)?)?)
    }

    fn new(shared: &Arc<Shared>, set: &Arc<ImageSet>) -> Self {
        let (shared, set) = (Arc::clone(shared), Arc::clone(set));
        let warnings = Warnings::new(&shared.limits);
        Checkpoint {
            shared,
            set,
            parents: Vec::new(),
            warnings,
            model: OnceLock::new(),
            memory: OnceLock::new(),
            families: Families::default(),
        }
    }

    /// Gives it an earlier dump from another archive, in which pages are that it left to its parent; the newest first.
    /// Only what is asked of memory afterwards knows of it.
    pub fn add_parent(&mut self, parent: &Checkpoint) {
        self.parents.push((Arc::clone(&parent.shared), Arc::clone(&parent.set)));
        self.memory = OnceLock::new();
    }

    /// What tells it from the others of its archive: the folder that it lies in, empty for the root.
    pub fn set_name(&self) -> &BStr {
        BStr::new(root_of(&self.set.folder))
    }

    /// The archive that holds it.
    pub fn archive(&self) -> &Archive {
        &self.shared.archive
    }

    /// The folder of its images.
    pub fn images(&self) -> &ImageSet {
        &self.set
    }

    /// The bounds it was opened with.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// What identifies it whatever its archive is called and however it is packed: the container's id and the moment of the
    /// dump, or the digest of an image that each dump has where one of the two is not known.
    pub fn identity(&self) -> String {
        let container = self.container();
        // Times of files are those of a copy.
        if let (Some(id), Some(time), Some("config.dump")) =
            (container.id, container.checkpointed, container.checkpointed_from)
        {
            return format!("{id} {time}");
        }
        let image =
            [Kind::Inventory, Kind::Pstree].into_iter().find_map(|kind| self.images().find(self.archive(), kind, 0));
        let bytes = image.map(|image| self.archive().contents(image).prefix(self.limits().record_bytes).0);
        let digest = Sha256::digest(bytes.unwrap_or_default());
        crate::digest::hex(&digest)
    }

    /// Everything that was dumped, joined; built when first asked for.
    pub fn model(&self) -> &Model {
        self.model
            .get_or_init(|| Model::read(self.reader(self.images()), &self.side(), self.shared.file_name.as_deref()))
    }

    /// The memory of its processes: which pages there are; built when first asked for.
    pub fn memory(&self) -> &Memory {
        self.memory.get_or_init(|| {
            let mut layers = Vec::new();
            let own = [(&self.shared, &self.set)];
            for (shared, set) in own.into_iter().chain(self.parents.iter().map(|(shared, set)| (shared, set))) {
                layers.extend(shared.sets.chain(set).into_iter().map(|set| {
                    let images =
                        Images { archive: &shared.archive, set, limits: &shared.limits, warnings: &self.warnings };
                    Layer { images, archive: &shared.archive }
                }));
            }
            Memory::read(&layers, self.model(), self.shared.searched.clone())
        })
    }

    /// The memory of a process; `None` if there is no such process, if it is a zombie, or if its image is missing.
    pub fn address_space(&self, pid: Pid) -> Option<AddressSpace<'_>> {
        let process = self.model().processes().iter().find(|process| process.pid() == pid)?;
        self.memory().space(process, self.model())
    }

    /// Searches everything in the archive that is not the memory of a process: files, queues, documents, logs, and the
    /// archives among them. `context` is how many bytes around a match are kept with it. Of an archive that came as a
    /// stream, only what [`Options::keep`] kept is there.
    pub fn search_elsewhere(&self, matcher: &Matcher, options: &SearchOptions, context: u64) -> FindingsElsewhere {
        let done = self.memory().images(self.model());
        let (archive, limits, warnings) = (self.archive(), self.limits(), &self.warnings);
        ElsewhereSearch { archive, matcher, options, context, limits, warnings, done: &done }.run()
    }

    /// Files of which the archive has the contents though no file system that is left may have them: deleted ones, memfds,
    /// System V segments, file systems in memory. Of an archive that came as a stream, only what [`Options::keep`] kept is
    /// there: [`Keep::Everything`] is needed for all of them.
    pub fn recovered(&self) -> RecoveredFiles<'_> {
        RecoveredFiles::read(self.reader(self.images()), &self.side(), self.model(), self.memory(), self.holders())
    }

    /// What the container changed in its root file system. Of an archive that came as a stream, only what [`Options::keep`]
    /// kept is there: [`Keep::Files`] is needed.
    pub fn rootfs(&self) -> RootfsChanges<'_> {
        RootfsChanges::read(&self.side(), self.model())
    }

    /// Logs that lie beside the images: CRIU's own, and what the container wrote. [`Keep::Files`] is needed, as for
    /// [`Checkpoint::rootfs`].
    pub fn logs(&self) -> Vec<LogFile<'_>> {
        log::files(&self.side())
    }

    /// The named volumes whose contents the engine kept, each by its name. [`Keep::Files`] is needed, as for
    /// [`Checkpoint::rootfs`].
    pub fn volumes(&self) -> Vec<(BString, FileTree<'_>)> {
        tree::volumes(&self.side())
    }

    /// All that was odd, damaged or missing in what has been read so far. Reading is lazy: [`Checkpoint::read_all`] first,
    /// to hear everything.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut all = self.shared.of_archive.snapshot();
        all.extend(self.warnings.snapshot());
        all.extend(self.shared.archive.changed().map(|message| Warning {
            code: Code::InputChanged,
            place: Place::archive(),
            message,
        }));
        all
    }

    /// Whether something is missing from what has been read so far.
    pub fn is_partial(&self) -> bool {
        self.shared.of_archive.partial() || self.warnings.partial() || self.shared.archive.changed().is_some()
    }

    /// Reads everything that tables are made of, so that all warnings are known.
    pub fn read_all(&self) {
        let _ = self.memory();
        self.read_families();
    }

    /// Whether columns of hashes that are not made unless asked for were asked for.
    pub(crate) fn hashes(&self) -> bool {
        self.shared.hash
    }

    /// What may be made of each byte of the archive where one thing is said of many.
    pub(crate) const EACH_BYTE: u64 = 32;

    /// A limit, and what the bytes of the archive allow beyond.
    pub(crate) fn in_proportion(&self, limit: u64) -> u64 {
        self.bytes().saturating_mul(Self::EACH_BYTE).saturating_add(limit)
    }

    /// Bytes of the archive once inflated, or of the files of a directory.
    pub(crate) fn bytes(&self) -> u64 {
        let sizes = || self.archive().members().iter().map(|member| member.size).fold(0, u64::saturating_add);
        self.archive().unpacked_bytes().unwrap_or_else(sizes)
    }

    /// Adds a warning about something that was only seen when rows were made.
    pub(crate) fn warn(&self, code: Code, place: Place, message: impl FnOnce() -> String) {
        self.warnings.push(code, place, message);
    }

    /// What lies beside the images.
    pub(crate) fn side(&self) -> Side<'_> {
        Side::new(self.reader(self.images()), self.shared.sets.checkpoints.len() == 1)
    }

    pub(crate) fn reader<'a>(&'a self, set: &'a ImageSet) -> Images<'a> {
        Images { archive: &self.shared.archive, set, limits: &self.shared.limits, warnings: &self.warnings }
    }

    /// The magic numbers of an image and how many records it has. What is wrong with it was warned of when it was read.
    pub(crate) fn count_records(&self, kind: Kind, number: u64) -> Option<(Vec<u32>, usize)> {
        let unheard = Warnings::new(&self.shared.limits);
        let images = Images { warnings: &unheard, ..self.reader(&self.set) };
        let image = images.open(kind, number)?;
        Some((image.magics(), image.records(images.limits, &unheard).count()))
    }
}

/// The one checkpoint of an archive.
fn only(mut checkpoints: Vec<Checkpoint>) -> Result<Checkpoint, ErrorKind> {
    match (checkpoints.pop(), checkpoints.as_slice()) {
        (Some(only), []) => Ok(only),
        (last, others) => {
            let all = others.iter().chain(last.iter());
            Err(ErrorKind::SeveralCheckpoints(all.map(|c| c.set_name().to_string()).collect()))
        }
    }
}
