//! Table `seccomp_filters`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::seccomp_rules::actions_of;
use super::table::table;
use crate::Checkpoint;
use crate::abi;
use crate::abi::arch::Arch;
use crate::int::u64_of;
use crate::model::ids::{Pid, Tid};
use crate::model::seccomp::{Effect, Filter};

table! {
    "seccomp_filters", key(filter), brief(filter, previous, same_as, pids, instructions, flags, allowed, conditional, refused),
    event(Event::state(&["configuration"], "seccomp-filter"));
    /// System call filters (seccomp), in the order of the image. A thread is bound by its filter and by all filters
    /// installed before it; the kernel takes the strictest answer. Answers to single calls are in `seccomp_rules`,
    /// programs in `seccomp_instructions`.
    pub struct SeccompFilter {
        /// Number of the filter, from 0.
        pub filter: u64,
        /// The filter that was installed before this one on the same threads. Null if this was the first.
        pub previous: Option<u64>,
        /// First filter with the same program and the same filters before it. Null if this is the first. CRIU records
        /// the filters of each thread again.
        pub same_as: Option<u64>,
        /// Processes with a thread that the filter binds.
        pub pids: Arc<[Pid]>,
        /// Threads that the filter binds. If all threads of a process share a filter, CRIU records it only for the main
        /// thread.
        pub tids: Arc<[Tid]>,
        /// Flags that the filter was installed with, if the kernel reports them to CRIU: `log`. Null before CRIU 3.10.
        pub flags: Option<Vec<Cow<'static, str>>>,
        /// Number of instructions in the program. Null if the program is not valid.
        pub instructions: Option<u64>,
        /// Number of calls of the machine's own architecture that this filter alone always allows. This
        /// column and all after it are null if the program is not valid or too long to follow.
        pub allowed: Option<u64>,
        /// Number of calls that the filter allows depending on their arguments.
        pub conditional: Option<u64>,
        /// Number of calls that the filter never allows.
        pub refused: Option<u64>,
        /// Answers to numbers of the machine's own architecture that are not system calls.
        pub other_calls: Option<String>,
        /// Answers to programs of architectures that the machine does not run.
        pub other_architectures: Option<String>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = SeccompFilter> + '_ {
    let arch = checkpoint.model().arch();
    // The filters of a long chain bind one list of threads.
    let mut bound: HashMap<*const (Pid, Tid), Bound> = HashMap::new();
    checkpoint.seccomp().all().iter().enumerate().map(move |(index, filter)| {
        let bound = bound.entry(filter.threads.as_ptr()).or_insert_with(|| Bound::of(filter));
        row(u64_of(index), filter, bound.clone(), arch)
    })
}

/// What a filter binds.
#[derive(Clone)]
struct Bound {
    pids: Arc<[Pid]>,
    tids: Arc<[Tid]>,
}

impl Bound {
    fn of(filter: &Filter) -> Self {
        let processes = filter.processes();
        let pids = processes.keys().copied().collect();
        Bound { pids, tids: processes.into_values().flatten().collect() }
    }
}

fn row(index: u64, filter: &Filter, Bound { pids, tids }: Bound, arch: Option<Arch>) -> SeccompFilter {
    let effects = filter.alone.as_deref();
    let own = effects.and_then(<[Effect]>::first);
    let counts = own.map(counts);
    let foreign = effects.and_then(<[Effect]>::last);
    SeccompFilter {
        filter: index,
        previous: filter.previous,
        same_as: filter.same_as,
        pids,
        tids,
        flags: filter.flags.map(|flags| abi::names_of(flags.into(), abi::seccomp::FLAGS)),
        instructions: filter.program.as_ref().map(|program| u64_of(program.0.len())),
        allowed: counts.map(|counts| counts.allowed),
        conditional: counts.map(|counts| counts.conditional),
        refused: counts.map(|counts| counts.refused),
        other_calls: own.map(|effect| actions_of(&effect.others, arch).join(" or ")),
        other_architectures: foreign.map(|effect| actions_of(&effect.others, arch).join(" or ")),
    }
}

/// Number of named calls that are allowed.
#[derive(Clone, Copy, Default)]
struct Counts {
    allowed: u64,
    conditional: u64,
    refused: u64,
}

fn counts(effect: &Effect) -> Counts {
    let mut counts = Counts::default();
    for (_, _, answers) in effect.calls.iter().filter(|(_, name, _)| name.is_some()) {
        let allows = |answer: &Option<u32>| answer.map(abi::seccomp::allows);
        let all_allow = answers.iter().all(|answer| allows(answer) == Some(true));
        let none_allows = answers.iter().all(|answer| allows(answer) == Some(false));
        let count = match (all_allow, none_allows) {
            (true, _) => &mut counts.allowed,
            (_, true) => &mut counts.refused,
            _ => &mut counts.conditional,
        };
        *count = count.saturating_add(1);
    }
    counts
}
