//! Data shared by the files of all processes, read once.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::{cgroup, mounts, net};
use crate::Checkpoint;
use crate::abi::device::Device;
use crate::images::Kind;
use crate::images::proto::{CgroupEntry, SeccompEntry, UsernsEntry};
use crate::model::file::File;

/// Number of `/dev/ptmx`, whose terminal belongs to no session.
const MASTER: Device = Device { major: 5, minor: 2 };

/// Data shared by the files of all processes.
#[derive(Debug, Default)]
pub(super) struct Common<'c> {
    /// For each seccomp filter, the number of filters in the chain that ends with it. `None` if the chain is broken or has
    /// a cycle.
    chains: Vec<Option<usize>>,
    /// Lines of `/proc/PID/cgroup`, by number of the set.
    cgroups: HashMap<u32, Vec<u8>>,
    /// Device and foreground group of the terminal, by session.
    terminals: HashMap<u32, (u32, u32)>,
    /// Mounts, by mount namespace.
    mounts: HashMap<u32, mounts::Table<'c>>,
    users: RefCell<HashMap<u64, Option<Rc<UsernsEntry>>>>,
    net: OnceCell<net::Index<'c>>,
}

impl<'c> Common<'c> {
    pub(super) fn read(checkpoint: &'c Checkpoint) -> Self {
        let images = checkpoint.reader(checkpoint.images());
        let mut common = Common::default();
        if images.has(Kind::Seccomp, 0) {
            let filters = images.one::<SeccompEntry>(Kind::Seccomp, 0).unwrap_or_default().seccomp_filters;
            let previous: Vec<_> = filters.iter().map(|filter| filter.prev).collect();
            common.chains = chains(&previous);
        }
        if images.has(Kind::Cgroup, 0) {
            let sets = images.one::<CgroupEntry>(Kind::Cgroup, 0).unwrap_or_default().sets;
            common.cgroups = sets.iter().map(|set| (set.id(), cgroup::lines(&set.ctls))).collect();
        }
        common.mounts = mounts::Table::of_all(checkpoint.model().mounts());
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
        *self.chains.get(usize::try_from(last).ok()?)?
    }

    /// The mounts of a mount namespace.
    pub(super) fn mounts(&self, namespace: u32) -> Option<&mounts::Table<'c>> {
        self.mounts.get(&namespace)
    }

    /// A user namespace, which is read once.
    pub(super) fn users(&self, number: u64, read: impl FnOnce() -> Option<UsernsEntry>) -> Option<Rc<UsernsEntry>> {
        self.users.borrow_mut().entry(number).or_insert_with(|| read().map(Rc::new)).clone()
    }

    /// What network namespaces have.
    pub(super) fn net(&self, checkpoint: &'c Checkpoint) -> &net::Index<'c> {
        self.net.get_or_init(|| net::Index::of(checkpoint))
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

/// The number of filters in the chain that ends with each, given the previous filter of each.
fn chains(previous: &[Option<u32>]) -> Vec<Option<usize>> {
    let mut lens = vec![None; previous.len()];
    let mut seen = vec![false; previous.len()];
    for start in 0..previous.len() {
        let mut walk = Vec::new();
        let mut next = Some(start);
        let mut len = loop {
            let Some(here) = next else { break Some(0) };
            // One that was seen has its length already. If it is in this walk, the chain has a cycle and no length.
            match seen.get_mut(here) {
                None => break None,
                Some(true) => break lens.get(here).copied().flatten(),
                Some(seen) => *seen = true,
            }
            walk.push(here);
            next = previous.get(here).copied().flatten().map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        };
        for here in walk.into_iter().rev() {
            len = len.map(|len: usize| len.saturating_add(1));
            if let Some(known) = lens.get_mut(here) {
                *known = len;
            }
        }
    }
    lens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_of_filters_end() {
        let chains = chains(&[None, Some(0), Some(1), Some(3), Some(9)]);
        let common = Common { chains, ..Common::default() };
        assert_eq!((common.chain_of_filters(0), common.chain_of_filters(2)), (Some(1), Some(3)));
        assert_eq!(common.chain_of_filters(3), None, "a circle");
        assert_eq!(
            (common.chain_of_filters(4), common.chain_of_filters(7)),
            (None, None),
            "filters that are not there"
        );
    }
}
