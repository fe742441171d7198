//! `cryoscope inspect`: what was running.

use std::collections::HashSet;
use std::io::{self, Write};

use cryoscope::Checkpoint;
use cryoscope::formats::checkpointctl::Report as Document;
use cryoscope::formats::tree::{Look, Overview, Sections, Waiting};
use cryoscope::formats::{Columns, Format, Style, pretty};
use cryoscope::memory::Keep;
use cryoscope::model::ids::Pid;
use cryoscope::tables::{Process, Row, Source};
use serde_json::Value;

use super::args::{Global, Inspect, InspectFormat};
use super::exit::Exit;
use super::open::Opener;
use super::rows::{self, Filter, Named, pid_of};
use super::screen::{Report, Screen, complain};
use super::sizes::sizes;
use super::{Failure, Outcome};

/// What is asked for, beside the container and its processes.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    files: bool,
    sockets: bool,
    queues: bool,
    recovered: bool,
    changes: bool,
    isolation: bool,
    mounts: bool,
    variables: bool,
    maps: bool,
    threads: bool,
    statistics: bool,
    metadata: bool,
    tree: bool,
    command_lines: bool,
    pid: Option<Pid>,
}

impl Wanted {
    fn of(args: &Inspect) -> Self {
        Wanted {
            files: args.files || args.all,
            sockets: args.sockets || args.all,
            queues: args.queues || args.all,
            recovered: args.recovered || args.all,
            changes: args.changes || args.all,
            isolation: args.isolation || args.all,
            mounts: args.mounts || args.all,
            variables: args.env || args.all,
            maps: args.maps || args.all,
            threads: args.threads || args.all,
            statistics: args.stats || args.all,
            metadata: args.metadata || args.all,
            tree: args.ps_tree || args.ps_tree_cmd || args.env || args.all || args.pid.is_some(),
            command_lines: args.ps_tree_cmd || args.env || args.all,
            pid: args.pid.map(Pid),
        }
    }

    /// What has to be kept of an archive that comes as a stream.
    fn keep(&self) -> Keep {
        self.tables().iter().fold(Keep::Arguments, |keep, source| keep.and(source.keep))
    }

    /// The tables that hold what is asked for.
    fn tables(&self) -> Vec<&'static Source> {
        let sections = [
            ("container", true),
            ("processes", true),
            ("threads", self.threads),
            ("process_envs", self.variables),
            ("process_memory_map", self.maps),
            ("process_open_files", self.files),
            ("process_open_sockets", self.sockets),
            ("pipes", self.queues),
            ("unix_queues", self.queues),
            ("tcp_queues", self.queues),
            ("tty_queues", self.queues),
            ("pending_signals", self.queues),
            ("recovered_files", self.recovered),
            ("rootfs_changes", self.changes),
            ("isolation", self.isolation),
            ("mounts", self.mounts),
            ("statistics", self.statistics),
            ("warnings", true),
        ];
        sections.iter().filter(|(_, wanted)| *wanted).filter_map(|(name, _)| Source::find(name)).collect()
    }
}

/// A checkpoint, the archive that it is from, and the processes that are shown.
struct Subject {
    archive: String,
    checkpoint: Checkpoint,
    shown: Option<HashSet<Pid>>,
    /// It is not the only one, so its rows say which archive they are from.
    several: bool,
}

pub(crate) fn run(args: &Inspect, global: &Global) -> Outcome {
    let wanted = Wanted::of(args);
    let opener = Opener::new(global, wanted.keep());
    let mut parts = Vec::new();
    let mut output = Output::open(args, wanted, global)?;
    for path in &args.archives {
        let archive = path.display().to_string();
        match opener.open(path).map_err(Failure::Archive).and_then(|found| choose(found, &archive, wanted.pid)) {
            Ok(chosen) => {
                let several = args.archives.len() > 1 || chosen.len() > 1;
                for subject in chosen {
                    output.take(Subject { several, ..subject }, &mut parts)?;
                }
            }
            Err(failure) if args.archives.len() == 1 => return Err(failure),
            Err(failure) => {
                complain(&failure.to_string());
                parts.push(Exit::Failed);
            }
        }
    }
    output.finish(parts)
}

