//! A table of sections by what the dynamic section and the segments name.

use goblin::elf::dynamic::{
    DT_FINI_ARRAY, DT_FINI_ARRAYSZ, DT_GNU_HASH, DT_HASH, DT_INIT_ARRAY, DT_INIT_ARRAYSZ, DT_JMPREL, DT_PLTREL,
    DT_PLTRELSZ, DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ, DT_REL, DT_RELA, DT_RELASZ, DT_RELSZ, DT_STRSZ, DT_STRTAB,
    DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM, DT_VERSYM, Dyn,
};
use goblin::elf::program_header::{PF_W, PF_X, PT_DYNAMIC, PT_GNU_EH_FRAME, PT_INTERP, PT_NOTE};
use goblin::elf::reloc::Reloc;
use goblin::elf::section_header::{
    SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHT_DYNAMIC, SHT_DYNSYM, SHT_FINI_ARRAY, SHT_GNU_HASH, SHT_GNU_VERDEF,
    SHT_GNU_VERNEED, SHT_GNU_VERSYM, SHT_HASH, SHT_INIT_ARRAY, SHT_NOBITS, SHT_NOTE, SHT_PREINIT_ARRAY, SHT_PROGBITS,
    SHT_REL, SHT_RELA, SHT_STRTAB, SectionHeader,
};
use goblin::elf::sym::Sym;

use super::DT_RELR;
use crate::elf::Elf;
use crate::int::{u64_of, usize_of};

/// `DT_RELRSZ`.
const DT_RELRSZ: u64 = 35;
/// `SHT_RELR`.
const SHT_RELR: u32 = 19;
/// Most entries of a list of versions.
const VERSIONS: u64 = 4096;

type Named = (String, SectionHeader);

/// The sections of an image that lies as its file does: an empty one, those that are known, and one for their names, which has
/// no place yet. `None` if something that must be named is not known.
pub(super) fn of(elf: &Elf<'_>) -> Option<Vec<Named>> {
    let mut all = segments(elf)?;
    if elf.segment(PT_DYNAMIC).is_some() {
        all.extend(tables(elf)?);
    }
    all.sort_by_key(|(_, section)| (section.sh_offset, section.sh_type == SHT_NOBITS));
    let mut list = vec![(String::new(), SectionHeader { sh_addralign: 0, ..empty() })];
    list.extend(all);
    list.push((".shstrtab".to_owned(), SectionHeader { sh_type: SHT_STRTAB, sh_addralign: 1, ..empty() }));
    let place = |name: &str| list.iter().position(|(other, _)| other == name).and_then(|at| u32::try_from(at).ok());
    let (strings, symbols) = (place(".dynstr").unwrap_or(0), place(".dynsym").unwrap_or(0));
    for (_, section) in &mut list {
        section.sh_link = match section.sh_type {
            SHT_DYNSYM | SHT_DYNAMIC | SHT_GNU_VERNEED | SHT_GNU_VERDEF => strings,
            SHT_HASH | SHT_GNU_HASH | SHT_GNU_VERSYM | SHT_REL | SHT_RELA => symbols,
            _ => 0,
        };
    }
    Some(list)
}

fn empty() -> SectionHeader {
    SectionHeader { sh_flags: 0, ..SectionHeader::new() }
}

