//! `cryoscope inspect`: prints the process tree.

use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;

use cryoscope::Checkpoint;
use cryoscope::analysis::tables::archive_word;
use cryoscope::analysis::{Brought, Cost, Scan, Selection as Rules, Severity, marks, plan, quoted};
use cryoscope::catalog;
use cryoscope::checkpointctl::Report as Document;
use cryoscope::formats::tree::{Found, Look, Networks, Overview, Sections, Waiting};
use cryoscope::formats::{Columns, Style, pretty};
use cryoscope::memory::Keep;
use cryoscope::model::ids::Pid;
use cryoscope::tables::{Process, Row, TableSource, Totals};
use serde_json::Value;

use super::args::{Global, Inspect, InspectFormat, RowFormat};
use super::exit::Exit;
use super::fleet::{Entry, Fleet, Heard, Stop, Voice};
use super::lead::Lead;
use super::open::Opener;
use super::processes::Sought;
use super::rows::{Filter, Job, Place, Selection, holders_of, pid_of};
use super::screen::{Report, Screen};
use super::sizes::sizes;
use super::{Failure, Outcome, brought};

/// The sections to show, besides the container and its processes.
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

    /// What must be kept when the archive is read as a stream.
    fn keep(&self) -> Keep {
        self.tables().iter().fold(Keep::Arguments, |keep, source| keep.and(source.keep))
    }

    /// The tables that hold the sections.
    fn tables(&self) -> Vec<&'static TableSource> {
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
        sections.iter().filter(|(_, wanted)| *wanted).filter_map(|(name, _)| catalog::find(name)).collect()
    }
}

/// A checkpoint, its archive, and the processes to show.
struct Subject {
    archive: String,
    checkpoint: Checkpoint,
    /// `None` for all. Empty if it does not have the process.
    shown: Option<HashSet<Pid>>,
    /// Whether there are several checkpoints, so each is printed with the name of its archive.
    several: bool,
    /// Whether its archive has several.
    has_sets: bool,
}

impl Subject {
    fn is_shown(&self) -> bool {
        self.shown.as_ref().is_none_or(|shown| !shown.is_empty())
    }
}

pub(crate) fn run(args: &Inspect, global: &Global) -> Outcome {
    let wanted = Wanted::of(args);
    let brought = brought::read_lists(&args.lists, global)?;
    let fleet = Fleet::resolve(&args.archives, &args.fleet, global)?;
    let sought = args.pid.map(|pid| Sought::new(&[pid], None, &fleet));
    let sought = sought.as_ref();
    let screen = Screen::open(global)?;
    match args.format {
        InspectFormat::Rows(format) => {
            let columns = if format == RowFormat::Table { Columns::Brief } else { Columns::All };
            let (format, several) = (format.format(), fleet.is_several());
            let lead = Lead::new(&args.source, false, global)?;
            let before = lead.names(format, several);
            let job = Job {
                fleet: &fleet,
                sources: &wanted.tables(),
                style: Style { format, columns, name_tables: true, lead: before, width: screen.width },
                threads: args.jobs,
                documents: &args.documents,
                selection: Selection { sought, ..Selection::default() },
                lead,
                is_wide: false,
                hash: false,
                brought,
                global,
            };
            job.run(Place::Screen(screen), |archive, found| {
                let subjects = choose(found, archive, wanted.pid, sought)?;
                let filtered =
                    |subject: Subject| (subject.checkpoint, Box::new(Shown(subject.shown)) as Box<dyn Filter>);
                Ok(subjects.into_iter().map(filtered).collect())
            })
        }
        InspectFormat::Tree | InspectFormat::CheckpointctlJson => {
            let exit = reports(args, wanted, &brought, &fleet, sought, screen, global)?;
            sought.map_or(Ok(()), Sought::end)?;
            Ok(exit)
        }
    }
}

/// Output for one checkpoint.
enum Said {
    /// The tree.
    Tree(String),
    /// The report in checkpointctl's format.
    Document(Value),
}

