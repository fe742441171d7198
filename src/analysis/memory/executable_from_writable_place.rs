//! MEM-007: a library is mapped from a place that it does not come from.

use bstr::ByteSlice as _;

use super::super::card::rule;
use super::super::facts::{Place, ProcessFacts, base};
use super::super::vocabulary::{has_name, is_hidden, is_world_writable};
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity};
use super::code::{about, file_of, is_executable, is_in_shared_memory, is_program};
use super::compiled_elsewhere;
use super::runtime::{is_packaged, runtime};
use crate::tables::Mapping;

rule! {
    /// A library is mapped with execute permission from a directory that everyone may write to, from a hidden
    /// directory, from a file that was deleted, or from a file that was added to the container after it started. The
    /// program itself is not looked at: rules about processes do that. Lower if the name is one that a runtime of the
    /// process unpacks, if a packed program maps others beside it, if a package manager most likely brought the file, or if
    /// it is a module in a directory of modules; and if a compiler of the image wrote it. In a hidden directory it is medium if
    /// it may be of the image or of a volume.
    "MEM-007", executable_from_writable_place, version 3, Memory, Stable, Medium,
    title: "A library is mapped from an unusual place",
    why: "Libraries come with the image. One from a writable place was put there while the container ran.",
    benign: [
        "Java, Python and Node programs unpack native libraries to a temporary directory, and often delete them at once.",
        "A package was upgraded while the program ran: the old file is deleted and a new one has its path.",
    ],
    attack: ["T1574.006", "T1036.005"],
    cost: Files,
    basis: Program,
    check: check,
}

/// Names of libraries that programs unpack and load, by their beginning. The runtime must be mapped, too.
const UNPACKED: [&str; 30] = [
    "libnetty",
    "netty",
    "libsnappy",
    "snappy-",
    "libjansi",
    "jansi-",
    "sqlite-",
    "libsqlitejdbc",
    "libjffi",
    "jffi",
    "jna",
    "libjnidispatch",
    "liblz4-java",
    "libzstd-jni",
    "zstd-jni",
    "librocksdbjni",
    "libleveldbjni",
    "libconscrypt",
    "liborg_conscrypt",
    "libbrotli",
    "libjnr",
    "libasyncProfiler",
    "libtcnative",
    "libnative-platform",
    "libonnxruntime",
    "libtensorflow_jni",
    "libhadoop",
    "libjnilmdb",
    "libopenblas",
    "libtika",
];

/// Directories into which packed programs and tools unpack, below a temporary one.
const UNPACKERS: [&str; 9] =
    ["/_MEI", "/.mount_", "/onefile_", "/par-", "/torchinductor_", "/numba_cache", "/.triton/", "/go-build", "/pip-"];
/// Those of them into which Python compiles.
const OF_PYTHON: [&str; 3] = ["/torchinductor_", "/numba_cache", "/.triton/"];

/// Directories in which programs keep modules that were installed.
const MODULES: [&str; 7] =
    ["/site-packages/", "/dist-packages/", "/node_modules/", "/gems/", "/lib-dynload/", "/perl5/", "/auto/"];

/// Why a place is unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Writable,
    Hidden,
    Deleted,
    Added,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let mut last: &[u8] = b"";
        for mapping in process.mappings().iter().filter(|mapping| mapping.kind == "file" && is_executable(mapping)) {
            if mapping.path == last || mapping.path.is_empty() {
                continue;
            }
            last = &mapping.path;
            if !report.look() {
                return;
            }
            // Shared memory is MEM-016's.
            if is_program(process, mapping)
                || is_in_shared_memory(&mapping.path)
                || mapping.path.starts_with(b"/dev/zero")
            {
                report.skip();
                continue;
            }
            if let Some(why) = why(facts, mapping) {
                report.add(found(facts, process, mapping, why));
            }
        }
    }
}

fn why(facts: &Facts<'_>, mapping: &Mapping) -> Option<Why> {
    let (path, deleted) = file_of(mapping);
    if is_world_writable(path) {
        return Some(Why::Writable);
    }
    if is_hidden(path) && !is_known_to_be_of_image(facts, path) {
        return Some(Why::Hidden);
    }
    if deleted {
        return Some(Why::Deleted);
    }
    let added = facts.files().at(path).any(|file| file.place == Place::Rootfs && !file.engine_noise);
    added.then_some(Why::Added)
}

/// Whether the archive has the changes to the root file system, and a path is not among them. Images have hidden
/// directories of their own, as those of tools for versions of languages.
fn is_known_to_be_of_image(facts: &Facts<'_>, path: &[u8]) -> bool {
    facts.files().has_rootfs() && facts.files().is_in_image(path)
}

/// Whether a packed program or a tool that is there unpacked a library: it maps others beside it, or started the process.
fn is_unpacked(facts: &Facts<'_>, process: &ProcessFacts<'_>, path: &[u8]) -> bool {
    let is_of_python = || {
        has_name(process.program.base(), "python")
            && process.program.path.as_ref().is_some_and(|program| facts.files().is_in_image(program))
    };
    process.is_unpacked(path)
        || facts.is_of_builder(process, path)
        || OF_PYTHON.iter().any(|word| path.contains_str(word)) && is_of_python()
}

