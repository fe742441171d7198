//! What each process has loaded, by the dynamic loader's own list and by its mappings. The table `modules` and the rule
//! about hidden libraries are made of it.

mod link_map;

use std::collections::{BTreeMap, HashMap, HashSet};

use bstr::{BStr, BString, ByteSlice};

pub(crate) use self::link_map::Linked;
use self::link_map::{LinkMap, Words};
use crate::abi::arch::Arch;
use crate::elf::{Image, MAGIC};
use crate::memory::{AddressSpace, Content, Origin};
use crate::model::process::Process;
use crate::tables::Mapping;

/// `AT_BASE`: where the dynamic loader is.
const BASE: u64 = 7;
/// `DT_DEBUG`.
const DEBUG: u64 = 21;
/// Most bytes of the program's and the loader's data that are looked through.
const DATA: u64 = 4 << 20;

/// What the two lists say of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Both have it, under names that fit.
    Both,
    /// Both have it, under different names.
    Renamed,
    /// A file is mapped as code, and the dynamic loader does not know it.
    Unlinked,
    /// An image that no file backs may be executed, and the dynamic loader does not know it.
    Hidden,
    /// The dynamic loader knows it, and it lies in memory that no file backs.
    Unbacked,
    /// The dynamic loader knows it, and nothing is mapped there.
    Gone,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            State::Both => "both",
            State::Renamed => "renamed",
            State::Unlinked => "unlinked",
            State::Hidden => "hidden",
            State::Unbacked => "unbacked",
            State::Gone => "gone",
        }
    }
}

/// A module of a process.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    /// Its entry in the dynamic loader's list.
    pub(crate) linked: Option<Linked>,
    /// The path of its mapping, as `maps` prints it.
    pub(crate) path: Option<BString>,
    /// Its first mapping.
    pub(crate) start: Option<u64>,
    /// What the lists say. `None` if the dynamic loader's list is not whole.
    pub(crate) state: Option<State>,
}

/// The modules of a process.
#[derive(Clone, Debug)]
pub(crate) struct Modules {
    /// Those of the dynamic loader's list in its order, then others by address.
    pub(crate) all: Vec<Module>,
    /// Why the dynamic loader's list is not there, or not whole.
    pub(crate) reason: Option<&'static str>,
}

impl Modules {
    /// The modules of a process with these mappings.
    pub(crate) fn of(process: &Process, space: &AddressSpace<'_>, mappings: &[Mapping]) -> Self {
        let words = words(process, space);
        let starts = starts(mappings);
        let code = code_files(mappings, &starts);
        match link_map(&words, mappings) {
            Ok(map) => compare(&map, space, mappings, &code, &starts),
            Err(reason) => {
                let all = code.iter().map(|(path, start)| Module {
                    linked: None,
                    path: Some((*path).clone()),
                    start: Some(*start),
                    state: None,
                });
                Modules { all: all.collect(), reason: Some(reason) }
            }
        }
    }
}

fn words<'a>(process: &Process, space: &AddressSpace<'a>) -> Words<'a> {
    // The code of a 64-bit process is above what 32 bits can name, or its stack is.
    let is_64 = space.mm().vmas.iter().any(|vma| vma.end.0 > 1 << 32);
    Words { space: *space, word: if is_64 { 8 } else { 4 }, big: process.arch() == Some(Arch::S390) }
}

fn permits(mapping: &Mapping, place: usize, letter: u8) -> bool {
    mapping.permissions.as_bytes().get(place) == Some(&letter)
}

/// Files that are mapped as code: by path, with the address of their first mapping.
fn code_files<'m>(mappings: &'m [Mapping], starts: &HashMap<&BString, u64>) -> BTreeMap<&'m BString, u64> {
    let code = mappings.iter().filter(|mapping| is_file(mapping) && permits(mapping, 2, b'x'));
    code.map(|mapping| (&mapping.path, starts.get(&mapping.path).copied().unwrap_or(mapping.start.0))).collect()
}

/// Where the first mapping of each file begins.
fn starts(mappings: &[Mapping]) -> HashMap<&BString, u64> {
    let mut starts = HashMap::new();
    for mapping in mappings {
        starts.entry(&mapping.path).or_insert(mapping.start.0);
    }
    starts
}

fn is_file(mapping: &Mapping) -> bool {
    matches!(mapping.kind, "file" | "memfd") && !mapping.path.starts_with(b"/dev/zero")
}

fn mapping_at(mappings: &[Mapping], address: u64) -> Option<&Mapping> {
    let after = mappings.partition_point(|mapping| mapping.start.0 <= address);
    mappings.get(after.checked_sub(1)?).filter(|mapping| address < mapping.end.0)
}

