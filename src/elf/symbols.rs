//! Symbols: what an image takes from others, and what it offers.

use bstr::{BStr, BString};
use goblin::elf::dynamic::{DT_GNU_HASH, DT_HASH, DT_SYMTAB};
use goblin::elf::section_header::{SHT_DYNSYM, SHT_SYMTAB};
use goblin::elf::sym::{STB_GLOBAL, STB_GNU_UNIQUE, STB_WEAK, STT_FUNC, STT_GNU_IFUNC, STV_HIDDEN, STV_INTERNAL, Sym};

use super::Elf;
use crate::int::{u64_of, usize_of};

/// Most symbols that are read of one table.
pub(super) const SYMBOLS: u64 = 1 << 19;

/// Bytes of names that are kept of one image. All symbols may have the same long name.
const NAMES: usize = 4 << 20;

/// The symbols of an image. All are counted, and the names of the first are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Symbols {
    /// Names that it takes from others, in the order of their table.
    pub(crate) imports: Vec<BString>,
    /// How many there are.
    pub(crate) import_count: u64,
    /// Names that it offers.
    pub(crate) exports: Vec<BString>,
    /// How many there are.
    pub(crate) export_count: u64,
    /// Of these, the functions.
    pub(crate) functions: Vec<BString>,
    /// What is wrong with the table.
    pub(crate) fault: Option<String>,
}

