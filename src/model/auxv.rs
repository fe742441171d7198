//! The auxiliary vector that the kernel gave a program at its start.

use super::ids::Address;

/// `AT_PAGESZ`.
pub const PAGE_SIZE: u64 = 6;
/// `AT_ENTRY`.
pub const ENTRY: u64 = 9;

/// The auxiliary vector: keys and values of `mm_entry.mm_saved_auxv`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auxv(Vec<(u64, u64)>);

impl Auxv {
    /// Reads the recorded words. CRIU reads `/proc/PID/auxv` as 64-bit words, so for a 32-bit task each word holds a
    /// pair with the key in its low half. The list may lack its closing pair of zeros, because CRIU cuts it.
    pub(crate) fn from_words(words: &[u64], compat: bool) -> Self {
        let pairs: Vec<(u64, u64)> = if compat {
            words.iter().map(|word| (word & 0xffff_ffff, word >> 32)).collect()
        } else {
            words.as_chunks::<2>().0.iter().map(|&[key, value]| (key, value)).collect()
        };
        let end = pairs.iter().position(|(key, _)| *key == 0).unwrap_or(pairs.len());
        Auxv(pairs.into_iter().take(end).collect())
    }

    /// Returns the value of a key.
    pub fn get(&self, key: u64) -> Option<u64> {
        self.0.iter().find(|(k, _)| *k == key).map(|&(_, value)| value)
    }

    /// Returns the program's entry point.
    pub fn entry(&self) -> Option<Address> {
        self.get(ENTRY).map(Address)
    }

    /// Returns all pairs except the closing one.
    pub fn pairs(&self) -> &[(u64, u64)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_both_word_sizes() {
        let native = Auxv::from_words(&[33, 0x7fff_f000, 6, 4096, 0, 0, 9, 9], false);
        assert_eq!((native.get(6), native.get(9), native.pairs().len()), (Some(4096), None, 2));
        let compat = Auxv::from_words(&[4096 << 32 | 6, 0x0804_9000 << 32 | 9], true);
        assert_eq!((compat.get(6), compat.entry()), (Some(4096), Some(Address(0x0804_9000))));
        assert_eq!(Auxv::from_words(&[6], false).pairs(), []);
    }
}
