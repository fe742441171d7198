//! The process tree, as drawn by `ps f`, with important facts about each process after its command.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use bstr::ByteSlice;
use unicode_width::UnicodeWidthStr as _;

use super::{Overview, Page, some};
use crate::abi::ip;
use crate::analysis::Mark;
use crate::formats::line::{Line, Role};
use crate::formats::{cut, escape, units};
use crate::model::ids::Pid;
use crate::tables::{OpenSocket, Process};

/// Lines of the tree that are shown by default.
const LINES: usize = 24;
/// Width of a command without a screen.
const COMMAND: usize = 120;
/// Minimum width of a command on a narrow screen, whatever follows it.
const COMMAND_LEAST: usize = 24;
/// Maximum number of sockets named after a process. The others are counted.
const NAMED: usize = 3;
/// From this number on, identical children are shown as one.
const ALIKE: usize = 4;

pub(super) fn write(overview: &Overview, page: &mut Page) {
    let processes = &overview.processes;
    let threads: u64 = processes.iter().map(|process| process.threads).fold(0, u64::saturating_add);
    let threads = units::count(usize::try_from(threads).unwrap_or(usize::MAX), "thread");
    page.section(&format!("{}, {threads}", units::count(processes.len(), "process")));
    let sockets = Sockets::of(&overview.sockets);
    let signals = overview.waiting.signals_of();
    let rows = rows(processes, &overview.marks, overview.sections.whole_tree);
    let digits = |numbers: &mut dyn Iterator<Item = String>| numbers.map(|n| n.len()).max().unwrap_or(1);
    let pids = digits(&mut rows.iter().map(|row| row.process.pid.to_string())).max("PID".len());
    let uids = digits(&mut rows.iter().map(|row| uid(row.process))).max("UID".len());
    page.line(&Line::of(Role::Faint, format!("{:>pids$} {:>uids$} COMMAND", "PID", "UID")));
    let shown = if overview.sections.whole_tree { rows.len() } else { LINES };
    for row in rows.iter().take(shown) {
        let mut line = Line::of(Role::Plain, format!("{:>pids$} ", row.process.pid));
        let role = if row.process.uid == Some(0) { Role::Notable } else { Role::Plain };
        line.push(role, format!("{:>uids$} ", uid(row.process)));
        line.push(Role::Faint, row.branches.clone());
        let whole = overview.sections.whole_commands;
        let command = command(row.process);
        let fits = |badges: &Line| {
            let least = command.width().min(COMMAND_LEAST);
            let room = page.look.width.filter(|_| !whole).unwrap_or(usize::MAX);
            line.width().saturating_add(least).saturating_add(badges.width()) <= room
        };
        let badges = with_names(fits, |names, counts| badges(row, &sockets, &signals, names, counts));
        let room = page.look.width.map_or(COMMAND, |width| {
            width.saturating_sub(line.width()).saturating_sub(badges.width()).max(COMMAND_LEAST)
        });
        line.push(Role::Plain, if whole { command } else { cut(&command, room).into_owned() });
        line.append(badges);
        if whole { page.long_line(&line) } else { page.line(&line) }
    }
    if rows.len() > shown {
        let left = rows.iter().skip(shown).map(|row| row.alike.saturating_add(1)).fold(0, usize::saturating_add);
        let hint = overview.sections.whole_tree_hint;
        let text = format!("… and {} more{hint}", units::count(left, "process"));
        page.line(&Line::of(Role::Faint, format!("{:>pids$} {:>uids$} {text}", "", "")));
    }
}

fn uid(process: &Process) -> String {
    process.uid.map_or_else(|| "-".to_owned(), |uid| uid.to_string())
}

