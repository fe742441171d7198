//! What an image can do, by the functions that it takes from others and by text in it.

use std::collections::BTreeSet;

use bstr::{BStr, ByteSlice};

use super::{Elf, Symbols};

/// A thing that programs do.
struct Ability {
    /// A word for searches.
    word: &'static str,
    /// For the sentence: it can …
    what: &'static str,
    /// Functions by which it is done.
    functions: &'static [&'static str],
    /// Text that tells as much, at least eight bytes.
    texts: &'static [&'static str],
}

const ABILITIES: &[Ability] = &[
    Ability {
        word: "network",
        what: "open network connections",
        functions: &["connect", "getaddrinfo", "gethostbyname", "gethostbyname_r", "res_query", "curl_easy_perform"],
        texts: &["net.(*Dialer).DialContext", "net.Dial\0"],
    },
    Ability {
        word: "listen",
        what: "accept connections",
        functions: &["accept", "accept4"],
        texts: &["net.(*ListenConfig).Listen"],
    },
    Ability {
        word: "raw_sockets",
        what: "read or send raw packets",
        functions: &["pcap_open_live", "pcap_create", "libnet_init", "libnet_write"],
        texts: &["SOCK_RAW", "AF_PACKET", "PF_PACKET", "IP_HDRINCL", "SO_ATTACH_FILTER", "raw socket"],
    },
    Ability {
        word: "exec",
        what: "run programs",
        functions: &[
            "execve",
            "execv",
            "execvp",
            "execvpe",
            "execl",
            "execlp",
            "execle",
            "fexecve",
            "execveat",
            "system",
            "popen",
            "posix_spawn",
            "posix_spawnp",
        ],
        texts: &["os/exec.Command", "os/exec.(*Cmd).Start"],
    },
    Ability {
        word: "ptrace",
        what: "write to other processes",
        functions: &["ptrace", "process_vm_writev", "process_vm_readv"],
        texts: &["/proc/%d/mem", "/proc/self/mem", "syscall.PtraceAttach"],
    },
    Ability {
        word: "memfd",
        what: "make files that exist only in memory",
        functions: &["memfd_create"],
        texts: &["memfd_create", "/proc/self/fd/%d", "/proc/%d/fd/%d"],
    },
    Ability {
        word: "namespaces",
        what: "change namespaces and mounts",
        functions: &["setns", "unshare", "pivot_root", "mount", "umount2", "chroot"],
        texts: &["/proc/1/ns/", "/proc/%d/ns/"],
    },
    Ability {
        word: "kernel",
        what: "load code into the kernel",
        functions: &["init_module", "finit_module", "delete_module", "bpf", "bpf_prog_load", "bpf_object__load"],
        texts: &["/proc/kallsyms", "/dev/kmem"],
    },
    Ability {
        word: "identity",
        what: "change its user or capabilities",
        functions: &["setuid", "setreuid", "setresuid", "seteuid", "setgid", "capset", "cap_set_proc"],
        texts: &[],
    },
    Ability {
        word: "terminal",
        what: "control terminals",
        functions: &["forkpty", "openpty", "posix_openpt", "grantpt"],
        texts: &["/dev/ptmx"],
    },
    Ability { word: "load_code", what: "load libraries while it runs", functions: &["dlopen", "dlmopen"], texts: &[] },
    Ability {
        word: "preload",
        what: "have itself loaded into other programs",
        functions: &[],
        texts: &["/etc/ld.so.preload", "LD_PRELOAD="],
    },
];

/// Functions of the C library that honest libraries do not offer under the same name, and that rootkits do: to hide files,
/// connections and processes, to read what is typed, to let somebody in.
const HOOKS: &[&str] = &[
    "readdir",
    "readdir64",
    "readdir_r",
    "readdir64_r",
    "opendir",
    "fdopendir",
    "scandir",
    "open",
    "open64",
    "openat",
    "openat64",
    "creat",
    "fopen",
    "fopen64",
    "freopen",
    "stat",
    "stat64",
    "lstat",
    "lstat64",
    "fstat",
    "fstatat",
    "statx",
    "__xstat",
    "__xstat64",
    "__lxstat",
    "__lxstat64",
    "__fxstat",
    "__fxstat64",
    "__fxstatat",
    "access",
    "faccessat",
    "unlink",
    "unlinkat",
    "rename",
    "rmdir",
    "link",
    "chdir",
    "readlink",
    "read",
    "write",
    "recv",
    "recvmsg",
    "send",
    "accept",
    "accept4",
    "connect",
    "execve",
    "execveat",
    "execvp",
    "kill",
    "getpwnam",
    "getspnam",
    "pam_authenticate",
    "pam_get_item",
    "pam_open_session",
    "crypt",
    "syscall",
    "getdents64",
];

