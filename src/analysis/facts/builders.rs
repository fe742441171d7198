//! Tools that build or unpack programs into directories for temporary files, and programs that unpack themselves there. The
//! name of a directory alone proves nothing, as anybody may choose it: the tool must be there, too.

use std::collections::HashSet;

use bstr::ByteSlice;

use super::super::vocabulary::{has_name, is_hidden, is_world_writable};
use super::{Facts, Invocation, ProcessFacts, base};

/// Ancestors that are looked at.
const ABOVE_MOST: usize = 64;

/// A tool, and the paths of what it makes.
#[derive(Debug)]
pub struct Builder {
    /// Parts of the paths of what it makes.
    parts: &'static [&'static str],
    /// Its programs.
    tools: &'static [&'static str],
}

/// Programs that write programs.
const COMPILERS: &[&str] = &[
    "go", "cargo", "rustc", "gcc", "g++", "cc", "c++", "cc1", "cc1plus", "clang", "as", "ld", "collect2", "make",
    "gmake", "ninja", "cmake", "meson", "pip",
];

const BUILDERS: [Builder; 7] = [
    Builder { parts: &["/go-build"], tools: &["go"] },
    Builder { parts: &["/bazel-", "/.cache/bazel/", "/tmp/bazel"], tools: &["bazel", "bazelisk"] },
    Builder { parts: &["/pip-"], tools: &["pip"] },
    Builder { parts: &["/npm-", "/.npm/_npx/"], tools: &["npm", "npx"] },
    Builder { parts: &["/tmp/cargo", "/tmp/rustc"], tools: &["cargo", "rustc"] },
    Builder { parts: &["/tmp/cc"], tools: COMPILERS },
    Builder { parts: &["/tmp/meson"], tools: &["meson", "ninja"] },
];

impl Builder {
    /// Whether a path is one of what it makes.
    pub fn makes(&self, path: &[u8]) -> bool {
        self.parts.iter().any(|part| path.contains_str(part))
    }
}

/// Compilers that work for a script of Python, which has a directory of its own.
static PYTHON: Builder = Builder { parts: &[], tools: COMPILERS };

impl Facts<'_> {
    /// The builders that run here, from the image.
    pub fn builders(&self) -> Vec<&'static Builder> {
        let is_here = |builder: &&Builder| self.living().any(|process| self.is_tool(process, builder));
        BUILDERS.iter().chain([&PYTHON]).filter(is_here).collect()
    }

    /// Whether a process is one of a builder's, or was started by one, and a path is of what that builder makes.
    pub fn is_of_builder(&self, process: &ProcessFacts<'_>, path: &[u8]) -> bool {
        BUILDERS.iter().filter(|builder| builder.makes(path)).any(|builder| {
            self.is_tool(process, builder)
                || self.ancestors(process).take(ABOVE_MOST).any(|above| self.is_tool(above, builder))
        })
    }

    /// Whether a tool of the image that builds programs built the program of a process and runs it, and no service is above
    /// them: through a service that was taken over, an intruder builds as well.
    pub fn is_built_here(&self, process: &ProcessFacts<'_>) -> bool {
        let path = process.program.path.as_ref();
        path.is_some_and(|path| !is_hidden(path) && self.is_of_builder(process, path))
            && !process.program.deleted
            && !self.ancestors(process).take(ABOVE_MOST).any(|above| self.is_service(above))
    }

    /// Whether a process runs a tool of the image: itself, or as the script of an interpreter.
    fn is_tool(&self, process: &ProcessFacts<'_>, builder: &Builder) -> bool {
        let is = |name: &[u8]| builder.tools.iter().any(|tool| has_name(name, tool));
        let of_image = |path: &[u8]| self.files().is_in_image(path) && !is_world_writable(path);
        let program = &process.program;
        let is_tool = is(program.base())
            || process.is_interpreter()
                && match process.invocation() {
                    Some(Invocation::Script(script)) => is(script_name(&script)) && of_image(&script),
                    Some(Invocation::Module(module)) => is(&module),
                    // npm writes its name over its arguments.
                    _ if has_name(program.base(), "node") => {
                        process.argv().first().and_then(|first| first.fields().next()).is_some_and(is)
                    }
                    _ => false,
                };
        is_tool && !program.deleted && program.path.as_ref().is_some_and(|path| of_image(path))
    }
}

