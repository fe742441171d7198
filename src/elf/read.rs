//! Reads an image: its header, segments, sections and what they name.

use bstr::{BStr, BString, ByteSlice};
use goblin::container::{Container, Ctx};
use goblin::elf::Elf as Goblin;
use goblin::elf::dynamic::{DF_1_PIE, DT_FLAGS_1, Dyn};
use goblin::elf::header::{ET_CORE, ET_DYN, ET_EXEC, ET_REL, Header};
use goblin::elf::program_header::{PT_DYNAMIC, PT_INTERP, PT_LOAD, PT_NOTE, ProgramHeader};
use goblin::elf::section_header::{SHT_NOBITS, SHT_NULL, SHT_SYMTAB, SectionHeader};

use super::Bytes;
use super::head::{file_type, id_of_notes, machine};
use crate::int::{u64_of, usize_of};

/// Most program headers that are read. Linkers write about a dozen.
const SEGMENTS: u64 = 1024;
/// Most section headers that are read. Objects that are compiled with a section a function have tens of thousands.
const SECTIONS: u64 = 65_536;
/// Most bytes of notes that are read.
const NOTES: usize = 64 << 10;

/// How the bytes of an image lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As in its file.
    File,
    /// As in memory: the first byte has this address among those that the headers name.
    Loaded(u64),
}

/// An image.
#[derive(Debug)]
pub(crate) struct Elf<'b> {
    pub(crate) bytes: &'b Bytes<'b>,
    pub(crate) layout: Layout,
    /// The address at which its first byte was in memory.
    loaded_at: Option<u64>,
    pub(crate) header: Header,
    pub(crate) context: Ctx,
    pub(crate) segments: Vec<ProgramHeader>,
    /// Empty if there are none, or if the image lies as in memory.
    pub(crate) sections: Vec<SectionHeader>,
    pub(crate) dynamic: Vec<Dyn>,
    /// What is wrong with it.
    pub(crate) faults: Vec<String>,
}

impl<'b> Elf<'b> {
    /// Reads an image from its header on. `None` if there is no header of an ELF file. What lies behind the header may be
    /// missing or damaged; that is a fault.
    pub(crate) fn read(bytes: &'b Bytes<'b>) -> Option<Self> {
        Self::read_at(bytes, None)
    }

    /// Likewise, if its first byte was at an address of a process's memory.
    pub(crate) fn read_at(bytes: &'b Bytes<'b>, loaded_at: Option<u64>) -> Option<Self> {
        let header = Goblin::parse_header(bytes.from(0)).ok()?;
        let context = Ctx::new(header.container().ok()?, header.endianness().ok()?);
        let mut elf = Elf {
            bytes,
            layout: Layout::File,
            loaded_at,
            header,
            context,
            segments: Vec::new(),
            sections: Vec::new(),
            dynamic: Vec::new(),
            faults: Vec::new(),
        };
        elf.read_segments();
        elf.layout = elf.guess();
        if elf.layout == Layout::File {
            elf.read_sections();
        }
        elf.read_dynamic();
        Some(elf)
    }

    fn read_segments(&mut self) {
        let told = u64::from(self.header.e_phnum);
        let number = told.min(SEGMENTS);
        if told > number && self.header.e_type != ET_CORE {
            self.faults.push(format!("it has {told} program headers; only {SEGMENTS} are read"));
        }
        if number == 0 {
            return;
        }
        let size = u64_of(ProgramHeader::size(self.context));
        if u64::from(self.header.e_phentsize) != size {
            self.faults.push(format!("program headers have {} bytes instead of {size}", self.header.e_phentsize));
            return;
        }
        match self.bytes.get(self.header.e_phoff, number.saturating_mul(size)) {
            Some(table) => {
                self.segments = ProgramHeader::parse(table, 0, usize_of(number), self.context).unwrap_or_default();
            }
            None => self.faults.push(self.outside("the program headers", self.header.e_phoff)),
        }
    }

