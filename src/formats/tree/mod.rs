//! The tree for people: a header, the process tree with important facts about each process, and further sections. Made
//! from rows only.

mod changes;
mod files;
mod header;
mod isolation;

mod maps;
mod metadata;
mod mounts;
mod networks;
mod processes;
mod recovered;
mod sockets;
mod statistics;
mod threads;
mod variables;
mod waiting;

use std::collections::HashMap;

use bstr::BString;

pub use self::networks::Networks;
pub use self::waiting::Waiting;
use super::escape;
use super::text::broken;
use crate::analysis::{Mark, Severity};
use crate::formats::line::{Line, Role};
use crate::model::ids::Pid;
use crate::tables::{
    Container, Holding, Isolation, Mapping, Mount, OpenFile, OpenSocket, Process, ProcessEnv, RecoveredFile,
    RootfsChange, Statistics, Thread, Totals, Warning,
};

/// The rows of one checkpoint. Sections that were not requested are `None`.
#[derive(Debug, Default)]
pub struct Overview {
    /// The archive, if there are several.
    pub title: Option<String>,
    /// Row of `container`.
    pub container: Option<Container>,
    /// Row of `statistics`.
    pub statistics: Option<Statistics>,
    /// Rows of `processes` to show.
    pub processes: Vec<Process>,
    /// Rows of `process_open_sockets` of all processes, for the sockets of each and their peers.
    pub sockets: Vec<OpenSocket>,
    /// Names of all processes, for the other ends of sockets.
    pub names: HashMap<Pid, BString>,
    /// Counts for the header.
    pub totals: Totals,
    /// Rows of `interfaces`, `addresses` and `routes`, for the header.
    pub networks: Networks,
    /// Rows of `isolation`, for the header.
    pub isolation: Vec<Isolation>,
    /// Waiting data, for the header and the facts about each process.
    pub waiting: Waiting,
    /// Waiting data with the bytes, for its own section.
    pub queues: Option<Waiting>,
    /// Rows of `recovered_files`.
    pub recovered: Option<Vec<RecoveredFile>>,
    /// Rows of `rootfs_changes`.
    pub changes: Option<Vec<RootfsChange>>,
    /// Rows of `process_open_files`.
    pub files: Option<Vec<OpenFile>>,
    /// Rows of `process_envs`.
    pub variables: Option<Vec<ProcessEnv>>,
    /// Rows of `process_memory_map`.
    pub maps: Option<Vec<Mapping>>,
    /// Rows of `threads`.
    pub threads: Option<Vec<Thread>>,
    /// Rows of `mounts`.
    pub mounts: Option<Vec<Mount>>,
    /// Rows of `warnings`.
    pub warnings: Vec<Warning>,
    /// Marks of processes.
    pub marks: HashMap<Pid, Vec<Mark>>,
    /// What a scan with rules that cost nothing found, for the header.
    pub findings: Option<Found>,
    /// What to show.
    pub sections: Sections,
}

/// Findings in numbers.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Number of findings of each severity, the worst first.
    pub counts: Vec<(Severity, usize)>,
    /// The command that prints them.
    pub command: String,
}

/// Sections to show besides the header and the tree.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sections {
    /// Sockets with their options and queues.
    pub sockets: bool,
    /// All privileges and restrictions of the container, not just unusual ones.
    pub isolation: bool,
    /// Statistics of the dump.
    pub statistics: bool,
    /// Ids, labels, annotations.
    pub metadata: bool,
    /// The whole tree, however long.
    pub whole_tree: bool,
    /// Hint at the end of the note about processes that are not shown.
    pub whole_tree_hint: &'static str,
    /// Whole command lines.
    pub whole_commands: bool,
}

/// Width and colours.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// Width of the screen in columns. `None` without a screen.
    pub width: Option<usize>,
    /// Whether colours are used.
    pub color: bool,
}