/// Takes checkpoints one by one. Most formats write each at once, so that only one has to be open.
struct Output<'g> {
    global: &'g Global,
    wanted: Wanted,
    format: InspectFormat,
    screen: Screen,
    /// Whether something has been written.
    begun: bool,
    /// What checkpointctl would say of each.
    documents: Vec<Value>,
    /// Checkpoints that wait for the others, because all rows of a table stand together.
    waiting: Vec<Subject>,
}

impl<'g> Output<'g> {
    fn open(args: &Inspect, wanted: Wanted, global: &'g Global) -> Result<Self, Failure> {
        let (screen, documents, waiting) = (Screen::open(global)?, Vec::new(), Vec::new());
        Ok(Output { global, wanted, format: args.format, screen, begun: false, documents, waiting })
    }

    fn take(&mut self, subject: Subject, parts: &mut Vec<Exit>) -> Result<(), Failure> {
        match self.format {
            InspectFormat::Tree => {
                let gap = if self.begun { "\n" } else { "" };
                let look = Look { width: self.screen.width, color: self.screen.color };
                write!(self.screen.out, "{gap}{}", overview(&subject, self.wanted).render(look))?;
            }
            InspectFormat::Ndjson => self.rows(Format::Ndjson, Columns::All, std::slice::from_ref(&subject))?,
            InspectFormat::CheckpointctlJson => self.documents.push(checkpointctl(&subject, self.wanted).to_json()),
            InspectFormat::Table | InspectFormat::Json | InspectFormat::Csv => {
                self.waiting.push(subject);
                return Ok(());
            }
        }
        self.begun = true;
        self.screen.out.flush()?;
        parts.push(report(&subject, self.global));
        Ok(())
    }

