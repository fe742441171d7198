//! Looks up the mapping of an address, for rows that say where in memory something is.

use std::collections::{BTreeMap, HashMap};
use std::ops::{ControlFlow, Range};

use crate::Checkpoint;
use crate::memory::{Overlaps, union};
use crate::model::ids::Pid;

use super::process_memory_map::Mapping;

/// All mappings of a checkpoint, by process and address.
#[derive(Debug)]
pub struct Mappings {
    by_pid: HashMap<Pid, Vec<Mapping>>,
    /// The views of shared memory, by its number.
    views: HashMap<u64, Overlaps<Pid>>,
}

/// Processes that are named at most, of those that share a place of memory.
const MOST: usize = 256;

impl Mappings {
    /// Reads the table `process_memory_map`.
    pub fn of(checkpoint: &Checkpoint) -> Self {
        let mut by_pid: HashMap<Pid, Vec<Mapping>> = HashMap::new();
        let mut views: HashMap<u64, BTreeMap<Pid, Vec<Range<u64>>>> = HashMap::new();
        for row in checkpoint.rows().process_memory_map() {
            if let Some(shared) = row.shared_id.filter(|_| row.permissions.ends_with('s')) {
                let len = row.end.0.saturating_sub(row.start.0);
                let offsets = row.offset..row.offset.saturating_add(len);
                views.entry(shared).or_default().entry(row.pid).or_default().push(offsets);
            }
            by_pid.entry(row.pid).or_default().push(row);
        }
        // A process that maps a place twice sees it once.
        let of_process = |(pid, ranges)| union(ranges).into_iter().map(move |range| (range, pid));
        let of_memory =
            |(shared, views): (u64, BTreeMap<_, _>)| (shared, Overlaps::new(views.into_iter().flat_map(of_process)));
        Mappings { by_pid, views: views.into_iter().map(of_memory).collect() }
    }

    /// The mappings of a process, by address.
    pub fn of_process(&self, pid: Pid) -> &[Mapping] {
        self.by_pid.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// The mapping that contains an address.
    pub fn at(&self, pid: Pid, address: u64) -> Option<&Mapping> {
        let mappings = self.of_process(pid);
        let after = mappings.partition_point(|mapping| mapping.start.0 <= address);
        mappings.get(after.checked_sub(1)?).filter(|mapping| address < mapping.end.0)
    }

    /// Other processes that share the same place of shared memory, found by the memory's id and the offset in it: at most
    /// 256.
    pub fn sharing(&self, mapping: &Mapping, address: u64) -> Vec<Pid> {
        let Some(shared) = mapping.shared_id else { return Vec::new() };
        let offset = address.saturating_sub(mapping.start.0).saturating_add(mapping.offset);
        let mut pids: Vec<Pid> = Vec::new();
        let Some(views) = self.views.get(&shared) else { return pids };
        views.containing(&(offset..offset.saturating_add(1)), &mut |&pid| {
            pids.extend(Some(pid).filter(|&pid| pid != mapping.pid));
            if pids.len() < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        pids.sort_unstable();
        pids
    }
}
