//! A walk over address spaces in the order of their addresses: what is here piece by piece, and how much is not between.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

use super::parallel;
use super::space::AddressSpace;
use super::view::{Missing, Origin, Owner};
use crate::int::usize_of;
use crate::model::ids::Pid;

/// Bytes of a part.
const PART: u64 = 64 << 10;

/// What is at a part of an address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartContent<'a> {
    /// Recorded bytes.
    Bytes(Cow<'a, [u8]>),
    /// Zeros of anonymous memory that nobody ever wrote to.
    Untouched,
    /// Nothing, and why.
    Missing(Missing),
}

/// A part of an address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The process.
    pub pid: Pid,
    /// Which of the ranges that were asked for of this process it is in, from 0.
    pub range: usize,
    /// First address.
    pub start: u64,
    /// Address behind the last byte.
    pub end: u64,
    /// What is there. Bytes come in parts of at most 64 KiB, anything else in one.
    pub content: PartContent<'a>,
    /// Recorded bytes right before it, at most 32; none where it does not go on from the part before.
    pub before: Vec<u8>,
}

/// A part whose bytes have not been read yet.
struct Planned<'a> {
    pid: Pid,
    space: AddressSpace<'a>,
    range: usize,
    start: u64,
    end: u64,
    /// `None`: recorded.
    absent: Option<PartContent<'a>>,
    goes_on: bool,
}

/// Walks through ranges of processes: `map` is called for each part, on any thread; `take` gets what it returned in order.
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
            Origin::Recorded { .. } => None,
            Origin::Untouched => Some(PartContent::Untouched),
            Origin::Missing(why) => Some(PartContent::Missing(why)),
        };
        let mut start = run.start;
        let mut goes_on = plan.last().is_some_and(|last| last.absent.is_none() && last.end == start);
        if absent.is_some() {
            plan.push(Planned { pid, space, range: number, start, end: run.end, absent, goes_on: false });
            continue;
        }
        // Runs that follow each other are one, wherever they come from, so that parts are of one size.
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
            Err((_, why)) => PartContent::Missing(why),
        }
    };
    Part { pid: *pid, range: *range, start, end, content, before }
}

impl<'a> AddressSpace<'a> {
    /// Bytes of a range for who goes through all memory once: copied where that leaves no pages behind in this process.
    fn pass(&self, from: u64, to: u64) -> Result<Cow<'a, [u8]>, (u64, Missing)> {
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

    /// Tells the kernel that a range will all be read.
    fn will_read(&self, from: u64, to: u64) {
        self.each_object(from, to, |space, owner, len| {
            if let Owner::Object { object, offset, .. } = owner {
                space.memory.objects.will_read(object, offset, offset.saturating_add(len));
            }
        });
    }

    /// Gives back to the kernel what was read of a range; it can be read again.
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
