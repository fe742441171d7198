//! Opens archives for commands: a path or standard input, with progress on a terminal.

use std::io::{IsTerminal, stderr, stdin};
use std::path::Path;
use std::sync::Arc;

use cryoscope::analysis::{Brought, fill, plan};
use cryoscope::memory::{EarlySearch, Keep};
use cryoscope::{Checkpoint, Error, ErrorKind, Options, RootImage};

use super::args::{Global, NameArgs};
use super::progress::Progress;

/// How archives are opened.
#[derive(Clone, Debug)]
pub(crate) struct Opener<'g> {
    global: &'g Global,
    keep: Keep,
    search: Option<EarlySearch>,
    brought: Arc<Brought>,
    /// The container's image, with which memory is filled in.
    root: Option<Arc<RootImage>>,
    hash: bool,
    hash_archive: bool,
    /// The name of standard input.
    stdin_name: Option<&'g Path>,
    progress: bool,
}

impl<'g> Opener<'g> {
    /// Creates an opener. `keep` is what will be asked for.
    pub(crate) fn new(global: &'g Global, keep: Keep) -> Self {
        let progress = !global.no_progress && !global.quiet && stderr().is_terminal();
        Opener {
            global,
            keep,
            search: None,
            brought: Arc::default(),
            root: None,
            hash: false,
            hash_archive: false,
            stdin_name: None,
            progress,
        }
    }

    /// Adds a search of all memory, made while the archive is read. Without it, the search that rules need is made, if
    /// that is what is kept.
    pub(crate) fn searching(mut self, search: Option<EarlySearch>) -> Self {
        self.search = search;
        self
    }

    /// Sets what the user brought for rules and their tables.
    pub(crate) fn bringing(mut self, brought: &Arc<Brought>) -> Self {
        self.brought = Arc::clone(brought);
        self
    }

    /// Sets the container's image, with which unchanged pages of files are filled in.
    pub(crate) fn filling(mut self, root: Option<RootImage>) -> Self {
        self.root = root.map(Arc::new);
        self
    }

    /// Sets whether contents are hashed.
    pub(crate) fn hashing(mut self, hash: bool) -> Self {
        self.hash = hash;
        self
    }

    /// Sets whether the archive itself is hashed.
    pub(crate) fn hashing_archive(mut self, hash: bool) -> Self {
        self.hash_archive = hash;
        self
    }

    /// Sets the name of standard input.
    pub(crate) fn naming_stdin(mut self, args: &'g NameArgs) -> Self {
        self.stdin_name = Some(Path::new(&args.source_name)).filter(|name| *name != Path::new("-"));
        self
    }

    /// Turns progress off, for many archives at once.
    pub(crate) fn without_progress(mut self) -> Self {
        self.progress = false;
        self
    }

    /// Records a file that is not an archive and was skipped.
    pub(crate) fn skipped(&self, path: &Path) {
        self.global.record.skipped(path);
    }

    /// The checkpoints of an archive: all, or the one chosen with `--set`.
    pub(crate) fn open(&self, path: &Path) -> Result<Vec<Checkpoint>, Error> {
        // If all pages are kept, the search of the rules can wait.
        let of_rules = || (self.keep == plan::KEEP).then(|| plan::early_search(&self.brought)).flatten();
        let search = self.search.clone().or_else(of_rules);
        let mut checkpoints = self.choose(self.open_all(path, search.as_ref())?)?;
        for path in &self.global.parent {
            for parent in self.open_all(path, None)? {
                for checkpoint in &mut checkpoints {
                    checkpoint.add_parent(&parent);
                }
            }
        }
        for checkpoint in &mut checkpoints {
            if let Some(root) = &self.root {
                fill(checkpoint, root);
            }
        }
        Ok(checkpoints)
    }

    fn open_all(&self, path: &Path, search: Option<&EarlySearch>) -> Result<Vec<Checkpoint>, Error> {
        let progress = self.progress.then(|| Arc::new(progress_of(path)));
        let options = Options::new()
            .limits(self.global.limits.limits())
            .map(!self.global.no_mmap)
            .keep(self.keep)
            .bring(Arc::clone(&self.brought))
            .hash(self.hash)
            .hash_archive(self.hash_archive || self.global.wants_hashes())
            .expect_sha256(&self.global.expect_sha256);
        let options = match search {
            Some(search) => options.search(search.clone()),
            None => options,
        };
        let options = match &progress {
            None => options,
            Some(progress) => {
                let progress = Arc::clone(progress);
                options.progress(move |read, all| {
                    progress.update(|bar| {
                        if let Some(all) = all {
                            bar.set_length(all);
                        }
                        bar.set_position(read);
                    });
                })
            }
        };
        let options = match self.stdin_name.and_then(Path::file_name) {
            Some(name) => options.file_name(name.to_string_lossy()),
            None => options,
        };
        let opened = if path == Path::new("-") { from_stdin(&options) } else { options.open(path) };
        if let Some(progress) = progress {
            progress.clear();
        }
        if self.global.wants_hashes() {
            self.global.record.input(path, &opened);
        }
        opened
    }

    fn choose(&self, mut checkpoints: Vec<Checkpoint>) -> Result<Vec<Checkpoint>, Error> {
        let Some(wanted) = &self.global.set else { return Ok(checkpoints) };
        let names = set_names(checkpoints.iter());
        checkpoints.retain(|checkpoint| checkpoint.set_name() == wanted.trim_matches('/').as_bytes());
        if checkpoints.is_empty() {
            return Err(ErrorKind::NoSuchCheckpoint(wanted.clone(), names).into());
        }
        Ok(checkpoints)
    }
}

/// The names of checkpoints as given to `--set`. The one at the root of an archive has an empty name: it is shown as
/// `''` among others, and as nothing if it is the only one.
pub(crate) fn set_names<'c>(checkpoints: impl Iterator<Item = &'c Checkpoint>) -> String {
    let mut names: Vec<String> = checkpoints.map(|checkpoint| checkpoint.set_name().to_string()).collect();
    if names.len() > 1 {
        names.iter_mut().filter(|name| name.is_empty()).for_each(|name| "''".clone_into(name));
    }
    names.join(", ")
}

/// Opens standard input. A file is mapped if possible; a pipe is read once.
fn from_stdin(options: &Options) -> Result<Vec<Checkpoint>, Error> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let owned = stdin().as_fd().try_clone_to_owned().map_err(ErrorKind::Io)?;
        options.open_file(owned.into())
    }
    #[cfg(not(unix))]
    options.open_reader(stdin())
}

/// Progress of reading an archive.
fn progress_of(path: &Path) -> Progress {
    let progress = Progress::new("{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    let name = path.file_name().map_or_else(|| "-".into(), std::ffi::OsStr::to_string_lossy);
    progress.update(|bar| bar.set_message(format!("reading {}", cryoscope::formats::escape(name.as_bytes()))));
    progress
}
