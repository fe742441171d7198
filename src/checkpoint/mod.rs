//! A checkpoint: the entry point to everything known about it. It opens an archive, finds the dumps in it, and builds
//! each layer on first use.

mod decode;
mod families;
mod identity;
mod memory;
mod reread;

use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bstr::{BStr, BString, ByteSlice};

pub use self::decode::ImageFile;
pub use self::families::Details;
use self::families::Families;
pub use self::memory::MemoryView;
use self::reread::{Again, Kept, Reopen, digest_of};
use crate::archive::{Archive, Opener, Progress};
use crate::error::{Error, ErrorKind};
use crate::images::{ImageSet, Images, Kind, Sets, foreign, root_of};
use crate::limits::Limits;
use crate::memory::{Demand, EarlySearch, GivenFile, Keep, Memory, Searched};
use crate::model::log::{self, LogFile};
use crate::model::rootfs::RootfsChanges;
use crate::model::tree::{self, FileTree};
use crate::model::{EngineFiles, Model, dump_log};
use crate::recovered::RecoveredFiles;
use crate::warning::{About, Code, Place, Severity, Warning, Warnings};

/// How to open an archive.
///
/// ```
/// # fn main() -> Result<(), cryoscope::Error> {
/// use cryoscope::{Limits, Options};
///
/// let mut limits = Limits::default();
/// limits.members = 10_000;
/// for checkpoint in Options::new().limits(limits).open("fixtures/forms-reference/podman-runc.tar")? {
///     println!("{}", checkpoint.rows().processes().count());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Options {
    limits: Limits,
    map: bool,
    hash: bool,
    hash_archive: bool,
    file_name: Option<String>,
    expected: Vec<String>,
    keep: Option<Keep>,
    search: Option<EarlySearch>,
    brought: Option<Arc<dyn Any + Send + Sync>>,
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
            hash_archive: false,
            file_name: None,
            expected: Vec::new(),
            keep: None,
            search: None,
            brought: None,
            progress: Box::new(|_, _| ()),
        }
    }
}

impl Options {
    /// The default options.
    pub fn new() -> Self {
        Options::default()
    }

    /// Sets limits on what the archive may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets whether uncompressed archives and files of directories may be mapped (the default). Otherwise they are
    /// read, archives as a stream. If a mapped file shrinks, as may happen on removable or network media, the process
    /// is killed.
    #[must_use]
    pub fn map(mut self, map: bool) -> Self {
        self.map = map;
        self
    }

    /// Sets whether rows of `members`, `rootfs_changes` and `volume_files` have hashes of contents (off by default). It
    /// includes [`Options::hash_archive`]. For a stream, hashes are computed while it is inflated.
    #[must_use]
    pub fn hash(mut self, hash: bool) -> Self {
        self.hash = hash;
        self
    }

    /// Sets whether [`Archive::sha256`] is also computed for streams (off by default).
    #[must_use]
    pub fn hash_archive(mut self, hash: bool) -> Self {
        self.hash_archive = hash;
        self
    }

    /// Gives every checkpoint of the archive something that a higher layer needs when it derives rows from it, such as
    /// [`Brought`](crate::analysis::Brought). Later values replace earlier ones.
    #[must_use]
    pub fn bring<T: Any + Send + Sync>(mut self, what: Arc<T>) -> Self {
        self.brought = Some(what);
        self
    }

    /// Sets the file name of an archive that is read from a stream, if known: the kubelet's file names contain pod,
    /// namespace and container. An archive opened by its path uses its own name.
    #[must_use]
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// Sets the SHA-256 that the archive must have, or a list of allowed ones, in hexadecimal. Opening any other
    /// archive fails. The whole archive is read for this.
    #[must_use]
    pub fn expect_sha256(mut self, expected: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.expected = expected.into_iter().map(|hash| hash.into().to_ascii_lowercase()).collect();
        self
    }

