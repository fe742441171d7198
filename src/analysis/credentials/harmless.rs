//! Values that are found where they say nothing: in programs that look for secrets, and in random number generators.

use std::collections::{HashMap, HashSet};

use super::super::secrets::engine::{CROWD, Hit};
use crate::int::u64_of;

/// Bytes in which secrets of many kinds are a list of signatures.
const CROWDED: u64 = 64 << 10;
/// Bytes of the heap in which a random number generator has its two copies of a key. They are made one behind the other,
/// but the first may take the place of something that was freed.
const HEAP: usize = 1 << 20;

/// Programs that have signatures of secrets and malware in memory, and places of their databases.
pub(super) fn is_scanners(path: &[u8]) -> bool {
    const HOMES: [&str; 6] = ["/usr/", "/opt/", "/var/lib/", "/var/cache/", "/etc/", "/snap/"];
    const NAMES: [&str; 16] = [
        "clamd",
        "clamscan",
        "clamav",
        "freshclam",
        "gitleaks",
        "trufflehog",
        "noseyparker",
        "titus",
        "trivy",
        "grype",
        "detect-secrets",
        "semgrep",
        "yara",
        "betterleaks",
        "kingfisher",
        "cryoscope",
    ];
    let lower = path.to_ascii_lowercase();
    let mut parts = lower.split(|byte| *byte == b'/').rev();
    let base = parts.next().unwrap_or_default();
    let is_name = |part: &[u8]| NAMES.iter().any(|name| part == name.as_bytes());
    // Their databases lie in folders of their own, below those of packages.
    is_name(base) || HOMES.iter().any(|home| lower.starts_with(home.as_bytes())) && parts.any(is_name)
}

/// For each hit, whether secrets of many kinds are around it. Hits are in order.
pub(super) fn crowds(hits: &[Hit]) -> Vec<bool> {
    let mut crowded = vec![false; hits.len()];
    let (mut first, mut counts) = (0_usize, HashMap::<usize, usize>::new());
    for (number, hit) in hits.iter().enumerate() {
        let count = counts.entry(hit.detector).or_default();
        *count = count.saturating_add(1);
        while let Some(old) = hits.get(first)
            && u64_of(hit.place.start.saturating_sub(old.place.start)) > CROWDED
        {
            if let Some(count) = counts.get_mut(&old.detector) {
                *count = count.saturating_sub(1);
            }
            first = first.saturating_add(1);
        }
        if counts.values().filter(|count| **count > 0).count() >= CROWD {
            crowded.get_mut(first..=number).unwrap_or_default().fill(true);
        }
    }
    crowded
}

/// The keys of AES that belong to a random number generator: OpenSSL's has each of its keys, of 32 bytes, in two places of
/// the heap, and with them a constant one, the bytes 0, 1, 2 and so on. A service's own key may stand in more places.
pub(super) fn generators(hits: &[Hit], schedule: Option<usize>) -> HashSet<Vec<u8>> {
    let constant: Vec<u8> = (0..32).collect();
    let mut places: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for hit in hits.iter().filter(|hit| Some(hit.detector) == schedule) {
        places.entry(&hit.value).or_default().push(hit.place.start);
    }
    let has_constant = places.contains_key(constant.as_slice());
    let is_pair = |places: &[usize]| matches!(places, [a, b] if a.abs_diff(*b) <= HEAP);
    let of_generator = places
        .into_iter()
        .filter(|(key, places)| *key == constant || has_constant && key.len() == constant.len() && is_pair(places));
    of_generator.map(|(key, _)| key.to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Confidence;

    #[test]
    fn scanners_are_known_by_their_whole_name() {
        for path in ["/usr/bin/clamd", "/var/lib/clamav/main.cvd", "/usr/local/bin/trivy"] {
            assert!(is_scanners(path.as_bytes()), "{path}");
        }
        for path in ["/home/titus/.env", "/srv/yara-shop/app", "/usr/bin/clamd2", "/home/trivy/.env"] {
            assert!(!is_scanners(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn only_a_pair_in_one_structure_is_a_generator() {
        let key = |value: Vec<u8>, start: usize| Hit {
            detector: 1,
            span: start..start,
            place: start..start,
            value,
            public: 0,
            confidence: Confidence::High,
            principal: None,
            tags: Vec::new(),
        };
        let constant: Vec<u8> = (0..32).collect();
        let of = |others: &[(u8, usize, usize)]| {
            let mut hits = vec![key(constant.clone(), 100)];
            hits.extend(others.iter().map(|(byte, len, start)| key(vec![*byte; *len], *start)));
            generators(&hits, Some(1)).len()
        };
        assert_eq!(of(&[(1, 32, 1000), (1, 32, 1500)]), 2);
        assert_eq!(of(&[(1, 32, 1000), (1, 32, 9_000_000)]), 1, "far apart");
        assert_eq!(of(&[(1, 16, 1000), (1, 16, 1500)]), 1, "shorter");
        assert_eq!(of(&[(1, 32, 1000), (1, 32, 1500), (1, 32, 2000)]), 1, "in a third place");
    }
}