/// What the program headers name.
fn segments(elf: &Elf<'_>) -> Option<Vec<Named>> {
    let mut all = Vec::new();
    let mut notes = 0_u32;
    let word = u64::from(elf.bits()).checked_div(8)?;
    for segment in &elf.segments {
        let section = SectionHeader {
            sh_addr: segment.p_vaddr,
            sh_offset: segment.p_offset,
            sh_size: segment.p_filesz,
            sh_flags: u64::from(SHF_ALLOC),
            sh_addralign: 1,
            ..empty()
        };
        let flags = |bits: u32| u64::from(SHF_ALLOC | bits);
        let is_known = || elf.bytes.get(segment.p_offset, segment.p_filesz).map(drop);
        match segment.p_type {
            PT_INTERP => {
                is_known()?;
                all.push((".interp".to_owned(), SectionHeader { sh_type: SHT_PROGBITS, ..section }));
            }
            PT_NOTE => {
                is_known()?;
                let name = if notes == 0 { ".note".to_owned() } else { format!(".note.{notes}") };
                notes = notes.saturating_add(1);
                let sh_addralign = if segment.p_align == 8 { 8 } else { 4 };
                all.push((name, SectionHeader { sh_type: SHT_NOTE, sh_addralign, ..section }));
            }
            PT_DYNAMIC => {
                is_known()?;
                let sh_entsize = u64_of(Dyn::size(elf.context.container));
                let dynamic = SectionHeader { sh_type: SHT_DYNAMIC, sh_entsize, sh_addralign: word, ..section };
                let bits = if segment.p_flags & PF_W != 0 { SHF_WRITE } else { 0 };
                all.push((".dynamic".to_owned(), SectionHeader { sh_flags: flags(bits), ..dynamic }));
            }
            PT_GNU_EH_FRAME => {
                all.push((
                    ".eh_frame_hdr".to_owned(),
                    SectionHeader { sh_type: SHT_PROGBITS, sh_addralign: 4, ..section },
                ));
            }
            _ => {}
        }
    }
    for load in elf.loads() {
        let section = |kind, address: u64, size, bits| SectionHeader {
            sh_type: kind,
            sh_addr: address,
            sh_offset: load.p_offset.saturating_add(address.saturating_sub(load.p_vaddr)),
            sh_size: size,
            sh_flags: u64::from(SHF_ALLOC | bits),
            sh_addralign: 1,
            ..empty()
        };
        if load.p_flags & PF_X != 0 && load.p_filesz > 0 {
            all.push((".text".to_owned(), section(SHT_PROGBITS, load.p_vaddr, load.p_filesz, SHF_EXECINSTR)));
        }
        let more = load.p_memsz.saturating_sub(load.p_filesz);
        if more > 0 {
            let address = load.p_vaddr.saturating_add(load.p_filesz);
            all.push((".bss".to_owned(), section(SHT_NOBITS, address, more, SHF_WRITE)));
        }
    }
    Some(all)
}

