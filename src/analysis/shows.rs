//! Has the command of each finding show something: a process may have no sockets, a shell no lines, a path no contents.

use std::cell::OnceCell;
use std::collections::HashSet;

use super::facts::{Facts, Place};
use super::finding::Finding;
use super::next::Next;
use crate::model::ids::Pid;

/// What commands would show.
struct Shows<'f, 'c> {
    facts: &'f Facts<'c>,
    reads_memory: bool,
    /// Shells with lines that were typed.
    typed: OnceCell<HashSet<Pid>>,
    /// Paths of files with contents, by place and path.
    contents: OnceCell<Vec<(Place, &'f [u8])>>,
}

/// Replaces commands that would show nothing. Memory is read only if `reads_memory`.
pub(super) fn settle(facts: &Facts<'_>, findings: &mut [Finding], reads_memory: bool) {
    let shows = Shows { facts, reads_memory, typed: OnceCell::new(), contents: OnceCell::new() };
    for finding in findings {
        let next = std::mem::replace(&mut finding.next, Next::Inspect);
        finding.next = match next {
            Next::Table { table, pid: Some(pid), condition: None } => shows.table(table, pid),
            Next::Extract { what, path: Some(path) } => shows.extract(what, path, finding.pid),
            next => next,
        };
    }
}

impl Shows<'_, '_> {
    /// Rows of a process: of the table, or else of its descriptors, or else its own.
    fn table(&self, table: &'static str, pid: Pid) -> Next {
        let Some(process) = self.facts.process(pid) else { return Next::table("processes") };
        let has_rows = |table: &str| match table {
            "process_open_sockets" => self.facts.sockets().of(pid).next().is_some(),
            "process_open_files" => !process.files().is_empty(),
            "process_memory_map" => !process.mappings().is_empty(),
            "process_envs" => process.env().is_some_and(|all| !all.is_empty()),
            "shell_history" => self.typed(pid),
            _ => true,
        };
        let other = match table {
            "process_open_sockets" | "shell_history" => "process_open_files",
            _ => "processes",
        };
        let found = [table, other].into_iter().find(|table| has_rows(table));
        Next::rows_of(found.unwrap_or("processes"), pid)
    }

    fn typed(&self, pid: Pid) -> bool {
        let read = || self.facts.checkpoint().rows().shell_history().map(|line| line.pid).collect();
        self.reads_memory && self.typed.get_or_init(read).contains(&pid)
    }

    /// A file, or what is below a directory. If the archive has no contents of either: the row of the file or process.
    fn extract(&self, what: &'static str, path: String, about: Option<Pid>) -> Next {
        let (place, table) = match what {
            "rootfs" => (Place::Rootfs, "rootfs_changes"),
            "volumes" => (Place::Volume, "volume_files"),
            _ => return Next::Extract { what, path: Some(path) },
        };
        let files = self.facts.files();
        let is_kept = |kind: &str| matches!(kind, "regular" | "symlink");
        if files.at(path.as_bytes()).any(|file| file.place == place && is_kept(file.file_type)) {
            return Next::Extract { what, path: Some(path) };
        }
        let contents = self.contents.get_or_init(|| {
            let all = files.all().iter().filter(|file| is_kept(file.file_type));
            let mut all: Vec<(Place, &[u8])> = all.map(|file| (file.place, file.path.as_slice())).collect();
            all.sort_unstable();
            all
        });
        let folder = format!("{}/", path.trim_end_matches('/'));
        let from = contents.partition_point(|one| *one < (place, folder.as_bytes()));
        if contents.get(from).is_some_and(|(of, below)| *of == place && below.starts_with(folder.as_bytes())) {
            return Next::Below { what, path };
        }
        let here = files.at(path.as_bytes()).next().map(|file| file.place);
        match (here, about) {
            (Some(of), _) if of == place => Next::rows_where(table, "path", path),
            (Some(Place::Tmpfs | Place::Ghost | Place::Memfd | Place::Sysv), _) => {
                Next::rows_where("recovered_files", "path", path)
            }
            (_, Some(pid)) => Next::rows_of("processes", pid),
            _ => Next::Inspect,
        }
    }
}
