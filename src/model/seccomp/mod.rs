//! Filters of system calls, and whom they bind: `seccomp.img`, which CRIU writes since 1.8.

mod effect;
mod shared;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::bpf::Program;
use super::ids::{Pid, Tid};
use super::{Model, Side};
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

/// A filter.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The filter that was installed before it.
    pub previous: Option<u64>,
    /// Flags that the program installed it with, without CRIU's own mark; `None` before CRIU 3.10.
    pub flags: Option<u32>,
    /// Its program; `None` if the bytes are none.
    pub program: Option<Arc<Program>>,
    /// The first filter of the image that has the same program and flags, and the same filters before it. CRIU stores
    /// the filters of each thread anew.
    pub same_as: Option<u64>,
    /// Threads that it binds. One list for all filters that bind the same: chains of them may be long.
    pub threads: Threads,
    /// What it answers; `None` if its program cannot be one of the kernel's, or is too long to be followed.
    pub alone: Option<Arc<[Effect]>>,
    /// What it and all filters before it answer together; `None` where it is the first, or one of them is not known.
    pub with_previous: Option<Arc<[Effect]>>,
}

/// All filters.
#[derive(Debug, Default)]
pub struct Filters {
    filters: Vec<Filter>,
}

impl Filters {
    /// They, in the order of the image.
    pub fn all(&self) -> &[Filter] {
        &self.filters
    }
}

/// Reads all filters, and follows each program once.
pub(crate) fn read(images: Images<'_>, model: &Model, _side: &Side<'_>) -> Filters {
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
                    warn(format!("filter {index} comes after filter {previous}, which is not before it; left out"));
                }
                is_before
            });
            let bytes = filter.filter.unwrap_or_default();
            let program = match programs.get(&bytes) {
                Some(program) => Some(Arc::clone(program)),
                None => match Program::of_bytes(&bytes, order) {
                    Ok(program) => {
                        if let Err(why) = effect::check(&program) {
                            warn(format!("filter {index}: {why}; the kernel takes no such program"));
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
                // The mark is CRIU's own: the kernel does not tell whether a program set it.
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

/// Which threads a filter binds: those that name it, or a filter that came after it.
fn bind(filters: &mut [Filter], images: Images<'_>, model: &Model) {
    let mut named: HashMap<usize, Vec<(Pid, Tid)>> = HashMap::new();
    for process in model.processes() {
        for thread in &process.threads {
            let Some(last) = process.seccomp_filter(thread) else { continue };
            if filters.get(usize_of(last.into())).is_none() {
                let count = filters.len();
                images.warnings.push(Code::FilterInvalid, images.place(Kind::Core, thread.tid.0.into()), || {
                    format!("the thread's calls are filtered by program {last}, and the archive has {count}")
                });
                continue;
            }
            named.entry(usize_of(last.into())).or_default().push((process.pid(), thread.tid));
        }
    }
    // A filter is always before those that came after it, so one pass from the end hands all threads down.
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
                        format!("filters bind threads more than {most} times: whom filter {index} binds is left out")
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

/// Follows every program for every call. What it costs is bounded for all of them together.
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
            format!("following all filters takes more than {most} steps: what the last ones answer is not known")
        });
    }
}

impl Filter {
    /// The processes of which it binds a thread, with those threads.
    pub fn processes(&self) -> BTreeMap<Pid, Vec<Tid>> {
        let mut processes: BTreeMap<Pid, Vec<Tid>> = BTreeMap::new();
        for &(pid, tid) in self.threads.iter() {
            processes.entry(pid).or_default().push(tid);
        }
        processes
    }
}