fn found(facts: &Facts<'_>, process: &ProcessFacts<'_>, mapping: &Mapping, why: Why) -> Finding {
    let (path, deleted) = file_of(mapping);
    let name = base(path);
    let runs = runtime(facts, process);
    let is_interpreter = process.is_interpreter();
    let named = UNPACKED.iter().any(|word| name.starts_with(word.as_bytes()));
    let is_unpacker = UNPACKERS.iter().any(|word| path.contains_str(word)) && is_unpacked(facts, process, path);
    // What is below a mount may not be in the archive, and without the changes nothing is known to be new.
    let is_added = facts.files().at(path).any(|file| file.place != Place::Deleted && !file.engine_noise);
    let is_module = MODULES.iter().any(|word| path.contains_str(word)) && (is_interpreter || runs.is_some());
    let is_library = name.contains_str(".so") || name.ends_with(b".node") || name.ends_with(b".dll");
    let is_replaced = deleted && facts.files().at(path).any(|file| file.place == Place::Rootfs);
    let by_name = (named && runs.is_some()) || (is_unpacker && is_library);
    let is_of_system = ["/usr/", "/lib", "/bin/", "/sbin/"].iter().any(|place| path.starts_with(place.as_bytes()));
    let mut identity = vec![process.program.path.clone().unwrap_or_default()];
    // An upgrade deletes many libraries: that is one thing.
    let is_one_of_many = is_of_system && matches!(why, Why::Deleted | Why::Added);
    // A packed program has many libraries in the directory that it unpacked itself into: that is one thing.
    let unpacker = UNPACKERS.iter().find(|word| is_unpacker && is_library && path.contains_str(word));
    identity.push(if is_one_of_many {
        "system".into()
    } else if let Some(unpacker) = unpacker {
        (*unpacker).into()
    } else {
        super::super::vocabulary::without_numbers(path)
    });
    let mut severity = match why {
        Why::Writable | Why::Hidden if by_name => Severity::Low,
        Why::Writable if is_module && !is_hidden(path) => Severity::Low,
        Why::Writable if !is_library || is_hidden(path) => Severity::High,
        Why::Hidden if is_module && !is_added => Severity::Low,
        Why::Hidden if (is_added || deleted) && !is_module => Severity::High,
        Why::Deleted if is_replaced || is_packaged(facts, path) || is_module => Severity::Info,
        // Most likely an upgrade: only root writes there.
        Why::Deleted if is_of_system => Severity::Low,
        Why::Writable | Why::Hidden | Why::Deleted => Severity::Medium,
        Why::Added if is_packaged(facts, path) || is_module => Severity::Info,
        Why::Added => Severity::Low,
    };
    // A deleted library from a writable place hides better.
    if deleted && !by_name && why == Why::Writable && runs.is_none() {
        severity = severity.max(Severity::High);
    }
    let maker = compiled_elsewhere::made(facts, process, mapping);
    if let Some((mild, _)) = maker {
        severity = severity.min(mild);
    }
    let place = match why {
        Why::Writable => "a directory that everyone may write to",
        Why::Hidden => "a hidden directory",
        Why::Deleted => "a file that was deleted",
        Why::Added => "a file that was added to the container",
    };
    let also = if deleted && why != Why::Deleted { "; the file was deleted" } else { "" };
    let of_maker;
    let benign = if let Some((_, maker)) = maker {
        of_maker = format!("{maker} of the image, which is mapped, writes code to such a file and deletes it at once.");
        of_maker.as_str()
    } else if by_name {
        "A program unpacks its native libraries to a temporary directory; the name of this one is known for it."
    } else if is_replaced || is_packaged(facts, path) {
        "A package was installed or upgraded while the program ran: the database of the package manager changed, too."
    } else if is_module {
        "A module that was installed for this interpreter: its directory is one of modules."
    } else {
        "A program that brings native libraries and unpacks them: its documentation or its other files would name this one."
    };
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(severity)
        .confidence(if why == Why::Added { Confidence::Medium } else { Confidence::High })
        .identity(identity)
        .sentence(format!("{} runs code of {}, from {place}{also}.", process.title(), shown(path)))
        .benign(benign)
        .path(path)
        .link(Link::Path(path.into()));
    if let Some(file) = facts.files().at(path).find(|file| file.place != Place::Deleted) {
        let what = if file.place == Place::Rootfs { "rootfs" } else { "recovered" };
        finding = finding.next(Next::Extract { what, path: Some(path.to_str_lossy().into_owned()) });
        let head = facts.files().head(file, 64);
        if let (Some(member), Some(offset)) = (&file.member, file.offset) {
            finding =
                finding.evidence(Evidence::file(facts, member, offset, &head).with_note("the beginning of the file"));
        }
    }
    finding
}
