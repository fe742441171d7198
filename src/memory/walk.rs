//! A walk over address spaces in address order: available bytes piece by piece, and the number of missing ones between.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

use super::parallel;
use super::space::AddressSpace;
use super::view::{Missing, MissingError, Origin, Owner};
use crate::int::usize_of;
use crate::model::ids::Pid;

/// Size of a part in bytes.
const PART: u64 = 64 << 10;

/// Contents of a part of an address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartContent<'a> {
    /// Recorded bytes.
    Bytes(Cow<'a, [u8]>),
    /// Zeros of anonymous memory that was never written to.
    Untouched,
    /// Missing, and why.
    Missing(Missing),
}

/// A part of an address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The process.
    pub pid: Pid,
    /// The number of the requested range of this process that contains the part, from 0.
    pub range: usize,
    /// First address.
    pub start: u64,
    /// Address after the last byte.
    pub end: u64,
    /// Contents. Bytes come in parts of at most 64 KiB, anything else in one part.
    pub content: PartContent<'a>,
    /// The recorded bytes right before the part, at most 32. Empty if the part does not continue the one before.
    pub before: Vec<u8>,
}

/// A part whose bytes have not been read yet.
struct Planned<'a> {
    pid: Pid,
    space: AddressSpace<'a>,
    range: usize,
    start: u64,
    end: u64,
    /// `None` means recorded.
    absent: Option<PartContent<'a>>,
    goes_on: bool,
}

/// Walks through ranges of processes. `map` is called for each part, on any thread; `take` gets the results in order.
pub(super) fn run<'a, T: Send>(
    wanted: &[(Pid, AddressSpace<'a>, Vec<Range<u64>>)],
    threads: usize,
    map: impl Fn(Part<'a>) -> T + Sync,
    mut take: impl FnMut(T) -> ControlFlow<()>,
) {
    // One process at a time, so that the plan stays small.
    for (pid, space, ranges) in wanted {
        let plan: Vec<Planned<'a>> =
            ranges.iter().enumerate().flat_map(|(number, range)| plan(*pid, *space, number, range)).collect();
        let mut stopped = false;
        let work = |number: usize| plan.get(number).map(|planned| map(read(planned)));
        parallel::in_order(
            plan.len(),
            threads,
            || work,
            |_, result| {
                let flow = result.map_or(ControlFlow::Continue(()), &mut take);
                stopped = flow.is_break();
                flow
            },
        );
        if stopped {
            return;
        }
    }
}

fn plan<'a>(pid: Pid, space: AddressSpace<'a>, number: usize, range: &Range<u64>) -> Vec<Planned<'a>> {
    let mut plan: Vec<Planned<'a>> = Vec::new();
    for run in space.runs(range.start, range.end) {
        let absent = match run.origin {
            Origin::Recorded { .. } | Origin::Given { .. } => None,
            Origin::Untouched => Some(PartContent::Untouched),
            Origin::Missing(why) => Some(PartContent::Missing(why)),
        };
        let mut start = run.start;
        let mut goes_on = plan.last().is_some_and(|last| last.absent.is_none() && last.end == start);
        if absent.is_some() {
            plan.push(Planned { pid, space, range: number, start, end: run.end, absent, goes_on: false });
            continue;
        }
        // Adjacent runs are merged, whatever their origin, so that parts have one size.
        if let Some(last) = plan.last_mut().filter(|_| goes_on) {
            let room = PART.saturating_sub(last.end.saturating_sub(last.start));
            last.end = last.end.saturating_add(room).min(run.end);
            start = last.end;
        }
        while start < run.end {
            let end = start.saturating_add(PART).min(run.end);
            plan.push(Planned { pid, space, range: number, start, end, absent: None, goes_on });
            start = end;
            goes_on = true;
        }
    }
    plan
}

fn read<'a>(planned: &Planned<'a>) -> Part<'a> {
    let Planned { pid, space, range, start, end, absent, goes_on } = planned;
    let (start, end) = (*start, *end);
    let mut before = Vec::new();
    let content = if let Some(absent) = absent {
        absent.clone()
    } else {
        if *goes_on {
            let from = start.saturating_sub(32);
            before = space.pass(from, start).map(Cow::into_owned).unwrap_or_default();
        }
        match space.pass(start, end) {
            Ok(bytes) => PartContent::Bytes(bytes),
            Err(error) => PartContent::Missing(error.why),
        }
    };
    Part { pid: *pid, range: *range, start, end, content, before }
}

impl<'a> AddressSpace<'a> {
    /// The bytes of a range, for a caller that goes through all memory once: copied if that leaves no pages in this
    /// process.
    fn pass(&self, from: u64, to: u64) -> Result<Cow<'a, [u8]>, MissingError> {
        let mut bytes = vec![0; usize_of(to.saturating_sub(from))];
        let (mut rest, mut at) = (bytes.as_mut_slice(), from);
        while !rest.is_empty() {
            let (len, owner) = self.owner(at, to.saturating_sub(at));
            let Owner::Object { object, offset, .. } = owner else { break };
            let Some((part, after)) = rest.split_at_mut_checked(usize_of(len)) else { break };
            if !self.memory.objects.copy(object, offset, part) {
                break;
            }
            (rest, at) = (after, at.saturating_add(len.max(1)));
        }
        if at == to {
            return Ok(Cow::Owned(bytes));
        }
        self.will_read(from, to);
        self.read(from, to.saturating_sub(from))
    }

    /// Tells the kernel that all of a range will be read.
    fn will_read(&self, from: u64, to: u64) {
        self.each_object(from, to, |space, owner, len| {
            if let Owner::Object { object, offset, .. } = owner {
                space.memory.objects.will_read(object, offset, offset.saturating_add(len));
            }
        });
    }

    /// Releases to the kernel what was read of a range. It can be read again.
    pub fn give_back(&self, from: u64, to: u64) {
        self.each_object(from, to, |space, owner, len| {
            if let Owner::Object { object, offset, .. } = owner {
                space.memory.objects.give_back(object, offset, offset.saturating_add(len));
            }
        });
    }

    fn each_object(&self, from: u64, to: u64, each: impl Fn(&Self, Owner<'_>, u64)) {
        let mut at = from;
        while let Some(most) = to.checked_sub(at).filter(|&most| most > 0) {
            let (len, owner) = self.owner(at, most);
            each(self, owner, len);
            at = at.saturating_add(len.max(1));
        }
    }
}
