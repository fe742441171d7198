//! Scripts that shells and interpreters run: by the descriptor from which they read, and by their arguments.

use std::collections::HashMap;

use bstr::{BString, ByteSlice};

use super::super::commands::{self, Line};
use super::super::facts::{Facts, Invocation, ProcessFacts, base, is_of_python_tempfile, without_deleted};
use super::super::vocabulary::is_world_writable;
use super::common::{judge, script};
use super::python_or_node_hook::is_active;
use crate::model::ids::Pid;

/// Where bash and dash read their scripts from.
const OF_SHELLS: [u32; 5] = [255, 10, 11, 12, 0];
/// Where interpreters do, if they keep the script open: Perl, PHP.
const OF_INTERPRETERS: [u32; 4] = [3, 4, 5, 0];

/// Deleted files from which a shell or an interpreter reads its script, with the first that does.
pub(super) fn deleted(facts: &Facts<'_>) -> HashMap<BString, (Pid, u32)> {
    let mut found = HashMap::new();
    for process in facts.living() {
        let places: &[u32] = match () {
            () if process.is_shell() => &OF_SHELLS,
            () if process.is_interpreter() => &OF_INTERPRETERS,
            () => continue,
        };
        let invocation = process.invocation();
        for &fd in places {
            let Some(file) = process.file(fd).filter(|file| file.r#type == Some("regular")) else { continue };
            let Some((path, true)) = file.path.as_ref().map(|path| without_deleted(path)) else { continue };
            let is_read = file.flag_names.as_ref().is_none_or(|names| !names.iter().any(|name| name == "O_WRONLY"));
            let is_script = match &invocation {
                Some(Invocation::Script(argument)) => base(argument) == base(path),
                Some(Invocation::Input) => fd == 0,
                _ => false,
            };
            if is_read && (is_script || fd == 255 && process.is_shell()) {
                found.entry(path.into()).or_insert((process.pid(), fd));
            }
        }
    }
    found
}

/// Parts of paths of tools that run what they unpack, and remove it.
const TOOLS: [&str; 3] = ["/ansible", "/pip-", "/selfgz"];

/// The absolute path of the script in the arguments of a process, if it lies in a place that everyone may write to, and
/// there is no such file in the archive.
pub(super) fn gone(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> Option<BString> {
    let Some(Invocation::Script(argument)) = process.invocation() else { return None };
    let path: BString = if argument.starts_with(b"/") {
        argument
    } else {
        // In the directory where it was started, if that is still the one where it works.
        let name = argument.strip_prefix(b"./").unwrap_or(&argument);
        bstr::concat([process.row.cwd.as_ref()?.as_slice(), b"/", name]).into()
    };
    // What is mounted there may not be in the archive.
    let files = facts.files();
    let is_of_tool = TOOLS.iter().any(|tool| path.contains_str(tool)) || is_of_python_tempfile(&path);
    let is_plain = !path.contains_str("..") && !is_of_tool;
    let is_known = is_world_writable(&path) && files.has_rootfs() && files.mount_of(&path).is_none();
    (is_plain && is_known && files.at(&path).next().is_none()).then_some(path)
}

/// The line of a script that matters most, and what it does: `fetches a script and runs it`.
pub(super) fn telling<'t>(facts: &Facts<'_>, text: &'t [u8], is_shell: bool) -> Option<(Line<'t>, String)> {
    let judged = judge(facts, text, &script).filter(|judged| judged.is_danger);
    let of_shell = judged.map(|judged| (judged.line, judged.words));
    of_shell.or_else(|| {
        let lines = commands::lines(text).filter(|_| !is_shell);
        let mut active = lines.filter(|line| is_active(line.text) && !is_import(line.text));
        active.next().map(|line| (line, "uses the network, starts a program or hides its text".to_owned()))
    })
}

fn is_import(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.starts_with(b"import ") || line.starts_with(b"from ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn importing_a_library_is_not_using_it() {
        assert!(is_import(b"  import socket") && is_import(b"from urllib import request"));
        assert!(!is_import(b"s = socket.create_connection(a)"));
    }
}
