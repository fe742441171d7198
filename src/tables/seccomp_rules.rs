//! Table `seccomp_rules`.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::table::table;
use crate::Checkpoint;
use crate::abi;
use crate::abi::arch::Arch;
use crate::int::u64_of;
use crate::model::seccomp::{Answers, Effect, Filter};

table! {
    "seccomp_rules", key(filter, with_previous, architecture, actions), brief(filter, with_previous, architecture, actions, count, syscalls),
    event(Event::state(&["configuration"], "seccomp-rule"));
    /// What system call filters do: for each architecture and each answer, the calls that get it, the most lenient
    /// answer first. Found by following the program for every call with unknown arguments, so it holds for all
    /// arguments. A filter that is the same as an earlier one (`seccomp_filters.same_as`) has no rows of its own.
    pub struct SeccompRule {
        /// Number of the filter, from 0.
        pub filter: u64,
        /// `false`: the answer of this filter alone. `true`: the answer of this filter and all filters installed before
        /// it, which is what a thread with this filter gets. Only filters with earlier ones have rows with `true`.
        pub with_previous: bool,
        /// Architecture of the calling program: `x86_64`, `i386`, `x32`, `aarch64`, …; `other` for all that the machine
        /// does not run.
        pub architecture: &'static str,
        /// Possible actions: `allow`, `log`, `trace(N)`, `user_notif`, `errno(NAME)`, `trap`, `kill_thread`,
        /// `kill_process`, or `unknown` if the answer is computed from arguments. If there are several, the arguments
        /// decide.
        pub actions: Vec<Cow<'static, str>>,
        /// Whether arguments decide.
        pub conditional: bool,
        /// Number of calls listed.
        pub count: u64,
        /// The calls, by number. Calls without a name are printed as numbers.
        pub syscalls: Vec<Cow<'static, str>>,
        /// Whether all numbers that are not listed in any row get this answer.
        pub other_calls: bool,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = SeccompRule> + '_ {
    let arch = checkpoint.model().arch();
    let filters = checkpoint.seccomp().all().iter().enumerate().filter(|(_, filter)| filter.same_as.is_none());
    filters.flat_map(move |(index, filter)| of_filter(u64_of(index), filter, arch))
}

fn of_filter(index: u64, filter: &Filter, arch: Option<Arch>) -> Vec<SeccompRule> {
    let mut rows = Vec::new();
    for (with_previous, effects) in [(false, &filter.alone), (true, &filter.with_previous)] {
        for effect in effects.as_deref().unwrap_or_default() {
            rows.extend(of_effect(effect, arch).into_iter().map(|row| SeccompRule {
                filter: index,
                with_previous,
                ..row
            }));
        }
    }
    rows
}

fn of_effect(effect: &Effect, arch: Option<Arch>) -> Vec<SeccompRule> {
    type Calls = Vec<Cow<'static, str>>;
    let mut by_answers: BTreeMap<(bool, Vec<Reverse<i32>>, &Answers), Calls> = BTreeMap::new();
    let key = |answers| {
        let strictness: Vec<_> =
            lenient_first(answers).map(|answer| Reverse(abi::seccomp::strictness(answer))).collect();
        (answers.len() > 1, strictness, answers)
    };
    for (number, name, answers) in &effect.calls {
        match name {
            Some(name) => by_answers.entry(key(answers)).or_default().push(Cow::Borrowed(name)),
            // A number without a name matters only if it is treated differently from the others.
            None if *answers != effect.others => {
                by_answers.entry(key(answers)).or_default().push(Cow::Owned(number.to_string()));
            }
            None => {}
        }
    }
    by_answers.entry(key(&effect.others)).or_default();
    let rows = by_answers.into_iter().map(|((conditional, _, answers), syscalls)| SeccompRule {
        filter: 0,
        with_previous: false,
        architecture: effect.abi.map_or("other", |abi| abi.name),
        actions: actions_of(answers, arch),
        conditional,
        count: u64_of(syscalls.len()),
        syscalls,
        other_calls: *answers == effect.others,
    });
    rows.collect()
}

/// Known answers, the most lenient first.
fn lenient_first(answers: &Answers) -> impl Iterator<Item = u32> {
    let mut known: Vec<u32> = answers.iter().copied().flatten().collect();
    known.sort_by_key(|&answer| (Reverse(abi::seccomp::strictness(answer)), answer));
    known.into_iter()
}

/// Names of answers, the most lenient first.
pub(super) fn actions_of(answers: &Answers, arch: Option<Arch>) -> Vec<Cow<'static, str>> {
    let mut actions: Vec<_> = lenient_first(answers).map(|answer| abi::seccomp::action(answer, arch)).collect();
    actions.dedup();
    if answers.contains(&None) {
        actions.push(Cow::Borrowed("unknown"));
    }
    actions
}
