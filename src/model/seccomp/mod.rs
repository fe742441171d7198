//! System call filters and the threads that they bind: `seccomp.img`, which CRIU has written since 1.8.

mod effect;
mod shared;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::bpf::Program;
use super::ids::{Pid, Tid};
use super::{EngineFiles, Model};
use crate::abi::seccomp::TSYNC;
use crate::abi::syscall;
use crate::images::proto::SeccompEntry;
use crate::images::{ByteOrder, Images, Kind};
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::warning::Code;

pub use effect::{Answers, Calls, Effect};
pub(crate) use shared::note as note_shared;

/// Threads, each with its process.
pub type Threads = Arc<[(Pid, Tid)]>;

/// A system call filter.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The filter that was installed before this one.
    pub previous: Option<u64>,
    /// Flags that the filter was installed with, without CRIU's own mark; `None` before CRIU 3.10.
    pub flags: Option<u32>,
    /// The program; `None` if the bytes are not valid.
    pub program: Option<Arc<Program>>,
    /// The first filter in the image with the same program and flags and the same filters before it. CRIU stores the
    /// filters of each thread again.
    pub same_as: Option<u64>,
    /// Threads that the filter binds. Filters that bind the same threads share one list, because chains may be long.
    pub threads: Threads,
    /// The filter's answers; `None` if its program is not valid or too long to follow.
    pub alone: Option<Arc<[Effect]>>,
    /// The combined answers of the filter and all filters before it; `None` if it is the first, or if one of them is
    /// unknown.
    pub with_previous: Option<Arc<[Effect]>>,
}

/// All filters.
#[derive(Debug, Default)]
pub struct Filters {
    filters: Vec<Filter>,
}

impl Filters {
    /// The filters, in the order of the image.
    pub fn all(&self) -> &[Filter] {
        &self.filters
    }
}

/// Reads all filters, and follows each program once.
pub(crate) fn read(images: Images<'_>, model: &Model, _engine_files: &EngineFiles<'_>) -> Filters {
    let mut filters = decode(images, model.byte_order());
    bind(&mut filters, images, model);
    note_same(&mut filters);
    follow(&mut filters, images, model);
    Filters { filters }
}

fn decode(images: Images<'_>, order: ByteOrder) -> Vec<Filter> {
    let mut filters: Vec<Filter> = Vec::new();
    let mut programs: HashMap<Vec<u8>, Arc<Program>> = HashMap::new();
    images.each::<SeccompEntry>(Kind::Seccomp, 0, |entry, _, place| {
        for filter in entry.seccomp_filters {
            let index = u64_of(filters.len());
            let warn = |message: String| images.warnings.push(Code::FilterInvalid, place(), || message);
            let previous = filter.prev.map(u64::from).filter(|&previous| {
                let is_before = previous < index;
                if !is_before {
                    warn(format!(
                        "filter {index} refers to filter {previous}, which does not come before it; reference ignored"
                    ));
                }
                is_before
            });
            let bytes = filter.filter.unwrap_or_default();
            let program = match programs.get(&bytes) {
                Some(program) => Some(Arc::clone(program)),
                None => match Program::parse(&bytes, order) {
                    Ok(program) => {
                        if let Err(why) = effect::check(&program) {
                            warn(format!("filter {index}: {why}; the kernel would refuse the program"));
                        }
                        let program = Arc::new(program);
                        programs.insert(bytes, Arc::clone(&program));
                        Some(program)
                    }
                    Err(why) => {
                        warn(format!("filter {index}: {why}"));
                        None
                    }
                },
            };
            filters.push(Filter {
                previous,
                // The mark is CRIU's own: the kernel does not report whether a program set the flag.
                flags: filter.flags.map(|flags| flags & !TSYNC),
                program,
                same_as: None,
                threads: Arc::default(),
                alone: None,
                with_previous: None,
            });
        }
    });
    filters
}

