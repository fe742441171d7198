//! Finds threads that have their leader's filters although nothing is recorded for them.

use crate::abi::seccomp::TSYNC;
use crate::images::proto::SeccompEntry;
use crate::images::{Images, Kind};
use crate::int::usize_of;
use crate::model::process::{Process, Seccomp, Unfiltered};
use crate::warning::Warnings;

/// If all threads of a process have the same filters, CRIU records them only for the leader, marks them with
/// `SECCOMP_FILTER_FLAG_TSYNC`, and records no mode for the other threads; on restore, the kernel gives them the
/// leader's filters. Without the mark, a thread without a mode has no filter.
pub(crate) fn note(images: Images<'_>, processes: &mut [Process]) {
    let mut marks: Option<Vec<bool>> = None;
    for process in processes.iter_mut().filter(|process| process.has_threads_without_mode()) {
        let leader = process.leader();
        let unfiltered = match leader.and_then(|leader| process.seccomp(leader)) {
            None => Unfiltered::Unknown,
            Some(Seccomp::Disabled | Seccomp::Strict) => Unfiltered::Free,
            Some(Seccomp::Filter) => {
                let last = leader.and_then(|leader| process.seccomp_filter(leader)).map(|last| usize_of(last.into()));
                let marks = marks.get_or_insert_with(|| read(images));
                match last.and_then(|last| marks.get(last)) {
                    Some(true) => Unfiltered::AsLeader,
                    Some(false) => Unfiltered::Free,
                    None => Unfiltered::Unknown,
                }
            }
        };
        process.note_unfiltered(unfiltered);
    }
}

/// Whether each filter has the mark. Faults of the image are reported when the filters themselves are read.
fn read(images: Images<'_>) -> Vec<bool> {
    let unheard = Warnings::new(images.limits);
    let images = Images { warnings: &unheard, ..images };
    let mut marks = Vec::new();
    images.each::<SeccompEntry>(Kind::Seccomp, 0, |entry, _, _| {
        marks.extend(entry.seccomp_filters.iter().map(|filter| filter.flags() & TSYNC != 0));
    });
    marks
}
