//! Fingerprints of pages: a checksum for each page whose bytes are known. Two checkpoints of a process can be compared
//! page by page without keeping either.

use std::borrow::Cow;

use super::space::AddressSpace;
use super::view::Content;
use crate::int::{u64_of, usize_of};

/// Bytes that are checksummed before their pages are released to the kernel.
const PART: u64 = 1 << 20;

/// Summary of a page's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fingerprint {
    /// Zeros, whether stored or never written.
    Zero,
    /// CRC-32 of the page's bytes, as computed by gzip and zip. It detects changes, but an attacker can create pages
    /// with the same CRC.
    Crc32(u32),
}

/// Consecutive pages with the same fingerprint. Pages with bytes come one by one, pages of zeros as one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageRun {
    /// Address of the first page.
    pub address: u64,
    /// Number of pages.
    pub pages: u64,
    /// Fingerprint of each page.
    pub fingerprint: Fingerprint,
}

impl<'a> AddressSpace<'a> {
    /// Returns the fingerprints of the pages that begin in a range of addresses, by address. `to` is the end of the
    /// range, exclusive. A page with any unknown byte has none: it is not mapped, not captured, or missing from the
    /// archive.
    ///
    /// Each stored page is read once. Memory that was never written costs nothing.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use cryoscope::Checkpoint;
    /// use cryoscope::memory::Fingerprint;
    /// use cryoscope::model::ids::Pid;
    ///
    /// let checkpoint = Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
    /// let space = checkpoint.memory().space_of(Pid(1)).ok_or("no such process, or a zombie")?;
    /// let pages: Vec<_> = space.fingerprints(0, u64::MAX).collect();
    /// assert!(pages.iter().any(|run| matches!(run.fingerprint, Fingerprint::Crc32(_))));
    /// # Ok(())
    /// # }
    /// ```
    pub fn fingerprints(&self, from: u64, to: u64) -> impl Iterator<Item = PageRun> + use<'a> {
        let page_size = self.page_size().max(1);
        let first = from.checked_next_multiple_of(page_size).unwrap_or(to);
        let mut pages = Pages { space: *self, page_size, at: first, to, piece: None, done: first };
        let mut next: Option<PageRun> = None;
        std::iter::from_fn(move || {
            loop {
                let Some(run) = pages.read() else { return next.take() };
                match &mut next {
                    Some(last) if last.goes_on(&run, page_size) => last.pages = last.pages.saturating_add(run.pages),
                    last => {
                        if let Some(done) = last.replace(run) {
                            return Some(done);
                        }
                    }
                }
            }
        })
    }
}

impl PageRun {
    /// Whether another run of zeros begins at the end of this one.
    fn goes_on(&self, next: &PageRun, page_size: u64) -> bool {
        let end = self.address.checked_add(self.pages.saturating_mul(page_size));
        self.fingerprint == Fingerprint::Zero && next.fingerprint == Fingerprint::Zero && end == Some(next.address)
    }
}

/// Reads the pages of a range one after another.
struct Pages<'a> {
    space: AddressSpace<'a>,
    page_size: u64,
    /// Address of the next page.
    at: u64,
    to: u64,
    /// The current bytes, and their address.
    piece: Option<(u64, Cow<'a, [u8]>)>,
    /// Pages up to here were released to the kernel.
    done: u64,
}

impl Pages<'_> {
    /// Returns the next known page, or a run of zeros.
    fn read(&mut self) -> Option<PageRun> {
        while self.at < self.to {
            let address = self.at;
            if let Some(fingerprint) = self.at_hand() {
                self.go_to(address.checked_add(self.page_size));
                return Some(PageRun { address, pages: 1, fingerprint });
            }
            self.piece = None;
            // The last page of the range counts fully.
            let most = self.to.saturating_sub(address).checked_next_multiple_of(self.page_size).unwrap_or(u64::MAX);
            match self.space.at(address, most) {
                Content::Bytes(bytes) if u64_of(bytes.len()) >= self.page_size => self.piece = Some((address, bytes)),
                Content::Zeros(len) | Content::Untouched(len) if len >= self.page_size => {
                    let pages = len.checked_div(self.page_size).unwrap_or(1);
                    self.go_to(address.checked_add(pages.saturating_mul(self.page_size)));
                    return Some(PageRun { address, pages, fingerprint: Fingerprint::Zero });
                }
                Content::Missing(len, _) => {
                    let after = address.checked_add(len.max(1));
                    self.go_to(after.and_then(|after| after.checked_next_multiple_of(self.page_size)));
                }
                // A page in several parts.
                Content::Bytes(_) | Content::Zeros(_) | Content::Untouched(_) => {
                    let page = self.space.read(address, self.page_size);
                    self.go_to(address.checked_add(self.page_size));
                    if let Ok(page) = page {
                        return Some(PageRun { address, pages: 1, fingerprint: Fingerprint::of(&page) });
                    }
                }
            }
        }
        self.give_back(self.to);
        None
    }

    /// The fingerprint of the next page, if its bytes are in the current piece.
    fn at_hand(&self) -> Option<Fingerprint> {
        let (start, bytes) = self.piece.as_ref()?;
        let from = usize_of(self.at.checked_sub(*start)?);
        let page = bytes.get(from..from.checked_add(usize_of(self.page_size))?)?;
        Some(Fingerprint::of(page))
    }

    /// Continues at an address. `None` ends the iteration.
    fn go_to(&mut self, address: Option<u64>) {
        self.at = address.unwrap_or(u64::MAX);
        if self.at.saturating_sub(self.done) >= PART {
            self.give_back(self.at);
        }
    }

    fn give_back(&mut self, to: u64) {
        if self.done < to {
            self.space.give_back(self.done, to);
            self.done = to;
        }
    }
}

