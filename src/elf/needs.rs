//! What an image tells the dynamic loader that it needs.

use bstr::BString;
use goblin::elf::dynamic::{DT_NEEDED, DT_SONAME, DT_STRSZ, DT_STRTAB};

use super::Elf;

/// Most needed libraries that are read.
const NEEDED: usize = 256;

impl Elf<'_> {
    /// The place of what a tag of the dynamic section points to. In memory, the loader may have made an address of it.
    pub(crate) fn table(&self, tag: u64) -> Option<u64> {
        self.pointed(self.value(tag)?)
    }

    /// Text of the table of strings for the dynamic loader.
    pub(crate) fn string(&self, at: u64) -> Option<&[u8]> {
        let len = self.value(DT_STRSZ)?;
        if at >= len {
            return None;
        }
        self.bytes.text(self.table(DT_STRTAB)?.checked_add(at)?)
    }

    /// The libraries that it needs.
    pub(crate) fn needed(&self) -> Vec<BString> {
        let all = self.dynamic.iter().filter(|entry| entry.d_tag == DT_NEEDED);
        all.filter_map(|entry| Some(BString::from(self.string(entry.d_val)?))).take(NEEDED).collect()
    }

    /// The name by which others need it.
    pub(crate) fn soname(&self) -> Option<BString> {
        self.string(self.value(DT_SONAME)?).map(BString::from)
    }
}