/// The dynamic loader's list, or why it is not there.
fn link_map(words: &Words<'_>, mappings: &[Mapping]) -> Result<LinkMap, &'static str> {
    let mm = words.space.mm();
    let base = mm.auxv.get(BASE).filter(|base| *base != 0);
    let loader = base.and_then(|base| mapping_at(mappings, base)).filter(|mapping| is_file(mapping));
    let program = mm.exe().and_then(|exe| mm.vmas.iter().find(|vma| vma.file() == Some(exe)));
    let program = program.and_then(|vma| mapping_at(mappings, vma.start.0));
    // A program that was given to the loader by name runs as the loader.
    let Some(loader) = loader.or(program.filter(|program| is_loader(&program.path))) else {
        return Err("it has no dynamic loader: the program is static");
    };
    let debug = program.into_iter().flat_map(|program| debug_of(words, mappings, program));
    let own = in_loader(words, mappings, loader);
    let mut broken = None;
    for at in debug.chain(own) {
        match link_map::read(words, at) {
            Some(map) if map.broken.is_none() => return Ok(map),
            Some(map) => {
                broken.get_or_insert(map);
            }
            None => {}
        }
    }
    broken.ok_or("the pages with the dynamic loader's list are not in the archive")
}

/// Whether a path is that of a dynamic loader.
pub(crate) fn is_loader(path: &[u8]) -> bool {
    let name = path.rsplit_str("/").next().unwrap_or_default();
    name.starts_with(b"ld-")
        || name.starts_with(b"ld.so")
        || name.starts_with(b"ld64.")
        || name.starts_with(b"libc.musl")
}

/// Where the dynamic section of the program says that the structure is.
fn debug_of(words: &Words<'_>, mappings: &[Mapping], program: &Mapping) -> Vec<u64> {
    let is_data = |mapping: &&Mapping| mapping.path == program.path && !permits(mapping, 2, b'x');
    let mut found = Vec::new();
    for (_, bytes) in mappings.iter().filter(is_data).flat_map(|mapping| data(words, mapping)) {
        let size = crate::int::usize_of(words.word.saturating_mul(2)).max(8);
        let half = crate::int::usize_of(words.word);
        for pair in bytes.chunks_exact(size) {
            let (tag, value) = pair.split_at_checked(half).unwrap_or_default();
            let (tag, value) = (words.number(tag), words.number(value));
            if tag == DEBUG && found.len() < 16 && mapping_at(mappings, value).is_some_and(|at| permits(at, 0, b'r')) {
                found.push(value);
            }
        }
    }
    found
}

/// Where the loader's data has what looks like the structure: it ends with the loader's own base.
fn in_loader(words: &Words<'_>, mappings: &[Mapping], loader: &Mapping) -> Vec<u64> {
    let base = loader.start.0.saturating_sub(loader.offset);
    let last = mappings.iter().rposition(|mapping| mapping.path == loader.path);
    // Behind the data of the file is what begins as zeros.
    let behind =
        last.and_then(|last| mappings.get(last.saturating_add(1))).filter(|mapping| mapping.kind == "anonymous");
    let own = mappings.iter().filter(|mapping| mapping.path == loader.path);
    let mut found = Vec::new();
    for (start, bytes) in own.chain(behind).filter(|mapping| !permits(mapping, 2, b'x')).flat_map(|m| data(words, m)) {
        let size = crate::int::usize_of(words.word);
        let all: Vec<u64> = bytes.chunks_exact(size.max(1)).map(|part| words.number(part)).collect();
        for (place, window) in all.windows(5).enumerate() {
            let [version, first, code, state, ends] = window else { continue };
            let is_one = *ends == base
                && (1..=2).contains(&(version & 0xffff_ffff))
                && state & 0xffff_ffff <= 2
                && mapping_at(mappings, *first).is_some_and(|at| permits(at, 1, b'w'))
                && mapping_at(mappings, *code).is_some_and(|at| permits(at, 2, b'x'));
            if is_one && found.len() < 16 {
                found.push(start.saturating_add(words.word.saturating_mul(crate::int::u64_of(place))));
            }
        }
    }
    found
}

/// The recorded bytes of a mapping, each part with its address.
fn data(words: &Words<'_>, mapping: &Mapping) -> Vec<(u64, Vec<u8>)> {
    let end = mapping.end.0.min(mapping.start.0.saturating_add(DATA));
    let mut parts: Vec<(u64, Vec<u8>)> = Vec::new();
    for run in words.space.runs(mapping.start.0, end) {
        if !matches!(run.origin, Origin::Recorded { .. }) {
            continue;
        }
        for (address, content) in words.space.pieces(run.start, run.end) {
            let Content::Bytes(bytes) = content else { continue };
            match parts.last_mut() {
                Some((start, last)) if start.saturating_add(crate::int::u64_of(last.len())) == address => {
                    last.extend_from_slice(&bytes);
                }
                _ => parts.push((address, bytes.into_owned())),
            }
        }
    }
    parts
}

/// Puts the two lists beside each other.
fn compare(
    map: &LinkMap,
    space: &AddressSpace<'_>,
    mappings: &[Mapping],
    code: &BTreeMap<&BString, u64>,
    starts: &HashMap<&BString, u64>,
) -> Modules {
    let is_whole = map.broken.is_none();
    let mut seen: HashSet<&BString> = HashSet::new();
    let mut places: HashSet<u64> = HashSet::new();
    let mut all = Vec::new();
    for linked in &map.entries {
        let mapping = mapping_at(mappings, linked.dynamic);
        let named = mapping.filter(|mapping| !mapping.path.is_empty());
        seen.extend(named.map(|mapping| &mapping.path));
        let state = match mapping {
            None => State::Gone,
            Some(mapping) if is_file(mapping) || mapping.kind == "vdso" => {
                if is_same(linked, mapping) {
                    State::Both
                } else {
                    State::Renamed
                }
            }
            Some(_) => State::Unbacked,
        };
        let first = named.and_then(|named| starts.get(&named.path).copied());
        let start = first.or(mapping.map(|mapping| mapping.start.0));
        places.extend(start);
        all.push(Module {
            linked: Some(linked.clone()),
            path: named.map(|mapping| mapping.path.clone()),
            start,
            state: Some(state),
        });
    }
    let mut others: Vec<Module> = code
        .iter()
        .filter(|(path, _)| !seen.contains(**path))
        .map(|(path, start)| Module {
            linked: None,
            path: Some((*path).clone()),
            start: Some(*start),
            state: is_whole.then_some(State::Unlinked),
        })
        .collect();
    // Where the loader put an image without a file, the entry lies in it.
    let is_known = |mapping: &Mapping| places.contains(&mapping.start.0);
    let is_code = |mapping: &&Mapping| mapping.kind == "anonymous" && permits(mapping, 2, b'x');
    for mapping in mappings.iter().filter(is_code).filter(|mapping| !is_known(mapping)) {
        others.extend(images(space, mapping).into_iter().map(|start| Module {
            linked: None,
            path: None,
            start: Some(start),
            state: is_whole.then_some(State::Hidden),
        }));
    }
    others.sort_by_key(|module| module.start);
    all.extend(others);
    Modules { all, reason: map.broken }
}

/// Where images with a header begin in a mapping.
fn images(space: &AddressSpace<'_>, mapping: &Mapping) -> Vec<u64> {
    const LONGEST: u64 = 64 << 20;
    const MOST: usize = 64;
    let page = space.page_size().max(4096);
    let end = mapping.end.0.min(mapping.start.0.saturating_add(LONGEST));
    let mut found = Vec::new();
    for run in space.runs(mapping.start.0, end).filter(|run| matches!(run.origin, Origin::Recorded { .. })) {
        let mut at = run.start;
        while at < run.end && found.len() < MOST {
            let is_one = matches!(space.at(at, 4), Content::Bytes(head) if head.starts_with(MAGIC));
            if is_one
                && space.read(at, page.min(run.end.saturating_sub(at))).is_ok_and(|head| Image::read(&head).is_some())
            {
                found.push(at);
            }
            at = at.saturating_add(page);
        }
    }
    found
}

/// Whether the names of an entry and of a file fit. The loader knows files by links to them, so only the name counts that all
/// versions of a library share. The program has no name, or the one it was started by.
fn is_same(linked: &Linked, mapping: &Mapping) -> bool {
    let Some(name) = &linked.name else { return true };
    if name.is_empty() || mapping.kind == "vdso" || linked.position == 0 {
        return true;
    }
    stem(name) == stem(&mapping.path)
}

/// The name of a library without its version: `libz` of `/usr/lib/libz.so.1.3`.
fn stem(path: &[u8]) -> &BStr {
    let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
    let name = path.rsplit_str("/").next().unwrap_or_default();
    let end = name.find(".so").unwrap_or(name.len());
    let stem = name.get(..end).unwrap_or(name);
    // glibc before 2.34 named its files after its version: `libc-2.31.so`.
    let end = stem.rfind_byte(b'-').filter(|at| stem.get(at.saturating_add(1)).is_some_and(u8::is_ascii_digit));
    BStr::new(stem.get(..end.unwrap_or(stem.len())).unwrap_or(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_known_under_the_names_of_their_versions() {
        assert_eq!(stem(b"/lib/x86_64-linux-gnu/libz.so.1"), stem(b"/usr/lib/x86_64-linux-gnu/libz.so.1.3.1"));
        assert_eq!(stem(b"/lib/libc.so.6"), stem(b"/usr/lib/libc-2.31.so"));
        assert_eq!(stem(b"/tmp/x.so (deleted)"), stem(b"/tmp/x.so"));
        assert_ne!(stem(b"/lib/libm.so.6"), stem(b"/lib/libc.so.6"));
        assert!(
            is_loader(b"/lib64/ld-linux-x86-64.so.2")
                && is_loader(b"/lib/ld-musl-x86_64.so.1")
                && !is_loader(b"/bin/ld")
        );
    }
}
