//! Runtimes that make executable memory honestly: just-in-time compilers, and libraries that build small pieces of
//! code. A name alone proves nothing, so a runtime counts only if the file that shows it belongs to the image, and the
//! makers of small pieces only if the memory looks like their work.

use bstr::BString;

use super::super::Facts;
use super::super::facts::{ProcessFacts, base, without_deleted};
use super::super::vocabulary::{has_name, is_world_writable};
use crate::tables::Mapping;

/// A runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Runtime {
    /// Its name, for a sentence.
    pub(super) name: &'static str,
    /// The file that shows it.
    pub(super) file: BString,
}

/// Libraries of just-in-time compilers, by the beginning of the file name. As of November 2026.
const LIBRARIES: [(&str, &str); 59] = [
    ("libjvm.so", "the Java virtual machine"),
    ("libj9jit", "OpenJ9"),
    ("libj9vm", "OpenJ9"),
    ("libcoreclr.so", ".NET"),
    ("libclrjit.so", ".NET"),
    ("libmono", "Mono"),
    ("libnode.so", "Node.js"),
    ("libv8", "V8"),
    ("v8_context_snapshot", "V8"),
    ("snapshot_blob.bin", "V8"),
    ("icudtl.dat", "V8"),
    ("libcef.so", "Chromium"),
    ("libQt5WebEngine", "Chromium"),
    ("libQt6WebEngine", "Chromium"),
    ("libQt5Qml.so", "the engine of QML"),
    ("libQt6Qml.so", "the engine of QML"),
    ("libjavascriptcoregtk", "JavaScriptCore"),
    ("libmozjs", "SpiderMonkey"),
    ("libxul.so", "SpiderMonkey"),
    ("libluajit", "LuaJIT"),
    ("libpypy", "PyPy"),
    ("opcache.so", "the compiler of PHP"),
    ("libphp", "PHP"),
    ("libruby", "Ruby"),
    ("libLLVM", "LLVM"),
    ("llvmjit.so", "LLVM"),
    ("libllvmlite", "LLVM"),
    ("libjulia", "Julia"),
    ("libgccjit", "libgccjit"),
    ("libtcc", "the compiler TCC"),
    ("libguile", "Guile"),
    ("libracket", "Racket"),
    ("liblightning", "GNU lightning"),
    ("libwasmtime", "Wasmtime"),
    ("libwasmer", "Wasmer"),
    ("libwasmedge", "WasmEdge"),
    ("libiwasm", "WAMR"),
    ("libwasmvm", "Wasmer"),
    ("libtorch_cpu", "PyTorch"),
    ("libfbgemm", "FBGEMM"),
    ("libdnnl", "oneDNN"),
    ("libmkl_", "oneMKL"),
    ("libtensorflow", "TensorFlow"),
    ("xla_extension", "XLA"),
    ("libxla", "XLA"),
    ("libonnxruntime", "ONNX Runtime"),
    ("libopenvino", "OpenVINO"),
    ("libgallium", "Mesa"),
    ("libswrast", "Mesa"),
    ("swrast_dri", "Mesa"),
    ("libnvidia", "the driver of NVIDIA"),
    ("libcuda.so", "the driver of NVIDIA"),
    ("libubpf", "uBPF"),
    ("libsljit", "sljit"),
    ("ntdll.so", "Wine"),
    ("libmini_racer", "V8"),
    ("libjax_common", "XLA"),
    ("_libwasmtime", "Wasmtime"),
    ("libmoar", "MoarVM"),
];

