//! Capabilities of files: the value of the extended attribute `security.capability`. Source: `struct vfs_ns_cap_data` of
//! `include/uapi/linux/capability.h`.

use super::capability;

const REVISION_MASK: u32 = 0xff00_0000;
const REVISION_1: u32 = 0x0100_0000;
const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;
const EFFECTIVE: u32 = 1;

/// The capabilities that a file gives to whoever runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileCapabilities {
    /// Permitted capabilities.
    pub permitted: u64,
    /// Inheritable capabilities.
    pub inheritable: u64,
    /// Whether they are effective at once.
    pub effective: bool,
    /// The root user of the user namespace that they apply to; `None` for all.
    pub root: Option<u32>,
}

impl FileCapabilities {
    /// Reads the value, which is little-endian on every machine; `None` if it is not valid.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (words, rest) = value.as_chunks::<4>();
        let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let (&head, sets) = words.split_first().filter(|_| rest.is_empty())?;
        let (permitted, inheritable, root) = match (head & REVISION_MASK, sets) {
            (REVISION_1, &[permitted, inheritable]) => (permitted.into(), inheritable.into(), None),
            (REVISION_2, &[p0, i0, p1, i1]) => (wide(p0, p1), wide(i0, i1), None),
            (REVISION_3, &[p0, i0, p1, i1, root]) => (wide(p0, p1), wide(i0, i1), Some(root)),
            _ => return None,
        };
        Some(FileCapabilities { permitted, inheritable, effective: head & EFFECTIVE != 0, root })
    }

    /// The text that `getcap` prints: `cap_net_raw+ep`, `cap_chown,cap_kill+ei [rootid=1000]`.
    pub fn text(&self) -> String {
        let effective = if self.effective { "e" } else { "" };
        let both = self.permitted & self.inheritable;
        let groups = [(both, "ip"), (self.permitted & !both, "p"), (self.inheritable & !both, "i")];
        let groups = groups.iter().filter(|(set, _)| *set != 0);
        let clauses: Vec<String> = groups.map(|(set, flags)| format!("{}+{effective}{flags}", names(*set))).collect();
        let text = if clauses.is_empty() { "=".to_owned() } else { clauses.join(" ") };
        self.root.map_or_else(|| text.clone(), |root| format!("{text} [rootid={root}]"))
    }
}

/// Joins the two halves of a set.
fn wide(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn names(set: u64) -> String {
    capability::names(set).iter().map(|name| name.to_ascii_lowercase()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &[u32]) -> Option<String> {
        let value: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        FileCapabilities::parse(&value).map(|capabilities| capabilities.text())
    }

    #[test]
    fn all_revisions() {
        assert_eq!(text(&[0x0100_0000, 1 << 13, 0]).unwrap(), "cap_net_raw+p");
        assert_eq!(text(&[0x0200_0001, 1 << 13, 0, 0, 0]).unwrap(), "cap_net_raw+ep");
        assert_eq!(text(&[0x0300_0001, 1, 0, 1 << 7, 0, 1000]).unwrap(), "cap_chown,cap_bpf+ep [rootid=1000]");
        assert_eq!(
            text(&[0x0200_0001, 3, 6, 0, 0]).unwrap(),
            "cap_dac_override+eip cap_chown+ep cap_dac_read_search+ei"
        );
        assert_eq!(text(&[0x0200_0000, 0, 0, 0, 0]).unwrap(), "=");
    }

    #[test]
    fn values_of_another_length_or_revision_are_none() {
        assert_eq!(text(&[]), None);
        assert_eq!(text(&[0x0200_0001, 1, 0]), None);
        assert_eq!(text(&[0x0400_0001, 1, 0, 0, 0]), None);
        assert_eq!(FileCapabilities::parse(&[1, 0, 0, 2, 5]), None);
    }
}
