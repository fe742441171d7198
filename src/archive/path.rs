//! Paths of members: from names to paths, and from a path to its directory.

use bstr::{BStr, BString, ByteSlice};

/// A path below a directory.
pub(super) fn below(folder: &BStr, name: &[u8]) -> BString {
    if folder.is_empty() { name.into() } else { bstr::join("/", [folder.as_bytes(), name]).into() }
}

/// Whether a path is below a directory.
pub(crate) fn is_below(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"))
}

/// The part of a path before its last slash. Empty if it has none.
pub(crate) fn folder_of(path: &[u8]) -> &[u8] {
    path.rsplit_once_str("/").map_or(b"".as_slice(), |(folder, _)| folder)
}

/// A member's name, converted to a path from the archive's root.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cleaned {
    pub(super) path: BString,
    /// Whether the name begins with a slash.
    pub(super) absolute: bool,
    /// Whether the name contains `..`.
    pub(super) dotted: bool,
    /// Whether the name leads out of the archive.
    pub(super) outside: bool,
}

impl Cleaned {
    pub(super) fn new(name: &[u8]) -> Self {
        let mut parts: Vec<&[u8]> = Vec::new();
        let (mut dotted, mut outside) = (false, false);
        for part in name.split_str("/") {
            match part {
                b"" | b"." => {}
                b".." => {
                    dotted = true;
                    outside |= parts.pop().is_none();
                }
                _ => parts.push(part),
            }
        }
        let path = if outside { BString::from(name) } else { BString::from(bstr::join("/", parts)) };
        Cleaned { path, absolute: name.starts_with(b"/"), dotted, outside }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths_from_the_root() {
        let path = |name: &str| Cleaned::new(name.as_bytes()).path;
        assert_eq!(path("./checkpoint/core-1.img"), "checkpoint/core-1.img");
        assert_eq!(path("checkpoint//./core-1.img/"), "checkpoint/core-1.img");
        assert_eq!(path("/checkpoint/"), "checkpoint");
        assert_eq!(path("x/../checkpoint/a"), "checkpoint/a");
        assert_eq!(path("./"), "");
        assert_eq!(path("..."), "...");
    }

    #[test]
    fn names_that_lead_outside_stay_as_they_are() {
        let cleaned = Cleaned::new(b"checkpoint/../../etc/passwd");
        assert!(cleaned.outside && cleaned.dotted && !cleaned.absolute);
        assert_eq!(cleaned.path, "checkpoint/../../etc/passwd");
        assert!(Cleaned::new(b"/a").absolute);
    }
}
