//! The mapping of an address: for rows that tell where in memory something is.

use std::collections::HashMap;

use crate::Checkpoint;
use crate::model::ids::Pid;

use super::process_memory_map::Mapping;

/// All mappings of a checkpoint, by process and address.
#[derive(Debug)]
pub struct Mappings(HashMap<Pid, Vec<Mapping>>);

impl Mappings {
    /// Reads the table `process_memory_map`.
    pub fn of(checkpoint: &Checkpoint) -> Self {
        let mut mappings: HashMap<Pid, Vec<Mapping>> = HashMap::new();
        for row in checkpoint.rows().process_memory_map() {
            mappings.entry(row.pid).or_default().push(row);
        }
        Mappings(mappings)
    }

    /// The mappings of a process, by address.
    pub fn of_process(&self, pid: Pid) -> &[Mapping] {
        self.0.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// The mapping in which an address lies.
    pub fn at(&self, pid: Pid, address: u64) -> Option<&Mapping> {
        let mappings = self.of_process(pid);
        let after = mappings.partition_point(|mapping| mapping.start.0 <= address);
        mappings.get(after.checked_sub(1)?).filter(|mapping| address < mapping.end.0)
    }

    /// Other processes that see a place of shared memory: the number of the memory, and the offset in it.
    pub fn sharing(&self, mapping: &Mapping, address: u64) -> Vec<Pid> {
        let Some(shared) = mapping.shared_id else { return Vec::new() };
        let offset = address.saturating_sub(mapping.start.0).saturating_add(mapping.offset);
        let sees = |other: &Mapping| {
            let len = other.end.0.saturating_sub(other.start.0);
            other.shared_id == Some(shared)
                && (other.offset..other.offset.saturating_add(len)).contains(&offset)
                && other.permissions.ends_with('s')
        };
        let others = self.0.iter().filter(|(pid, list)| **pid != mapping.pid && list.iter().any(sees));
        let mut pids: Vec<Pid> = others.map(|(&pid, _)| pid).collect();
        pids.sort_unstable();
        pids
    }
}
