//! Lists a tar whose bytes can be borrowed. Only its headers are read; the contents of members stay where they are.

use super::contents::{Backing, Contents, Layout};
use super::input::{ContentsInput, Input};
use super::member::Member;
use super::tar::{Share, Stopped, Walker};
use crate::limits::Limits;
use crate::warning::Warnings;

/// The contents of a tar.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) members: Vec<Member>,
    /// Bytes of names and other metadata.
    pub(super) metadata: u64,
    /// Why it stopped early, if its share was too small.
    pub(super) stopped: Option<Stopped>,
}

/// The members of a tar at `layout`.
pub(super) fn members(layout: &Layout, backings: &[Backing], limits: &Limits, warnings: &Warnings) -> Vec<Member> {
    shared(layout, backings, None, limits, warnings).members
}

/// The members of one of several tars that share a limit.
pub(super) fn shared(
    layout: &Layout,
    backings: &[Backing],
    share: Option<Share>,
    limits: &Limits,
    warnings: &Warnings,
) -> Walked {
    let mut input = ContentsInput::new(Contents { layout, backings });
    let mut walker = Walker::new(limits, warnings).with(share);
    let mut members = Vec::new();
    while let Some(mut entry) = walker.next(&mut input) {
        let start = input.position();
        entry.member.layout = entry.layout(|stored_at, len, at| layout.slice(start.saturating_add(stored_at), len, at));
        let skipped = input.skip(entry.stored);
        if skipped < entry.stored {
            walker.cut(&entry.member, entry.stored.saturating_sub(skipped));
        }
        members.push(entry.member);
    }
    Walked { members, metadata: walker.metadata(), stopped: walker.stopped() }
}