/// Prints trees, or reports in checkpointctl's format.
fn reports(
    args: &Inspect,
    wanted: Wanted,
    brought: &Arc<Brought>,
    fleet: &Fleet<'_>,
    sought: Option<&Sought>,
    mut screen: Screen,
    global: &Global,
) -> Outcome {
    let is_tree = args.format == InspectFormat::Tree;
    // Indicators are looked for in memory, too.
    let of_lists = if is_tree && brought.indicators().is_some() { plan::KEEP } else { Keep::Arguments };
    let keep = wanted.keep().and(of_lists);
    let opener = Opener::new(global, keep).bringing(brought).naming_stdin(&args.source.name);
    let lists: String =
        args.lists.ioc.iter().flat_map(|path| [" --ioc ".to_owned(), quoted(&path.display().to_string())]).collect();
    let look = Look { width: screen.width, color: screen.color };
    let said = |subject: &Subject| match args.format {
        InspectFormat::Tree => Said::Tree(overview(subject, wanted, &lists).render(look) + &only(subject, wanted.pid)),
        _ => Said::Document(checkpointctl(subject, wanted).to_json()),
    };
    let read = |entry: &Entry, found: Vec<Checkpoint>, voice: &Voice<'_, Said>| -> Result<(), Stop> {
        let subjects = choose(found, &entry.path.display().to_string(), wanted.pid, sought)?;
        let has_sets = subjects.len() > 1;
        let several = fleet.is_several() || has_sets;
        voice.opened()?;
        for subject in subjects {
            let subject = Subject { several, has_sets, ..subject };
            if subject.is_shown() {
                voice.part(said(&subject))?;
            }
            subject.checkpoint.read_all();
            voice.done(Report::of(&subject.checkpoint))?;
        }
        Ok(())
    };
    let (mut documents, mut begun) = (Vec::new(), false);
    let tally = fleet.read(&opener, args.jobs, read, |_, heard| {
        match heard {
            Heard::Part(Said::Tree(tree)) => {
                let gap = if begun { "\n" } else { "" };
                write!(screen.out, "{gap}{tree}")?;
                screen.out.flush()?;
                begun = true;
            }
            Heard::Part(Said::Document(document)) => documents.push(document),
            Heard::Opened | Heard::Done | Heard::Failed(_) => {}
        }
        Ok(())
    })?;
    if args.format == InspectFormat::CheckpointctlJson {
        writeln!(screen.out, "{}", pretty(&Value::Array(documents)))?;
    }
    screen.finish(Exit::Done)?;
    Ok(fleet.end(tally))
}

/// A line that says which processes are shown, if not all are.
fn only(subject: &Subject, pid: Option<Pid>) -> String {
    let (Some(shown), Some(pid)) = (&subject.shown, pid) else { return String::new() };
    match shown.len().saturating_sub(1) {
        0 => format!("\nOnly process {pid} is shown. It has no descendants.\n"),
        1 => format!("\nOnly process {pid} and its one descendant are shown.\n"),
        more => format!("\nOnly process {pid} and its {more} descendants are shown.\n"),
    }
}

/// The checkpoints of an archive, with the processes to show: all, or one and its descendants. A checkpoint without the
/// process is left out, unless the archive does not have it at all.
fn choose(
    found: Vec<Checkpoint>,
    archive: &str,
    pid: Option<Pid>,
    sought: Option<&Sought>,
) -> Result<Vec<Subject>, Failure> {
    let mut subjects = Vec::new();
    let mut known = Vec::new();
    for checkpoint in found {
        let shown = pid.map(|pid| {
            let processes: Vec<Process> = checkpoint.rows().processes().collect();
            known.extend(processes.iter().map(|process| process.pid.0));
            descendants(&processes, pid)
        });
        subjects.push(Subject { archive: archive.to_owned(), checkpoint, shown, several: false, has_sets: false });
    }
    if let Some(sought) = sought {
        sought.pids(archive, &known)?;
    }
    if subjects.iter().any(Subject::is_shown) {
        subjects.retain(Subject::is_shown);
    }
    Ok(subjects)
}

/// A process and its descendants; nothing if there is no such process. Parents come before their children.
fn descendants(processes: &[Process], pid: Pid) -> HashSet<Pid> {
    let mut shown = HashSet::new();
    for process in processes {
        if process.pid == pid || process.parent.is_some_and(|parent| shown.contains(&Pid(parent))) {
            shown.insert(process.pid);
        }
    }
    shown
}

/// Filters rows: those of the shown processes, and those that belong to no process. If no process is shown, no row is.
struct Shown(Option<HashSet<Pid>>);

impl Filter for Shown {
    fn wants(&self, row: &dyn Row) -> bool {
        let Some(shown) = &self.0 else { return true };
        let mut about = match pid_of(row) {
            Some(pid) => vec![pid],
            None => holders_of(row),
        };
        let nobody = about.is_empty();
        about.retain(|&pid| shown.contains(&Pid(pid)));
        !shown.is_empty() && (nobody || !about.is_empty())
    }
}

