//! Classes of bytes: those of words, paths, URLs and hashes.

/// The classes.
pub(super) const WORD: u8 = 1;
pub(super) const PATH: u8 = 2;
pub(super) const URL: u8 = 4;
pub(super) const HEX: u8 = 8;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut all = [0_u8; 256];
    let mut byte = 0_u8;
    loop {
        let is_word = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let is_path = is_word || matches!(byte, b'/' | b'+' | b'~' | b'%');
        let is_url =
            byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
        let mut class = 0;
        if is_word {
            class |= WORD;
        }
        if is_path {
            class |= PATH;
        }
        if is_url {
            class |= URL;
        }
        if byte.is_ascii_hexdigit() {
            class |= HEX;
        }
        set(&mut all, byte, class);
        if byte == 255 {
            return all;
        }
        byte = byte.wrapping_add(1);
    }
}

#[expect(clippy::indexing_slicing, clippy::as_conversions, reason = "a byte is a place in a table of 256")]
const fn set(all: &mut [u8; 256], byte: u8, class: u8) {
    all[byte as usize] = class;
}

#[inline]
pub(super) fn is(byte: u8, class: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|of| of & class != 0)
}

#[inline]
pub(super) fn is_at(bytes: &[u8], at: usize, class: u8) -> bool {
    bytes.get(at).is_some_and(|&byte| is(byte, class))
}