impl Overview {
    /// The text. Each line ends with a newline.
    pub fn render(&self, look: Look) -> String {
        let mut page = Page { look, text: String::new() };
        if let Some(title) = &self.title {
            page.line(&Line::of(Role::Title, escape(title.as_bytes())));
        }
        header::write(self, &mut page);
        processes::write(self, &mut page);
        if let Some(files) = &self.files {
            files::write(self, files, &mut page);
        }
        if self.sections.sockets {
            sockets::write(self, &mut page);
        }
        if let Some(queues) = &self.queues {
            waiting::write(queues, &mut page);
        }
        if let Some(recovered) = &self.recovered {
            recovered::write(recovered, &mut page);
        }
        if let Some(changes) = &self.changes {
            changes::write(changes, &mut page);
        }
        if let Some(variables) = &self.variables {
            variables::write(self, variables, &mut page);
        }
        if let Some(threads) = &self.threads {
            threads::write(self, threads, &mut page);
        }
        if let Some(maps) = &self.maps {
            maps::write(self, maps, &mut page);
        }
        if let Some(mounts) = &self.mounts {
            mounts::write(mounts, &mut page);
        }
        if self.sections.isolation {
            isolation::write(&self.isolation, &mut page);
        }
        if self.sections.statistics {
            statistics::write(self, &mut page);
        }
        if self.sections.metadata {
            metadata::write(self, &mut page);
        }
        page.text
    }

    /// Rows grouped by process, in the order of the processes shown. Processes without rows have empty groups.
    fn by_process<'r, R>(&'r self, rows: &'r [R], pid: impl Fn(&R) -> Pid) -> Vec<(&'r Process, Vec<&'r R>)> {
        let mut groups: HashMap<Pid, Vec<&R>> = HashMap::new();
        for row in rows {
            groups.entry(pid(row)).or_default().push(row);
        }
        self.processes.iter().map(|process| (process, groups.remove(&process.pid).unwrap_or_default())).collect()
    }
}

/// The heading of a process within a section: pid and command.
fn heading(process: &Process) -> Line {
    let mut line = Line::of(Role::Title, format!("{} ", process.pid));
    line.push(Role::Plain, processes::command(process));
    line
}

/// Minimum width of a wrapped line.
const LEAST: usize = 16;
/// Maximum number of lines for one wrapped line.
const LINES: usize = 24;

/// Text under construction.
struct Page {
    look: Look,
    text: String,
}

impl Page {
    fn line(&mut self, line: &Line) {
        self.text.push_str(&line.render(self.look.width, self.look.color));
        self.text.push('\n');
    }

    /// A line that may be wider than the screen.
    fn long_line(&mut self, line: &Line) {
        self.text.push_str(&line.render(None, self.look.color));
        self.text.push('\n');
    }

    /// An indented line. It takes several lines if it is wider than the screen.
    fn wrapped(&mut self, line: &Line, indent: usize) {
        match self.look.width.map(|width| width.saturating_sub(indent)) {
            Some(room) if line.width() > room => {
                let text = line.text();
                // Continuation lines are indented further.
                let room = room.saturating_sub(2).max(LEAST);
                for (number, part) in broken(&text, room, LINES).iter().enumerate() {
                    let indent = if number == 0 { indent } else { indent.saturating_add(2) };
                    self.line(&Line::of(Role::Plain, format!("{:indent$}{part}", "")));
                }
            }
            _ => {
                let mut indented = Line::of(Role::Plain, " ".repeat(indent));
                indented.append(line.clone());
                self.long_line(&indented);
            }
        }
    }

    /// The title of a section.
    fn section(&mut self, title: &str) {
        self.text.push('\n');
        self.line(&Line::of(Role::Title, title));
    }

    /// A grid, indented.
    fn grid(&mut self, grid: &super::Grid, indent: usize) {
        let width = self.look.width.map(|width| width.saturating_sub(indent));
        for line in grid.render(width).lines() {
            self.text.push_str(&" ".repeat(if line.is_empty() { 0 } else { indent }));
            self.text.push_str(line);
            self.text.push('\n');
        }
    }
}

/// The first items of a list and the number of further ones: `a b +26`.
fn some(list: &[impl ToString], most: usize) -> String {
    named(list.iter().map(ToString::to_string), list.len(), most)
}

/// The same for a list of length `len`.
fn named(list: impl Iterator<Item = String>, len: usize, most: usize) -> String {
    let mut words: Vec<String> = list.take(most).collect();
    let more = len.saturating_sub(words.len());
    if more > 0 {
        words.push(format!("+{more}"));
    }
    words.join(" ")
}

/// Maximum number of holders named.
const HOLDERS: usize = 4;

/// The holders of an object, for a cell.
fn holders(holding: &Holding) -> String {
    named(holding.iter().map(|holder| holder.to_string()), holding.count(), HOLDERS)
}

/// Text of a column, or `-` for null.
fn text(value: Option<&[u8]>) -> String {
    value.map_or_else(|| "-".to_owned(), |bytes| escape(bytes).into_owned())
}

/// A number, or `-` for null.
fn number(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |number| number.to_string())
}
