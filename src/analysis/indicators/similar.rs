//! TLSH: hashes of files that are the more alike, the more alike the files are.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};

use tlsh2::TlshDefault;

/// Largest distance of two hashes whose files are taken for variants of one. Files that have nothing to do with each other are
/// rarely below 100.
pub(in crate::analysis) const NEAR: i32 = 30;
/// Lengths count in steps. More than so many steps apart, two hashes cannot be near.
const STEPS: u8 = 2;

/// The form in which TLSH is compared: 72 characters, `T1` and digits. Old hashes have no `T1`.
pub(super) fn form(text: &str) -> Option<String> {
    let digits = match text.get(..2) {
        Some(version) if version.eq_ignore_ascii_case("T1") && text.len() == 72 => text.get(2..)?,
        _ => text,
    };
    let is_hash = digits.len() == 70 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| format!("T1{}", digits.to_ascii_uppercase()))
}

/// How far two hashes are from each other: 0 for the same. `None` if one of them is none.
pub(in crate::analysis) fn distance(one: &str, other: &str) -> Option<i32> {
    let read = |text: &str| form(text)?.parse::<TlshDefault>().ok();
    Some(read(one)?.diff(&read(other)?, true))
}

/// Hashes by the length of what they are of.
#[derive(Default)]
pub(in crate::analysis) struct Similar {
    by_length: BTreeMap<u8, Vec<(TlshDefault, u32)>>,
}

impl Debug for Similar {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let counts: BTreeMap<u8, usize> = self.by_length.iter().map(|(length, all)| (*length, all.len())).collect();
        f.debug_tuple("Similar").field(&counts).finish()
    }
}

impl Similar {
    /// Adds the hash of an entry.
    pub(super) fn add(&mut self, text: &str, number: u32) {
        if let Some((length, hash)) = length(text).zip(text.parse().ok()) {
            self.by_length.entry(length).or_default().push((hash, number));
        }
    }

    /// The entries near a hash, each with its distance. `left` is how many pairs may still be compared; `None` if there are
    /// more.
    pub(in crate::analysis) fn near(&self, text: &str, left: &mut u64) -> Option<Vec<(u32, i32)>> {
        let mut near = Vec::new();
        let Some((length, own)) = length(text).zip(text.parse::<TlshDefault>().ok()) else { return Some(near) };
        // Lengths go round.
        let lengths = (0..=STEPS.saturating_mul(2)).map(|step| length.wrapping_sub(STEPS).wrapping_add(step));
        for (hash, number) in lengths.filter_map(|length| self.by_length.get(&length)).flatten() {
            *left = left.checked_sub(1)?;
            let distance = own.diff(hash, true);
            if distance <= NEAR {
                near.push((*number, distance));
            }
        }
        Some(near)
    }
}

/// What a hash says of the length: two digits behind the checksum, the last one first.
fn length(text: &str) -> Option<u8> {
    let mut digits = text.get(4..6)?.chars().map(|digit| digit.to_digit(16));
    let (low, high) = (digits.next()??, digits.next()??);
    u8::try_from(high << 4 | low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> String {
        let hash = tlsh2::TlshDefaultBuilder::build_from(text.as_bytes()).unwrap().hash();
        String::from_utf8(hash.to_vec()).unwrap()
    }

    fn script(seed: u32, lines: u32) -> String {
        let line = |n: u32| format!("step_{} = call({})", n * seed, n.wrapping_mul(2_654_435_761) % 977);
        (0..lines).map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn old_and_new_hashes_have_one_form() {
        let new = hash(&script(3, 90));
        assert_eq!(form(&new).as_deref(), Some(new.as_str()));
        assert_eq!(form(&new[2..].to_ascii_lowercase()), Some(new.clone()));
        assert_eq!(form(&new.to_ascii_lowercase()), Some(new));
        assert!(form("").is_none() && form("T1").is_none() && form(&"g".repeat(70)).is_none());
        assert!(form(&"ü".repeat(36)).is_none());
    }

    #[test]
    fn variants_are_near_and_others_are_not() {
        let (one, variant, other) = (script(3, 90), script(3, 91), script(17, 90).to_ascii_uppercase());
        let (one, variant, other) = (hash(&one), hash(&variant), hash(&other));
        assert_eq!(distance(&one, &one), Some(0));
        assert!(distance(&one, &variant).unwrap() <= NEAR && distance(&one, &other).unwrap() > NEAR);
        let mut all = Similar::default();
        all.add(&one, 7);
        all.add(&other, 8);
        let near = |text: &str, left: u64| all.near(text, &mut { left });
        assert_eq!(near(&one, 10), Some(vec![(7, 0)]));
        assert_eq!(near(&variant, 10).unwrap().len(), 1);
        assert_eq!(near(&one, 0), None);
    }
}
