//! Private copies of pages of mapped files, by file and offset, so that processes can be compared with each other and
//! with the file itself.

use std::collections::HashMap;

use bstr::BString;

use super::super::Facts;
use super::super::facts::{Place, ProcessFacts, without_deleted};
use super::code::{is_executable, is_private, recorded};
use crate::model::ids::Pid;
use crate::tables::Mapping;

/// Most bytes of a file that are read to compare with.
const FILE_MOST: u64 = 32 << 20;
/// Most pages of all processes that are compared.
const PAGES_MOST: usize = 50_000;

/// A private copy of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    /// The process.
    pub(super) pid: Pid,
    /// Address of the page.
    pub(super) address: u64,
    /// Its place in the file.
    pub(super) offset: u64,
}

/// Private copies of pages of code.
#[derive(Default)]
pub(super) struct Copies {
    by_page: HashMap<(BString, u64), Vec<Copy>>,
    /// Processes that map a file as code: with the first and last offset of each mapping.
    mapped: HashMap<BString, Vec<(Pid, u64, u64)>>,
    files: HashMap<BString, Option<Vec<u8>>>,
    /// Whether there are more pages than are compared.
    pub(super) more: bool,
}

/// The private copies in a mapping of a file, by address.
pub(super) fn of_mapping(facts: &Facts<'_>, mapping: &Mapping) -> Vec<Copy> {
    let Some(space) = facts.space(mapping.pid) else { return Vec::new() };
    let page = space.page_size().max(1);
    let mut copies = Vec::new();
    for range in recorded(&space, mapping.start.0, mapping.end.0) {
        let mut address = range.start;
        while address < range.end && copies.len() < PAGES_MOST {
            let offset = address.saturating_sub(mapping.start.0).saturating_add(mapping.offset);
            copies.push(Copy { pid: mapping.pid, address, offset });
            address = address.saturating_add(page);
        }
    }
    copies
}

/// Whether a mapping is private code of a file.
pub(super) fn is_code_of_file(mapping: &Mapping) -> bool {
    mapping.kind == "file" && is_executable(mapping) && is_private(mapping) && !mapping.path.is_empty()
}

impl Copies {
    /// The copies of pages of code in all processes.
    pub(super) fn of_code(facts: &Facts<'_>) -> Self {
        let mut all = Copies::default();
        let mut left = PAGES_MOST;
        for process in facts.living() {
            for mapping in process.mappings().iter().filter(|mapping| is_code_of_file(mapping)) {
                let last = mapping.offset.saturating_add(super::code::len(mapping));
                all.mapped.entry(mapping.path.clone()).or_default().push((mapping.pid, mapping.offset, last));
                if mapping.recorded_bytes == 0 {
                    continue;
                }
                let copies = of_mapping(facts, mapping);
                all.more |= copies.len() > left;
                for copy in copies.into_iter().take(left) {
                    left = left.saturating_sub(1);
                    all.by_page.entry((mapping.path.clone(), copy.offset)).or_default().push(copy);
                }
            }
        }
        all
    }

    /// All copies of a page of a file.
    pub(super) fn of(&self, path: &BString, offset: u64) -> &[Copy] {
        self.by_page.get(&(path.clone(), offset)).map_or(&[], Vec::as_slice)
    }

    /// Number of processes that map a page of a file as code, with or without a copy of their own.
    pub(super) fn mapping(&self, path: &BString, offset: u64) -> usize {
        let all = self.mapped.get(path).map_or(&[][..], Vec::as_slice);
        all.iter().filter(|(_, first, last)| (*first..*last).contains(&offset)).count()
    }

    /// The contents of a mapped file, if the archive has them.
    pub(super) fn file(&mut self, facts: &Facts<'_>, path: &BString) -> Option<&[u8]> {
        let read = || contents(facts, path);
        self.files.entry(path.clone()).or_insert_with(read).as_deref()
    }
}

/// The contents of a mapped file, if the archive has them: a deleted file that is still in use, or a changed one.
pub(super) fn contents(facts: &Facts<'_>, mapped: &[u8]) -> Option<Vec<u8>> {
    head(facts, mapped, FILE_MOST)
}