impl Elf<'_> {
    /// The symbols for the dynamic loader. `None` if there is no table of them.
    pub(crate) fn symbols(&self) -> Option<Symbols> {
        let mut found = Symbols::default();
        let Some((at, count, strings)) = self.dynamic_symbols() else {
            self.table(DT_SYMTAB)?;
            found.fault = Some("the number of symbols is not known".to_owned());
            return Some(found);
        };
        if count > SYMBOLS {
            found.fault = Some(format!("it has {count} symbols; more than {SYMBOLS} are not read"));
        }
        let Some(all) = self.parse(at, count.min(SYMBOLS)) else {
            found.fault = Some(self.outside("the symbols", at));
            return Some(found);
        };
        let mut left = NAMES;
        let mut keep = |names: &mut Vec<BString>, name: &[u8]| {
            // A name of one byte costs more than that.
            if let Some(rest) = left.checked_sub(name.len().max(32)) {
                left = rest;
                names.push(name.into());
            }
        };
        for symbol in all {
            let name = |symbol: &Sym| self.bytes.text(strings?.checked_add(u64_of(symbol.st_name))?);
            let Some(name) = name(&symbol).filter(|name| !name.is_empty()) else { continue };
            if symbol.st_shndx == 0 {
                found.import_count = found.import_count.saturating_add(1);
                keep(&mut found.imports, name);
            } else if is_offered(&symbol) {
                if matches!(symbol.st_type(), STT_FUNC | STT_GNU_IFUNC) {
                    keep(&mut found.functions, name);
                }
                found.export_count = found.export_count.saturating_add(1);
                keep(&mut found.exports, name);
            }
        }
        Some(found)
    }

    /// The names of functions in the table for debuggers, at most some thousands.
    pub(crate) fn debug_functions(&self) -> Vec<&BStr> {
        const MOST: usize = 20_000;
        let Some(table) = self.sections.iter().find(|section| section.sh_type == SHT_SYMTAB) else { return Vec::new() };
        let size = u64_of(Sym::size(self.context.container)).max(1);
        let count = table.sh_size.checked_div(size).unwrap_or(0).min(SYMBOLS);
        let strings = self.sections.get(usize_of(table.sh_link.into())).map(|section| section.sh_offset);
        let (Some(all), Some(strings)) = (self.parse(table.sh_offset, count), strings) else { return Vec::new() };
        let is_function = |symbol: &&Sym| symbol.st_type() == STT_FUNC && symbol.st_shndx != 0;
        let name = |symbol: &Sym| self.bytes.text(strings.checked_add(u64_of(symbol.st_name))?).map(BStr::new);
        all.iter().filter(is_function).filter_map(name).take(MOST).collect()
    }

    /// Place and number of the dynamic symbols, and the place of their names.
    pub(crate) fn dynamic_symbols(&self) -> Option<(u64, u64, Option<u64>)> {
        let size = u64_of(Sym::size(self.context.container)).max(1);
        if let Some(section) = self.sections.iter().find(|section| section.sh_type == SHT_DYNSYM) {
            let strings = self.sections.get(usize_of(section.sh_link.into())).map(|names| names.sh_offset);
            return Some((section.sh_offset, section.sh_size.checked_div(size)?, strings));
        }
        let strings = self.table(goblin::elf::dynamic::DT_STRTAB);
        Some((self.table(DT_SYMTAB)?, self.hashed()?, strings))
    }

    /// The number of dynamic symbols by the tables of their hashes.
    fn hashed(&self) -> Option<u64> {
        if let Some(count) = self.table(DT_HASH).and_then(|at| self.word(at.checked_add(4)?)) {
            return Some(count.into());
        }
        self.gnu_hashed(self.table(DT_GNU_HASH)?)
    }

    /// The number of symbols by GNU's table: the chain of the last bucket ends at the last symbol.
    fn gnu_hashed(&self, at: u64) -> Option<u64> {
        let part = |number: u64| self.word(at.checked_add(number.checked_mul(4)?)?);
        let (buckets, first, bloom) = (u64::from(part(0)?), u64::from(part(1)?), u64::from(part(2)?));
        let words = bloom.checked_mul(u64::from(self.bits()).checked_div(8)?)?;
        let table = at.checked_add(16)?.checked_add(words)?;
        if buckets > SYMBOLS {
            return None;
        }
        let bytes = self.bytes.get(table, buckets.checked_mul(4)?)?;
        let last = bytes.as_chunks::<4>().0.iter().map(|word| u64::from(self.number(*word))).max()?;
        if last < first {
            return Some(first);
        }
        let chains = table.checked_add(buckets.checked_mul(4)?)?;
        let mut symbol = last;
        while symbol.checked_sub(last)? < SYMBOLS {
            let hash = self.word(chains.checked_add(symbol.checked_sub(first)?.checked_mul(4)?)?)?;
            symbol = symbol.checked_add(1)?;
            if hash & 1 == 1 {
                return Some(symbol);
            }
        }
        None
    }

    /// Words of 32 bits at a place.
    pub(super) fn words<const N: usize>(&self, at: u64) -> Option<[u32; N]> {
        let bytes = self.bytes.get(at, u64_of(N).checked_mul(4)?)?;
        let mut words = [0; N];
        for (place, word) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *place = self.number(*word);
        }
        Some(words)
    }

    /// A number of 16 bits at a place.
    pub(super) fn half(&self, at: u64) -> Option<u16> {
        let bytes = *self.bytes.get(at, 2)?.first_chunk::<2>()?;
        Some(if self.context.le.is_little() { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn word(&self, at: u64) -> Option<u32> {
        Some(self.number(*self.bytes.get(at, 4)?.first_chunk::<4>()?))
    }

    fn number(&self, bytes: [u8; 4]) -> u32 {
        if self.context.le.is_little() { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    }

    pub(super) fn parse(&self, at: u64, count: u64) -> Option<Vec<Sym>> {
        let size = u64_of(Sym::size(self.context.container));
        Sym::parse(self.bytes.get(at, count.checked_mul(size)?)?, 0, usize_of(count), self.context).ok()
    }
}

/// Whether others see a symbol.
fn is_offered(symbol: &Sym) -> bool {
    matches!(symbol.st_bind(), STB_GLOBAL | STB_WEAK | STB_GNU_UNIQUE)
        && !matches!(symbol.st_visibility(), STV_HIDDEN | STV_INTERNAL)
}
