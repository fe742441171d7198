//! Waiting texts, one after another. Rows often repeat the same text, so recent ones are stored once.

use ::parquet::data_type::ByteArray;

/// Number of texts that are remembered.
const REMEMBERED: usize = 128;
/// Longest text that is remembered, in bytes.
const SHORT: usize = 512;
/// Longest text in bytes: sizes in a page have 31 bits.
const LONGEST: usize = 1 << 30;

/// Some texts.
#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    /// Start of each text in `bytes`, and its length.
    spans: Vec<(u32, u32)>,
    /// Positions of recent texts, by their hash.
    lately: Vec<(u32, u32)>,
}

impl Texts {
    /// Adds a text. Returns whether it was accepted.
    #[must_use]
    pub(super) fn push(&mut self, text: &[u8]) -> bool {
        let slot = (text.len() <= SHORT).then(|| slot(text));
        if let Some(&span) = slot.and_then(|slot| self.lately.get(slot))
            && self.at(span) == Some(text)
        {
            make_room(&mut self.spans, 1);
            self.spans.push(span);
            return true;
        }
        if text.len() > LONGEST {
            return false;
        }
        let (Ok(start), Ok(len)) = (u32::try_from(self.bytes.len()), u32::try_from(text.len())) else { return false };
        make_room(&mut self.bytes, text.len());
        self.bytes.extend_from_slice(text);
        make_room(&mut self.spans, 1);
        self.spans.push((start, len));
        if let Some(slot) = slot {
            self.lately.resize(REMEMBERED, (0, 0));
            if let Some(remembered) = self.lately.get_mut(slot) {
                *remembered = (start, len);
            }
        }
        true
    }

    /// Size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let spans = size_of::<(u32, u32)>().saturating_mul(self.spans.capacity().saturating_add(self.lately.len()));
        self.bytes.capacity().saturating_add(spans)
    }

    /// All texts, in the library's type.
    pub(super) fn into_values(self) -> impl Iterator<Item = ByteArray> {
        let bytes = ByteArray::from(self.bytes);
        let index = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        self.spans.into_iter().map(move |(start, len)| bytes.slice(index(start), index(len)))
    }

    fn at(&self, (start, len): (u32, u32)) -> Option<&[u8]> {
        let start = usize::try_from(start).ok()?;
        self.bytes.get(start..start.saturating_add(usize::try_from(len).ok()?))
    }
}

/// Makes room for more items. Doubling a list would leave up to half of it unused.
pub(super) fn make_room<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity().saturating_sub(list.len()) < more {
        list.reserve_exact(more.max(list.len() / 4).max(16));
    }
}

/// The slot of a text (FNV-1a).
fn slot(text: &[u8]) -> usize {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325, step);
    usize::try_from((hash >> 32) % crate::int::u64_of(REMEMBERED)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_takes_no_room_and_all_comes_back_in_order() {
        let mut texts = Texts::default();
        let long = vec![b'x'; SHORT + 1];
        let said: Vec<Vec<u8>> = (0..10_000_u32)
            .map(|n| match n % 4 {
                0 => b"/evidence/a.tar".to_vec(),
                1 => Vec::new(),
                2 => n.to_string().into_bytes(),
                _ => long.clone(),
            })
            .collect();
        assert!(said.iter().all(|text| texts.push(text)));
        let (numbers, longs) = (2_500 * 4, 2_500 * long.len());
        assert!(texts.bytes.len() < numbers + longs + 1_000, "{}", texts.bytes.len());
        assert!(texts.size() >= texts.bytes.len() + 8 * said.len());
        let back: Vec<Vec<u8>> = texts.into_values().map(|text| text.data().to_vec()).collect();
        assert_eq!(back, said);
    }
}