/// Programs that have their just-in-time compiler inside, by name, maybe with a version.
const PROGRAMS: [(&str, &str); 56] = [
    ("node", "Node.js"),
    ("nodejs", "Node.js"),
    ("deno", "Deno"),
    ("bun", "Bun"),
    // Its package of npm has this name on every system.
    ("bun.exe", "Bun"),
    ("tcc", "the compiler TCC"),
    ("d8", "V8"),
    ("workerd", "V8"),
    ("envoy", "V8"),
    ("cilium-envoy", "V8"),
    ("chrome", "Chromium"),
    ("chromium", "Chromium"),
    ("headless_shell", "Chromium"),
    ("chrome-headless-shell", "Chromium"),
    ("electron", "Electron"),
    ("firefox", "SpiderMonkey"),
    ("firefox-bin", "SpiderMonkey"),
    ("mongod", "SpiderMonkey"),
    ("mongo", "SpiderMonkey"),
    ("mongosh", "Node.js"),
    ("couchjs", "SpiderMonkey"),
    ("beam.smp", "the Erlang virtual machine"),
    ("luajit", "LuaJIT"),
    ("openresty", "LuaJIT"),
    ("tarantool", "LuaJIT"),
    ("sysbench", "LuaJIT"),
    ("wrk", "LuaJIT"),
    ("nvim", "LuaJIT"),
    ("pypy", "PyPy"),
    ("ruby", "Ruby"),
    ("php", "PHP"),
    ("php-fpm", "PHP"),
    ("php-cgi", "PHP"),
    ("frankenphp", "PHP"),
    ("hhvm", "HHVM"),
    ("dotnet", ".NET"),
    ("pwsh", ".NET"),
    ("mono", "Mono"),
    ("mono-sgen", "Mono"),
    ("julia", "Julia"),
    ("sbcl", "SBCL"),
    ("racket", "Racket"),
    ("dart", "Dart"),
    ("dartaotruntime", "Dart"),
    ("wasmtime", "Wasmtime"),
    ("wasmer", "Wasmer"),
    ("wasmedge", "WasmEdge"),
    ("spin", "Wasmtime"),
    ("clickhouse", "LLVM"),
    ("clickhouse-server", "LLVM"),
    ("impalad", "LLVM"),
    ("lli", "LLVM"),
    ("gforth", "Gforth"),
    ("valgrind", "Valgrind"),
    ("memcheck-amd64-linux", "Valgrind"),
    ("box64", "Box64"),
];

/// Names of files that runtimes map as code in a format of their own, by their end: they are no ELF files, and their
/// pages may be written to.
const FORMATS: [&str; 14] = [
    ".jsa", ".dll", ".exe", ".drv", ".sys", ".cpl", ".ocx", ".acm", ".core", ".pdmp", ".image", ".cwasm", ".oat",
    ".boot",
];

/// Whether a mapped file is of a format of its own, and the process has a runtime of the image that may use such files.
pub(super) fn is_of_runtime(facts: &Facts<'_>, process: &ProcessFacts<'_>, path: &[u8]) -> bool {
    has_own_format(path) && belongs(facts, path) && runtime(facts, process).is_some()
}

/// Whether the name of a file is that of a format of some runtime.
pub(super) fn has_own_format(path: &[u8]) -> bool {
    FORMATS.iter().any(|ending| path.ends_with(ending.as_bytes()))
}