impl Fingerprint {
    /// Computes the fingerprint of a page.
    fn of(page: &[u8]) -> Self {
        if page.iter().all(|&byte| byte == 0) { Fingerprint::Zero } else { Fingerprint::Crc32(crc32fast::hash(page)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Keep;
    use crate::{Checkpoint, Options};

    fn open(archive: &str) -> Checkpoint {
        Options::new().keep(Keep::Memory).open(archive).unwrap().pop().unwrap()
    }

    /// The fingerprint of a page in a sorted list of runs.
    fn at(runs: &[PageRun], address: u64, page_size: u64) -> Option<Fingerprint> {
        let last = runs.partition_point(|run| run.address <= address).checked_sub(1)?;
        let run = runs[last];
        (address < run.address + run.pages * page_size).then_some(run.fingerprint)
    }

    #[test]
    fn the_sum_is_that_of_gzip() {
        assert_eq!(Fingerprint::of(b"123456789"), Fingerprint::Crc32(0xcbf4_3926));
        assert_eq!(Fingerprint::of(&[0; 4096]), Fingerprint::Zero);
    }

    /// The fingerprint of each page matches the bytes that a read returns. Where a read fails, there is none.
    #[test]
    fn pages_have_the_fingerprints_of_their_bytes() {
        let mut seen = [0; 3];
        for archive in ["fixtures/forms-reference/podman-runc.tar", "fixtures/memory/memory.tar.zst"] {
            let checkpoint = open(archive);
            let model = checkpoint.model();
            for process in model.processes() {
                let Some(space) = checkpoint.memory().space(process) else { continue };
                let page_size = space.page_size();
                let found: Vec<_> = space.fingerprints(0, u64::MAX).collect();
                for vma in &space.mm().vmas {
                    let pages = vma.len() / page_size;
                    let ends = (0..pages.min(50)).chain(pages.saturating_sub(50)..pages);
                    for address in ends.map(|page| vma.start.0 + page * page_size) {
                        let expected = space.read(address, page_size).ok().map(|page| Fingerprint::of(&page));
                        assert_eq!(at(&found, address, page_size), expected, "{archive}: {address:#x}");
                        seen[expected.map_or(0, |print| if print == Fingerprint::Zero { 1 } else { 2 })] += 1;
                    }
                }
            }
        }
        assert!(seen.iter().all(|&count| count > 10), "unknown, zeros, bytes: {seen:?}");
    }

    #[test]
    fn a_range_holds_the_pages_that_begin_in_it() {
        let checkpoint = open("fixtures/forms-reference/podman-runc.tar");
        let space = checkpoint.memory().space_of(crate::model::ids::Pid(1)).unwrap();
        let all: Vec<_> = space.fingerprints(0, u64::MAX).collect();
        let first = all.iter().find(|run| matches!(run.fingerprint, Fingerprint::Crc32(_))).unwrap();
        let page_size = space.page_size();
        let within = |from: u64, to: u64| space.fingerprints(from, to).collect::<Vec<_>>();
        assert_eq!(within(first.address, first.address + 1), [*first]);
        assert_eq!(within(first.address - 1, first.address + 1), [*first]);
        assert!(!within(first.address + 1, first.address + page_size).contains(first));
        assert_eq!(within(first.address, first.address), []);
        assert_eq!(within(u64::MAX - 1, u64::MAX), []);
        // Sorted by address, each page once, and no two adjacent runs of zeros.
        for pair in all.windows(2) {
            let end = pair[0].address + pair[0].pages * page_size;
            assert!(end <= pair[1].address, "{pair:x?}");
            assert!(!pair[0].goes_on(&pair[1], page_size), "{pair:x?}");
        }
    }
}