    /// Sets what is kept of an archive that is read as a stream. The default for an archive opened by its path is
    /// [`Keep::Arguments`], as it can be read again if more is needed. The default for a reader, which can be read only
    /// once, is [`Keep::Everything`].
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = Some(keep);
        self
    }

    /// Announces a search of all memory of all processes. Pages of an archive that is read as a stream are then
    /// searched while they are inflated, and only matches are kept. Use it with [`Keep::Memory`] or more. Any other
    /// search of the same checkpoint reads the archive again.
    #[must_use]
    pub fn search(mut self, search: EarlySearch) -> Self {
        self.search = Some(search);
        self
    }

    /// Sets a function that is called while a stream is read, with the number of input bytes read so far and the total,
    /// if known.
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
        // Only a regular file can be read twice. Nothing is missing from a directory, whose files are read in place.
        let can_reopen = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() || metadata.is_dir());
        let reopen = can_reopen.then(|| Reopen {
            path: path.to_owned(),
            map: self.map,
            hash: self.hash_archive || !self.expected.is_empty(),
        });
        self.checkpoints(file_name, reopen, |opener| opener.path(path)).map_err(|kind| Error::of(path, kind))
    }

    /// Opens an archive that is already an open file, such as standard input. It is mapped if possible.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open_file(&self, file: File) -> Result<Vec<Checkpoint>, Error> {
        Ok(self.checkpoints(self.file_name.clone(), None, |opener| opener.file(file, None))?)
    }

    /// Opens an archive from a reader.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open_reader(&self, reader: impl Read + Send) -> Result<Vec<Checkpoint>, Error> {
        Ok(self.checkpoints(self.file_name.clone(), None, |opener| opener.reader(reader, None))?)
    }

    fn checkpoints(
        &self,
        file_name: Option<String>,
        reopen: Option<Reopen>,
        open: impl FnOnce(&mut Opener<'_>) -> Result<Archive, ErrorKind>,
    ) -> Result<Vec<Checkpoint>, ErrorKind> {
        let of_archive = Warnings::new(&self.limits);
        let keep = self.keep.unwrap_or(if reopen.is_some() { Keep::Arguments } else { Keep::Everything });
        let mut demand = Demand::new(&self.limits, keep, self.search.as_ref());
        let mut opener = Opener {
            limits: &self.limits,
            warnings: &of_archive,
            select: &mut demand,
            progress: &*self.progress,
            map: self.map,
            hash: self.hash || self.hash_archive || !self.expected.is_empty(),
            hash_members: self.hash,
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
            return Err(why_none(&archive, &of_archive));
        }
        let shared = Arc::new(Shared {
            archive: Arc::new(archive),
            sets,
            of_archive,
            limits: self.limits.clone(),
            hash: self.hash,
            file_name,
            searched,
            brought: self.brought.clone(),
            kept: Kept { keep, is_told: self.keep.is_some(), reopen, lacks: OnceLock::new(), again: Again::default() },
            members: OnceLock::new(),
        });
        Ok(shared.sets.checkpoints.iter().map(|set| Checkpoint::new(&shared, set)).collect())
    }
}

/// Why an archive has no checkpoint.
fn why_none(archive: &Archive, warnings: &Warnings) -> ErrorKind {
    if let Some(unreadable) = unreadable(warnings) {
        return ErrorKind::Unreadable(unreadable);
    }
    if let Some(name) = foreign::name(archive) {
        return ErrorKind::OtherCheckpoint(name);
    }
    let found = what_is_there(archive);
    if let Some(why) = dump_log::failure_alone(archive) {
        return ErrorKind::DumpFailed { found, why };
    }
    let warnings = warnings.snapshot();
    let mut in_the_way: Vec<_> = warnings.iter().filter(|warning| warning.severity() == Severity::Warning).collect();
    // If one problem causes another, name the limit, as the user can raise it.
    in_the_way.sort_by_key(|warning| warning.code != Code::LimitReached);
    let limit = in_the_way.iter().find_map(|warning| warning.limit);
    let why = in_the_way.into_iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if why.is_empty() { ErrorKind::NoImages(found) } else { ErrorKind::NotReached { found, why, limit } }
}

/// Names the parts of an archive that could not be read, for the message. `None` if there are none.
fn unreadable(warnings: &Warnings) -> Option<String> {
    let all = warnings.snapshot();
    let mut unreadable = all.iter().filter(|warning| warning.code == Code::MemberUnreadable);
    let first = unreadable.next()?;
    let more = match unreadable.count() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let denied = first.message.starts_with("permission denied");
    let hint = if denied { "; engines make checkpoints readable only by root: run as root" } else { "" };
    Some(format!("{first}{more}{hint}"))
}

/// Describes the contents of an archive without images, for the message.
fn what_is_there(archive: &Archive) -> String {
    let names: Vec<String> = archive
        .members()
        .iter()
        .map(|m| BStr::new(m.file_name()).to_string())
        .filter(|name| !name.is_empty())
        .collect();
    match names.as_slice() {
        [] => "it has no members".to_owned(),
        [one] => format!("its only member is {one:?}"),
        [first, .., last] => format!("{} members, from {first:?} to {last:?}", names.len()),
    }
}

