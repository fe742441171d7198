//! The process tree: turns records in any order, possibly hostile, into a forest in tree order.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::ids::{Pid, Tid};
use crate::images::proto::{CoreEntry, PstreeEntry};
use crate::images::{Images, Kind};
use crate::int::u64_of;
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Highest pid that a kernel can assign (`PID_MAX_LIMIT` on 64-bit machines).
const PID_MAX: u32 = 1 << 22;

/// The parent of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// Outside the container: for the root task and for processes started by `exec`.
    Outside,
    /// This process.
    Process(Pid),
    /// Unknown: the tree is missing or damaged.
    Unknown,
}

/// A process's place in the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// Process id.
    pub pid: Pid,
    /// The parent.
    pub parent: Parent,
    /// Number of ancestors in the container.
    pub depth: usize,
    /// Process group; 0 if the leader is outside.
    pub pgid: Option<u32>,
    /// Session; 0 if the leader is outside.
    pub sid: Option<u32>,
    /// Threads, the leader first.
    pub tids: Vec<Tid>,
}

/// Reads the tree: depth first, children by pid. Without a process tree, the processes are those with a core image, and
/// their parents are unknown.
pub(super) fn read(images: Images<'_>) -> Vec<Node> {
    let mut entries: Vec<(PstreeEntry, Place)> = Vec::new();
    let most = images.limits.processes;
    let mut over = None;
    images.each::<PstreeEntry>(Kind::Pstree, 0, |entry, _, place| {
        if u64_of(entries.len()) < most {
            entries.push((entry, place()));
        } else if over.is_none() {
            over = Some(place());
        }
    });
    if let Some(place) = over {
        images.warnings.push(&Limits::PROCESSES, place, || {
            format!("more than {most} processes; skipped this and the following ones")
        });
    }
    if entries.is_empty() {
        return without_tree(images);
    }
    let root = |place: Place, code, message: String| images.warnings.push(code, place, || message);
    let mut by_pid: BTreeMap<u32, (PstreeEntry, Place)> = BTreeMap::new();
    let mut order = Vec::new();
    for (entry, place) in entries {
        let pid = entry.pid();
        if pid == 0 || pid > PID_MAX {
            root(place, Code::NumberInvalid, format!("{pid} is not a valid process id; skipped the process"));
        } else if let Some((_, first)) = by_pid.get(&pid) {
            let message = format!("process {pid} is recorded twice; used the first record ({first})");
            root(place, Code::ProcessTree, message);
        } else {
            order.push(pid);
            by_pid.insert(pid, (entry, place));
        }
    }
    let parents = parents(&by_pid, &order, |place, message| root(place, Code::ProcessTree, message));
    let roots = parents.values().filter(|parent| **parent == 0).count();
    if roots > 1 {
        root(
            Place::member(&images.place(Kind::Pstree, 0).member),
            Code::ProcessRoots,
            format!(
                "the tree has {roots} roots; CRIU dumps one process and its descendants, so the image was merged or changed"
            ),
        );
    }
    let mut nodes = in_tree_order(&by_pid, &parents);
    keep_threads_once(&mut nodes, &by_pid, |pid, count, place| {
        let message = format!("{count} threads of process {pid} were listed earlier; skipped here");
        root(place.clone(), Code::ProcessTree, message);
    });
    nodes
}

/// Keeps each thread in one process and once in it, so that a process that lists a thread often does not have its image
/// read as often. A living process lists itself. For a zombie, CRIU writes leftover memory, any number but its own;
/// this takes no thread from other processes and needs no warning.
fn keep_threads_once(
    nodes: &mut [Node],
    by_pid: &BTreeMap<u32, (PstreeEntry, Place)>,
    mut warn: impl FnMut(Pid, usize, &Place),
) {
    let mut seen: HashSet<Tid> = nodes.iter().map(|node| Tid(node.pid.0)).collect();
    let listing = |node: &Node| by_pid.get(&node.pid.0).filter(|(entry, _)| entry.threads.contains(&node.pid.0));
    let (living, left): (Vec<&mut Node>, Vec<&mut Node>) = nodes.iter_mut().partition(|node| listing(node).is_some());
    for node in living.into_iter().chain(left) {
        let (pid, listed) = (node.pid, node.tids.len());
        node.tids.retain(|&tid| tid.0 == pid.0 || seen.insert(tid));
        let repeated = listed.saturating_sub(node.tids.len());
        if let Some((_, place)) = listing(node).filter(|_| repeated > 0) {
            warn(pid, repeated, place);
        }
    }
}

