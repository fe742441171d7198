//! Where the dynamic loader writes the addresses of what an image takes from others, and where the symbols of an image are.

use std::collections::HashMap;

use bstr::BString;
use goblin::elf::dynamic::{DT_JMPREL, DT_PLTREL, DT_PLTRELSZ, DT_REL, DT_RELA, DT_RELASZ, DT_RELSZ};
use goblin::elf::header::{EM_386, EM_AARCH64, EM_X86_64};
use goblin::elf::reloc::RelocSection;
use goblin::elf::sym::{STT_GNU_IFUNC, Sym};

use super::Elf;
use super::symbols::SYMBOLS;
use crate::int::{u64_of, usize_of};

/// Most entries that are read of one image.
const SLOTS: usize = 1 << 16;
/// Most bytes of one table of relocations.
const TABLE: u64 = 16 << 20;
/// Bytes of names that are kept of one image.
const NAMES: usize = 8 << 20;

/// A symbol of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offered {
    /// Its address in the file.
    pub(crate) value: u64,
    /// Whether a function there chooses the real one.
    pub(crate) is_chosen: bool,
}

impl Elf<'_> {
    /// The entries that the loader fills by name (`GLOB_DAT`, `JUMP_SLOT`): address in the file, and name. Empty for machines
    /// whose relocations are not known here.
    pub(crate) fn slots(&self) -> Vec<(u64, BString)> {
        let kinds: [u32; 2] = match self.header.e_machine {
            EM_X86_64 | EM_386 => [6, 7],
            EM_AARCH64 => [1025, 1026],
            _ => return Vec::new(),
        };
        let Some((symbols, strings)) = self.all_symbols() else { return Vec::new() };
        let is_rela = self.value(DT_PLTREL) == Some(DT_RELA);
        let tables = [(DT_RELA, DT_RELASZ, true), (DT_REL, DT_RELSZ, false), (DT_JMPREL, DT_PLTRELSZ, is_rela)];
        let mut left = NAMES;
        let mut found = Vec::new();
        for (table, size, is_rela) in tables {
            let (Some(at), Some(len)) = (self.table(table), self.value(size)) else { continue };
            let len = len.min(TABLE);
            let Some(bytes) = self.bytes.get(at, len) else { continue };
            let Ok(entries) = RelocSection::parse(bytes, 0, usize_of(len), is_rela, self.context) else { continue };
            for entry in entries.iter().filter(|entry| kinds.contains(&entry.r_type)) {
                let symbol = symbols.get(entry.r_sym).filter(|symbol| symbol.st_name != 0);
                let Some(name) = symbol.and_then(|symbol| self.name_of(symbol, strings)) else { continue };
                let Some(rest) = left.checked_sub(name.len().max(32)) else { return found };
                left = rest;
                found.push((entry.r_offset, name));
                if found.len() >= SLOTS {
                    return found;
                }
            }
        }
        found
    }

    /// The symbols that have an address, by name. Those that the image takes from others may have one: that of a piece of code
    /// of the program which stands for a function everywhere.
    pub(crate) fn offered(&self) -> HashMap<BString, Vec<Offered>> {
        let mut left = NAMES;
        let mut found: HashMap<BString, Vec<Offered>> = HashMap::new();
        let Some((symbols, strings)) = self.all_symbols() else { return found };
        for symbol in symbols.iter().filter(|symbol| symbol.st_value != 0) {
            let Some(name) = self.name_of(symbol, strings).filter(|name| !name.is_empty()) else { continue };
            let Some(rest) = left.checked_sub(name.len().max(32)) else { break };
            left = rest;
            let one = Offered { value: symbol.st_value, is_chosen: symbol.st_type() == STT_GNU_IFUNC };
            found.entry(name).or_default().push(one);
        }
        found
    }

    /// The dynamic symbols, and the place of their names.
    fn all_symbols(&self) -> Option<(Vec<Sym>, u64)> {
        let (at, count, strings) = self.dynamic_symbols()?;
        Some((self.parse(at, count.min(SYMBOLS))?, strings?))
    }

    fn name_of(&self, symbol: &Sym, strings: u64) -> Option<BString> {
        self.bytes.text(strings.checked_add(u64_of(symbol.st_name))?).map(BString::from)
    }
}
