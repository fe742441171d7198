//! The files that a command reads, as named by its arguments. They are known before anything is written.

use std::path::{Path, PathBuf};

use super::args::{Cli, Command, FleetArgs};
use super::{Failure, brought, decode, fleet, table};

/// The inputs of a command.
#[derive(Default)]
struct Named<'a> {
    archives: Vec<PathBuf>,
    fleet: Option<&'a FleetArgs>,
    patterns: &'a [PathBuf],
    /// Other files: baselines and suppressions.
    files: Vec<PathBuf>,
    /// Rules and lists of the user's.
    lists: Vec<PathBuf>,
    /// Whether the query is read from standard input.
    query: bool,
}

impl<'a> Named<'a> {
    fn of(cli: &'a Cli) -> Self {
        let fleet =
            |archives: &[PathBuf], fleet| Named { archives: archives.to_vec(), fleet: Some(fleet), ..Named::default() };
        match &cli.command {
            Command::Show(args) => fleet(&args.archives, &args.fleet),
            Command::Inspect(args) => {
                Named { lists: brought::files_of_lists(&args.lists), ..fleet(&args.archives, &args.fleet) }
            }
            Command::Scan(args) => {
                let files = args.baseline.iter().chain(&args.suppress).cloned().collect();
                Named { files, lists: brought::files(&args.brought), ..fleet(&args.archives, &args.fleet) }
            }
            Command::Iocs(args) => fleet(&args.archives, &args.fleet),
            Command::Table(args) if !args.list => {
                Named { lists: brought::files(&args.brought), ..fleet(&table::split(args).1, &args.fleet) }
            }
            Command::List(args) => Named { archives: args.directories.clone(), ..Named::default() },
            Command::Memparse(args) => Named { patterns: &args.patterns, ..fleet(&args.archives, &args.fleet) },
            Command::Core(args) => fleet(&args.archives, &args.fleet),
            Command::Extract(args) => fleet(&args.archives, &args.fleet),
            Command::Decode(args) => Named { archives: vec![decode::path_of(&args.input)], ..Named::default() },
            #[cfg(feature = "query")]
            Command::Query(args) => {
                let split = super::query::split(args);
                let lists = brought::files(&args.brought);
                Named { query: split.queries.is_empty(), lists, ..fleet(&split.archives, &args.fleet) }
            }
            Command::Table(_) | Command::Schema(_) | Command::Completions(_) | Command::Man(_) => Named::default(),
        }
    }

    /// The places where `-` was given.
    fn of_stdin(&self, cli: &Cli) -> Vec<&'static str> {
        let count = |paths: &[PathBuf]| paths.iter().filter(|path| is_stdin(path)).count();
        let lists = self.fleet.map_or(0, |fleet| count(&fleet.files_from));
        let uses = [
            ("as an archive", count(&self.archives)),
            ("by --files-from", lists),
            ("by --parent", count(&cli.global.parent)),
            ("by --patterns", count(self.patterns)),
            ("by --baseline or --suppress", count(&self.files)),
            ("by --ioc", count(&self.lists)),
            ("for the query", usize::from(self.query)),
        ];
        uses.into_iter().flat_map(|(what, count)| std::iter::repeat_n(what, count)).collect()
    }
}

/// All archives, directories, lists and other files that are read. `-` is standard input, which can be read only once.
pub(crate) fn of(cli: &Cli) -> Result<Vec<PathBuf>, Failure> {
    let named = Named::of(cli);
    let mut uses = named.of_stdin(cli);
    refuse_second(&uses)?;
    // A list may also name standard input.
    let listed = named.fleet.map_or(Ok(Vec::new()), |fleet| fleet.lists().cloned())?;
    uses.extend(listed.iter().filter(|path| is_stdin(path)).map(|_| "in a list of archives"));
    refuse_second(&uses)?;
    let mut paths = cli.global.parent.clone();
    match named.fleet {
        Some(args) => paths.extend(fleet::read_by(&named.archives, args)),
        None => paths.extend(named.archives),
    }
    paths.extend(named.patterns.iter().cloned());
    paths.extend(named.files);
    paths.extend(named.lists);
    paths.extend(named.query.then(|| PathBuf::from("-")));
    Ok(paths)
}

/// Whether a path is standard input, by any of its names.
fn is_stdin(path: &Path) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].iter().any(|name| path == Path::new(name))
}

/// Refuses a second reader of standard input: each would take part of the stream from the other.
fn refuse_second(uses: &[&str]) -> Result<(), Failure> {
    match uses {
        [first, second, ..] => {
            let places = if first == second { format!("twice {first}") } else { format!("{first} and {second}") };
            Err(Failure::Usage(format!(
                "standard input can be read only once, but is named {places}; use a file for one of them"
            )))
        }
        _ => Ok(()),
    }
}

/// The files and directories that a command writes, except the manifest.
pub(crate) fn written(cli: &Cli) -> Vec<&Path> {
    let mut paths: Vec<&Path> = cli.global.output.iter().map(PathBuf::as_path).collect();
    match &cli.command {
        Command::Memparse(args) => paths.extend(args.dump.as_deref()),
        Command::Table(args) => paths.extend(args.output_dir.as_deref()),
        Command::Scan(args) => paths.extend(args.write_baseline.as_deref()),
        _ => {}
    }
    paths.retain(|path| *path != Path::new("-"));
    paths
}

/// Whether rows go somewhere other than standard output.
pub(crate) fn leaves_stdout_free(cli: &Cli) -> bool {
    !written(cli).is_empty()
}
