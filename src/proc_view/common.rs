//! Data shared by the files of all processes, read once.

use std::collections::{HashMap, HashSet};

use super::cgroup;
use crate::Checkpoint;
use crate::abi::device::Device;
use crate::images::Kind;
use crate::images::proto::{CgroupEntry, SeccompEntry};
use crate::model::file::File;

/// Number of `/dev/ptmx`, whose terminal belongs to no session.
const MASTER: Device = Device { major: 5, minor: 2 };

/// Data shared by the files of all processes.
#[derive(Debug, Default)]
pub(super) struct Common {
    /// For each seccomp filter, the previous one.
    filters: Vec<Option<u32>>,
    /// Lines of `/proc/PID/cgroup`, by number of the set.
    cgroups: HashMap<u32, Vec<u8>>,
    /// Device and foreground group of the terminal, by session.
    terminals: HashMap<u32, (u32, u32)>,
}

impl Common {
    pub(super) fn read(checkpoint: &Checkpoint) -> Self {
        let images = checkpoint.reader(checkpoint.images());
        let mut common = Common::default();
        if images.has(Kind::Seccomp, 0) {
            let filters = images.one::<SeccompEntry>(Kind::Seccomp, 0).unwrap_or_default().seccomp_filters;
            common.filters = filters.iter().map(|filter| filter.prev).collect();
        }
        if images.has(Kind::Cgroup, 0) {
            let sets = images.one::<CgroupEntry>(Kind::Cgroup, 0).unwrap_or_default().sets;
            common.cgroups = sets.iter().map(|set| (set.id(), cgroup::lines(&set.ctls))).collect();
        }
        let files = checkpoint.model().files();
        for (_, file) in files.iter() {
            let File::Tty(entry) = file else { continue };
            let Some(info) = files.terminal(entry) else { continue };
            if info.sid() != 0 && Device::from_stat(info.rdev()) != MASTER {
                common.terminals.insert(info.sid(), (info.rdev(), info.pgrp()));
            }
        }
        common
    }

    /// Number of filters in the chain that ends with one. `None` if the chain is broken or has a cycle.
    pub(super) fn chain_of_filters(&self, last: u32) -> Option<usize> {
        let mut seen = HashSet::new();
        let mut next = Some(last);
        while let Some(number) = next {
            next = *self.filters.get(usize::try_from(number).ok()?)?;
            if !seen.insert(number) {
                return None;
            }
        }
        Some(seen.len())
    }

    /// Lines of `/proc/PID/cgroup` of a set.
    pub(super) fn cgroups(&self, set: u32) -> Option<&[u8]> {
        self.cgroups.get(&set).map(Vec::as_slice)
    }

    /// Device and foreground group of the terminal of a session. 0 if there is none.
    pub(super) fn terminal_of(&self, session: Option<u32>) -> (u32, u32) {
        session.and_then(|session| self.terminals.get(&session)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_of_filters_end() {
        let common = Common { filters: vec![None, Some(0), Some(1), Some(3), Some(9)], ..Common::default() };
        assert_eq!((common.chain_of_filters(0), common.chain_of_filters(2)), (Some(1), Some(3)));
        assert_eq!(common.chain_of_filters(3), None, "a circle");
        assert_eq!(
            (common.chain_of_filters(4), common.chain_of_filters(7)),
            (None, None),
            "filters that are not there"
        );
    }
}
