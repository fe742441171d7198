//! Facts about one process: its row, its program, its environment, what it has open.

use std::cell::OnceCell;

use bstr::{BStr, BString, ByteSlice};

use super::super::vocabulary;
use super::{base, without_deleted};
use crate::Checkpoint;
use crate::memory::Text;
use crate::model::ids::{Fd, Pid};
use crate::model::process::Process as Task;
use crate::tables::{self, Mapping, OpenFile, Process};

/// A process.
pub struct ProcessFacts<'c> {
    /// Its row in `processes`.
    pub row: Process,
    /// Its part of the model.
    pub task: &'c Task,
    /// Its program.
    pub program: Program,
    /// Pids of its children.
    pub children: Vec<Pid>,
    checkpoint: &'c Checkpoint,
    files: OnceCell<Vec<OpenFile>>,
    mappings: OnceCell<Vec<Mapping>>,
    /// Places of its mappings, by path and then by address.
    by_path: OnceCell<Vec<usize>>,
    env: OnceCell<Option<Vec<(BString, BString)>>>,
    /// The runtime that compiles code in it, with the file that shows it; found by rules about memory.
    pub(in crate::analysis) runtime: OnceCell<Option<(&'static str, BString)>>,
    /// Its libraries that make small pieces of code, likewise.
    pub(in crate::analysis) small_makers: OnceCell<[Option<BString>; 4]>,
}

/// The program that a process runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Path of the executable, without ` (deleted)`. `None` for zombies.
    pub path: Option<BString>,
    /// Whether the executable was deleted.
    pub deleted: bool,
    /// Whether the executable is a memfd.
    pub memfd: bool,
}

impl Program {
    /// The last part of its path.
    pub fn base(&self) -> &BStr {
        self.path.as_ref().map_or(b"".as_bstr(), |path| base(path).as_bstr())
    }
}

impl std::fmt::Debug for ProcessFacts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessFacts").field("pid", &self.row.pid).finish_non_exhaustive()
    }
}

impl ProcessFacts<'_> {
    /// The pid.
    pub fn pid(&self) -> Pid {
        self.row.pid
    }

    /// Whether it is a zombie.
    pub fn is_zombie(&self) -> bool {
        self.task.is_zombie()
    }

    /// Its name (comm), empty if unknown.
    pub fn name(&self) -> &BStr {
        self.row.name.as_ref().map_or(b"".as_bstr(), |name| name.as_bstr())
    }

    /// Its arguments, empty if unknown.
    pub fn argv(&self) -> &[BString] {
        self.row.argv.as_deref().unwrap_or_default()
    }

    /// Its command line, empty if unknown.
    pub fn cmdline(&self) -> &BStr {
        self.row.cmdline.as_ref().map_or(b"".as_bstr(), |line| line.as_bstr())
    }

    /// Its descriptors, by number.
    pub fn files(&self) -> &[OpenFile] {
        self.files.get_or_init(|| tables::open_files_of(self.checkpoint.model(), self.task).collect())
    }

    /// A descriptor.
    pub fn file(&self, fd: u32) -> Option<&OpenFile> {
        let files = self.files();
        files.get(files.binary_search_by_key(&Fd(fd), |file| file.fd).ok()?)
    }

    /// Its mappings, by address.
    pub fn mappings(&self) -> &[Mapping] {
        self.mappings.get_or_init(|| tables::mappings_of(self.checkpoint, self.task).collect())
    }

    /// Its mappings of a path, as `maps` prints it, by address. A process may map tens of thousands of files, so rules that
    /// look for the other mappings of a file ask here.
    pub fn mappings_of(&self, path: &[u8]) -> impl Iterator<Item = &Mapping> {
        self.mappings_from(path).take_while(move |mapping| mapping.path == path)
    }

    /// Its mappings whose paths begin with a prefix, by path.
    pub fn mappings_below(&self, prefix: &[u8]) -> impl Iterator<Item = &Mapping> {
        self.mappings_from(prefix).take_while(move |mapping| mapping.path.starts_with(prefix))
    }

    /// Its mappings by path, from a path on.
    fn mappings_from(&self, path: &[u8]) -> impl Iterator<Item = &Mapping> {
        let all = self.mappings();
        let places = self.by_path.get_or_init(|| {
            let mut places: Vec<usize> = (0..all.len()).collect();
            places.sort_by(|one, other| path_at(all, *one).cmp(path_at(all, *other)));
            places
        });
        let first = places.partition_point(|place| path_at(all, *place) < path);
        places.get(first..).unwrap_or_default().iter().filter_map(|&place| all.get(place))
    }

    /// Its environment, in order. `None` if it is in memory that is not in the archive.
    pub fn env(&self) -> Option<&[(BString, BString)]> {
        let read = || {
            let space = self.checkpoint.kept_memory().space(self.task, self.checkpoint.model())?;
            let text = space.environ(self.checkpoint.limits().argument_bytes);
            let split = |piece: &[u8]| {
                let (key, value) = piece.split_once_str("=")?;
                Some((key.into(), value.into()))
            };
            match text {
                Text::Cut(bytes) if bytes.is_empty() => None,
                text => Some(text.pieces().into_iter().filter_map(split).collect()),
            }
        };
        self.env.get_or_init(read).as_deref()
    }

    /// The value of a variable of its environment.
    pub fn var(&self, key: &str) -> Option<&BStr> {
        self.env()?.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_bstr())
    }

    /// The name that it was called by, by its first argument; of busybox that of the applet, also in `busybox nc`. Its comm
    /// if the arguments are not known.
    pub fn called(&self) -> &BStr {
        let mut names = self.argv().iter().map(|argument| base(argument).as_bstr());
        let first = names.next().unwrap_or(self.name());
        match first.as_bytes() {
            many if vocabulary::is_busybox(many) => names.next().unwrap_or(first),
            _ => first,
        }
    }

    /// Whether it is a shell. Busybox is one if it was called so.
    pub fn is_shell(&self) -> bool {
        let name = self.program.base();
        if vocabulary::is_busybox(name) {
            return vocabulary::is_busybox_shell(self.called());
        }
        vocabulary::is_shell_name(name)
    }

    /// Whether it runs an interpreter: Python, Perl, Ruby, PHP, Node, ….
    pub fn is_interpreter(&self) -> bool {
        vocabulary::is_interpreter(self.program.base())
    }

    /// Its name for a sentence: `Process 17 (nginx)`.
    pub fn title(&self) -> String {
        format!("Process {} ({})", self.pid(), super::super::words::shown(self.name()))
    }

    /// What identifies it beyond this checkpoint: program, name, and arguments without numbers.
    pub fn identity(&self) -> Vec<BString> {
        let mut parts = vec![self.program.path.clone().unwrap_or_default(), self.name().into()];
        parts.extend(self.argv().iter().map(|argument| vocabulary::without_numbers(argument)));
        parts
    }
}

