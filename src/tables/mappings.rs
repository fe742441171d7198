//! Looks up the mapping of an address, for rows that say where in memory something is.

use std::collections::HashMap;
use std::ops::Range;

use crate::Checkpoint;
use crate::model::ids::Pid;

use super::process_memory_map::Mapping;

/// All mappings of a checkpoint, by process and address.
#[derive(Debug)]
pub struct Mappings {
    by_pid: HashMap<Pid, Vec<Mapping>>,
    /// The views of shared memory, by its number.
    views: HashMap<u64, Vec<View>>,
}

/// Where a process sees a part of shared memory.
#[derive(Debug)]
struct View {
    pid: Pid,
    offsets: Range<u64>,
}

impl Mappings {
    /// Reads the table `process_memory_map`.
    pub fn of(checkpoint: &Checkpoint) -> Self {
        let mut mappings = Mappings { by_pid: HashMap::new(), views: HashMap::new() };
        for row in checkpoint.rows().process_memory_map() {
            if let Some(shared) = row.shared_id.filter(|_| row.permissions.ends_with('s')) {
                let len = row.end.0.saturating_sub(row.start.0);
                let view = View { pid: row.pid, offsets: row.offset..row.offset.saturating_add(len) };
                mappings.views.entry(shared).or_default().push(view);
            }
            mappings.by_pid.entry(row.pid).or_default().push(row);
        }
        mappings
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

    /// Other processes that share the same place of shared memory, found by the memory's id and the offset in it.
    pub fn sharing(&self, mapping: &Mapping, address: u64) -> Vec<Pid> {
        let Some(shared) = mapping.shared_id else { return Vec::new() };
        let offset = address.saturating_sub(mapping.start.0).saturating_add(mapping.offset);
        let views = self.views.get(&shared).map_or(&[][..], Vec::as_slice);
        let sees = |view: &&View| view.pid != mapping.pid && view.offsets.contains(&offset);
        let mut pids: Vec<Pid> = views.iter().filter(sees).map(|view| view.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }
}
