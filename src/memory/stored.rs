//! The contents of shared memory and ghost files, as files: from beginning to end, piece by piece.

use std::ops::ControlFlow;

use super::Memory;
use super::ghost::Ghost;
use super::object::{Here, Object};
use super::view::{Content, Missing};
use crate::int::u64_of;

/// Bytes that are passed on at once.
pub(crate) const STEP: usize = 1 << 20;

/// Receives each piece with its offset, until it has enough.
pub(crate) type Take<'t> = dyn FnMut(u64, &Content<'_>) -> ControlFlow<()> + 't;

impl Memory {
    /// The numbers of the ghost files, in order.
    pub(crate) fn ghosts(&self) -> impl Iterator<Item = u64> + '_ {
        self.ghosts.keys().copied()
    }

    /// The ghost file with a number.
    pub(crate) fn ghost(&self, number: u64) -> Option<&Ghost> {
        self.ghosts.get(&number)
    }

    /// Passes on the contents of a ghost file of a given size.
    pub(crate) fn ghost_pieces(&self, number: u64, size: u64, take: &mut Take<'_>) -> ControlFlow<()> {
        let known = self.ghost(number).map_or(0, |ghost| ghost.known);
        self.object_pieces(self.objects.ghost(number), size, known, Content::Zeros, take)
    }

    /// Passes on the contents of shared memory of a given size.
    pub(crate) fn shared_pieces(&self, number: u64, size: u64, take: &mut Take<'_>) -> ControlFlow<()> {
        self.object_pieces(self.objects.shared(number), size, u64::MAX, Content::Untouched, take)
    }

    /// Passes on the pieces of an object. Bytes that were not stored are a hole up to `known`, and missing after it.
    fn object_pieces(
        &self,
        object: Option<&Object>,
        size: u64,
        known: u64,
        hole: impl Fn(u64) -> Content<'static>,
        take: &mut Take<'_>,
    ) -> ControlFlow<()> {
        let Some(object) = object else {
            return if size == 0 {
                ControlFlow::Continue(())
            } else {
                take(0, &Content::Missing(size, Missing::Truncated))
            };
        };
        let objects = &self.objects;
        let mut at = 0_u64;
        while at < size {
            let left = size.saturating_sub(at);
            let len = match objects.read(object, at, left) {
                Here::Bytes(bytes) => {
                    let mut from = at;
                    for part in bytes.chunks(STEP) {
                        take(from, &Content::Bytes(part.into()))?;
                        let to = from.saturating_add(u64_of(part.len()));
                        objects.give_back(object, from, to);
                        from = to;
                    }
                    u64_of(bytes.len())
                }
                Here::Zeros(len) => take(at, &Content::Zeros(len)).map_continue(|()| len)?,
                Here::Lost(len, why) => take(at, &Content::Missing(len, why.into())).map_continue(|()| len)?,
                Here::Unrecorded(len) if at >= known => {
                    take(at, &Content::Missing(len, Missing::Truncated)).map_continue(|()| len)?
                }
                Here::Unrecorded(len) => {
                    let len = len.min(known.saturating_sub(at));
                    take(at, &hole(len)).map_continue(|()| len)?
                }
            };
            // A read never returns length zero. If it did, this would still end.
            at = at.saturating_add(len.max(1));
        }
        ControlFlow::Continue(())
    }
}
