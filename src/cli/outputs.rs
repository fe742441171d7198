//! The files a command may write. Every output is claimed here first, and refused if it is evidence: an input, a file
//! or directory within one, or another output of the same command. `--force` does not change that.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryoscope::extract::{MANIFEST, Scratch, What};

use super::Failure;
use super::signals;

/// Number of files of input directories that are compared with an existing output.
const COMPARED: u32 = 4_000_000;

/// The files that a command reads and writes. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs {
    known: Arc<Mutex<Known>>,
    /// Unfinished files.
    scratch: Scratch,
}

#[derive(Debug, Default)]
struct Known {
    inputs: Vec<Input>,
    claimed: Vec<Target>,
    /// Positions of claimed files, by the directory and the name, and by identity. A dump claims one for each mapping.
    by_place: HashMap<(Id, std::ffi::OsString), usize>,
    by_id: HashMap<Id, usize>,
}

/// An input.
#[derive(Debug)]
struct Input {
    /// The path as given.
    named: PathBuf,
    id: Id,
    is_folder: bool,
    /// For a file: the device it lies on, which must not be written to either.
    device: Option<u64>,
    /// Its own identity and those of the directories above it.
    chain: Vec<Id>,
}

/// Identity of a file, whatever its path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Id {
    /// Device and inode number.
    #[cfg(unix)]
    Inode(u64, u64),
    /// A device, whichever node names it.
    #[cfg(unix)]
    Device(u64),
    /// The path, on systems without inode numbers.
    #[cfg(not(unix))]
    Path(PathBuf),
}

/// An output.
#[derive(Debug)]
struct Target {
    /// The path as given.
    named: PathBuf,
    /// The directory it will be in, and its name there.
    place: Option<(Id, std::ffi::OsString)>,
    /// Its identity, if it exists already.
    id: Option<Id>,
    is_device: bool,
    /// The directories above it, nearest first.
    chain: Vec<Id>,
}

/// A file that may be written.
#[derive(Debug)]
pub(crate) struct Claim {
    path: PathBuf,
    scratch: Scratch,
}

impl Claim {
    /// The path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Unfinished files.
    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }
}

