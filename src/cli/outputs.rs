//! What a command may write to. Every file that is written is claimed here first, and refused if it is evidence: an input, a file or
//! folder within one, or another output of the same command. `--force` does not change that.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryoscope::extract::{MANIFEST, Scratch, What};

use super::Failure;
use super::signals;

/// Files of input folders that are compared with an output that exists.
const COMPARED: u32 = 4_000_000;

/// The files that a command reads and writes; its copies share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs {
    known: Arc<Mutex<Known>>,
    /// What is not finished yet.
    scratch: Scratch,
}

#[derive(Debug, Default)]
struct Known {
    inputs: Vec<Input>,
    claimed: Vec<Target>,
}

/// Something that is read.
#[derive(Debug)]
struct Input {
    /// As it was named.
    named: PathBuf,
    id: Id,
    is_folder: bool,
    /// Of a file: the device that it lies on, which must not be written to either.
    device: Option<u64>,
    /// Where it is, and the folders that it is in.
    chain: Vec<Id>,
}

/// What makes a file the same under all its names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Id {
    /// Device and number.
    #[cfg(unix)]
    Inode(u64, u64),
    /// A device, whatever node names it.
    #[cfg(unix)]
    Device(u64),
    /// Where there are no numbers of files.
    #[cfg(not(unix))]
    Path(PathBuf),
}

/// Something that will be written.
#[derive(Debug)]
struct Target {
    /// As it was named.
    named: PathBuf,
    /// Where it will be: the folder, and the name in it.
    place: Option<(Id, std::ffi::OsString)>,
    /// It exists already.
    id: Option<Id>,
    is_device: bool,
    /// The folders that it is in, the nearest first.
    chain: Vec<Id>,
}

/// A file that may be written.
#[derive(Debug)]
pub(crate) struct Claim {
    path: PathBuf,
    scratch: Scratch,
}

impl Claim {
    /// Where.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is not finished yet.
    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }
}

impl Outputs {
    /// Notes files and folders that are read, and refuses those that are outputs already. What is not there is no input.
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

    /// Refuses what must stay as it is, before it is claimed.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Failure> {
        self.lock().check(&Target::of(path))
    }

    /// Claims a file that will be written. Refuses what must stay as it is.
    pub(crate) fn claim(&self, path: &Path) -> Result<Claim, Failure> {
        let target = Target::of(path);
        let mut known = self.lock();
        known.check(&target)?;
        known.claimed.push(target);
        drop(known);
        // Only now is there anything that a signal could leave behind.
        signals::watch(&self.scratch);
        Ok(Claim { path: path.to_owned(), scratch: self.scratch.clone() })
    }

    /// Claims a folder in which files and folders of some names are written to.
    pub(crate) fn claim_filled<'n>(&self, root: &Path, names: impl Iterator<Item = &'n str>) -> Result<Claim, Failure> {
        let claim = self.claim(root)?;
        // What is written into it must not be read: the output of an earlier run may be the input of this one.
        let parts: HashSet<Id> = names.filter_map(|name| Id::at(&root.join(name))).collect();
        let known = self.lock();
        if let Some(input) = known.inputs.iter().find(|input| input.chain.iter().any(|id| parts.contains(id))) {
            let (root, input) = (root.display(), input.named.display());
            return Err(Failure::Clash(format!(
                "{input} is read, and lies where {root} is written to; name another folder"
            )));
        }
        drop(known);
        Ok(claim)
    }

    /// Claims a folder that `extract` fills.
    pub(crate) fn claim_extracted(&self, root: &Path) -> Result<Claim, Failure> {
        let claim = self.claim_filled(root, What::ALL.iter().map(|what| what.as_str()).chain([MANIFEST]))?;
        let known = self.lock();
        // It would be in the way, or be taken for a part of what was extracted.
        let within = |target: &&Target| Id::at(root).is_some_and(|id| target.chain.first() == Some(&id));
        if let Some(other) = known.claimed.iter().find(within) {
            let (root, other) = (root.display(), other.named.display());
            return Err(Failure::Clash(format!("{other} lies in {root}, which is filled; name a file elsewhere")));
        }
        drop(known);
        Ok(claim)
    }

    /// Refuses standard output and standard error if they go where an input is: `>> archive.tar`.
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

    /// Takes away what is not finished. Nothing is begun or finished any more.
    pub(crate) fn abandon(&self) {
        drop(self.scratch.clear());
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Refuses what must stay as it is.
    fn check(&self, target: &Target) -> Result<(), Failure> {
        let path = &target.named;
        if let Some(input) = self.inputs.iter().find(|input| input.holds(target)) {
            return Err(input.refuses(path));
        }
        if target.is_device {
            return Ok(());
        }
        if let Some(other) = self.claimed.iter().find(|other| target.is(other)) {
            let (path, other) = (path.display(), other.named.display());
            return Err(Failure::Clash(format!(
                "{path} and {other} are one file, and two outputs go there; name another for one of them"
            )));
        }
        if target.id.is_some() && target.id == stdout_id() {
            return Err(Failure::Clash(format!("{} is standard output as well; name another file", path.display())));
        }
        Ok(())
    }
}

impl Input {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let mut chain = vec![Id::of(&metadata, path)];
        chain.extend(folders_of(path));
        Some(Input::from(path, &metadata, chain))
    }

    /// Standard input may be a file.
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

    /// Whether something that is to be written is this, is in this, or is what this lies on.
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
        // A file of the folder may have another name elsewhere.
        self.is_folder && target.id.as_ref().is_some_and(|id| has(&self.named, id, &mut COMPARED.clone()))
    }

    fn refuses(&self, output: &Path) -> Failure {
        let (output, input) = (output.display(), self.named.display());
        let what = match (self.is_folder, self.named.as_os_str() == "-") {
            (_, true) => "is standard input".to_owned(),
            (true, _) => format!("is {input} or lies in it"),
            (false, _) => format!("is the input {input}"),
        };
        Failure::Clash(format!("{output} {what}, which is read; evidence is never written to: name a file elsewhere"))
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

    /// Whether it is the same as another.
    fn is(&self, other: &Target) -> bool {
        !other.is_device
            && (self.place.is_some() && self.place == other.place || self.id.is_some() && self.id == other.id)
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

/// The folders that a path is in, the nearest first. Links are followed, also that which the path itself is.
fn folders_of(path: &Path) -> Vec<Id> {
    whole(path).map_or_else(Vec::new, |whole| whole.ancestors().skip(1).filter_map(Id::at).collect())
}

/// A path without links and detours, as far as it exists. The rest may be made, with the folders that it needs.
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

/// Whether a folder has a file, under whatever name. Links are not followed.
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

/// What a stream is, if it can be told.
#[cfg(unix)]
fn stream(stream: &impl std::os::fd::AsFd) -> Option<Metadata> {
    fs::File::from(stream.as_fd().try_clone_to_owned().ok()?).metadata().ok()
}

#[cfg(not(unix))]
fn stream<S>(_: &S) -> Option<Metadata> {
    None
}

/// The file that standard output goes to; `None` if that is a pipe, a terminal or `/dev/null`.
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