fn overview(subject: &Subject, wanted: Wanted, lists: &str) -> Overview {
    let checkpoint = &subject.checkpoint;
    let filter = Shown(subject.shown.clone());
    let all: Vec<Process> = checkpoint.rows().processes().collect();
    let names = all.iter().filter_map(|row| Some((row.pid, row.name.clone()?))).collect();
    let mut rules = Rules::default();
    rules.cost = Cost::Free;
    let scan = Scan::run(checkpoint, &rules);
    let listed = (!lists.is_empty()).then(|| {
        let mut rules = Rules::default();
        rules.only = vec!["IOC".to_owned()];
        Scan::run(checkpoint, &rules)
    });
    let processes = all.into_iter().filter(|row| filter.wants(row)).collect();
    let title = subject.several.then(|| match checkpoint.set_name() {
        set if set.is_empty() => subject.archive.clone(),
        set => format!("{}: {set}", subject.archive),
    });
    Overview {
        title,
        container: Some(checkpoint.rows().container()),
        statistics: Some(checkpoint.rows().statistics()),
        processes,
        // Peers may be sockets of processes that are not shown.
        sockets: checkpoint.rows().process_open_sockets().collect(),
        names,
        totals: Totals::of(checkpoint),
        files: wanted.files.then(|| checkpoint.rows().process_open_files().filter(|row| filter.wants(row)).collect()),
        variables: wanted.variables.then(|| checkpoint.rows().process_envs().filter(|row| filter.wants(row)).collect()),
        maps: wanted.maps.then(|| checkpoint.rows().process_memory_map().filter(|row| filter.wants(row)).collect()),
        threads: wanted.threads.then(|| checkpoint.rows().threads().filter(|row| filter.wants(row)).collect()),
        mounts: wanted.mounts.then(|| checkpoint.rows().mounts().collect()),
        networks: Networks {
            interfaces: checkpoint.rows().interfaces().collect(),
            addresses: checkpoint.rows().addresses().collect(),
            routes: checkpoint.rows().routes().collect(),
        },
        isolation: checkpoint.rows().isolation().collect(),
        waiting: waiting(checkpoint, &Shown(None)),
        queues: wanted.queues.then(|| waiting(checkpoint, &filter)),
        recovered: wanted
            .recovered
            .then(|| checkpoint.rows().recovered_files().filter(|row| filter.wants(row)).collect()),
        changes: wanted.changes.then(|| checkpoint.rows().rootfs_changes().filter(|row| filter.wants(row)).collect()),
        warnings: checkpoint.rows().warnings().collect(),
        marks: marks(checkpoint, &scan),
        findings: Some(found(&[Some(&scan), listed.as_ref()], checkpoint, subject, lists)),
        sections: Sections {
            sockets: wanted.sockets,
            isolation: wanted.isolation,
            statistics: wanted.statistics,
            metadata: wanted.metadata,
            whole_tree: wanted.tree,
            whole_tree_hint: "; --ps-tree shows all",
            whole_commands: wanted.command_lines,
        },
    }
}

/// Findings of medium severity and above in numbers.
fn found(scans: &[Option<&Scan>], checkpoint: &Checkpoint, subject: &Subject, lists: &str) -> Found {
    let count = |severity| scans.iter().flatten().map(|scan| scan.count(severity)).sum::<usize>();
    let counts = [Severity::Critical, Severity::High, Severity::Medium].map(|severity| (severity, count(severity)));
    let set = checkpoint.set_name();
    let set = if subject.has_sets { format!(" --set {}", quoted(&set.to_string())) } else { String::new() };
    Found {
        counts: counts.into_iter().filter(|(_, count)| *count > 0).collect(),
        command: format!("cryoscope scan {}{set}{lists}", archive_word(checkpoint)),
    }
}

/// Waiting data: queues and pending signals.
fn waiting(checkpoint: &Checkpoint, filter: &Shown) -> Waiting {
    Waiting {
        pipes: checkpoint.rows().pipes().filter(|row| filter.wants(row)).collect(),
        packets: checkpoint.rows().unix_queues().filter(|row| filter.wants(row)).collect(),
        streams: checkpoint.rows().tcp_queues().filter(|row| filter.wants(row)).collect(),
        terminals: checkpoint.rows().tty_queues().filter(|row| filter.wants(row)).collect(),
        signals: checkpoint.rows().pending_signals().filter(|row| filter.wants(row)).collect(),
    }
}

/// The report in checkpointctl's format. As there, a pid only restricts the process tree.
fn checkpointctl(subject: &Subject, wanted: Wanted) -> Document {
    let checkpoint = &subject.checkpoint;
    let filter = Shown(subject.shown.clone());
    let with_tree = wanted.tree || wanted.files || wanted.sockets;
    let needs_sockets = wanted.files || wanted.sockets;
    Document {
        container: Some(checkpoint.rows().container()),
        interfaces: checkpoint.model().container().interfaces.clone(),
        sizes: sizes(checkpoint),
        statistics: wanted.statistics.then(|| checkpoint.rows().statistics()),
        metadata: wanted.metadata,
        processes: with_tree.then(|| checkpoint.rows().processes().filter(|row| filter.wants(row)).collect()),
        command_lines: wanted.command_lines,
        variables: wanted.variables.then(|| checkpoint.rows().process_envs().collect()),
        files: wanted
            .files
            .then(|| (checkpoint.rows().process_open_files().collect(), checkpoint.rows().processes().collect())),
        sockets: if needs_sockets { checkpoint.rows().process_open_sockets().collect() } else { Vec::new() },
        show_sockets: wanted.sockets,
        mounts: wanted.mounts.then(|| checkpoint.rows().mounts().collect()),
    }
}
