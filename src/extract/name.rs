//! Names of files in the output, derived from names in the archive, which may contain anything.
//!
//! | in the archive | in the output |
//! | --- | --- |
//! | ASCII letters and digits, blanks and ``!#$&'()+,-.;=@[]^_`{}``; letters and digits of other scripts | unchanged |
//! | all other bytes: control characters, `%`, `~`, `:`, quotes, bytes that are not UTF-8 | `%` and two hexadecimal
//! digits |
//! | a dot followed only by dots, a blank at the end | `%2E`, `%20` |
//! | a name of more than 200 bytes | its beginning, `~`, and 16 digits of its SHA-256 |
//! | directories nested more than 32 deep, or longer than 1,000 bytes | the first of them, and one `~` with 16 digits
//! for the rest |
//! | a name that is taken, for example by a file and a directory with the same name | followed by `~2`, `~3`, … |
//!
//! A name without `~` can be reversed with [`original`]. The manifest has the archive's name for all files.

use bstr::{BString, ByteSlice, ByteVec};
use data_encoding::{HEXLOWER, HEXUPPER, HEXUPPER_PERMISSIVE};
use sha2::{Digest as _, Sha256};

/// Longest name in bytes. File systems allow 255; the remainder is for the number that distinguishes equal names.
const LONGEST: usize = 200;
/// Bytes of a shortened name that are kept.
const LEFT: usize = 160;
/// Maximum nesting of directories. With this and the next limit, all paths fit system limits (4,096 bytes).
const DEEPEST: usize = 32;
/// Maximum length of all directories of a path, in bytes.
const FOLDERS: usize = 1000;
/// Number and length of directories kept if they are too many or too long.
const FOLDERS_LEFT: (usize, usize) = (8, 500);

/// The directories and the name in the output for a path in the archive. No part is empty, `.` or `..`, or contains a
/// slash. An empty path has no parts.
pub(super) fn parts_of(path: &[u8]) -> Vec<String> {
    let parts = path.split_str("/").filter(|part| !part.is_empty() && *part != b".");
    let mut parts: Vec<String> = parts.map(part_of).collect();
    let Some(name) = parts.pop() else { return Vec::new() };
    if parts.len() > DEEPEST || length(&parts) > FOLDERS {
        let rest = format!("~{}", short_hash(path.rsplit_once_str("/").map_or(path, |(folders, _)| folders)));
        while parts.len() > FOLDERS_LEFT.0 || length(&parts) > FOLDERS_LEFT.1 {
            parts.pop();
        }
        parts.push(rest);
    }
    parts.push(name);
    parts
}

fn length(parts: &[String]) -> usize {
    parts.iter().fold(0, |sum, part| sum.saturating_add(part.len()).saturating_add(1))
}

/// Escapes one name.
fn part_of(name: &[u8]) -> String {
    let mut escaped = String::with_capacity(name.len());
    let all_dots = name.iter().all(|&byte| byte == b'.');
    let mut at = 0_usize;
    let mut cut = None;
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            at = at.saturating_add(c.len_utf8());
            let ends = at == name.len();
            if is_plain(c) && !(c == '.' && all_dots) && !(c == ' ' && ends) {
                escaped.push(c);
            } else {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| escape(&mut escaped, byte));
            }
            if escaped.len() <= LEFT {
                cut = Some(escaped.len());
            }
        }
        at = at.saturating_add(chunk.invalid().len());
        for &byte in chunk.invalid() {
            escape(&mut escaped, byte);
            if escaped.len() <= LEFT {
                cut = Some(escaped.len());
            }
        }
    }
    if escaped.len() > LONGEST {
        escaped.truncate(cut.unwrap_or(0));
        escaped.push('~');
        escaped.push_str(&short_hash(name));
    }
    escaped
}

fn escape(escaped: &mut String, byte: u8) {
    escaped.push('%');
    escaped.push_str(&HEXUPPER.encode(&[byte]));
}

