//! MEM-001: an ELF image in memory without a file.

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::hits::{Pattern, Region};
use super::super::words::{shown, size};
use super::super::{Confidence, Evidence, Facts, Report, Severity};
use super::code::{about, is_executable, is_unbacked, kind_words, len, mapping_at, sha256};
use super::listing::Machine;
use super::stacks::{Return, returns, threads};
use crate::elf::Image;
use crate::memory::AddressSpace;
use crate::model::ids::{Pid, Tid};
use crate::model::registers::Registers;
use crate::tables::Mapping;

rule! {
    /// The header of an ELF file at the beginning of a page that no file backs: anonymous memory, heap, stack, shared
    /// memory. The whole header is checked, not only its magic number, which occurs in strings and buffers. Mappings
    /// that adjoin count as one image, since a loader maps its segments side by side. If a thread stands in the image,
    /// or a stack leads back into it, it runs. The vDSO is the kernel's and does not count.
    "MEM-001", anonymous_elf, version 1, Memory, Stable, High,
    title: "An ELF image is in memory, but in no file",
    why: "Programs are mapped from files. An image in anonymous memory was put there by hand, usually to leave no trace on disk.",
    benign: [
        "A buffer with a program in it, as in package managers, compilers and web servers: it has no execute permission.",
        "A packed program that unpacked itself: its own file is of the image and has the mark of a packer.",
    ],
    attack: ["T1620", "T1055"],
    cost: Memory,
    tags: ["fileless"],
    regions: [Region::FirstPages, Region::Executable, Region::BesideCode, Region::Stacks],
    patterns: [MAGIC],
    check: check,
}

/// The first bytes of a file header: magic, 64 or 32 bits.
pub(super) const MAGIC: Pattern = Pattern { bytes: b"\x7fELF" };

/// An image that was found.
pub(super) struct Placed<'f> {
    /// Where it begins.
    pub(super) address: u64,
    /// The mapping it begins in.
    pub(super) mapping: &'f Mapping,
    /// Its header.
    pub(super) image: Image,
}

/// The images in memory without a file of a process, by address.
pub(super) fn images<'f>(
    facts: &Facts<'_>,
    process: &'f ProcessFacts<'_>,
    space: &AddressSpace<'_>,
) -> impl Iterator<Item = Placed<'f>> {
    let page = space.page_size().max(1);
    let hits: Vec<u64> = facts.hits().within(&MAGIC, process.pid()).map(|hit| hit.address).collect();
    let space = *space;
    hits.into_iter().filter(move |address| address.is_multiple_of(page)).filter_map(move |address| {
        let mapping = mapping_at(process, address).filter(|mapping| is_unbacked(mapping) && mapping.kind != "memfd")?;
        let head = space.read(address, page).ok()?;
        Some(Placed { address, mapping, image: Image::read(&head)? })
    })
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if facts.hits().unread > 0 {
        report.not_checked("pages that could not be read");
    }
    if facts.hits().more {
        report.not_checked("there are more magic numbers in memory than are listed");
    }
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let Some(space) = facts.space(process.pid()) else {
            report.not_checked("processes without a layout of memory");
            continue;
        };
        let mut running: Option<Running> = None;
        for (number, placed) in images(facts, process, &space).enumerate() {
            if number >= IMAGES_MOST {
                report.not_checked("processes with more images in memory than are looked at");
                break;
            }
            let running = running.get_or_insert_with(|| Running::of(facts, process, &space));
            found(facts, report, process, &space, &placed, running);
        }
    }
}

/// Most images of a process that are looked at.
const IMAGES_MOST: usize = 64;

/// Code in memory without a file.
pub(in crate::analysis) struct Carved {
    pub(in crate::analysis) pid: Pid,
    pub(in crate::analysis) address: u64,
    pub(in crate::analysis) len: u64,
    pub(in crate::analysis) sha256: String,
}

/// The images in memory without a file that can be executed, of all processes.
pub(in crate::analysis) fn carved(facts: &Facts<'_>) -> Vec<Carved> {
    let mut all = Vec::new();
    for process in facts.living() {
        let Some(space) = facts.space(process.pid()) else { continue };
        for placed in images(facts, process, &space).take(IMAGES_MOST) {
            let end = extent(process, &placed);
            let first = process.mappings().partition_point(|other| other.end.0 <= placed.address);
            let after = process.mappings().get(first..).unwrap_or_default();
            let is_code = after.iter().take_while(|other| other.start.0 < end).any(is_executable);
            if let Some(sha256) = is_code.then(|| sha256(&space, placed.address, end)).flatten() {
                let len = end.saturating_sub(placed.address);
                all.push(Carved { pid: process.pid(), address: placed.address, len, sha256 });
            }
        }
    }
    all
}

/// What runs in a process.
struct Running {
    /// Where each thread stands.
    threads: Vec<(Tid, u64)>,
    /// Return addresses on stacks.
    returns: Vec<Return>,
    /// Whether its program is packed.
    packed: bool,
}

