//! Table `elf_files`.

use bstr::BString;

use super::super::elf::{self, Found};
use crate::Checkpoint;
use crate::elf::{Elf, GoBuild, abilities, crates, packer};
use crate::model::ids::{Address, Pid};
use crate::tables::{Sink, table};

/// Most names in a list.
const NAMES: usize = 200;

table! {
    "elf_files", key(source, member, file, path, pid, address),
    brief(source, pid, kind, header, packer, size, path),
    event(Event::state(&["file"], "elf-file").about(Subject::File).under("elf"));
    /// Every ELF image in the archive: changed files, files of volumes, recovered files, files that are mapped as code,
    /// and images in memory that no file backs. Of a mapped file, the archive has at most the pages that the process
    /// changed; what those do not tell is null. By source, then in the order of the archive, by path, or by process and
    /// address.
    pub struct ElfImage {
        /// Where it is: `rootfs`, `volume`, a source of `recovered_files` (`ghost`, `link_remap`, `memfd`, `sysv`,
        /// `devshm`, `tmpfs`), `mapped` for a file that is mapped as code and not in the archive, or `memory` for an
        /// image that no file backs.
        pub source: &'static str,
        /// Path in the container. For a mapped file, as `maps` prints it. Null for anonymous memory.
        #[to(ecs("file.path").path(), ocsf("file.path").path())]
        pub path: Option<BString>,
        /// The process in whose memory it was read. Null for files.
        pub pid: Option<Pid>,
        /// Where it begins in that memory.
        pub address: Option<Address>,
        /// Processes that run, map or hold it. At most 256 are listed.
        pub pids: Vec<Pid>,
        /// The member of the archive that has it.
        pub member: Option<BString>,
        /// Path in the member, if that is an archive.
        pub file: Option<BString>,
        /// Size of the file in bytes. For an image in memory, what it takes there; as a file lies in memory, its size.
        #[to(ecs("file.size"), ocsf("file.size"))]
        pub size: Option<u64>,
        /// `whole`. `wiped`: it was overwritten, and the columns are from a header that was rebuilt. `none`: there is no
        /// header, only marks of an image. Null if its page is not in the archive.
        pub header: Option<&'static str>,
        /// `program` (at a fixed address), `pie` (a program that runs at any address), `library`, `relocatable` or
        /// `core`.
        pub kind: Option<&'static str>,
        /// Type of the header: `relocatable`, `executable`, `shared_object` or `core`.
        #[to(ecs("file.elf.header.type"))]
        pub r#type: Option<&'static str>,
        /// Machine, such as `x86_64`.
        #[to(ecs("file.elf.architecture"))]
        pub machine: Option<String>,
        /// 64 or 32.
        pub class: Option<u32>,
        /// `little` or `big`.
        pub byte_order: Option<&'static str>,
        /// Entry point, as the header has it.
        pub entry: Option<Address>,
        /// Path of the dynamic loader that it asks for.
        pub interpreter: Option<BString>,
        /// Build id in hexadecimal.
        pub build_id: Option<String>,
        /// The name by which others need it.
        pub soname: Option<BString>,
        /// Libraries that it needs. At most 256 are listed.
        pub needed: Vec<BString>,
        /// Number of sections, 0 if there is no table of them. Null if that is not known: a loader does not load it.
        pub sections: Option<u64>,
        /// Whether the symbols for debuggers were removed.
        pub stripped: Option<bool>,
        /// Whether a program needs no libraries. Null for libraries.
        pub r#static: Option<bool>,
        /// Number of symbols that it takes from others.
        pub imports: Option<u64>,
        /// Their names, at most 200.
        pub import_names: Vec<BString>,
        /// Number of symbols that it offers to others.
        pub exports: Option<u64>,
        /// Their names, at most 200.
        pub export_names: Vec<BString>,
        /// The packer: `UPX 4.24`; `UPX (marks removed)` if only the shape tells.
        pub packer: Option<String>,
        /// Marks that compilers left. At most 8 are listed.
        pub compilers: Vec<BString>,
        /// Version of Go, if it is a Go program.
        pub go_version: Option<BString>,
        /// Path of the Go package.
        pub go_path: Option<BString>,
        /// Whether it was written in Rust.
        pub rust: bool,
        /// Go modules or Rust crates that it is made of, each with its version: `serde@1.0.200`. At most 512 are listed.
        pub modules: Vec<BString>,
        /// Bytes behind the end of the image: what was appended to the file. Null if the end is not known.
        pub overlay: Option<u64>,
        /// What it can do, as words: `network`, `listen`, `raw_sockets`, `exec`, `ptrace`, `memfd`, `namespaces`, `kernel`,
        /// `identity`, `terminal`, `load_code`, `preload`, `hooks`.
        pub abilities: Vec<BString>,
        /// The same as a sentence, with the functions and texts that tell.
        pub ability: Option<String>,
        /// SHA-256 of the file; of an image in memory, of its region, which is the file's if it lies as a file does. Null
        /// if bytes are missing.
        #[to(ecs("file.hash.sha256"), ocsf("file.hashes").form(Form::Sha256), timesketch("sha256_hash"))]
        pub sha256: Option<String>,
        /// TLSH, a hash that is similar for similar contents. Null if bytes are missing, or too few or too equal.
        pub tlsh: Option<String>,
        /// Bytes that are not in the archive.
        pub missing_bytes: u64,
        /// Why.
        pub missing_reason: Option<&'static str>,
        /// What is wrong with the image: headers outside of the file, tables that are cut. Null if nothing is.
        pub fault: Option<String>,
    }
}