fn path_at(mappings: &[Mapping], place: usize) -> &[u8] {
    mappings.get(place).map_or(b"", |mapping| mapping.path.as_slice())
}

/// All processes, in tree order.
pub(super) fn read(checkpoint: &Checkpoint) -> Vec<ProcessFacts<'_>> {
    let model = checkpoint.model();
    let mut all: Vec<ProcessFacts<'_>> = checkpoint
        .rows()
        .processes()
        .filter_map(|row| {
            let task = model.process(row.pid)?;
            let program = program_of(&row);
            Some(ProcessFacts {
                row,
                task,
                program,
                children: Vec::new(),
                checkpoint,
                files: OnceCell::new(),
                mappings: OnceCell::new(),
                by_path: OnceCell::new(),
                env: OnceCell::new(),
                runtime: OnceCell::new(),
                small_makers: OnceCell::new(),
            })
        })
        .collect();
    let places: std::collections::HashMap<Pid, usize> =
        all.iter().enumerate().map(|(place, process)| (process.pid(), place)).collect();
    let parents: Vec<(Pid, Option<u32>)> = all.iter().map(|process| (process.pid(), process.row.parent)).collect();
    for (child, parent) in parents {
        let place = parent.and_then(|parent| places.get(&Pid(parent)));
        if let Some(parent) = place.and_then(|&place| all.get_mut(place))
            && parent.pid() != child
        {
            parent.children.push(child);
        }
    }
    all
}

fn program_of(row: &Process) -> Program {
    let Some(path) = &row.path else { return Program::default() };
    let (plain, deleted) = without_deleted(path);
    let memfd = plain.starts_with(b"/memfd:");
    if super::super::modules::is_loader(plain)
        && let Some(program) = behind_loader(row)
    {
        return Program { path: Some(program), deleted: false, memfd: false };
    }
    Program { path: Some(plain.into()), deleted: deleted && !memfd, memfd }
}

/// The program that the dynamic loader was told to run: `/lib64/ld-linux-x86-64.so.2 FILE`. The kernel knows only the loader.
fn behind_loader(row: &Process) -> Option<BString> {
    const WITH_VALUE: [&[u8]; 7] = [
        b"--library-path",
        b"--inhibit-rpath",
        b"--preload",
        b"--audit",
        b"--argv0",
        b"--glibc-hwcaps-prepend",
        b"--glibc-hwcaps-mask",
    ];
    let mut rest = row.argv.as_ref()?.iter().skip(1).map(|word| word.as_slice());
    while let Some(word) = rest.next() {
        match word {
            b"--" => {}
            option if WITH_VALUE.contains(&option) => drop(rest.next()),
            option if option.starts_with(b"-") => {}
            path if path.starts_with(b"/") => return Some(path.into()),
            path => {
                let folder = row.cwd.as_ref()?.trim_end_with(|c| c == '/');
                return Some(bstr::join("/", [folder, path.strip_prefix(b"./").unwrap_or(path)]).into());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_of_a_path_are_all_of_them_by_address() {
        let checkpoint = Checkpoint::open("fixtures/memory/memory.tar.zst").unwrap();
        let processes = read(&checkpoint);
        assert!(!processes.is_empty());
        for process in &processes {
            let paths: std::collections::BTreeSet<&BString> = process.mappings().iter().map(|one| &one.path).collect();
            for path in paths {
                let expected = process.mappings().iter().filter(|one| one.path == *path).map(|one| one.start);
                let found: Vec<_> = process.mappings_of(path).map(|one| one.start).collect();
                assert_eq!(found, expected.collect::<Vec<_>>(), "{path}");
            }
            assert_eq!(process.mappings_of(b"/no/such/file").count(), 0);
            let below = process.mappings().iter().filter(|one| one.path.starts_with(b"/"));
            assert_eq!(process.mappings_below(b"/").count(), below.count());
        }
    }
}
