//! Which files a command reads, as far as its arguments tell. They are known before anything is written.

use std::path::{Path, PathBuf};

use super::args::{Cli, Command};
use super::{decode, fleet, table};

/// Archives, folders, lists and other files that are read; `-` is standard input.
pub(crate) fn of(cli: &Cli) -> Vec<PathBuf> {
    let mut paths = cli.global.parent.clone();
    match &cli.command {
        Command::Show(args) => paths.extend(fleet::read_by(&args.archives, &args.fleet)),
        Command::Inspect(args) => paths.extend(fleet::read_by(&args.archives, &args.fleet)),
        // Names of tables are no files, or happen to be.
        Command::Table(args) if !args.list => {
            let is_archive = |name: &&PathBuf| name.to_str().and_then(table::find).is_none();
            let archives: Vec<PathBuf> = args.names.iter().filter(is_archive).cloned().collect();
            paths.extend(fleet::read_by(&archives, &args.fleet));
        }
        Command::List(args) => paths.extend(args.directories.iter().cloned()),
        Command::Memparse(args) => {
            paths.push(args.archive.clone());
            paths.extend(args.patterns.iter().cloned());
        }
        Command::Core(args) => paths.push(args.archive.clone()),
        Command::Extract(args) => paths.push(args.archive.clone()),
        Command::Decode(args) => paths.push(decode::path_of(&args.input)),
        #[cfg(feature = "query")]
        Command::Query(args) => {
            let (archives, sql) = super::query::split(args);
            paths.extend(fleet::read_by(archives, &args.fleet));
            // Without a query behind the archives, it is there.
            paths.extend(sql.is_none().then(|| PathBuf::from("-")));
        }
        Command::Table(_) | Command::Schema(_) | Command::Completions(_) | Command::Man => {}
    }
    paths
}

/// Which files and folders a command writes, beside the manifest.
pub(crate) fn written(cli: &Cli) -> Vec<&Path> {
    let mut paths: Vec<&Path> = cli.global.output.iter().map(PathBuf::as_path).collect();
    match &cli.command {
        Command::Memparse(args) => paths.extend(args.dump.as_deref()),
        Command::Table(args) => paths.extend(args.output_dir.as_deref()),
        _ => {}
    }
    paths.retain(|path| *path != Path::new("-"));
    paths
}

/// Whether rows go elsewhere than to standard output.
pub(crate) fn leaves_stdout_free(cli: &Cli) -> bool {
    !written(cli).is_empty()
}
