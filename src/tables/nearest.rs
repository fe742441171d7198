//! The name that somebody meant.

/// The name that is most like a word, if one is: a few letters differ, one begins as the other does, or has it within.
pub fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let word = word.to_lowercase();
    let begins = |name: &str| name.bytes().zip(word.bytes()).take_while(|(a, b)| a == b).count();
    let names = names.into_iter().map(|name| (distance(&word, name), begins(name), name));
    let is_like = |&(distance, begins, name): &(usize, usize, &str)| {
        distance.saturating_mul(3) <= name.len().max(3) || begins >= 3 || (!word.is_empty() && name.contains(&word))
    };
    names
        .filter(is_like)
        .min_by_key(|&(distance, begins, _)| (distance, usize::MAX.saturating_sub(begins)))
        .map(|(.., name)| name)
}

/// How many letters have to be put in, taken out or changed to make one of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut before = i;
        let mut left = i.saturating_add(1);
        let mut next = vec![left];
        for (b, &above) in other.chars().zip(row.iter().skip(1)) {
            let changed = before.saturating_add(usize::from(a != b));
            left = changed.min(left.saturating_add(1)).min(above.saturating_add(1));
            next.push(left);
            before = above;
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["processes", "process_open_files", "process_open_sockets", "mounts", "cmdline"];

    #[test]
    fn a_slip_of_the_hand_is_understood() {
        let near = |word| nearest(word, NAMES);
        assert_eq!(near("processs"), Some("processes"));
        assert_eq!(near("Porcesses"), Some("processes"));
        assert_eq!(near("process_open_fles"), Some("process_open_files"));
        assert_eq!(near("open_files"), Some("process_open_files"));
        assert_eq!(near("mount"), Some("mounts"));
        assert_eq!(near("cmd"), Some("cmdline"));
        assert_eq!((near("xyzzy"), near("")), (None, None));
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!((distance("", "abc"), distance("abc", ""), distance("abc", "abc")), (3, 3, 0));
    }
}