/// The runtime of a process, if it has one that belongs to the image.
pub(super) fn runtime(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> Option<Runtime> {
    let find = || find(facts, process).map(|found| (found.name, found.file));
    process.runtime.get_or_init(find).clone().map(|(name, file)| Runtime { name, file })
}

fn find(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> Option<Runtime> {
    if let Some(path) = &process.program.path
        && !process.program.deleted
        && let Some(name) = program_name(base(path))
        && belongs(facts, path)
    {
        return Some(Runtime { name, file: path.clone() });
    }
    if let Some(runtime) = single_file(facts, process) {
        return Some(runtime);
    }
    let mut last: &[u8] = b"";
    for mapping in process.mappings().iter().filter(|mapping| mapping.kind == "file") {
        let (path, deleted) = without_deleted(&mapping.path);
        if path == last || deleted {
            continue;
        }
        last = path;
        if let Some(name) = library_name(base(path))
            && belongs(facts, path)
        {
            return Some(Runtime { name, file: path.into() });
        }
    }
    None
}

/// .NET in one file with its program: only its memory shows it. Interpreters and shells are no such programs.
fn single_file(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> Option<Runtime> {
    const MAPPER: &[u8] = b"/memfd:doublemapper (deleted)";
    let path = process.program.path.as_ref()?;
    let is_own = belongs(facts, path) && !process.program.deleted && !process.is_interpreter() && !process.is_shell();
    let mut mapped = process.mappings().iter().filter(|mapping| mapping.path == MAPPER);
    // The same memory once to write, once to execute.
    let (is_written, is_executed) = mapped.by_ref().fold((false, false), |(written, executed), mapping| {
        (written || super::code::is_writable(mapping), executed || super::code::is_executable(mapping))
    });
    (is_own && is_written && is_executed).then(|| Runtime { name: ".NET", file: path.clone() })
}

/// The runtime or the library that makes executable memory like that of a mapping.
pub(super) fn maker(facts: &Facts<'_>, process: &ProcessFacts<'_>, mapping: &Mapping) -> Option<Runtime> {
    runtime(facts, process).or_else(|| {
        let space = facts.space(process.pid())?;
        let head = super::code::bytes_at(&space, mapping.start.0, 4096);
        small_maker(facts, process, mapping, &head)
    })
}

/// Whether memory looks like that of a compiler that is not known here: the program is of the image and no interpreter
/// or shell, and the memory is large, or a part of a larger reservation. Injected code is small, and asks for what it
/// needs.
pub(super) fn looks_compiled(facts: &Facts<'_>, process: &ProcessFacts<'_>, mapping: &Mapping) -> bool {
    const LARGE: u64 = 256 << 10;
    let is_own = process.program.path.as_ref().is_some_and(|path| belongs(facts, path));
    let is_general = process.is_interpreter() || process.is_shell() || process.program.deleted;
    let all = process.mappings();
    let place = all.partition_point(|other| other.start.0 < mapping.start.0);
    let reserved = |other: Option<&Mapping>| {
        other.is_some_and(|other| {
            let touches = other.start.0 == mapping.end.0 || other.end.0 == mapping.start.0;
            touches
                && other.kind == "anonymous"
                && other.permissions.starts_with("---")
                && super::code::len(other) >= LARGE
        })
    };
    let before = place.checked_sub(1).and_then(|place| all.get(place));
    let is_large = super::code::len(mapping) >= LARGE || reserved(before) || reserved(all.get(place.saturating_add(1)));
    is_own && !is_general && is_large
}

/// Whether the personality of a process makes everything executable that can be read.
pub(super) fn is_read_executable(process: &ProcessFacts<'_>) -> bool {
    process.row.personality_names.as_ref().is_some_and(|names| names.iter().any(|name| name == "READ_IMPLIES_EXEC"))
}

/// Whether a file was not brought in by someone: it is no changed file, and not in a place that everyone may write to.
pub(super) fn belongs(facts: &Facts<'_>, path: &[u8]) -> bool {
    use super::super::facts::Place;
    let is_kept = |place: Place| !matches!(place, Place::Ghost | Place::Deleted);
    path.starts_with(b"/")
        && !is_world_writable(path)
        && (!facts.files().at(path).any(|file| is_kept(file.place)) || is_packaged(facts, path))
}

/// Whether a changed file is most likely the work of a package manager: it is where packages put files, and the
/// database of a package manager changed, too.
pub(super) fn is_packaged(facts: &Facts<'_>, path: &[u8]) -> bool {
    const DATABASES: [&str; 7] = [
        "/var/lib/dpkg/status",
        "/lib/apk/db/installed",
        "/usr/lib/apk/db/installed",
        "/var/lib/rpm/rpmdb.sqlite",
        "/usr/lib/sysimage/rpm/rpmdb.sqlite",
        "/var/lib/rpm/Packages",
        "/var/lib/pacman/local/ALPM_DB_VERSION",
    ];
    const PLACES: [&str; 6] = ["/usr/lib", "/usr/bin/", "/usr/sbin/", "/lib", "/bin/", "/sbin/"];
    let files = facts.files();
    PLACES.iter().any(|place| path.starts_with(place.as_bytes()))
        && DATABASES.iter().any(|database| files.is_changed(database.as_bytes()))
}

/// Whether a name is that of a program or a library that makes code while it runs. Names alone prove nothing.
pub(in crate::analysis) fn is_named_like_one(name: &[u8]) -> bool {
    program_name(name).is_some() || library_name(name).is_some()
}

fn program_name(name: &[u8]) -> Option<&'static str> {
    if name.starts_with(b"qemu-") {
        return Some("QEMU");
    }
    PROGRAMS.iter().find(|(word, _)| has_name(name, word)).map(|(_, runtime)| *runtime)
}

fn library_name(name: &[u8]) -> Option<&'static str> {
    LIBRARIES.iter().find(|(word, _)| name.starts_with(word.as_bytes())).map(|(_, runtime)| *runtime)
}

/// A library that builds small pieces of code, if the memory of a mapping looks like its work and the library is
/// mapped from the image.
pub(super) fn small_maker(
    facts: &Facts<'_>,
    process: &ProcessFacts<'_>,
    mapping: &Mapping,
    bytes: &[u8],
) -> Option<Runtime> {
    /// Bytes that PCRE2 asks the kernel for at a time.
    const CHUNK: u64 = 64 << 10;
    const LONGEST: u64 = 1 << 20;
    let len = super::code::len(mapping);
    let mapped =
        |place: usize| process.small_makers.get_or_init(|| makers(facts, process)).get(place).cloned().flatten();
    if len <= CHUNK && is_closures(bytes) {
        return mapped(0).map(|file| Runtime { name: "libffi", file });
    }
    if len <= CHUNK && is_closure_slots(bytes, mapping.start.0) {
        return mapped(3).or_else(|| mapped(0)).map(|file| Runtime { name: "cffi", file });
    }
    if len <= CHUNK && is_bridge(bytes) {
        return mapped(2).map(|file| Runtime { name: "LibreOffice", file });
    }
    if len <= LONGEST && len.is_multiple_of(CHUNK) {
        // Some programs have PCRE inside.
        const INSIDE: [&str; 6] = ["mariadbd", "mysqld", "git", "R", "nginx", "zsh"];
        let own = process.program.path.as_ref().filter(|path| {
            INSIDE.iter().any(|word| has_name(base(path), word)) && belongs(facts, path) && !process.program.deleted
        });
        return mapped(1).or_else(|| own.cloned()).map(|file| Runtime { name: "PCRE", file });
    }
    None
}

/// The libraries libffi and PCRE, the bridge of `LibreOffice`, and Python's cffi, if they are mapped and belong to the image.
fn makers(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> [Option<BString>; 4] {
    ["libffi", "libpcre", "libgcc3_uno", "_cffi_backend"].map(|word| {
        let mut files = process.mappings().iter().filter(|mapping| mapping.kind == "file");
        files.find_map(|mapping| {
            let (path, deleted) = without_deleted(&mapping.path);
            (!deleted && base(path).starts_with(word.as_bytes()) && belongs(facts, path)).then(|| path.into())
        })
    })
}

/// Whether bytes are tables of functions of `LibreOffice`'s bridge between languages, all of which lead to one function:
/// `mov r10, number; mov r11, function; jmp r11`.
fn is_bridge(bytes: &[u8]) -> bool {
    const LEN: usize = 24;
    let Some(first) = memchr::memmem::find(bytes.get(..512).unwrap_or(bytes), b"\x49\xba") else { return false };
    // Pointers of the table are before the code.
    let code = bytes.get(first..).unwrap_or_default();
    let is_piece =
        |piece: &&[u8]| matches!(piece, [0x49, 0xba, _, _, _, _, _, _, _, _, 0x49, 0xbb, .., 0x49, 0xff, 0xe3, _]);
    let target = |piece: &[u8]| piece.get(12..20).map(<[u8]>::to_vec);
    let mut pieces = code.chunks_exact(LEN).take_while(is_piece).map(target);
    let Some(one) = pieces.next() else { return false };
    pieces.all(|other| other == one)
}

/// Whether bytes are a page of closures that cffi divides itself: slots of equal size, each unused, in the list of those
/// that are free, or one of libffi's trampolines with its four pointers. The last one is used first.
fn is_closure_slots(bytes: &[u8], start: u64) -> bool {
    const SLOT: usize = 56;
    const TRAMPOLINE: &[u8] = b"\xf3\x0f\x1e\xfa\x4c\x8d\x15\xf5\xff\xff\xff\xff\x25\x07\x00\x00\x00\x0f\x1f\x80";
    let end = start.saturating_add(crate::int::u64_of(bytes.len()));
    let slots = bytes.chunks_exact(SLOT);
    let is_rest_empty = slots.remainder().iter().all(|&byte| byte == 0);
    let mut used: usize = 0;
    let is_all = slots.into_iter().all(|slot| {
        if slot.starts_with(TRAMPOLINE) {
            used = used.saturating_add(1);
            return slot.get(TRAMPOLINE.len()..24).is_some_and(|rest| rest.iter().all(|&byte| byte == 0));
        }
        let Some((next, rest)) = slot.split_first_chunk::<8>() else { return false };
        let next = u64::from_le_bytes(*next);
        // A slot that was used and is free again keeps the end of its code, and its pointers.
        let is_new = rest.iter().all(|&byte| byte == 0);
        let is_old = rest.get(..16).is_some_and(|code| {
            TRAMPOLINE.get(8..).is_some_and(|end| code.starts_with(end)) && code.iter().skip(12).all(|&byte| byte == 0)
        });
        (next == 0 || (start..end).contains(&next)) && (is_new || is_old)
    });
    bytes.len() >= SLOT && is_rest_empty && is_all && used > 0
}

/// Whether bytes are the closures of libffi: its trampolines, and nothing but data between them.
fn is_closures(bytes: &[u8]) -> bool {
    const TRAMPOLINES: [&[u8]; 5] = [
        b"\xf3\x0f\x1e\xfa\x4c\x8d\x15\xf5\xff\xff\xff\xff\x25",
        b"\x4c\x8d\x15\xf9\xff\xff\xff\xff\x25",
        b"\xe9\x00\x00\x00\x00\x00\x00\x00\x49\xbb",
        // 64-bit arm: adr x17, ldr x16, br x16.
        b"\x90\x00\x00\x58\xf1\xff\xff\x10\x00\x02\x1f\xd6",
        b"\x51\x00\x00\x58\x90\x00\x00\x58\x00\x02\x1f\xd6",
    ];
    let first = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
    let head = bytes.get(first..first.saturating_add(64).min(bytes.len())).unwrap_or_default();
    TRAMPOLINES.iter().any(|trampoline| memchr::memmem::find(head, trampoline).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_have_names_with_and_without_versions() {
        assert_eq!(library_name(b"libjvm.so"), Some("the Java virtual machine"));
        assert_eq!(library_name(b"libLLVM-17.so.1"), Some("LLVM"));
        assert_eq!(library_name(b"libluajit-5.1.so.2.1.0"), Some("LuaJIT"));
        assert_eq!(library_name(b"libc.so.6"), None);
        assert_eq!(library_name(b"_libwasmtime.so"), Some("Wasmtime"));
        assert_eq!((program_name(b"bun.exe"), program_name(b"tcc")), (Some("Bun"), Some("the compiler TCC")));
        assert_eq!((program_name(b"php8.3"), program_name(b"php-fpm8.2")), (Some("PHP"), Some("PHP")));
        assert_eq!((program_name(b"nodejs"), program_name(b"qemu-aarch64")), (Some("Node.js"), Some("QEMU")));
        assert_eq!((program_name(b"nodemon"), program_name(b"python3.13"), program_name(b"")), (None, None, None));
    }

    #[test]
    fn closures_are_known_by_their_code() {
        let mut page = vec![0; 16];
        page.extend(b"\xf3\x0f\x1e\xfa\x4c\x8d\x15\xf5\xff\xff\xff\xff\x25\x07\0\0\0");
        page.resize(4096, 0);
        assert!(is_closures(&page));
        assert!(!is_closures(&[0x90; 4096]) && !is_closures(&[0; 4096]) && !is_closures(&[]));
    }

    #[test]
    fn closures_of_cffi_are_slots_of_a_page() {
        let used = |byte: u8| {
            let mut slot = b"\xf3\x0f\x1e\xfa\x4c\x8d\x15\xf5\xff\xff\xff\xff\x25\x07\0\0\0\x0f\x1f\x80".to_vec();
            slot.resize(24, 0);
            slot.resize(56, byte);
            slot
        };
        let start = 0x7f00_0000_0000_u64;
        let page = |last: Vec<u8>| {
            let mut page: Vec<u8> = Vec::new();
            for next in 1..72_u64 {
                page.extend((start + (next - 1) * 56).to_le_bytes());
                page.resize(usize::try_from(next).unwrap() * 56, 0);
            }
            page.extend(used(7));
            page.extend(last);
            page.resize(4096, 0);
            page
        };
        assert!(is_closure_slots(&page(used(9)), start));
        let mut again = used(9);
        again[..8].copy_from_slice(&start.to_le_bytes());
        assert!(is_closure_slots(&page(again), start));
        assert!(!is_closure_slots(&page(used(9)), start + 4096), "pointers elsewhere");
        let mut code = used(9);
        code[40..].fill(0x90);
        code[0] = 0x90;
        assert!(!is_closure_slots(&page(code), start) && !is_closure_slots(&[0; 4096], start));
        let mut hidden = page(used(9));
        hidden[100] = 0xcc;
        assert!(!is_closure_slots(&hidden, start) && !is_closure_slots(&[], start));
    }

    #[test]
    fn the_bridge_of_libreoffice_is_known_by_its_code() {
        let piece = |number: u8, function: u8| {
            let mut piece = b"\x49\xba\0\0\0\0\0\0\0\0\x49\xbb\0\0\0\0\0\0\0\0\x49\xff\xe3\0".to_vec();
            piece[2] = number;
            piece[12] = function;
            piece
        };
        let table = [vec![0; 56], piece(3, 1), piece(4, 1), vec![0; 100]].concat();
        assert!(is_bridge(&table));
        assert!(!is_bridge(&[piece(3, 1), piece(4, 2)].concat()));
        assert!(!is_bridge(b"\x49\xba\x90\x90") && !is_bridge(&[0; 4096]) && !is_bridge(b""));
    }
}