impl Outputs {
    /// Records files and directories that are read. Refuses those that are outputs. Paths that do not exist are
    /// ignored.
    pub(crate) fn inputs<'p>(&self, paths: impl IntoIterator<Item = &'p Path>) -> Result<(), Failure> {
        paths.into_iter().try_for_each(|path| {
            let input = if path == Path::new("-") { Input::of_stdin() } else { Input::of(path) };
            let Some(input) = input else { return Ok(()) };
            let mut known = self.lock();
            if let Some(target) = known.claimed.iter().find(|target| input.holds(target)) {
                return Err(input.refuses(&target.named));
            }
            known.inputs.push(input);
            Ok(())
        })
    }

    /// Refuses a path that must not be written, before it is claimed.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Failure> {
        self.lock().check(&Target::of(path))
    }

    /// Claims a file for writing. Refuses a path that must not be written.
    pub(crate) fn claim(&self, path: &Path) -> Result<Claim, Failure> {
        let target = Target::of(path);
        let mut known = self.lock();
        known.check(&target)?;
        known.add(target);
        drop(known);
        // From here on, a signal could leave an unfinished file behind.
        signals::watch(&self.scratch);
        Ok(Claim { path: path.to_owned(), scratch: self.scratch.clone() })
    }

    /// Claims a directory in which files and directories of some names are written.
    pub(crate) fn claim_filled<'n>(&self, root: &Path, names: impl Iterator<Item = &'n str>) -> Result<Claim, Failure> {
        let claim = self.claim(root)?;
        // Those files must not be inputs: the output of an earlier run may be the input of this one.
        let parts: HashSet<Id> = names.filter_map(|name| Id::at(&root.join(name))).collect();
        let known = self.lock();
        if let Some(input) = known.inputs.iter().find(|input| input.chain.iter().any(|id| parts.contains(id))) {
            let (root, input) = (root.display(), input.named.display());
            return Err(Failure::Clash(format!(
                "{input} is an input, and {root} is written there; name another directory"
            )));
        }
        drop(known);
        Ok(claim)
    }

    /// Claims the output directory of `extract`.
    pub(crate) fn claim_extracted(&self, root: &Path) -> Result<Claim, Failure> {
        let claim = self.claim_filled(root, What::ALL.iter().map(|what| what.as_str()).chain([MANIFEST]))?;
        let known = self.lock();
        // Such a file would be in the way, or be mistaken for an extracted one.
        let within = |target: &&Target| Id::at(root).is_some_and(|id| target.chain.first() == Some(&id));
        if let Some(other) = known.claimed.iter().find(within) {
            let (root, other) = (root.display(), other.named.display());
            return Err(Failure::Clash(format!(
                "{other} is inside the output directory {root}; name a file elsewhere"
            )));
        }
        drop(known);
        Ok(claim)
    }

    /// Refuses standard output and standard error that go to an input: `>> archive.tar`.
    pub(crate) fn check_streams(&self) -> Result<(), Failure> {
        let known = self.lock();
        for (name, id) in [("standard output", stdout_id()), ("standard error", stderr_id())] {
            let Some(id) = id else { continue };
            let target = Target { named: name.into(), place: None, id: Some(id), is_device: false, chain: Vec::new() };
            if let Some(input) = known.inputs.iter().find(|input| input.holds(&target)) {
                return Err(input.refuses(Path::new(name)));
            }
        }
        Ok(())
    }

    /// Removes unfinished files. No more files can be begun or finished.
    pub(crate) fn abandon(&self) {
        drop(self.scratch.clear());
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Refuses an output that is evidence or another output.
    fn check(&self, target: &Target) -> Result<(), Failure> {
        let path = &target.named;
        if let Some(input) = self.inputs.iter().find(|input| input.holds(target)) {
            return Err(input.refuses(path));
        }
        if target.is_device {
            return Ok(());
        }
        if let Some(other) = self.same(target) {
            let (path, other) = (path.display(), other.named.display());
            return Err(Failure::Clash(format!(
                "{path} and {other} are the same file, and two outputs go there; name another file for one of them"
            )));
        }
        if target.id.is_some() && target.id == stdout_id() {
            return Err(Failure::Clash(format!("{} is also standard output; name another file", path.display())));
        }
        Ok(())
    }
}

impl Known {
    fn add(&mut self, target: Target) {
        if !target.is_device {
            let number = self.claimed.len();
            target.place.clone().map(|place| self.by_place.entry(place).or_insert(number));
            target.id.clone().map(|id| self.by_id.entry(id).or_insert(number));
        }
        self.claimed.push(target);
    }

    /// The claimed output that is the same file as another.
    fn same(&self, target: &Target) -> Option<&Target> {
        let by_place = target.place.as_ref().and_then(|place| self.by_place.get(place));
        let by_id = target.id.as_ref().and_then(|id| self.by_id.get(id));
        self.claimed.get(*by_place.or(by_id)?)
    }
}

impl Input {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let mut chain = vec![Id::of(&metadata, path)];
        chain.extend(folders_of(path));
        Some(Input::from(path, &metadata, chain))
    }

    /// Standard input, which may be a file.
    fn of_stdin() -> Option<Self> {
        let metadata = stream(&std::io::stdin())?;
        let is_kept = metadata.is_file() || metadata.is_dir() || device_of(&metadata).is_some();
        let chain = vec![Id::of(&metadata, Path::new("-"))];
        is_kept.then(|| Input::from(Path::new("-"), &metadata, chain))
    }

    fn from(path: &Path, metadata: &Metadata, chain: Vec<Id>) -> Self {
        #[cfg(unix)]
        let device = Some(std::os::unix::fs::MetadataExt::dev(metadata));
        #[cfg(not(unix))]
        let device = None;
        Input { named: path.to_owned(), id: Id::of(metadata, path), is_folder: metadata.is_dir(), device, chain }
    }

    /// Whether an output is this input, lies in it, or is the device it lies on.
    fn holds(&self, target: &Target) -> bool {
        if target.id.as_ref() == Some(&self.id) || self.is_folder && target.chain.contains(&self.id) {
            return true;
        }
        #[cfg(unix)]
        if let (Some(Id::Device(written)), Some(device)) = (&target.id, self.device)
            && *written == device
        {
            return true;
        }
        // A file of the directory may have another path elsewhere.
        self.is_folder && target.id.as_ref().is_some_and(|id| has(&self.named, id, &mut COMPARED.clone()))
    }

    fn refuses(&self, output: &Path) -> Failure {
        let (output, input) = (output.display(), self.named.display());
        let what = match (self.is_folder, self.named.as_os_str() == "-") {
            (_, true) => "is standard input".to_owned(),
            (true, _) => format!("is the input {input} or inside it"),
            (false, _) => format!("is the input {input}"),
        };
        Failure::Clash(format!("{output} {what}; evidence is never overwritten: write to another place"))
    }
}