/// Whether a character is kept unchanged.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "!#$&'()+,-.;=@[]^_`{} ".contains(c)
}

fn short_hash(bytes: &[u8]) -> String {
    HEXLOWER.encode(Sha256::digest(bytes).get(..8).unwrap_or_default())
}

/// The bytes that an output name stands for. `None` for a name that was shortened or numbered, or is not a valid output
/// name.
///
/// ```
/// use cryoscope::extract::original;
///
/// assert_eq!(original("a%0Ab.txt").unwrap(), "a\nb.txt");
/// assert_eq!(original("memo~2"), None);
/// assert_eq!(original("100%+1"), None);
/// ```
pub fn original(name: &str) -> Option<BString> {
    let mut bytes = BString::default();
    let mut pieces = name.split('%');
    bytes.push_str(pieces.next()?);
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        bytes.extend(HEXUPPER_PERMISSIVE.decode(digits.as_bytes()).ok()?);
        bytes.push_str(rest);
    }
    (!name.contains('~')).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(name: &[u8]) -> String {
        part_of(name)
    }

    #[test]
    fn names_that_do_harm_are_escaped() {
        let cases: [(&[u8], &str); 12] = [
            (b"ordinary.txt", "ordinary.txt"),
            (b".hidden", ".hidden"),
            (b"a\nb", "a%0Ab"),
            (b".", "%2E"),
            (b"..", "%2E%2E"),
            (b"...", "%2E%2E%2E"),
            (b".. ", "..%20"),
            (b"%41~", "%2541%7E"),
            (b"\xff\xfe", "%FF%FE"),
            (b"C:\\x", "C%3A%5Cx"),
            ("stra\u{df}e \u{65e5}\u{672c}".as_bytes(), "stra\u{df}e \u{65e5}\u{672c}"),
            ("\u{202e}gpj.exe".as_bytes(), "%E2%80%AEgpj.exe"),
        ];
        for (name, expected) in cases {
            assert_eq!(one(name), expected);
        }
    }

    #[test]
    fn paths_stay_below_where_they_are_put() {
        assert_eq!(parts_of(b"/etc//./passwd"), ["etc", "passwd"]);
        assert_eq!(parts_of(b"../../etc/passwd"), ["%2E%2E", "%2E%2E", "etc", "passwd"]);
        assert_eq!(parts_of(b"/"), Vec::<String>::new());
    }

    #[test]
    fn long_names_are_told_apart_by_their_hash() {
        let (a, b) = (vec![b'a'; 4096], vec![b'a'; 4097]);
        assert!(one(&a).len() <= LONGEST && one(&a) != one(&b) && one(&a).starts_with("aaaa"));
        let many = |last: &str| format!("{}{last}/name", "x/".repeat(2000));
        let (one, two) = (parts_of(many("p").as_bytes()), parts_of(many("q").as_bytes()));
        assert!(one.len() <= DEEPEST + 1 && one.last().unwrap() == "name" && one != two);
        let wide = "\u{65e5}".repeat(300);
        assert!(part_of(wide.as_bytes()).len() <= LONGEST, "cut between characters");
    }

    proptest! {
        #[test]
        fn any_path_is_safe_and_any_short_name_comes_back(path in prop::collection::vec(any::<u8>(), 0..5000)) {
            let parts = parts_of(&path);
            prop_assert!(length(&parts) < 2000 && parts.len() <= DEEPEST + 2);
            for part in &parts {
                prop_assert!(!part.is_empty() && part.len() <= 255 && part != "." && part != "..");
                prop_assert!(!part.contains(['/', '\0', '\n', '\\']));
            }
            let name = path.split(|&b| b == b'/').next().unwrap();
            let escaped = part_of(name);
            if !escaped.contains('~') {
                prop_assert_eq!(original(&escaped).unwrap(), name);
            }
        }
    }
}