    fn read_sections(&mut self) {
        if self.header.e_shoff == 0 {
            return;
        }
        let size = u64_of(SectionHeader::size(self.context));
        if u64::from(self.header.e_shentsize) != size {
            self.faults.push(format!("section headers have {} bytes instead of {size}", self.header.e_shentsize));
            return;
        }
        let parse = |number: u64| {
            let table = self.bytes.get(self.header.e_shoff, number.saturating_mul(size))?;
            SectionHeader::parse_from(table, 0, usize_of(number), self.context).ok()
        };
        // Of more than 65,279 sections, the first header has the number.
        let told = u64::from(self.header.e_shnum);
        let first = parse(1).and_then(|first| first.first().map(|header| header.sh_size));
        let number = if told == 0 { first.unwrap_or(0) } else { told };
        if number > SECTIONS {
            self.faults.push(format!("it has {number} sections; more than {SECTIONS} are not read"));
            return;
        }
        match parse(number) {
            Some(sections) => self.sections = sections,
            None => self.faults.push(self.outside("the section headers", self.header.e_shoff)),
        }
    }

    fn read_dynamic(&mut self) {
        let Some(segment) = self.segment(PT_DYNAMIC) else { return };
        let (at, len) = (self.place_of(segment), segment.p_filesz);
        let Some(at) = at else { return };
        match super::dynamic::read(self.bytes, self.context, at, len) {
            Some(dynamic) => self.dynamic = dynamic,
            None => self.faults.push(self.outside("the entries of the dynamic section", at)),
        }
    }

    /// A fault: something lies where no bytes are.
    pub(crate) fn outside(&self, what: &str, at: u64) -> String {
        if at < self.bytes.len() {
            format!("{what} at {at:#x} are not all there")
        } else {
            format!("{what} at {at:#x} are beyond the end")
        }
    }

    /// Whether the bytes lie as in the file or as in memory, by what is found where.
    fn guess(&self) -> Layout {
        let Some(first) = self.loads().min_by_key(|load| load.p_vaddr) else { return Layout::File };
        let base = first.p_vaddr.saturating_sub(first.p_offset);
        if self.loads().all(|load| load.p_vaddr.checked_sub(base) == Some(load.p_offset)) {
            return Layout::File;
        }
        let table = self.segments.iter().find(|segment| segment.p_type == PT_DYNAMIC);
        let is_dynamic = |at: u64| super::dynamic::begins_at(self.bytes, self.context, at);
        if let Some(table) = table {
            let loaded = table.p_vaddr.checked_sub(base);
            match (is_dynamic(table.p_offset), loaded.is_some_and(is_dynamic)) {
                (true, _) => return Layout::File,
                (false, true) => return Layout::Loaded(base),
                (false, false) => {}
            }
        }
        // A table of sections is in no segment, so it is only in files. Its first header is empty.
        let size = u64_of(SectionHeader::size(self.context));
        let is_table = |at: u64| {
            let empty = self.bytes.get(at, size).is_some_and(|header| header.iter().all(|&byte| byte == 0));
            let next = self.bytes.get(at.saturating_add(size), size);
            empty && next.is_some_and(|header| header.iter().any(|&byte| byte != 0))
        };
        if self.header.e_shoff != 0 && is_table(self.header.e_shoff) {
            return Layout::File;
        }
        // The last segment lies further behind in memory than in the file.
        let end = self.loads().map(|load| load.p_vaddr.saturating_sub(base).saturating_add(load.p_filesz)).max();
        let in_file = self.loads().map(|load| load.p_offset.saturating_add(load.p_filesz)).max();
        match (end, in_file) {
            (Some(end), Some(in_file)) if self.bytes.len() >= end && end > in_file.saturating_add(4096) => {
                Layout::Loaded(base)
            }
            _ => Layout::File,
        }
    }

    /// The loaded segments.
    pub(crate) fn loads(&self) -> impl Iterator<Item = &ProgramHeader> {
        self.segments.iter().filter(|segment| segment.p_type == PT_LOAD)
    }

    /// The place among the bytes of an address that the headers name.
    pub(crate) fn place(&self, address: u64) -> Option<u64> {
        if let Layout::Loaded(base) = self.layout {
            return address.checked_sub(base);
        }
        let load =
            self.loads().find(|load| (load.p_vaddr..load.p_vaddr.saturating_add(load.p_filesz)).contains(&address))?;
        load.p_offset.checked_add(address.saturating_sub(load.p_vaddr))
    }

    /// The place of what a pointer leads to that the loader may have made an address of.
    pub(crate) fn pointed(&self, pointer: u64) -> Option<u64> {
        let is_here = |at: &u64| *at < self.bytes.len();
        let moved = || pointer.checked_sub(self.loaded_at?);
        self.place(pointer).filter(is_here).or_else(|| moved().filter(is_here))
    }