impl Target {
    fn of(path: &Path) -> Self {
        let metadata = fs::metadata(path).ok();
        let id = metadata.as_ref().map(|metadata| Id::of(metadata, path));
        let chain = folders_of(path);
        let place = chain.first().cloned().zip(path.file_name().map(std::ffi::OsStr::to_owned));
        let is_device = metadata.is_some_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        Target { named: path.to_owned(), place, id, is_device, chain }
    }
}

impl Id {
    fn of(metadata: &Metadata, path: &Path) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let _ = path;
            device_of(metadata).map_or_else(|| Id::Inode(metadata.dev(), metadata.ino()), Id::Device)
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            Id::Path(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()))
        }
    }

    fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Id::of(&metadata, path))
    }
}

/// The number of a block device.
fn device_of(metadata: &Metadata) -> Option<u64> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        metadata.file_type().is_block_device().then(|| metadata.rdev())
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

/// The directories above a path, nearest first. Links are followed, including the path itself.
fn folders_of(path: &Path) -> Vec<Id> {
    whole(path).map_or_else(Vec::new, |whole| whole.ancestors().skip(1).filter_map(Id::at).collect())
}

/// A path without links and `..`, as far as it exists. The rest may be created, with the directories it needs.
fn whole(path: &Path) -> Option<PathBuf> {
    if let Ok(whole) = fs::canonicalize(path) {
        return Some(whole);
    }
    let mut whole = fs::canonicalize(".").ok();
    for component in path.components() {
        let next = match (component, whole) {
            (Component::ParentDir, Some(mut whole)) => {
                whole.pop();
                Some(whole)
            }
            (component, Some(whole)) => Some(whole.join(component)),
            (component, None) => Some(PathBuf::from(component.as_os_str())),
        };
        whole = next.map(|next| fs::canonicalize(&next).unwrap_or(next));
    }
    whole
}

/// Whether a directory contains a file under any name. Links are not followed.
fn has(folder: &Path, id: &Id, left: &mut u32) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    for entry in entries.flatten() {
        *left = left.saturating_sub(1);
        let Ok(metadata) = entry.metadata() else { continue };
        if *left == 0 {
            return false;
        }
        if Id::of(&metadata, &entry.path()) == *id || metadata.is_dir() && has(&entry.path(), id, left) {
            return true;
        }
    }
    false
}

/// The identity of a stream, if known.
#[cfg(unix)]
fn stream(stream: &impl std::os::fd::AsFd) -> Option<Metadata> {
    fs::File::from(stream.as_fd().try_clone_to_owned().ok()?).metadata().ok()
}

#[cfg(not(unix))]
fn stream<S>(_: &S) -> Option<Metadata> {
    None
}

/// The file that standard output goes to. `None` for a pipe, a terminal or `/dev/null`.
fn stdout_id() -> Option<Id> {
    id_of_stream(stream(&std::io::stdout()))
}

fn stderr_id() -> Option<Id> {
    id_of_stream(stream(&std::io::stderr()))
}

fn id_of_stream(metadata: Option<Metadata>) -> Option<Id> {
    let metadata = metadata?;
    (metadata.is_file() || device_of(&metadata).is_some()).then(|| Id::of(&metadata, Path::new("-")))
}
