//! The crates that a Rust program is made of: by the list that `cargo auditable` adds, or by the paths of their sources in
//! messages.

use std::collections::BTreeSet;
use std::io::Read as _;

use bstr::{BString, ByteSlice};
use flate2::read::ZlibDecoder;
use serde_json::Value;

use super::Elf;

/// Most crates that are listed.
const CRATES: usize = 512;
/// Most bytes that the list may inflate to.
const INFLATED: u64 = 4 << 20;

/// Whether an image is a Rust program, and the crates that it names: `serde@1.0.200`. `None` if it is none.
pub(crate) fn crates(elf: &Elf<'_>) -> Option<Vec<BString>> {
    let listed = elf.contents(b".dep-v0").and_then(audited);
    let is_rust = listed.is_some()
        || elf.comments().iter().any(|text| text.starts_with(b"rustc version "))
        || elf.has("/rustc/") && elf.has("/library/core/src/")
        || elf.has("/rust/deps/");
    is_rust.then(|| listed.unwrap_or_else(|| named(elf)))
}

/// The list of `cargo auditable`: JSON, compressed.
fn audited(section: &[u8]) -> Option<Vec<BString>> {
    let mut text = Vec::new();
    ZlibDecoder::new(section).take(INFLATED).read_to_end(&mut text).ok()?;
    // serde_json bounds the depth only if it is told so; this list is flat.
    let depth = text.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    if depth > CRATES.saturating_mul(4) {
        return None;
    }
    let list: Value = serde_json::from_slice(&text).ok()?;
    let all = list.get("packages")?.as_array()?;
    let name = |package: &Value| {
        let (name, version) = (package.get("name")?.as_str()?, package.get("version")?.as_str()?);
        Some(BString::from(format!("{name}@{version}")))
    };
    Some(all.iter().filter_map(name).take(CRATES).collect())
}

/// The crates whose sources are named: `…/registry/src/INDEX/NAME-VERSION/src/lib.rs`.
fn named(elf: &Elf<'_>) -> Vec<BString> {
    const PLACE: &[u8] = b"/registry/src/";
    let mut found: BTreeSet<BString> = BTreeSet::new();
    for (_, bytes) in elf.bytes.pieces() {
        for at in bytes.find_iter(PLACE) {
            if found.len() >= CRATES {
                break;
            }
            let rest = bytes.get(at.saturating_add(PLACE.len())..).unwrap_or_default();
            let rest = rest.get(..256.min(rest.len())).unwrap_or_default();
            found.extend(rest.split_str("/").nth(1).and_then(crate_of));
        }
    }
    found.into_iter().collect()
}

/// `NAME-VERSION` as `NAME@VERSION`.
fn crate_of(folder: &[u8]) -> Option<BString> {
    let is_digit = |at: usize| folder.get(at.saturating_add(1)).is_some_and(u8::is_ascii_digit);
    let at = folder.find_iter("-").find(|&at| is_digit(at))?;
    let (name, version) = (folder.get(..at)?, folder.get(at.checked_add(1)?..)?);
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+');
    (!name.is_empty() && name.iter().chain(version).all(is_word)).then(|| bstr::concat([name, b"@", version]).into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::elf::Bytes;

    #[test]
    fn crates_are_named_by_the_paths_of_their_sources() {
        assert_eq!(crate_of(b"serde-1.0.200").unwrap(), "serde@1.0.200");
        assert_eq!(crate_of(b"sha-1-0.10.1+x").unwrap(), "sha@1-0.10.1+x");
        assert_eq!((crate_of(b"serde"), crate_of(b"a b-1.0")), (None, None));
    }

    #[test]
    fn the_list_of_cargo_auditable_is_read() {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(br#"{"packages":[{"name":"serde","version":"1.0.1","source":"crates.io"}]}"#).unwrap();
        assert_eq!(audited(&packed.finish().unwrap()).unwrap(), ["serde@1.0.1"]);
        assert_eq!(audited(b"nothing"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_test_is_a_rust_program() {
        let bytes = Bytes::whole(std::fs::read(std::env::current_exe().unwrap()).unwrap());
        let crates = crates(&Elf::read(&bytes).unwrap()).unwrap();
        assert!(crates.iter().any(|name| name.starts_with(b"goblin@0.")), "{crates:?}");
    }
}