    /// The place of a segment's bytes.
    pub(crate) fn place_of(&self, segment: &ProgramHeader) -> Option<u64> {
        match self.layout {
            Layout::File => Some(segment.p_offset),
            Layout::Loaded(base) => segment.p_vaddr.checked_sub(base),
        }
    }

    /// The first segment of a type.
    pub(crate) fn segment(&self, p_type: u32) -> Option<&ProgramHeader> {
        self.segments.iter().find(|segment| segment.p_type == p_type)
    }

    /// `relocatable`, `executable`, `shared_object` or `core`.
    pub(crate) fn file_type(&self) -> Option<&'static str> {
        file_type(self.header.e_type)
    }

    /// The machine: `x86_64`.
    pub(crate) fn machine(&self) -> String {
        machine(self.header.e_machine)
    }

    /// 64 or 32.
    pub(crate) fn bits(&self) -> u32 {
        if self.context.container == Container::Big { 64 } else { 32 }
    }

    /// `little` or `big`.
    pub(crate) fn byte_order(&self) -> &'static str {
        if self.context.le.is_little() { "little" } else { "big" }
    }

    /// `program`, `pie` (a program that may be loaded anywhere), `library`, `relocatable` or `core`.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        Some(match self.header.e_type {
            ET_EXEC => "program",
            ET_REL => "relocatable",
            ET_CORE => "core",
            ET_DYN if self.value(DT_FLAGS_1).is_some_and(|flags| flags & DF_1_PIE != 0) => "pie",
            ET_DYN if self.soname().is_none() && self.segment(PT_INTERP).is_some() => "pie",
            // A packed program has neither.
            ET_DYN if self.dynamic.is_empty() && self.segment(PT_DYNAMIC).is_none() && self.header.e_entry != 0 => {
                "pie"
            }
            ET_DYN => "library",
            _ => return None,
        })
    }

    /// The path of the dynamic loader.
    pub(crate) fn interpreter(&self) -> Option<BString> {
        let segment = self.segment(PT_INTERP)?;
        let text = self.bytes.get(self.place_of(segment)?, segment.p_filesz.min(4096))?;
        Some(text.split(|&byte| byte == 0).next().unwrap_or_default().into())
    }

    /// The build id, in hexadecimal.
    pub(crate) fn build_id(&self) -> Option<String> {
        let segments = self.segments.iter().filter(|segment| segment.p_type == PT_NOTE);
        let of_segments =
            segments.filter_map(|segment| Some((self.place_of(segment)?, segment.p_filesz, segment.p_align)));
        let named = self.section(b".note.gnu.build-id");
        let named = named.map(|section| (section.sh_offset, section.sh_size, section.sh_addralign));
        let mut left = NOTES;
        of_segments.chain(named).find_map(|(at, len, alignment)| {
            let data = self.bytes.from(at);
            let data = data.get(..usize_of(len).min(left).min(data.len()))?;
            left = left.saturating_sub(data.len());
            id_of_notes(data, alignment, self.context).map(|id| data_encoding::HEXLOWER.encode(id))
        })
    }

    /// The value of a tag of the dynamic section.
    pub(crate) fn value(&self, tag: u64) -> Option<u64> {
        self.dynamic.iter().find(|entry| entry.d_tag == tag).map(|entry| entry.d_val)
    }

    /// The section with a name.
    pub(crate) fn section(&self, name: &[u8]) -> Option<&SectionHeader> {
        let names = self.sections.get(usize::from(self.header.e_shstrndx))?;
        self.sections.iter().find(|section| {
            let at = names.sh_offset.saturating_add(u64_of(section.sh_name));
            self.bytes.from(at).strip_prefix(name).is_some_and(|rest| rest.first() == Some(&0))
        })
    }

    /// The bytes of a section with a name, as far as they are known.
    pub(crate) fn contents(&self, name: &[u8]) -> Option<&[u8]> {
        let section = self.section(name).filter(|section| section.sh_type != SHT_NOBITS)?;
        let bytes = self.bytes.from(section.sh_offset);
        bytes.get(..usize_of(section.sh_size).min(bytes.len()))
    }

    /// Whether the table of symbols for debuggers was removed. `None` if the image lies as in memory, where it never is.
    pub(crate) fn is_stripped(&self) -> Option<bool> {
        let is_there = self.sections.iter().any(|section| section.sh_type == SHT_SYMTAB);
        (self.layout == Layout::File && self.is_sections_known()).then_some(!is_there)
    }

    /// Number of sections. `None` if that is not known.
    pub(crate) fn section_count(&self) -> Option<u64> {
        (self.layout == Layout::File && self.is_sections_known()).then_some(u64_of(self.sections.len()))
    }

    fn is_sections_known(&self) -> bool {
        self.header.e_shoff == 0 || !self.sections.is_empty()
    }

    /// Whether it is a program that needs neither loader nor libraries. `None` of libraries and others.
    pub(crate) fn is_static(&self) -> Option<bool> {
        let is_program = matches!(self.kind(), Some("program" | "pie"));
        is_program.then(|| self.segment(PT_INTERP).is_none() && self.needed().is_empty())
    }

    /// Marks of compilers.
    pub(crate) fn comments(&self) -> Vec<BString> {
        const MOST: usize = 8;
        const LONGEST: usize = 256;
        let all = self.contents(b".comment").unwrap_or_default();
        let all = all.get(..all.len().min(16 << 10)).unwrap_or_default();
        let mut found: Vec<BString> = Vec::new();
        for text in all.split(|&byte| byte == 0).filter(|text| !text.is_empty()) {
            let text = BStr::new(text.get(..text.len().min(LONGEST)).unwrap_or_default());
            if found.len() < MOST && !found.iter().any(|known| known == text) {
                found.push(text.to_owned());
            }
        }
        found
    }

    /// Where the file ends by its headers: behind the last segment, section and table.
    pub(crate) fn end(&self) -> u64 {
        let header = u64_of(Header::size(self.context));
        let table = |at: u64, number: u64, size: u16| at.saturating_add(number.saturating_mul(size.into()));
        let segments = table(self.header.e_phoff, self.header.e_phnum.into(), self.header.e_phentsize);
        let number =
            if self.sections.is_empty() { u64::from(self.header.e_shnum) } else { u64_of(self.sections.len()) };
        let sections = table(self.header.e_shoff, number, self.header.e_shentsize);
        let of_segments = self.segments.iter().filter(|segment| segment.p_filesz > 0);
        let of_segments = of_segments.map(|segment| segment.p_offset.saturating_add(segment.p_filesz));
        let has_bytes = |section: &&SectionHeader| section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL;
        let of_sections = self.sections.iter().filter(has_bytes);
        let of_sections = of_sections.map(|section| section.sh_offset.saturating_add(section.sh_size));
        let sections = Some(sections).filter(|_| self.header.e_shoff != 0);
        let segments = Some(segments).filter(|_| self.header.e_phoff != 0);
        of_segments.chain(of_sections).chain(segments).chain(sections).fold(header, u64::max)
    }

    /// Bytes behind the end of the image, if it lies as in its file.
    pub(crate) fn overlay(&self) -> Option<u64> {
        let is_known = self.layout == Layout::File && self.is_sections_known() && self.header.e_type != ET_CORE;
        is_known.then(|| self.bytes.len().saturating_sub(self.end()))
    }

    /// Whether text is in the bytes.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.bytes.pieces().any(|(_, bytes)| bytes.find(text).is_some())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::elf::{GoBuild, abilities, crates, file_of, packer};

    /// Everything that is read of an image.
    fn read_all(bytes: &[u8], loaded_at: Option<u64>) {
        let bytes = Bytes::whole(bytes);
        let Some(elf) = Elf::read_at(&bytes, loaded_at) else { return };
        let symbols = elf.symbols();
        let _ =
            (elf.kind(), elf.interpreter(), elf.build_id(), elf.soname(), elf.needed(), elf.comments(), elf.overlay());
        let _ = (abilities(&elf, symbols.as_ref()), packer(&elf), GoBuild::of(&elf), crates(&elf), file_of(&elf));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

        /// Forged images give no answer, but no panic.
        #[test]
        #[cfg(target_os = "linux")]
        fn hostile_images_never_panic(
            cut in 0_usize..40_000, at in any::<Option<u64>>(),
            headers in vec((4_usize..2048, prop_oneof![Just(0_u8), Just(0xff), Just(0x80), any::<u8>()]), 0..32),
            others in vec((any::<prop::sample::Index>(), any::<u8>()), 0..200),
        ) {
            let mut bytes = std::fs::read("/usr/bin/true").unwrap_or_default();
            for (at, byte) in headers {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            for (at, byte) in others {
                if bytes.len() > 4 {
                    let at = at.index(bytes.len() - 4) + 4;
                    bytes[at] = byte;
                }
            }
            bytes.truncate(bytes.len().saturating_sub(cut / 8));
            read_all(&bytes, at);
        }
    }
}
