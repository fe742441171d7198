//! Bytes of queues and files as rows show them: text, hexadecimal and a hash of all bytes.

use std::borrow::Cow;

use bstr::BString;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::Checkpoint;
use crate::images::Span;
use crate::int::u64_of;

/// Greatest number of bytes in a row. Longer contents are cut to this.
const MOST: usize = 64 << 10;

/// The columns that show some bytes.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The first 64 KiB.
    pub(super) text: Option<BString>,
    /// The same in hexadecimal.
    pub(super) hex: Option<String>,
    /// SHA-256 of all bytes. `None` if some are missing.
    pub(super) sha256: Option<String>,
    /// Number of missing bytes.
    pub(super) missing: Option<u64>,
}

impl Shown {
    /// Shows `bytes`, of which there should be `len`.
    pub(super) fn of(bytes: &[u8], len: u64) -> Self {
        let first = bytes.get(..MOST).unwrap_or(bytes);
        let missing = len.saturating_sub(u64_of(bytes.len()));
        Shown {
            text: Some(first.into()),
            hex: Some(HEXLOWER.encode(first)),
            sha256: (missing == 0).then(|| HEXLOWER.encode(&Sha256::digest(bytes))),
            missing: Some(missing),
        }
    }
}

/// The bytes of a span, up to the first missing one.
pub(super) fn bytes_of(checkpoint: &Checkpoint, span: Span) -> Cow<'_, [u8]> {
    checkpoint.reader(checkpoint.images()).bytes_of(span)
}

/// Shows the bytes of a span.
pub(super) fn shown(checkpoint: &Checkpoint, span: Span) -> Shown {
    Shown::of(&bytes_of(checkpoint, span), span.len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_bytes_are_cut_but_hashed_as_a_whole() {
        let bytes = vec![b'a'; 70_000];
        let shown = Shown::of(&bytes, 70_000);
        assert_eq!((shown.text.unwrap().len(), shown.hex.unwrap().len()), (65_536, 131_072));
        assert_eq!((shown.sha256.unwrap(), shown.missing.unwrap()), (HEXLOWER.encode(&Sha256::digest(&bytes)), 0));
    }

    #[test]
    fn what_is_not_all_here_has_no_hash() {
        let shown = Shown::of(b"abc", 5);
        assert_eq!((shown.text.unwrap(), shown.sha256, shown.missing.unwrap()), ("abc".into(), None, 2));
    }

    #[test]
    fn nothing_is_something_that_is_known() {
        let shown = Shown::of(b"", 0);
        assert_eq!(shown.hex.as_deref(), Some(""));
        assert!(shown.sha256.unwrap().starts_with("e3b0c442"));
    }
}