/// Passes the rows of a checkpoint to a sink.
pub(super) fn rows(checkpoint: &Checkpoint, sink: &mut Sink<'_>) {
    elf::each(checkpoint, &mut |found| sink(&row(&found)));
}

fn text(words: &[&'static str]) -> Vec<BString> {
    words.iter().map(|word| BString::from(*word)).collect()
}

fn row(found: &Found<'_>) -> ElfImage {
    let mut row = ElfImage {
        source: found.source,
        path: found.path.clone(),
        pid: found.pid,
        address: found.address.map(Address),
        pids: found.pids.clone(),
        member: found.member.clone(),
        file: found.file.clone(),
        size: found.size,
        header: found.header.as_str(),
        kind: None,
        r#type: None,
        machine: None,
        class: None,
        byte_order: None,
        entry: None,
        interpreter: None,
        build_id: found.build_id.clone(),
        soname: None,
        needed: Vec::new(),
        sections: None,
        stripped: None,
        r#static: None,
        imports: None,
        import_names: Vec::new(),
        exports: None,
        export_names: Vec::new(),
        packer: None,
        compilers: Vec::new(),
        go_version: None,
        go_path: None,
        rust: false,
        modules: Vec::new(),
        overlay: None,
        abilities: Vec::new(),
        ability: None,
        sha256: found.digests.sha256.clone(),
        tlsh: found.digests.tlsh.clone(),
        missing_bytes: found.digests.missing,
        missing_reason: found.digests.why,
        fault: None,
    };
    match Elf::read_at(&found.bytes, found.address) {
        Some(elf) => fill(&mut row, &elf),
        None if found.header == elf::Header::Whole => row.fault = Some("the header is cut or damaged".to_owned()),
        None => {}
    }
    row
}

/// Fills in what the image tells.
fn fill(row: &mut ElfImage, elf: &Elf<'_>) {
    let first = |names: Vec<BString>| names.into_iter().take(NAMES).collect();
    let symbols = elf.symbols();
    let abilities = abilities(elf, symbols.as_ref());
    row.kind = elf.kind();
    row.r#type = elf.file_type();
    row.machine = Some(elf.machine());
    row.class = Some(elf.bits());
    row.byte_order = Some(elf.byte_order());
    row.entry = Some(Address(elf.header.e_entry));
    row.interpreter = elf.interpreter();
    row.build_id = elf.build_id().or(row.build_id.take());
    row.soname = elf.soname();
    row.needed = elf.needed();
    row.sections = elf.section_count();
    row.stripped = elf.is_stripped();
    row.r#static = elf.is_static();
    row.packer = packer(elf);
    row.compilers = elf.comments();
    row.overlay = elf.overlay();
    row.abilities = text(&abilities.words);
    row.ability = abilities.sentence;
    let mut faults = elf.faults.clone();
    if let Some(symbols) = symbols {
        faults.extend(symbols.fault);
        (row.imports, row.exports) = (Some(symbols.import_count), Some(symbols.export_count));
        (row.import_names, row.export_names) = (first(symbols.imports), first(symbols.exports));
    }
    if let Some(go) = GoBuild::of(elf) {
        (row.go_version, row.go_path, row.modules) = (Some(go.version), go.path, go.modules);
    } else if let Some(crates) = crates(elf) {
        (row.rust, row.modules) = (true, crates);
    }
    row.fault = (!faults.is_empty()).then(|| faults.join("; "));
}
