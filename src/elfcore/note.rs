//! A note of a core file.

use std::io;

use super::encode::too_large;

/// Name of the notes that all Unix systems have.
pub(super) const CORE: &[u8] = b"CORE\0";
/// Name of the notes that only Linux has.
pub(super) const LINUX: &[u8] = b"LINUX\0";

/// Floating-point registers.
pub(super) const NT_PRFPREG: u32 = 2;

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// Name of the author of the note type, with its NUL.
    pub(super) name: &'static [u8],
    /// `NT_*`.
    pub(super) kind: u32,
    pub(super) body: Vec<u8>,
}

impl Note {
    pub(super) fn core(kind: u32, body: Vec<u8>) -> Self {
        Note { name: CORE, kind, body }
    }

    /// Appends the note, padded to words.
    ///
    /// # Errors
    ///
    /// If it is too large.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| too_large());
        for number in [len(self.name)?, len(&self.body)?, self.kind] {
            out.extend(number.to_le_bytes());
        }
        for bytes in [self.name, &self.body] {
            out.extend(bytes);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_padded_to_words() {
        let mut bytes = Vec::new();
        Note { name: LINUX, kind: 0x202, body: vec![1; 5] }.encode(&mut bytes).unwrap();
        assert_eq!(bytes, *b"\x06\0\0\0\x05\0\0\0\x02\x02\0\0LINUX\0\0\0\x01\x01\x01\x01\x01\0\0\0");
    }
}