/// The first bytes of a mapped file, likewise.
pub(super) fn head(facts: &Facts<'_>, mapped: &[u8], most: u64) -> Option<Vec<u8>> {
    let (path, deleted) = without_deleted(mapped);
    let files = facts.files();
    let is_it = |place: Place| match place {
        Place::Ghost | Place::Memfd => deleted,
        Place::Rootfs | Place::Volume | Place::Tmpfs => !deleted,
        Place::Deleted | Place::Sysv => false,
    };
    let file = files.at(path).find(|file| is_it(file.place) && file.file_type == "regular");
    let bytes = match file {
        Some(file) => files.head(file, most).into_owned(),
        // The image of the container has it, if the user brought that.
        None if deleted => return None,
        None => facts.root().and_then(|(root, image)| root.read(image, path, most))?,
    };
    Some(bytes).filter(|bytes| !bytes.is_empty())
}

/// The function that has a place of a file, by the tables of symbols in the file: its name and the distance from its
/// beginning.
pub(super) fn function_at(file: &[u8], offset: u64) -> Option<(BString, u64)> {
    const SYMBOLS: usize = 1 << 20;
    let elf = goblin::elf::Elf::parse(file).ok()?;
    let load = elf.program_headers.iter().find(|segment| {
        segment.p_type == goblin::elf::program_header::PT_LOAD
            && (segment.p_offset..segment.p_offset.saturating_add(segment.p_filesz)).contains(&offset)
    })?;
    let address = offset.saturating_sub(load.p_offset).saturating_add(load.p_vaddr);
    let named = |symbols: &goblin::elf::Symtab<'_>, names: &goblin::strtab::Strtab<'_>| {
        let functions =
            symbols.iter().take(SYMBOLS).filter(|symbol| symbol.is_function() && symbol.st_value <= address);
        let nearest = functions.max_by_key(|symbol| symbol.st_value)?;
        let name = names.get_at(crate::int::usize_of(u64::try_from(nearest.st_name).ok()?))?;
        Some((BString::from(name), address.saturating_sub(nearest.st_value)))
    };
    let found = [named(&elf.syms, &elf.strtab), named(&elf.dynsyms, &elf.dynstrtab)];
    found.into_iter().flatten().min_by_key(|(_, distance)| *distance)
}

/// Parts in which two pages differ: offset and length, at most `most`. Differences that are close are one.
pub(super) fn differences(a: &[u8], b: &[u8], most: usize) -> Vec<(usize, usize)> {
    const CLOSE: usize = 4;
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (place, _) in a.iter().zip(b).enumerate().filter(|(_, (a, b))| a != b) {
        let count = found.len();
        match found.last_mut() {
            Some((start, len)) if place.saturating_sub(start.saturating_add(*len)) < CLOSE => {
                *len = place.saturating_sub(*start).saturating_add(1);
            }
            _ if count >= most => break,
            _ => found.push((place, 1)),
        }
    }
    found
}

/// Whether the program of the process was restored from a checkpoint before: all pages that were private then are so
/// now.
pub(super) fn was_restored(facts: &Facts<'_>) -> bool {
    facts.checkpoint().rows().container().restored == Some(true)
}

/// Pages of a mapping.
pub(super) fn page_count(process: &ProcessFacts<'_>, facts: &Facts<'_>, mapping: &Mapping) -> u64 {
    let page = facts.space(process.pid()).map_or(4096, |space| space.page_size().max(1));
    super::code::len(mapping).checked_div(page).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_that_are_close_are_one() {
        let a = [0_u8; 64];
        let mut b = a;
        b[3] = 1;
        b[6] = 1;
        b[20] = 1;
        assert_eq!(differences(&a, &b, 8), [(3, 4), (20, 1)]);
        assert_eq!(differences(&a, &b, 1), [(3, 4)]);
        assert!(differences(&a, &a, 8).is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn functions_are_found_by_their_place() {
        let file = std::fs::read("/proc/self/exe").unwrap();
        let elf = goblin::elf::Elf::parse(&file).unwrap();
        if let Some(symbol) = elf.syms.iter().find(|symbol| symbol.is_function() && symbol.st_size > 32) {
            let load = elf.program_headers.iter().find(|load| load.p_type == 1 && load.p_flags & 1 != 0).unwrap();
            let offset = symbol.st_value - load.p_vaddr + load.p_offset;
            assert!(function_at(&file, offset + 4).is_some_and(|(name, distance)| !name.is_empty() && distance == 4));
        }
        assert_eq!(function_at(b"no file", 0), None);
    }
}
