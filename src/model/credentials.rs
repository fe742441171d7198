//! Credentials of a task: ids, groups, capabilities.

use crate::images::proto::CredsEntry;

/// Credentials of a thread, as seen inside its user namespace (`creds_entry`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Real, effective, saved and file-system user id.
    pub uid: [Option<u32>; 4],
    /// Real, effective, saved and file-system group id.
    pub gid: [Option<u32>; 4],
    /// Supplementary groups, in the kernel's order.
    pub groups: Vec<u32>,
    /// Inheritable capabilities.
    pub inheritable: Option<u64>,
    /// Permitted capabilities.
    pub permitted: Option<u64>,
    /// Effective capabilities.
    pub effective: Option<u64>,
    /// Bounding set.
    pub bounding: Option<u64>,
    /// Ambient capabilities; not recorded before CRIU 4.1.
    pub ambient: Option<u64>,
    /// Whether `PR_SET_NO_NEW_PRIVS` was called; `None` if this version of CRIU did not record it.
    pub no_new_privs: Option<bool>,
    /// What capabilities uid 0 gets, and which of these settings are locked (`SECBIT_*`).
    pub securebits: Option<u32>,
    /// `AppArmor` profile or `SELinux` context.
    pub lsm_profile: Option<Vec<u8>>,
}

impl Credentials {
    pub(super) fn from_entry(entry: &CredsEntry, knows_no_new_privs: bool) -> Self {
        Credentials {
            groups: entry.groups.clone(),
            lsm_profile: entry.lsm_profile.clone().filter(|profile| !profile.is_empty()),
            ..Credentials::without_lists(entry, knows_no_new_privs)
        }
    }

    /// The same without groups and profile: all threads of a process may share a long list of groups.
    pub(super) fn without_lists(entry: &CredsEntry, knows_no_new_privs: bool) -> Self {
        Credentials {
            uid: [entry.uid, entry.euid, entry.suid, entry.fsuid],
            gid: [entry.gid, entry.egid, entry.sgid, entry.fsgid],
            groups: Vec::new(),
            inheritable: set(&entry.cap_inh),
            permitted: set(&entry.cap_prm),
            effective: set(&entry.cap_eff),
            bounding: set(&entry.cap_bnd),
            ambient: set(&entry.cap_amb),
            // Written only if it is set.
            no_new_privs: entry.no_new_privs.map(|n| n != 0).or(knows_no_new_privs.then_some(false)),
            securebits: entry.secbits,
            lsm_profile: None,
        }
    }
}

/// A capability set from its words, low word first. An empty list means that it was not recorded.
fn set(words: &[u32]) -> Option<u64> {
    let low = u64::from(*words.first()?);
    let high = words.get(1).copied().map_or(0, u64::from);
    Some(high << 32 | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capability_sets_have_their_low_word_first() {
        let entry = CredsEntry { cap_eff: vec![0xa804_25fb, 0x1], ..Default::default() };
        let creds = Credentials::from_entry(&entry, false);
        assert_eq!(creds.effective, Some(0x1_a804_25fb));
        assert_eq!(creds.ambient, None, "not recorded is not the same as empty");
    }

    #[test]
    fn no_new_privs_is_known_to_be_off_only_if_the_version_looked() {
        assert_eq!(Credentials::from_entry(&CredsEntry::default(), false).no_new_privs, None);
        assert_eq!(Credentials::from_entry(&CredsEntry::default(), true).no_new_privs, Some(false));
        let set = CredsEntry { no_new_privs: Some(1), ..Default::default() };
        assert_eq!(Credentials::from_entry(&set, false).no_new_privs, Some(true));
    }
}