/// What the dynamic section names.
fn tables(elf: &Elf<'_>) -> Option<Vec<Named>> {
    let word = u64::from(elf.bits()).checked_div(8)?;
    let mut all: Vec<Named> = Vec::new();
    let mut add = |name: &str, sh_type: u32, tag: u64, size: u64, sh_entsize: u64| -> Option<()> {
        let (at, address) = (elf.table(tag)?, elf.value(tag)?);
        elf.bytes.get(at, size)?;
        let section = SectionHeader {
            sh_type,
            sh_addr: address,
            sh_offset: at,
            sh_size: size,
            sh_flags: u64::from(SHF_ALLOC),
            sh_addralign: word,
            sh_entsize,
            ..empty()
        };
        all.push((name.to_owned(), section));
        Some(())
    };
    let has = |tag: u64| elf.value(tag).is_some_and(|value| value != 0);
    let (symbols, count, _) = elf.dynamic_symbols()?;
    let symbol = u64_of(Sym::size(elf.context.container));
    add(".dynsym", SHT_DYNSYM, goblin::elf::dynamic::DT_SYMTAB, count.checked_mul(symbol)?, symbol)?;
    add(".dynstr", SHT_STRTAB, DT_STRTAB, elf.value(DT_STRSZ)?, 0)?;
    if has(DT_HASH) {
        let [buckets, chains] = elf.words::<2>(elf.table(DT_HASH)?)?;
        let words = u64::from(buckets).checked_add(chains.into())?.checked_add(2)?;
        add(".hash", SHT_HASH, DT_HASH, words.checked_mul(4)?, 4)?;
    }
    if has(DT_GNU_HASH) {
        let [buckets, first, bloom, _] = elf.words::<4>(elf.table(DT_GNU_HASH)?)?;
        let chains = count.saturating_sub(first.into());
        let words = u64::from(buckets).checked_add(chains)?.checked_add(4)?.checked_mul(4)?;
        add(".gnu.hash", SHT_GNU_HASH, DT_GNU_HASH, words.checked_add(u64::from(bloom).checked_mul(word)?)?, 0)?;
    }
    if has(DT_VERSYM) {
        add(".gnu.version", SHT_GNU_VERSYM, DT_VERSYM, count.checked_mul(2)?, 2)?;
    }
    for (name, kind, tag, number) in [
        (".gnu.version_r", SHT_GNU_VERNEED, DT_VERNEED, DT_VERNEEDNUM),
        (".gnu.version_d", SHT_GNU_VERDEF, DT_VERDEF, DT_VERDEFNUM),
    ] {
        if has(tag) {
            let number = elf.value(number)?.min(VERSIONS);
            add(name, kind, tag, versions(elf, elf.table(tag)?, number, kind == SHT_GNU_VERDEF)?, 0)?;
        }
    }
    let reloc = |is_rela| u64_of(Reloc::size(is_rela, elf.context));
    for (name, kind, tag, size, entry) in [
        (".rela.dyn", SHT_RELA, DT_RELA, DT_RELASZ, reloc(true)),
        (".rel.dyn", SHT_REL, DT_REL, DT_RELSZ, reloc(false)),
        (".relr.dyn", SHT_RELR, DT_RELR, DT_RELRSZ, word),
        (".init_array", SHT_INIT_ARRAY, DT_INIT_ARRAY, DT_INIT_ARRAYSZ, word),
        (".fini_array", SHT_FINI_ARRAY, DT_FINI_ARRAY, DT_FINI_ARRAYSZ, word),
        (".preinit_array", SHT_PREINIT_ARRAY, DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ, word),
    ] {
        if has(tag) && has(size) {
            add(name, kind, tag, elf.value(size)?, entry)?;
        }
    }
    if has(DT_JMPREL) && has(DT_PLTRELSZ) {
        let is_rela = elf.value(DT_PLTREL) == Some(DT_RELA);
        let (name, kind) = if is_rela { (".rela.plt", SHT_RELA) } else { (".rel.plt", SHT_REL) };
        add(name, kind, DT_JMPREL, elf.value(DT_PLTRELSZ)?, reloc(is_rela))?;
    }
    for (name, section) in &mut all {
        match section.sh_type {
            // The first symbol that others see.
            SHT_DYNSYM => section.sh_info = locals(elf, symbols, count)?,
            SHT_STRTAB => section.sh_addralign = 1,
            SHT_GNU_VERNEED => section.sh_info = u32::try_from(elf.value(DT_VERNEEDNUM)?).ok()?,
            SHT_GNU_VERDEF => section.sh_info = u32::try_from(elf.value(DT_VERDEFNUM)?).ok()?,
            SHT_INIT_ARRAY | SHT_FINI_ARRAY | SHT_PREINIT_ARRAY => section.sh_flags |= u64::from(SHF_WRITE),
            SHT_GNU_VERSYM => section.sh_addralign = 2,
            _ => {}
        }
        debug_assert!(!name.is_empty());
    }
    Some(all)
}

/// Number of local symbols, which come first.
fn locals(elf: &Elf<'_>, at: u64, count: u64) -> Option<u32> {
    let size = Sym::size(elf.context.container);
    let table = elf.bytes.get(at, count.checked_mul(u64_of(size))?)?;
    let all = Sym::parse(table, 0, usize_of(count), elf.context).ok()?;
    u32::try_from(all.iter().take_while(|symbol| symbol.st_bind() == 0).count()).ok()
}

/// Bytes of a list of versions: entries with lists of their own.
fn versions(elf: &Elf<'_>, start: u64, number: u64, is_defined: bool) -> Option<u64> {
    // Where an entry says how many of its own there are, where they are, and where the next entry is.
    let (count_at, list_at, next_at, own) = if is_defined { (6_u64, 12, 16, 8_u64) } else { (2, 8, 12, 16) };
    let (mut at, mut end) = (start, start);
    let mut left = VERSIONS.saturating_mul(4);
    for _ in 0..number {
        let count = elf.half(at.checked_add(count_at)?)?;
        let [list] = elf.words::<1>(at.checked_add(list_at)?)?;
        let [next] = elf.words::<1>(at.checked_add(next_at)?)?;
        let mut place = at.checked_add(list.into())?;
        end = end.max(at.checked_add(if is_defined { 20 } else { 16 })?);
        for _ in 0..count {
            left = left.checked_sub(1)?;
            end = end.max(place.checked_add(own)?);
            let [step] = elf.words::<1>(place.checked_add(own.checked_sub(4)?)?)?;
            if step == 0 {
                break;
            }
            place = place.checked_add(step.into())?;
        }
        if next == 0 {
            break;
        }
        at = at.checked_add(next.into())?;
    }
    end.checked_sub(start)
}