    fn rows(&mut self, format: Format, columns: Columns, subjects: &[Subject]) -> io::Result<()> {
        let style = Style { format, columns, name_tables: true, width: self.screen.width };
        let named: Vec<(Named<'_>, Box<dyn Filter>)> = subjects
            .iter()
            .map(|subject| {
                let set = subject.several.then(|| subject.checkpoint.set_name().to_string());
                let archive = subject.several.then_some(subject.archive.as_str());
                let named = Named { checkpoint: &subject.checkpoint, archive, set };
                (named, Box::new(Shown(subject.shown.clone())) as Box<dyn Filter>)
            })
            .collect();
        rows::write(&mut self.screen.out, style, &self.wanted.tables(), &named)
    }

    fn finish(mut self, mut parts: Vec<Exit>) -> Outcome {
        let waiting = std::mem::take(&mut self.waiting);
        match self.format {
            InspectFormat::CheckpointctlJson => {
                let documents = std::mem::take(&mut self.documents);
                writeln!(self.screen.out, "{}", pretty(&Value::Array(documents)))?;
            }
            InspectFormat::Json => self.rows(Format::Json, Columns::All, &waiting)?,
            InspectFormat::Csv => self.rows(Format::Csv, Columns::All, &waiting)?,
            InspectFormat::Table => self.rows(Format::Table, Columns::Brief, &waiting)?,
            InspectFormat::Tree | InspectFormat::Ndjson => {}
        }
        self.screen.out.flush()?;
        parts.extend(waiting.iter().map(|subject| report(subject, self.global)));
        self.screen.finish(Exit::of_all(parts))
    }
}

/// Prints what was odd about a checkpoint, and tells the exit code that it comes to.
fn report(subject: &Subject, global: &Global) -> Exit {
    subject.checkpoint.read_all();
    Report::of(&subject.checkpoint).print(&subject.archive, global)
}

/// The checkpoints of an archive, with the processes that are shown: all, or one and its descendants.
fn choose(found: Vec<Checkpoint>, archive: &str, pid: Option<Pid>) -> Result<Vec<Subject>, Failure> {
    let mut subjects = Vec::new();
    let mut known = Vec::new();
    for checkpoint in found {
        let shown = match pid {
            None => None,
            Some(pid) => {
                let processes: Vec<Process> = checkpoint.processes().collect();
                known.extend(processes.iter().map(|process| process.pid.to_string()));
                match descendants(&processes, pid) {
                    Some(shown) => Some(shown),
                    None => continue,
                }
            }
        };
        subjects.push(Subject { archive: archive.to_owned(), checkpoint, shown, several: false });
    }
    match pid {
        Some(pid) if subjects.is_empty() => {
            Err(Failure::Usage(format!("{archive}: there is no process {pid}; there are: {}", known.join(" "))))
        }
        _ => Ok(subjects),
    }
}

/// A process and its descendants; `None` if there is no such process. Parents come before their children.
fn descendants(processes: &[Process], pid: Pid) -> Option<HashSet<Pid>> {
    let mut shown = HashSet::new();
    for process in processes {
        if process.pid == pid || process.parent.is_some_and(|parent| shown.contains(&Pid(parent))) {
            shown.insert(process.pid);
        }
    }
    shown.contains(&pid).then_some(shown)
}

/// Rows of the processes that are shown, and those that are about no process.
struct Shown(Option<HashSet<Pid>>);

impl Filter for Shown {
    fn wants(&self, row: &dyn Row) -> bool {
        let Some(shown) = &self.0 else { return true };
        pid_of(row).is_none_or(|pid| shown.contains(&Pid(pid)))
    }
}

fn overview(subject: &Subject, wanted: Wanted) -> Overview {
    let checkpoint = &subject.checkpoint;
    let filter = Shown(subject.shown.clone());
    let processes: Vec<Process> = checkpoint.processes().filter(|row| filter.wants(row)).collect();
    let title = subject.several.then(|| match checkpoint.set_name() {
        set if set.is_empty() => subject.archive.clone(),
        set => format!("{}: {set}", subject.archive),
    });
    Overview {
        title,
        container: Some(checkpoint.container()),
        statistics: Some(checkpoint.statistics()),
        processes,
        sockets: checkpoint.process_open_sockets().filter(|row| filter.wants(row)).collect(),
        files: wanted.files.then(|| checkpoint.process_open_files().filter(|row| filter.wants(row)).collect()),
        variables: wanted.variables.then(|| checkpoint.process_envs().filter(|row| filter.wants(row)).collect()),
        maps: wanted.maps.then(|| checkpoint.process_memory_map().filter(|row| filter.wants(row)).collect()),
        threads: wanted.threads.then(|| checkpoint.threads().filter(|row| filter.wants(row)).collect()),
        mounts: wanted.mounts.then(|| checkpoint.mounts().collect()),
        isolation: checkpoint.isolation().collect(),
        waiting: Waiting {
            pipes: checkpoint.pipes().collect(),
            packets: checkpoint.unix_queues().collect(),
            streams: checkpoint.tcp_queues().collect(),
            terminals: checkpoint.tty_queues().collect(),
            signals: checkpoint.pending_signals().filter(|row| filter.wants(row)).collect(),
        },
        recovered: wanted.recovered.then(|| checkpoint.recovered_files().collect()),
        changes: wanted.changes.then(|| checkpoint.rootfs_changes().collect()),
        warnings: checkpoint.warning_rows().collect(),
        sections: Sections {
            sockets: wanted.sockets,
            queues: wanted.queues,
            isolation: wanted.isolation,
            statistics: wanted.statistics,
            metadata: wanted.metadata,
            whole_tree: wanted.tree,
            whole_commands: wanted.command_lines,
        },
    }
}

/// The report that checkpointctl would give. As there, a pid restricts the tree only.
fn checkpointctl(subject: &Subject, wanted: Wanted) -> Document {
    let checkpoint = &subject.checkpoint;
    let filter = Shown(subject.shown.clone());
    let with_tree = wanted.tree || wanted.files || wanted.sockets;
    let needs_sockets = wanted.files || wanted.sockets;
    Document {
        container: Some(checkpoint.container()),
        interfaces: checkpoint.model().container().interfaces.clone(),
        sizes: sizes(checkpoint),
        statistics: wanted.statistics.then(|| checkpoint.statistics()),
        metadata: wanted.metadata,
        processes: with_tree.then(|| checkpoint.processes().filter(|row| filter.wants(row)).collect()),
        command_lines: wanted.command_lines,
        variables: wanted.variables.then(|| checkpoint.process_envs().collect()),
        files: wanted.files.then(|| (checkpoint.process_open_files().collect(), checkpoint.processes().collect())),
        sockets: if needs_sockets { checkpoint.process_open_sockets().collect() } else { Vec::new() },
        show_sockets: wanted.sockets,
        mounts: wanted.mounts.then(|| checkpoint.mounts().collect()),
    }
}