/// Data shared by the checkpoints of one archive.
#[derive(Debug)]
struct Shared {
    archive: Arc<Archive>,
    sets: Sets,
    /// Warnings about the archive as a whole.
    of_archive: Warnings,
    limits: Limits,
    hash: bool,
    file_name: Option<String>,
    /// The matches found while it was inflated.
    searched: Option<Arc<Searched>>,
    /// What the caller brought for higher layers.
    brought: Option<Arc<dyn Any + Send + Sync>>,
    kept: Kept,
    /// A digest of the names, sizes and times of all members.
    members: OnceLock<[u8; 32]>,
}

impl Shared {
    /// Whether two archives are the same one, opened twice: all members have the same names, sizes and times. Each dump of
    /// one is compared with each dump of the other, so the members are read once.
    fn is_copy_of(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        let members = |shared: &Self| *shared.members.get_or_init(|| digest_of(&shared.archive));
        Arc::ptr_eq(self, other) || members(self) == members(other)
    }
}

/// One checkpoint of an archive.
///
/// ```
/// # fn main() -> Result<(), cryoscope::Error> {
/// use cryoscope::Checkpoint;
///
/// let checkpoint = Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
/// let container = checkpoint.rows().container();
/// assert_eq!(container.name.as_deref(), Some("tick"));
/// for process in checkpoint.rows().processes() {
///     println!("{} {:?}", process.pid, process.argv);
/// }
/// assert!(checkpoint.warnings().is_empty(), "nothing is missing");
/// # Ok(())
/// # }
/// ```
pub struct Checkpoint {
    shared: Arc<Shared>,
    set: Arc<ImageSet>,
    /// Parent dumps from other archives, newest first.
    parents: Vec<(Arc<Shared>, Arc<ImageSet>)>,
    /// Files of the container's image.
    given: Vec<GivenFile>,
    warnings: Warnings,
    model: OnceLock<Model>,
    memory: OnceLock<Memory>,
    whole_memory: OnceLock<Memory>,
    judged_memory: OnceLock<Memory>,
    attached: Attached,
    families: Families,
}

/// What higher layers keep with a checkpoint: one value of each type.
#[derive(Default)]
struct Attached(Mutex<HashMap<TypeId, Slot>>);

