//! Pages in web applications that are packed.

use std::io::Read;

use bstr::{BString, ByteSlice};

use super::super::common::extension;
use crate::int::u64_of;

/// Most bytes of a page that are read.
const PAGE: u64 = 256 << 10;
/// Most pages of an application that are read.
const PAGES: usize = 512;

/// The pages in Java of a packed web application, as far as its bytes go.
pub(super) fn pages(bytes: &[u8]) -> impl Iterator<Item = (BString, Vec<u8>)> + '_ {
    bytes.find_iter(b"PK\x03\x04").filter_map(|at| page(bytes.get(at..)?)).take(PAGES)
}

/// The page whose header bytes begin with.
fn page(header: &[u8]) -> Option<(BString, Vec<u8>)> {
    let short = |at: usize| {
        let end = at.saturating_add(2);
        header.get(at..end).and_then(|bytes| bytes.try_into().ok()).map(u16::from_le_bytes).map(usize::from)
    };
    let (method, name_len, extra) = (short(8)?, short(26)?, short(28)?);
    let size: [u8; 4] = header.get(18..22)?.try_into().ok()?;
    let name_end = name_len.saturating_add(30);
    let name = header.get(30..name_end)?;
    if !matches!(extension(name).as_slice(), b"jsp" | b"jspx" | b"jspf") {
        return None;
    }
    let data = header.get(name_end.saturating_add(extra)..)?;
    let mut text = Vec::new();
    match method {
        0 => {
            let size = crate::int::usize_of(u64::from(u32::from_le_bytes(size)));
            text = data.get(..size.min(crate::int::usize_of(PAGE)))?.to_vec();
        }
        // The end may be missing: what is there is read.
        8 => drop(flate2::read::DeflateDecoder::new(data).take(PAGE).read_to_end(&mut text)),
        _ => return None,
    }
    debug_assert!(u64_of(text.len()) <= PAGE);
    (!text.is_empty()).then(|| (name.into(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_unpacked() {
        let mut bytes = Vec::new();
        for (name, method, text) in [("a/x.jsp", 0_u16, &b"<% x %>"[..]), ("b.class", 0, b"x")] {
            bytes.extend_from_slice(b"PK\x03\x04\x14\0\0\0");
            bytes.extend_from_slice(&method.to_le_bytes());
            bytes.extend_from_slice(&[0; 8]);
            for _ in 0..2 {
                bytes.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes());
            }
            bytes.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(&[0; 2]);
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(text);
        }
        let all: Vec<_> = pages(&bytes).collect();
        assert_eq!(all, [(BString::from("a/x.jsp"), b"<% x %>".to_vec())]);
        assert_eq!(pages(b"PK\x03\x04").count(), 0);
    }
}
