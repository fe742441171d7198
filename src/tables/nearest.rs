//! Finds the name that a misspelt word was meant to be.

/// Other names that people use for tables.
const USUAL: [(&str, &str); 19] = [
    ("command", "processes"),
    ("connections", "tcp_connections"),
    ("env", "process_envs"),
    ("environ", "process_envs"),
    ("environment", "process_envs"),
    ("envs", "process_envs"),
    ("fds", "process_open_files"),
    ("files", "process_open_files"),
    ("mappings", "process_memory_map"),
    ("maps", "process_memory_map"),
    ("memory", "memory_sizes"),
    ("open_files", "process_open_files"),
    ("open_sockets", "process_open_sockets"),
    ("process", "processes"),
    ("ps", "processes"),
    ("rootfs", "rootfs_changes"),
    ("sockets", "process_open_sockets"),
    ("tcp", "tcp_connections"),
    ("vmas", "process_memory_map"),
];

/// The table that goes by a usual name, such as `files` for `process_open_files`.
pub fn usual_name(name: &str) -> Option<&'static str> {
    USUAL.iter().find(|(usual, _)| usual.eq_ignore_ascii_case(name)).map(|(_, table)| *table)
}

/// The name closest to a word, if there is one: the name continues the word, a few letters differ, both begin alike, or
/// the name contains the word.
pub fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let word = word.to_lowercase();
    let rank = |name: &'n str| {
        let distance = distance(&word, name);
        let alike = name.bytes().zip(word.bytes()).take_while(|(a, b)| a == b).count();
        let goes_on = word.len() >= 3 && name.starts_with(&word);
        let is_like = goes_on
            || distance.saturating_mul(3) <= name.len().max(3)
            || alike >= 3
            || (!word.is_empty() && name.contains(&word));
        is_like.then_some(((!goes_on, distance, usize::MAX.saturating_sub(alike)), name))
    };
    names.into_iter().filter_map(rank).min_by_key(|(rank, _)| *rank).map(|(_, name)| name)
}

/// Number of letters to insert, delete or change to turn one word into the other (Levenshtein distance).
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

    const NAMES: [&str; 6] = ["processes", "process_open_files", "process_open_sockets", "mounts", "cwd", "cmdline"];

    #[test]
    fn a_slip_of_the_hand_is_understood() {
        let near = |word| nearest(word, NAMES);
        assert_eq!(near("processs"), Some("processes"));
        assert_eq!(near("Porcesses"), Some("processes"));
        assert_eq!(near("process_open_fles"), Some("process_open_files"));
        assert_eq!(near("open_files"), Some("process_open_files"));
        assert_eq!(near("mount"), Some("mounts"));
        assert_eq!(near("cmd"), Some("cmdline"), "though cwd differs by less");
        assert_eq!((near("xyzzy"), near("")), (None, None));
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!((distance("", "abc"), distance("abc", ""), distance("abc", "abc")), (3, 3, 0));
    }
}