/// Finds the threads that each filter binds: those whose filter it is, and those of all later filters in the chain.
fn bind(filters: &mut [Filter], images: Images<'_>, model: &Model) {
    let mut named: HashMap<usize, Vec<(Pid, Tid)>> = HashMap::new();
    for process in model.processes() {
        for thread in &process.threads {
            let Some(last) = process.seccomp_filter(thread) else { continue };
            if filters.get(usize_of(last.into())).is_none() {
                let count = filters.len();
                images.warnings.push(Code::FilterInvalid, images.place(Kind::Core, thread.tid.0.into()), || {
                    format!("the thread's filter is {last}, but the archive has only {count} filters")
                });
                continue;
            }
            named.entry(usize_of(last.into())).or_default().push((process.pid(), thread.tid));
        }
    }
    // A filter always comes before those installed after it, so one pass from the end passes all threads on.
    let most = images.limits.records;
    let mut left = most;
    let mut after: HashMap<usize, Vec<Threads>> = HashMap::new();
    for (index, filter) in filters.iter_mut().enumerate().rev() {
        let (own, lists) = (named.remove(&index).unwrap_or_default(), after.remove(&index).unwrap_or_default());
        filter.threads = match lists.as_slice() {
            [one] if own.is_empty() => Arc::clone(one),
            _ => {
                let len = lists.iter().map(|list| list.len()).fold(own.len(), usize::saturating_add);
                let Some(rest) = left.checked_sub(u64_of(len)) else {
                    images.warnings.push(&Limits::RECORDS, images.place(Kind::Seccomp, 0), || {
                        format!(
                            "filters apply to threads more than {most} times in total; the threads of filter {index} were skipped"
                        )
                    });
                    continue;
                };
                left = rest;
                let mut all = own;
                all.extend(lists.iter().flat_map(|list| list.iter().copied()));
                all.sort_unstable();
                all.dedup();
                all.into()
            }
        };
        if let Some(previous) = filter.previous.filter(|_| !filter.threads.is_empty()) {
            after.entry(usize_of(previous)).or_default().push(Arc::clone(&filter.threads));
        }
    }
}

fn note_same(filters: &mut [Filter]) {
    type Identity = (Option<Arc<Program>>, Option<u32>, Option<u64>);
    let mut first: HashMap<Identity, u64> = HashMap::new();
    for index in 0..filters.len() {
        let of_previous = filters.get(index).and_then(|filter| filter.previous).map(|previous| {
            let same = filters.get(usize_of(previous)).and_then(|filter| filter.same_as);
            same.unwrap_or(previous)
        });
        let Some(filter) = filters.get_mut(index) else { continue };
        if filter.program.is_none() {
            continue;
        }
        let first = *first.entry((filter.program.clone(), filter.flags, of_previous)).or_insert(u64_of(index));
        filter.same_as = (first != u64_of(index)).then_some(first);
    }
}

/// Follows every program for every call. One budget bounds the work for all of them.
fn follow(filters: &mut [Filter], images: Images<'_>, model: &Model) {
    let Some(arch) = model.arch() else { return };
    let abis = syscall::abis(arch, model.byte_order() == ByteOrder::Big);
    let calls = Calls::of(abis, filters.iter().filter_map(|filter| filter.program.as_deref()));
    let mut budget = effect::Budget::of(images.limits.filter_steps);
    let mut known: HashMap<Arc<Program>, Option<Arc<[Effect]>>> = HashMap::new();
    for index in 0..filters.len() {
        let Some(filter) = filters.get(index) else { continue };
        let same = filter.same_as.and_then(|same| filters.get(usize_of(same)));
        let (alone, with_previous) = match (same, &filter.program) {
            (Some(same), _) => (same.alone.clone(), same.with_previous.clone()),
            (None, None) => (None, None),
            (None, Some(program)) => {
                let answers = known.entry(Arc::clone(program));
                let alone = answers.or_insert_with(|| effect::of(program, &calls, &mut budget)).clone();
                let previous = filter.previous.and_then(|previous| filters.get(usize_of(previous)));
                let before = previous.and_then(|previous| match previous.previous {
                    Some(_) => previous.with_previous.as_deref(),
                    None => previous.alone.as_deref(),
                });
                let with_previous =
                    before.zip(alone.as_deref()).and_then(|(before, alone)| effect::both(before, alone, &mut budget));
                (alone, with_previous)
            }
        };
        if let Some(filter) = filters.get_mut(index) {
            filter.alone = alone;
            filter.with_previous = with_previous;
        }
    }
    if budget.is_spent() {
        images.warnings.push(&Limits::FILTER_STEPS, images.place(Kind::Seccomp, 0), || {
            let most = images.limits.filter_steps;
            format!("following all filters takes more than {most} steps; what the last ones do is unknown")
        });
    }
}

impl Filter {
    /// The processes with threads that the filter binds, and those threads.
    pub fn processes(&self) -> BTreeMap<Pid, Vec<Tid>> {
        let mut processes: BTreeMap<Pid, Vec<Tid>> = BTreeMap::new();
        for &(pid, tid) in self.threads.iter() {
            processes.entry(pid).or_default().push(tid);
        }
        processes
    }
}