/// `npm` of `/usr/lib/node_modules/npm/bin/npm-cli.js`.
fn script_name(path: &[u8]) -> &[u8] {
    let name = base(path);
    ["-cli.js", ".js", ".py"].iter().find_map(|end| name.strip_suffix(end.as_bytes())).unwrap_or(name)
}

/// Whether a path is one that Python's module `tempfile` makes, or below it: `/tmp/tmpab12_x9z`. That of `mktemp` has a dot.
pub fn is_of_python_tempfile(path: &[u8]) -> bool {
    let rest = ["/tmp/tmp", "/var/tmp/tmp"].iter().find_map(|start| path.strip_prefix(start.as_bytes()));
    let name = rest.and_then(|rest| rest.split_str("/").next()).unwrap_or_default();
    name.len() == 8 && name.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
}

/// Whether what lies below a directory that Python made may be of a compiler that works for it.
pub fn is_built(builders: &[&Builder], path: &[u8]) -> bool {
    let python = || builders.iter().any(|builder| std::ptr::eq(*builder, &raw const PYTHON));
    builders.iter().any(|builder| builder.makes(path)) || is_of_python_tempfile(path) && python()
}

/// The directory into which a packed program unpacked itself, of a path below it: of `PyInstaller`, Nuitka, PAR and `AppImage`.
pub fn unpack_folder(path: &[u8]) -> Option<&[u8]> {
    const BEGINNINGS: [&str; 4] = ["_MEI", "onefile_", "par-", ".mount_"];
    let rest = ["/tmp/", "/var/tmp/"].iter().find_map(|place| path.strip_prefix(place.as_bytes()))?;
    let (name, _) = rest.split_once_str("/")?;
    let is_known = BEGINNINGS.iter().any(|word| name.starts_with(word.as_bytes()));
    is_known.then(|| path.get(..path.len().saturating_sub(rest.len()).saturating_add(name.len()))).flatten()
}

impl ProcessFacts<'_> {
    /// Whether it maps other libraries out of the directory that a packed program unpacked itself into, and a path is of that
    /// directory: such programs bring nearly all that they load.
    pub fn is_unpacked(&self, path: &[u8]) -> bool {
        const FEWEST: usize = 2;
        let Some(folder) = unpack_folder(path) else { return false };
        let folder = bstr::concat([folder, b"/"]);
        let others = self.mappings_below(&folder).filter(|mapping| mapping.kind == "file" && mapping.path != path);
        let names: HashSet<&[u8]> = others.take(256).map(|mapping| mapping.path.as_slice()).collect();
        names.len() >= FEWEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_programs_unpack_into_known_directories() {
        assert_eq!(unpack_folder(b"/tmp/_MEIx7/lib-dynload/a.so"), Some(&b"/tmp/_MEIx7"[..]));
        assert_eq!(unpack_folder(b"/tmp/onefile_1_2/a.so"), Some(&b"/tmp/onefile_1_2"[..]));
        assert_eq!(unpack_folder(b"/tmp/.mount_AbC/usr/bin/a"), Some(&b"/tmp/.mount_AbC"[..]));
        for other in [&b"/tmp/_MEIx7"[..], b"/tmp/x/_MEI1/a.so", b"/opt/_MEI1/a.so", b"/tmp/.x/a.so", b""] {
            assert_eq!(unpack_folder(other), None);
        }
    }

    #[test]
    fn names_of_python_and_of_mktemp_differ() {
        assert!(is_of_python_tempfile(b"/tmp/tmpab12_x9z/a.out") && is_of_python_tempfile(b"/tmp/tmp00000000"));
        for other in
            [&b"/tmp/tmp.Xy12Ab34"[..], b"/tmp/tmpfile", b"/tmp/tmpab12_x9zz/a", b"/opt/tmpab12_x9z/a", b"/tmp/tmp"]
        {
            assert!(!is_of_python_tempfile(other), "{}", other.as_bstr());
        }
    }

    #[test]
    fn scripts_of_tools_have_their_names() {
        assert_eq!(script_name(b"/usr/lib/node_modules/npm/bin/npm-cli.js"), b"npm");
        assert_eq!(script_name(b"/usr/bin/pip3"), b"pip3");
    }
}