/// The command line of a process, or its name in brackets if there is none.
pub(super) fn command(process: &Process) -> String {
    let name = || process.name.as_ref().map_or_else(|| "?".to_owned(), |name| escape(name).into_owned());
    match &process.argv {
        Some(argv) if argv.iter().any(|argument| !argument.is_empty()) => {
            // Process titles are padded with NULs, which read as empty arguments.
            let last = argv.iter().rposition(|argument| !argument.is_empty()).unwrap_or(0);
            argv.iter().take(last.saturating_add(1)).map(|argument| quoted(argument)).collect::<Vec<_>>().join(" ")
        }
        _ => format!("[{}]", name()),
    }
}

/// An argument, in quotes if its end would not be clear.
fn quoted(argument: &[u8]) -> String {
    let text = escape(argument);
    let is_title = argument.contains(&b':') && !argument.starts_with(b"-");
    if argument.is_empty() || argument.find_byteset(b" '\"\\").is_some() && !is_title {
        format!("'{}'", text.replace('\'', "'\\''"))
    } else {
        text.into_owned()
    }
}

/// A line of the tree.
struct Row<'p> {
    process: &'p Process,
    /// The branches that lead to it.
    branches: String,
    /// Number of identical siblings after it.
    alike: usize,
    /// Its marks.
    marks: &'p [Mark],
}