/// The parent of each process, 0 for roots. A process with an impossible parent becomes a root.
fn parents(
    by_pid: &BTreeMap<u32, (PstreeEntry, Place)>,
    order: &[u32],
    warn: impl Fn(Place, String),
) -> HashMap<u32, u32> {
    let mut parents: HashMap<u32, u32> = HashMap::new();
    for (&pid, (entry, place)) in by_pid {
        let claimed = entry.ppid();
        let known = claimed == 0 || by_pid.contains_key(&claimed);
        if !known {
            warn(
                place.clone(),
                format!("process {pid} has the parent {claimed}, which is not in the tree; shown as a root"),
            );
        }
        parents.insert(pid, if known { claimed } else { 0 });
    }
    // Walk up from each process. Meeting the same walk again means a circle. Each process is visited once.
    let mut walk_of: HashMap<u32, usize> = HashMap::new();
    for (walk, &start) in order.iter().enumerate() {
        let mut here = start;
        while here != 0 && !walk_of.contains_key(&here) {
            walk_of.insert(here, walk);
            here = parents.get(&here).copied().unwrap_or(0);
        }
        if here != 0 && walk_of.get(&here) == Some(&walk) {
            parents.insert(here, 0);
            let place = by_pid.get(&here).map(|(_, place)| place.clone()).unwrap_or_default();
            warn(place, format!("process {here} is its own ancestor; shown as a root"));
        }
    }
    parents
}

fn in_tree_order(by_pid: &BTreeMap<u32, (PstreeEntry, Place)>, parents: &HashMap<u32, u32>) -> Vec<Node> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for &pid in by_pid.keys() {
        children.entry(parents.get(&pid).copied().unwrap_or(0)).or_default().push(pid);
    }
    let mut nodes = Vec::with_capacity(by_pid.len());
    // Not recursive, because an attacker can make the tree as deep as it has processes.
    let mut stack: Vec<(u32, usize)> = Vec::new();
    let push = |stack: &mut Vec<(u32, usize)>, parent: u32, depth: usize| {
        let list = children.get(&parent).map_or(&[][..], Vec::as_slice);
        stack.extend(list.iter().rev().map(|&pid| (pid, depth)));
    };
    push(&mut stack, 0, 0);
    while let Some((pid, depth)) = stack.pop() {
        if let Some((entry, _)) = by_pid.get(&pid) {
            let parent = match parents.get(&pid) {
                None | Some(0) => Parent::Outside,
                Some(&parent) => Parent::Process(Pid(parent)),
            };
            nodes.push(node(entry, parent, depth));
        }
        push(&mut stack, pid, depth.saturating_add(1));
    }
    nodes
}

fn node(entry: &PstreeEntry, parent: Parent, depth: usize) -> Node {
    let pid = entry.pid();
    let mut tids = vec![Tid(pid)];
    // For some zombies, CRIU writes the list `[0]`.
    tids.extend(entry.threads.iter().filter(|&&tid| tid != 0 && tid != pid).map(|&tid| Tid(tid)));
    Node { pid: Pid(pid), parent, depth, pgid: entry.pgid, sid: entry.sid, tids }
}