impl Running {
    fn of(facts: &Facts<'_>, process: &ProcessFacts<'_>, space: &AddressSpace<'_>) -> Self {
        let standing = |(tid, _, registers): (Tid, &[u8], Registers)| Some((tid, registers.instruction_pointer?.0));
        let returns = Machine::of(process).map(|machine| returns(process, space, machine).0);
        Running {
            threads: threads(process).filter_map(standing).collect(),
            returns: returns.unwrap_or_default(),
            packed: is_packed(facts, process, space),
        }
    }
}

fn found(
    facts: &Facts<'_>,
    report: &mut Report<'_>,
    process: &ProcessFacts<'_>,
    space: &AddressSpace<'_>,
    placed: &Placed<'_>,
    running: &Running,
) {
    let Placed { address, mapping, image } = placed;
    let pid = process.pid();
    let end = extent(process, placed);
    let within = |at: u64| (*address..end).contains(&at);
    // Code of the image may be in the next mapping.
    let first = process.mappings().partition_point(|other| other.end.0 <= *address);
    let after = process.mappings().get(first..).unwrap_or_default();
    let code = after.iter().take_while(|other| other.start.0 < end);
    let is_code = code.clone().any(is_executable);
    let standing = running.threads.iter().find(|(_, ip)| within(*ip));
    let returning = running.returns.iter().find(|word| within(word.target));
    let is_packed = is_code && running.packed;
    let severity = match (is_code, is_packed) {
        (false, _) => Severity::Low,
        (true, true) => Severity::Medium,
        (true, false) if standing.is_some() || returning.is_some() => Severity::Critical,
        (true, false) => Severity::High,
    };
    let hash = if is_code { sha256(space, *address, end) } else { None };
    // Buffers come and go; an image that can run is known by its contents.
    let mut identity = process.identity();
    identity.push(if is_code { "code".into() } else { "buffer".into() });
    identity.extend(hash.as_deref().filter(|_| !super::code::is_writable(mapping)).map(Into::into));
    let mut sentence = format!(
        "{} has an ELF image in {} of {} ({}): {} for {}",
        process.title(),
        size(len(mapping)),
        kind_words(mapping),
        mapping.permissions,
        image.what,
        shown(image.machine.as_bytes()),
    );
    if let Some((tid, _)) = standing {
        super::super::words::add(&mut sentence, format_args!("; thread {tid} is in it"));
    } else if let Some(word) = returning {
        super::super::words::add(&mut sentence, format_args!("; the stack of thread {} leads back into it", word.tid));
    } else if !is_code {
        sentence.push_str("; none of it can be executed");
    }
    sentence.push('.');
    let benign = if is_packed {
        "The program is packed and unpacked itself in memory: its file is of the image and has the mark of a packer."
    } else if is_code {
        "A loader of its own, as some games, emulators and language runtimes have: ask what this program is."
    } else {
        "A buffer with a program in it, as when files are copied, served or packed: it cannot be executed here."
    };
    let header = Evidence::memory(facts, pid, *address, end.saturating_sub(*address))
        .with("entry", Some(format!("{:#x}", image.entry)))
        .with("segments", Some(crate::int::u64_of(image.loads.len())))
        .with("asks_for_loader", Some(if image.has_interpreter { "yes" } else { "no" }))
        .with_sha256(hash)
        .with_note("the ELF header");
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(severity)
        .confidence(Confidence::High)
        .identity(identity)
        .sentence(sentence)
        .benign(benign)
        .evidence(header);
    for other in code.filter(|other| other.start.0 != mapping.start.0).take(4) {
        finding = finding.evidence(super::code::row(other).with_note("another part of the image"));
    }
    if let Some((tid, ip)) = standing {
        finding =
            finding.thread(*tid).evidence(Evidence::memory(facts, pid, *ip, 64).with_note("where the thread stands"));
    } else if let Some(word) = returning {
        let evidence = Evidence::memory(facts, pid, word.slot, 8).with_note("the return address on the stack");
        finding = finding.thread(word.tid).evidence(evidence);
    }
    if is_packed {
        finding = finding.tag("packed");
    }
    report.add(finding);
}

/// Where an image ends: at the end of the mappings without a file that adjoin, or of what its header claims.
pub(super) fn extent(process: &ProcessFacts<'_>, placed: &Placed<'_>) -> u64 {
    super::super::elf::extent(process.mappings(), placed.mapping, placed.address, placed.image.span(), is_unbacked)
}

/// Whether the program of a process is of the image and has the mark of the packer UPX.
fn is_packed(facts: &Facts<'_>, process: &ProcessFacts<'_>, space: &AddressSpace<'_>) -> bool {
    let belongs = process.program.path.as_deref().is_some_and(|path| super::runtime::belongs(facts, path));
    belongs
        && !process.program.deleted
        && process.mappings().iter().filter(|mapping| super::code::is_program(process, mapping)).any(|mapping| {
            let page = super::code::bytes_at(space, mapping.start.0, space.page_size());
            memchr::memmem::find(&page, b"UPX!").is_some()
        })
}