/// A value that is made once, while others wait for it.
type Slot = Arc<OnceLock<Arc<dyn Any + Send + Sync>>>;

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

    /// Opens the checkpoint of an archive from a reader, compressed or not.
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
            given: Vec::new(),
            warnings,
            model: OnceLock::new(),
            memory: OnceLock::new(),
            whole_memory: OnceLock::new(),
            judged_memory: OnceLock::new(),
            attached: Attached::default(),
            families: Families::default(),
        }
    }

    /// Fills in unchanged pages of mapped files, which CRIU does not store, from files of the container's image. Only later
    /// questions about memory use them.
    pub(crate) fn fill(&mut self, given: Vec<GivenFile>) {
        self.given = given;
        self.memory = OnceLock::new();
        self.whole_memory = OnceLock::new();
        self.judged_memory = OnceLock::new();
        self.attached = Attached::default();
    }

    /// Adds a parent dump from another archive, which has the pages that this dump leaves out. Add the newest first.
    /// Only later questions about memory use it.
    ///
    /// If the archive has several dumps, the one is used whose directory has the name at the end of the `parent` link
    /// of the oldest known dump. The archive may be that of this checkpoint: then the dump is one of the parent dumps
    /// in it.
    pub fn add_parent(&mut self, parent: &Checkpoint) {
        if let Some(set) = self.earlier_in(parent) {
            self.parents.push((Arc::clone(&parent.shared), set));
            self.memory = OnceLock::new();
            self.whole_memory = OnceLock::new();
            self.judged_memory = OnceLock::new();
            self.attached = Attached::default();
        }
    }

    /// The previous dump of the chain, from another archive or from a copy of this one.
    fn earlier_in(&self, parent: &Checkpoint) -> Option<Arc<ImageSet>> {
        let is_same = self.shared.is_copy_of(&parent.shared);
        let chains = std::iter::once((&self.shared, &self.set)).chain(self.parents.iter().map(|(a, b)| (a, b)));
        let mut known: HashSet<&BStr> = HashSet::new();
        let mut last = &*self.set;
        for (shared, set) in chains {
            let chain = shared.sets.chain(set);
            last = chain.last().copied().unwrap_or(last);
            if shared.is_copy_of(&parent.shared) {
                known.extend(chain.into_iter().map(|set| set.folder.as_bstr()));
            }
        }
        let is_new = |set: &&Arc<ImageSet>| !known.contains(set.folder.as_bstr());
        let only = |sets: &[Arc<ImageSet>]| {
            let mut new = sets.iter().filter(is_new);
            new.next().filter(|_| new.next().is_none()).cloned()
        };
        let sets = &parent.shared.sets;
        let by_name = last.parent().and_then(|link| only(sets.named_by(link)));
        let whole = || (!is_same).then(|| Arc::clone(&parent.set)).filter(|set| is_new(&set));
        by_name.or_else(whole).or_else(|| only(&sets.without_tasks))
    }

    /// Name within the archive: the directory that it is in. Empty for the root.
    pub fn set_name(&self) -> &BStr {
        BStr::new(root_of(&self.set.folder))
    }

    /// The archive.
    pub fn archive(&self) -> &Archive {
        &self.shared.archive
    }

    /// The image set.
    pub fn images(&self) -> &ImageSet {
        &self.set
    }

    /// The limits it was opened with.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Everything that was dumped, joined. Built on first use.
    pub fn model(&self) -> &Model {
        self.model.get_or_init(|| {
            Model::read(self.reader(self.images()), &self.engine_files(), self.shared.file_name.as_deref())
        })
    }

    /// Other parts of the dump: signals, timers, namespaces, network settings and more. Each is built on first use.
    pub fn details(&self) -> Details<'_> {
        Details::new(self)
    }

    /// The memory of its processes.
    pub fn memory(&self) -> MemoryView<'_> {
        MemoryView::new(self)
    }

    /// Files whose contents are in the archive, but may not be in any remaining file system: deleted files, memfds,
    /// System V segments, in-memory file systems.
    pub fn recovered(&self) -> RecoveredFiles<'_> {
        let images = self.reader_with(Keep::Everything);
        let side = self.side_with(Keep::Everything);
        RecoveredFiles::read(images, &side, self.model(), self.whole_memory(), self.holders())
    }

    /// The recovered files with the contents that rules read.
    pub(crate) fn judged_recovered(&self) -> RecoveredFiles<'_> {
        let images = self.reader_with(Keep::Evidence);
        let side = self.side_with(Keep::Evidence);
        RecoveredFiles::read(images, &side, self.model(), self.judged_memory(), self.holders())
    }

    /// What a higher layer derived from the checkpoint: one value of each type, made on first use and kept with it.
    pub(crate) fn attached<T: Any + Send + Sync>(&self, make: impl Fn() -> T) -> Arc<T> {
        let slot = {
            let mut slots = self.attached.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(TypeId::of::<T>()).or_default())
        };
        let kept = Arc::clone(slot.get_or_init(|| Arc::new(make())));
        kept.downcast().unwrap_or_else(|_| Arc::new(make()))
    }

    /// What was given to [`Options::bring`], if it is of this type.
    pub(crate) fn brought<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.shared.brought.clone()?.downcast().ok()
    }

    /// The path that the archive was opened by, if it can be read again by it.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.shared.kept.reopen.as_ref().map(|reopen| &*reopen.path)
    }

    /// The recovered files among what was kept. Nothing is read again for it.
    pub(crate) fn kept_recovered(&self) -> RecoveredFiles<'_> {
        let images = self.reader(self.images());
        RecoveredFiles::read(images, &self.engine_files(), self.model(), self.kept_memory(), self.holders())
    }

    /// Changes to the root file system, if their archive was kept. Nothing is read again for it.
    pub(crate) fn kept_rootfs(&self) -> RootfsChanges<'_> {
        RootfsChanges::read(&self.engine_files(), self.model())
    }

    /// Changes to the root file system.
    pub fn rootfs(&self) -> RootfsChanges<'_> {
        RootfsChanges::read(&self.side_with(Keep::Files), self.model())
    }

    /// Logs next to the images: of CRIU and of the container.
    pub fn logs(&self) -> Vec<LogFile<'_>> {
        log::files(&self.side_with(Keep::Files))
    }

    /// The named volumes whose contents the engine kept, by name.
    pub fn volumes(&self) -> Vec<(BString, FileTree<'_>)> {
        tree::volumes(&self.side_with(Keep::Files))
    }

    /// Everything odd, damaged or missing in what has been read so far. Reading is lazy: call [`Checkpoint::read_all`]
    /// first to get all warnings.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut all = self.shared.of_archive.snapshot();
        all.extend(self.warnings.snapshot());
        all.extend(self.shared.archive.watched().map(|message| Warning {
            code: Code::InputChanged,
            place: Place::archive(),
            message,
            limit: None,
        }));
        all.extend(faults(&self.shared.archive, &self.shared.limits));
        all
    }

    /// Whether something is missing from what has been read so far.
    pub fn is_partial(&self) -> bool {
        let archive = &self.shared.archive;
        self.shared.of_archive.partial()
            || self.warnings.partial()
            || archive.watched().is_some()
            || archive.faults().next().is_some()
    }

    /// Reads everything that tables need, so that all warnings are known.
    pub fn read_all(&self) {
        let _ = self.kept_memory();
        self.read_families();
    }

    /// Whether it is the first checkpoint of its archive.
    pub(crate) fn is_first(&self) -> bool {
        self.shared.sets.checkpoints.first().is_some_and(|first| Arc::ptr_eq(first, &self.set))
    }

    /// Whether hashes of contents were requested.
    pub(crate) fn hashes(&self) -> bool {
        self.shared.hash
    }

    /// Bytes of output per byte of archive, where one fact may appear in many rows.
    pub(crate) const EACH_BYTE: u64 = 32;

    /// A limit plus the allowance for the size of the archive.
    pub(crate) fn in_proportion(&self, limit: u64) -> u64 {
        self.bytes().saturating_mul(Self::EACH_BYTE).saturating_add(limit)
    }

    /// Size of the inflated archive, or of the files of a directory, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let sizes = || self.archive().members().iter().map(|member| member.size).fold(0, u64::saturating_add);
        self.archive().unpacked_bytes().unwrap_or_else(sizes)
    }

    /// Adds a warning about something that was found only when rows were made.
    pub(crate) fn warn(&self, about: impl Into<About>, place: Place, message: impl FnOnce() -> String) {
        self.warnings.push(about, place, message);
    }

    /// The engine's files next to the images.
    pub(crate) fn engine_files(&self) -> EngineFiles<'_> {
        EngineFiles::new(self.reader(self.images()), self.shared.sets.checkpoints.len() == 1)
    }

    /// The engine's files next to the images, with contents of members.
    fn side_with(&self, need: Keep) -> EngineFiles<'_> {
        EngineFiles::new(self.reader_with(need), self.shared.sets.checkpoints.len() == 1)
    }

    /// The images, with contents of members.
    fn reader_with(&self, need: Keep) -> Images<'_> {
        Images { archive: self.shared.archive_with(need), ..self.reader(self.images()) }
    }

    /// The dump and the parent dumps from other archives, newest first.
    fn dumps(&self) -> impl Iterator<Item = (&Arc<Shared>, &Arc<ImageSet>)> {
        std::iter::once((&self.shared, &self.set)).chain(self.parents.iter().map(|(shared, set)| (shared, set)))
    }

    pub(crate) fn reader<'a>(&'a self, set: &'a ImageSet) -> Images<'a> {
        Images { archive: &self.shared.archive, set, limits: &self.shared.limits, warnings: &self.warnings }
    }

    /// The magic numbers of an image and the number of its records. Its damage was reported when it was read.
    pub(crate) fn count_records(&self, kind: Kind, number: u64) -> Option<(Vec<u32>, usize)> {
        let unheard = Warnings::new(&self.shared.limits);
        let images = Images { warnings: &unheard, ..self.reader(&self.set) };
        let image = images.open(kind, number)?;
        Some((image.magics(), image.records(images.limits, &unheard).count()))
    }
}

/// Warnings about the files of a directory that were opened.
fn faults(archive: &Archive, limits: &Limits) -> Vec<Warning> {
    let warnings = Warnings::new(limits);
    for (name, fault) in archive.faults() {
        warnings.push(fault.code, Place::member(name), || fault.message);
    }
    warnings.snapshot()
}

/// The only checkpoint of an archive.
fn only(mut checkpoints: Vec<Checkpoint>) -> Result<Checkpoint, ErrorKind> {
    match (checkpoints.pop(), checkpoints.as_slice()) {
        (Some(only), []) => Ok(only),
        (last, others) => {
            let all = others.iter().chain(last.iter());
            Err(ErrorKind::SeveralCheckpoints(all.map(|c| c.set_name().to_string()).collect()))
        }
    }
}