/// Processes without a tree: every core image with the process's part. Images of other threads do not have it, and only
/// the tree says which process they belong to.
fn without_tree(images: Images<'_>) -> Vec<Node> {
    // The real reading of the images reports what is wrong with them.
    let unheard = Warnings::new(images.limits);
    let quiet = Images { warnings: &unheard, ..images };
    let cores: Vec<u64> = images.set.of_kind(images.archive, Kind::Core).map(|(number, _)| number).collect();
    let is_leader = |&number: &u64| quiet.one::<CoreEntry>(Kind::Core, number).is_none_or(|core| core.tc.is_some());
    let pids: Vec<u32> =
        cores.iter().copied().filter(is_leader).filter_map(|number| u32::try_from(number).ok()).collect();
    let threads = cores.len().saturating_sub(pids.len());
    let shown = || match threads {
        0 => "processes with a core image are shown, but their parents are unknown".to_owned(),
        _ => format!(
            "processes with a core image are shown, but their parents and the owners of {threads} more threads are unknown"
        ),
    };
    let place = images.place(Kind::Pstree, 0);
    match (images.has(Kind::Pstree, 0), pids.is_empty()) {
        // That there are no images at all has a warning of its own.
        (_, true) if images.set.is_empty() => {}
        // This has a warning of its own.
        _ if images.is_unreadable(Kind::Pstree, 0) => {}
        (_, true) => images.warnings.push(Code::ProcessesMissing, Place::member(&images.set.folder), || {
            if images.set.has_pages() {
                "no processes found; this is a pre-dump, which has only pages; its final dump is in another archive"
                    .to_owned()
            } else {
                "no processes found; the dump stopped before it reached them, or their images were lost".to_owned()
            }
        }),
        (false, false) => {
            images.warnings.push(Code::ImageMissing, place, || format!("the process tree is missing; {}", shown()));
        }
        (true, false) => {
            let message = || format!("the process tree lists no processes; {}", shown());
            images.warnings.push(Code::ProcessTree, place, message);
        }
    }
    let node =
        |pid| Node { pid: Pid(pid), parent: Parent::Unknown, depth: 0, pgid: None, sid: None, tids: vec![Tid(pid)] };
    pids.into_iter().map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(u32, u32)]) -> (Vec<(u32, usize)>, usize) {
        let by_pid: BTreeMap<_, _> = entries
            .iter()
            .map(|&(pid, ppid)| {
                (pid, (PstreeEntry { pid: Some(pid), ppid: Some(ppid), ..Default::default() }, Place::default()))
            })
            .collect();
        let order: Vec<u32> = entries.iter().map(|e| e.0).collect();
        let warned = std::cell::Cell::new(0);
        let parents = parents(&by_pid, &order, |_, _| warned.set(warned.get() + 1));
        let nodes = in_tree_order(&by_pid, &parents);
        (nodes.iter().map(|n| (n.pid.0, n.depth)).collect(), warned.get())
    }

    #[test]
    fn depth_first_and_children_by_pid() {
        let (order, warned) = tree(&[(1, 0), (30, 1), (7, 1), (9, 30)]);
        assert_eq!(order, [(1, 0), (7, 1), (30, 1), (9, 2)]);
        assert_eq!(warned, 0);
    }

    #[test]
    fn circles_are_cut_once_and_nobody_is_lost() {
        assert_eq!(tree(&[(1, 2), (2, 1)]), (vec![(1, 0), (2, 1)], 1));
        assert_eq!(tree(&[(5, 5)]), (vec![(5, 0)], 1));
        let (order, warned) = tree(&[(1, 0), (2, 4), (3, 2), (4, 3), (9, 4)]);
        assert_eq!((order.len(), warned), (5, 1));
    }

    #[test]
    fn unknown_parents_make_roots() {
        assert_eq!(tree(&[(1, 0), (2, 9999)]), (vec![(1, 0), (2, 0)], 1));
    }

    #[test]
    fn a_long_line_of_processes_needs_no_recursion() {
        let entries: Vec<_> = (1..=200_000).map(|pid| (pid, pid - 1)).collect();
        let (order, _) = tree(&entries);
        assert_eq!(order.last(), Some(&(200_000, 199_999)));
    }

    /// Both zombies of a real console had the number 80.
    #[test]
    fn what_is_left_in_a_zombie_takes_no_thread_from_who_has_it() {
        let entries = [(5, vec![80]), (6, vec![80]), (12, vec![12, 80, 81]), (13, vec![13, 81])];
        let by_pid: BTreeMap<u32, (PstreeEntry, Place)> = entries
            .into_iter()
            .map(|(pid, threads)| {
                (pid, (PstreeEntry { pid: Some(pid), threads, ..Default::default() }, Place::default()))
            })
            .collect();
        let mut nodes: Vec<Node> = by_pid.values().map(|(entry, _)| node(entry, Parent::Outside, 0)).collect();
        let mut warned = Vec::new();
        keep_threads_once(&mut nodes, &by_pid, |pid, count, _| warned.push((pid.0, count)));
        let tids: Vec<Vec<u32>> = nodes.iter().map(|node| node.tids.iter().map(|tid| tid.0).collect()).collect();
        assert_eq!(tids, [vec![5], vec![6], vec![12, 80, 81], vec![13]]);
        assert_eq!(warned, [(13, 1)]);
    }

    #[test]
    fn the_threads_of_a_zombie_are_itself() {
        let entry = PstreeEntry { pid: Some(8), threads: vec![0], ..Default::default() };
        assert_eq!(node(&entry, Parent::Outside, 0).tids, [Tid(8)]);
        let entry = PstreeEntry { pid: Some(8), threads: vec![8, 9], ..Default::default() };
        assert_eq!(node(&entry, Parent::Outside, 0).tids, [Tid(8), Tid(9)]);
    }
}