/// The lines of the tree in order. Identical children share one line, unless the whole tree is requested.
fn rows<'p>(processes: &'p [Process], marks: &'p HashMap<Pid, Vec<Mark>>, whole: bool) -> Vec<Row<'p>> {
    let shown: HashMap<Pid, &Process> = processes.iter().map(|process| (process.pid, process)).collect();
    let mut children: HashMap<Option<Pid>, Vec<&'p Process>> = HashMap::new();
    for process in processes {
        let parent = process.parent.map(Pid).filter(|parent| shown.contains_key(parent));
        children.entry(parent).or_default().push(process);
    }
    let mut rows = Vec::new();
    // Processes still to be drawn, the next on top. Not a recursion: a tree may be as deep as it has processes.
    let mut stack: Vec<(Row<'p>, String)> = Vec::new();
    let push = |stack: &mut Vec<(Row<'p>, String)>, of: Option<Pid>, lead: &str| {
        let list = children.get(&of).map_or(&[][..], Vec::as_slice);
        let is_leaf = |process: &Process| !children.contains_key(&Some(process.pid));
        let marks_of = |process: &Process| marks.get(&process.pid).map_or(&[][..], Vec::as_slice);
        let groups = grouped(list, if whole { usize::MAX } else { ALIKE }, is_leaf, marks_of);
        let final_one = groups.len().saturating_sub(1);
        for (i, &(process, alike)) in groups.iter().enumerate().rev() {
            let (branch, below) = match (of, i == final_one) {
                (None, _) => ("", ""),
                (_, true) => ("└─ ", "   "),
                (_, false) => ("├─ ", "│  "),
            };
            // Deep trees would show nothing but branches.
            let lead = if lead.chars().count() > 60 { "…  " } else { lead };
            let row = Row { process, branches: format!("{lead}{branch}"), alike, marks: marks_of(process) };
            stack.push((row, format!("{lead}{below}")));
        }
    };
    push(&mut stack, None, "");
    while let Some((row, lead)) = stack.pop() {
        push(&mut stack, Some(row.process.pid), &lead);
        rows.push(row);
    }
    rows
}

/// Siblings in order, each with the number of identical ones after it: leaves with the same command, user, state and
/// marks.
fn grouped<'p, 'm>(
    list: &[&'p Process],
    alike: usize,
    is_leaf: impl Fn(&Process) -> bool,
    marks: impl Fn(&Process) -> &'m [Mark],
) -> Vec<(&'p Process, usize)> {
    let same = |a: &Process, b: &Process| {
        is_leaf(a)
            && is_leaf(b)
            && marks(a) == marks(b)
            && (&a.argv, &a.name, a.uid, a.state, &a.path) == (&b.argv, &b.name, b.uid, b.state, &b.path)
    };
    list.chunk_by(|a, b| same(a, b))
        .flat_map(|run| {
            let others = run.len().saturating_sub(1);
            let folded = run.len() >= alike;
            let shown = if folded { run.get(..1) } else { Some(run) };
            shown.unwrap_or_default().iter().map(move |&process| (process, if folded { others } else { 0 }))
        })
        .collect()
}

/// Makes a line with as many names as fit. The other names are counted, and a count is never truncated. Counts of
/// threads and signals are dropped first if space is short.
fn with_names(fits: impl Fn(&Line) -> bool, make: impl Fn([usize; 2], bool) -> Line) -> Line {
    // Listening addresses matter more than peers.
    let numbers = [[NAMED, NAMED], [NAMED, 2], [2, 2], [2, 1], [1, 1], [1, 0]];
    let all = [make([NAMED, NAMED], true)].into_iter();
    let fewer = numbers.into_iter().map(|names| make(names, false));
    all.chain(fewer).find(fits).unwrap_or_else(|| make([0, 0], false))
}

/// The important facts about a process: up to `places` listening addresses, up to `peers` names of peers, and the
/// number of threads and signals if `counts` is set.
fn badges(
    row: &Row<'_>,
    sockets: &Sockets,
    signals: &HashMap<Pid, usize>,
    [places, peers]: [usize; 2],
    counts: bool,
) -> Line {
    let process = row.process;
    let mut line = Line::default();
    let mut badge = |role, text: String| line.push(role, format!("  {text}"));
    if row.alike > 0 {
        badge(Role::Faint, format!("and {} alike", row.alike));
    }
    match (process.state, process.exit_status, &process.exit_signal) {
        (Some("zombie"), Some(status), _) => badge(Role::Alarm, format!("zombie (exit {status})")),
        (Some("zombie"), _, Some(signal)) => badge(Role::Alarm, format!("zombie ({signal})")),
        (Some("alive"), ..) => {}
        (Some(state), ..) => badge(Role::Notable, state.to_owned()),
        (None, ..) => badge(Role::Alarm, "state unknown".to_owned()),
    }
    for mark in row.marks {
        let role = match mark {
            Mark::Memfd | Mark::Deleted | Mark::Connection | Mark::Name => Role::Alarm,
            Mark::Terminal => Role::Faint,
            _ => Role::Notable,
        };
        badge(role, mark.words().to_owned());
    }
    if process.argv.is_none() && process.path.is_some() {
        badge(Role::Notable, "arguments not in the archive".to_owned());
    }
    if process.entered {
        badge(Role::Notable, "session began outside".to_owned());
    }
    for end in Ending::ALL {
        let (role, one, several, counted) = end.look();
        let names = if matches!(end, Ending::RawPeer | Ending::Peer) { peers } else { places };
        match sockets.0.get(&(process.pid, end)) {
            None => {}
            Some(list) if list.len() == 1 => badge(role, format!("{one} {}", some(list, 1))),
            Some(list) if names > 0 => badge(role, format!("{several} {}", some(list, names))),
            Some(list) => badge(role, format!("{} {counted}", list.len())),
        }
    }
    if counts && process.threads > 1 {
        badge(Role::Faint, format!("{} threads", process.threads));
    }
    if let Some(&count) = signals.get(&process.pid).filter(|_| counts) {
        badge(Role::Faint, format!("{} waiting", units::count(count, "signal")));
    }
    line
}

/// The use of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Ending {
    /// Receives every packet of a network device: a sniffer.
    Packets,
    /// Receives every packet of a protocol.
    Raw,
    /// Accepts connections, or packets from anywhere.
    Listens,
    /// Exchanges raw packets with one peer.
    RawPeer,
    /// Has a peer.
    Peer,
}

impl Ending {
    /// All, in the order they are shown.
    const ALL: [Ending; 5] = [Ending::Packets, Ending::Raw, Ending::Listens, Ending::RawPeer, Ending::Peer];

    /// The colour, the words before one name and before several, and the word after a count.
    fn look(self) -> (Role, &'static str, &'static str, &'static str) {
        match self {
            Ending::Packets => (Role::Alarm, "listens to", "listens to", "packet sockets"),
            Ending::Raw => (Role::Notable, "listens on raw", "listens on raw", "raw listeners"),
            Ending::Listens => (Role::Listens, "listens on", "listens on", "listeners"),
            Ending::RawPeer => (Role::Notable, "raw peer", "raw peers", "raw peers"),
            Ending::Peer => (Role::Peer, "peer", "peers", "peers"),
        }
    }
}

/// Listening addresses and peers of processes.
#[derive(Default)]
struct Sockets(HashMap<(Pid, Ending), Vec<String>>);

impl Sockets {
    fn of(rows: &[OpenSocket]) -> Self {
        let mut sockets = Sockets::default();
        let mut known = HashSet::new();
        let mut add = |row: &OpenSocket| {
            let Some((end, text)) = place(row) else { return };
            if known.insert((row.pid, end, text.clone())) {
                sockets.0.entry((row.pid, end)).or_default().push(text);
            }
        };
        // Remote peers come before those in the container.
        let (inside, outside): (Vec<&OpenSocket>, Vec<&OpenSocket>) = rows.iter().partition(|row| is_loopback(row));
        outside.into_iter().for_each(&mut add);
        inside.into_iter().for_each(&mut add);
        sockets
    }
}

fn is_loopback(row: &OpenSocket) -> bool {
    row.remote_address.as_ref().is_some_and(|address| address.parse().is_ok_and(ip::is_loopback))
}

/// The use of a socket, with its listening address or its peer. A socket without a connection listens if it accepts
/// packets from anywhere.
fn place(row: &OpenSocket) -> Option<(Ending, String)> {
    let protocol = row.protocol.as_deref().unwrap_or_default();
    let specified = |address: &Option<String>| {
        let address = address.as_deref()?;
        address.parse::<IpAddr>().is_ok_and(|address| !ip::is_unspecified(address)).then(|| address.to_owned())
    };
    let (local, remote) = (specified(&row.local_address), specified(&row.remote_address));
    match row.family {
        "packet" => return Some((Ending::Packets, "packets".to_owned())),
        "inet" | "inet6" => {}
        _ if row.state.as_deref() == Some("LISTEN") => {
            let name = row.path.as_ref().map_or_else(|| "unix".to_owned(), |path| escape(path).into_owned());
            return Some((Ending::Listens, name));
        }
        _ => return None,
    }
    let port = row.local_port.filter(|&port| port != 0);
    match (row.r#type, row.state.as_deref()) {
        // Such a socket only sends packets; none come in.
        (Some("raw"), _) if protocol == "raw" && remote.is_none() => None,
        (Some("raw"), _) => {
            let end = remote.as_ref().or(local.as_ref()).map_or_else(String::new, |address| format!(" {address}"));
            let ending = if remote.is_none() { Ending::Raw } else { Ending::RawPeer };
            Some((ending, format!("{protocol}{end}")))
        }
        (_, Some("LISTEN")) => Some((
            Ending::Listens,
            match local {
                Some(address) => endpoint(&address, port.unwrap_or_default()),
                None => format!("{protocol}:{}", port.unwrap_or_default()),
            },
        )),
        (_, None) if remote.is_none() && matches!(protocol, "udp" | "udplite") => {
            let port = port?;
            Some((
                Ending::Listens,
                local.map_or_else(|| format!("{protocol}:{port}"), |a| format!("{protocol} {}", endpoint(&a, port))),
            ))
        }
        _ => match row.remote_port.filter(|&port| port != 0) {
            Some(port) => Some((Ending::Peer, endpoint(row.remote_address.as_deref()?, port))),
            // Echo requests have no ports.
            None if protocol.starts_with("icmp") => Some((Ending::Peer, format!("{protocol} {}", remote?))),
            None => None,
        },
    }
}

/// Address and port, with brackets around IPv6 addresses.
pub(super) fn endpoint(address: &str, port: u32) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}