/// What an image can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// Words for searches: `network`, `exec`, ….
    pub(crate) words: Vec<&'static str>,
    /// A sentence with the functions and texts that tell.
    pub(crate) sentence: Option<String>,
    /// Functions of the C library that it offers in its place, if it does.
    pub(crate) hooks: Vec<&'static str>,
}

/// What an image can do. `dynamic` are its symbols for the dynamic loader.
pub(crate) fn abilities(elf: &Elf<'_>, dynamic: Option<&Symbols>) -> Abilities {
    /// Signs that are named for each ability.
    const NAMED: usize = 3;
    let own = elf.debug_functions();
    let imports = dynamic.iter().flat_map(|symbols| &symbols.imports).map(|name| name.as_bstr());
    // A program without libraries has the functions itself. A library that offers them is the C library, or takes its place.
    let has_own = elf.is_static() == Some(true);
    let functions: BTreeSet<&BStr> = imports.chain(own.iter().copied().filter(|_| has_own)).collect();
    let texts = elf.kind() != Some("core");
    let mut found = Abilities { hooks: hooks(elf, dynamic), ..Abilities::default() };
    let mut parts: Vec<String> = Vec::new();
    for ability in ABILITIES {
        let called = ability.functions.iter().filter(|name| functions.contains(BStr::new(name)));
        let said = ability.texts.iter().filter(|text| texts && elf.has(text));
        let signs: Vec<&str> = called.chain(said).take(NAMED).map(|sign| sign.trim_end_matches('\0')).collect();
        if !signs.is_empty() {
            found.words.push(ability.word);
            parts.push(format!("{} ({})", ability.what, signs.join(", ")));
        }
    }
    let mut sentence = Vec::new();
    if !found.hooks.is_empty() {
        found.words.push("hooks");
        let named: Vec<&str> = found.hooks.iter().take(8).copied().collect();
        sentence.push(format!("It takes the place of functions of the C library: {}.", named.join(", ")));
    }
    if !parts.is_empty() {
        sentence.push(format!("It can {}.", list(&parts)));
    }
    found.sentence = (!sentence.is_empty()).then(|| sentence.join(" "));
    found
}

/// The functions of the C library that a library offers in its place. It is no C library itself: that one has hundreds of
/// them.
fn hooks(elf: &Elf<'_>, dynamic: Option<&Symbols>) -> Vec<&'static str> {
    let Some(symbols) = dynamic.filter(|_| elf.kind() == Some("library")) else { return Vec::new() };
    let offered: BTreeSet<&BStr> = symbols.functions.iter().map(|name| name.as_bstr()).collect();
    let found: Vec<&str> = HOOKS.iter().filter(|name| offered.contains(BStr::new(name))).copied().collect();
    let is_c_library = ["__libc_start_main", "__libc_main", "_dl_catch_exception", "pthread_create"]
        .iter()
        .any(|name| offered.contains(BStr::new(name)));
    // A library with its own `read` method calls nothing of the same name; a hook asks for the function that comes next.
    let asks = symbols.imports.iter().any(|name| matches!(name.as_slice(), b"dlsym" | b"dlvsym" | b"syscall"));
    if is_c_library || !asks { Vec::new() } else { found }
}

/// Words as a list: `a, b and c`.
fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::Bytes;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_test_runs_programs() {
        let bytes = Bytes::whole(std::fs::read(std::env::current_exe().unwrap()).unwrap());
        let elf = Elf::read(&bytes).unwrap();
        let symbols = elf.symbols().unwrap();
        assert_eq!(symbols.fault, None);
        let abilities = abilities(&elf, Some(&symbols));
        assert!(abilities.words.contains(&"exec"), "{abilities:?}");
        assert!(abilities.sentence.unwrap().starts_with("It can "));
        assert!(abilities.hooks.is_empty());
    }
}
