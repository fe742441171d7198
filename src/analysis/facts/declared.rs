//! What the specification of the container asks for: the programs, scripts and code that its command names.

use std::collections::HashSet;

use bstr::{BStr, BString, ByteSlice};

use super::Facts;
use crate::model::declared::Spec;

/// Where programs are looked for if the specification has no `PATH`.
const USUAL: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Bytes of an argument that are looked at, and of one with its variables put in.
const ARGUMENT_MOST: usize = 64 << 10;
/// Arguments that are looked at.
const ARGUMENTS: usize = 256;
/// Words of all arguments that are looked at.
const WORDS: usize = 4096;
/// Folders of `PATH` that are looked at.
const FOLDERS: usize = 64;

impl Facts<'_> {
    /// Whether the command that starts the container names a program or script: by its path, by a path from the directory
    /// that the command starts in or goes to, or by a name that is found there or in the `PATH`. A file that only has the
    /// same name somewhere else is another one.
    pub fn is_declared(&self, path: &[u8]) -> bool {
        let declared = self.declared.get_or_init(|| self.spec().spec.as_ref().map(Declared::read).unwrap_or_default());
        declared.names(path)
    }

    /// Whether the command that starts the container has a piece of code in its arguments.
    pub fn is_declared_code(&self, code: &[u8]) -> bool {
        let args = self.spec().spec.as_ref().and_then(|spec| spec.args.as_deref()).unwrap_or_default();
        !code.is_empty() && args.iter().any(|argument| argument.as_bytes().contains_str(code))
    }
}

/// The paths that the command may name.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// Whole paths.
    paths: HashSet<BString>,
    /// Names that are looked for in the folders of `PATH`.
    names: HashSet<BString>,
    folders: Vec<BString>,
}

impl Declared {
    fn read(spec: &Spec) -> Self {
        let args = spec.args.as_deref().unwrap_or_default();
        let variable = |name: &[u8]| {
            spec.env.iter().flatten().find_map(|line| line.as_bytes().strip_prefix(name)?.strip_prefix(b"="))
        };
        let path = variable(b"PATH").unwrap_or(USUAL.as_bytes());
        let mut declared = Declared {
            folders: path.split_str(":").take(FOLDERS).map(|folder| joined(b"/", folder)).collect(),
            ..Declared::default()
        };
        let mut here: Vec<BString> = vec![joined(b"/", spec.cwd.as_deref().unwrap_or("/").as_bytes())];
        let mut left = WORDS;
        for (position, argument) in args.iter().take(ARGUMENTS).enumerate() {
            let argument = argument.as_bytes();
            let argument = expanded(argument.get(..ARGUMENT_MOST).unwrap_or(argument), variable);
            let mut goes = false;
            for piece in argument.split(|byte| !is_of_path(*byte)).filter(|piece| !piece.is_empty()).take(left) {
                left = left.saturating_sub(1);
                let is_path = piece.contains(&b'/');
                if !is_path {
                    declared.names.insert(piece.into());
                }
                // The first argument is a program, which is not looked for in the directory.
                if is_path || position > 0 {
                    declared.paths.extend(here.iter().map(|folder| without_usr(&joined(folder, piece)).into()));
                }
                // `cd /srv && node app.js`
                if std::mem::replace(&mut goes, piece == b"cd") && here.len() < 8 {
                    let next = here.last().map(|folder| joined(folder, piece));
                    here.extend(next);
                }
            }
        }
        declared
    }

    fn names(&self, path: &[u8]) -> bool {
        let path = without_usr(path);
        let Some((folder, name)) = path.rsplit_once_str("/").filter(|_| path.starts_with(b"/")) else { return false };
        // A folder of `PATH` is compared with the slash, as `/usr/bin/` is moved and `/usr/bin` is not.
        let in_folder =
            |one: &BString| without_usr(&bstr::concat([one.as_slice(), b"/"])) == bstr::concat([folder, b"/"]);
        self.paths.contains(path) || self.names.contains(name.as_bstr()) && self.folders.iter().any(in_folder)
    }
}

fn is_of_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'.' | b'@' | b'+') || byte >= 0x80
}

/// A path from a folder, without `.` and `..`.
fn joined(folder: &[u8], path: &[u8]) -> BString {
    let folder = if path.starts_with(b"/") { &b""[..] } else { folder };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in folder.split_str("/").chain(path.split_str("/")) {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut whole = BString::from("/");
    whole.extend_from_slice(&bstr::join("/", parts));
    whole
}

/// A path without `/usr` before the folders that most distributions have only there.
fn without_usr(path: &[u8]) -> &BStr {
    let moved = path.strip_prefix(b"/usr").filter(|rest| {
        [b"/bin/".as_slice(), b"/sbin/", b"/lib/", b"/lib64/"].iter().any(|folder| rest.starts_with(folder))
    });
    moved.unwrap_or(path).as_bstr()
}

/// A text with its variables put in, as far as their values are known: `$HOME/run`, `${APP}/run`.
fn expanded<'v>(text: &[u8], value: impl Fn(&[u8]) -> Option<&'v [u8]>) -> BString {
    let mut out = BString::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once_str("$") {
        out.extend_from_slice(before);
        let is_braced = after.starts_with(b"{");
        let after = after.strip_prefix(b"{").unwrap_or(after);
        let end = after.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').unwrap_or(after.len());
        let (name, behind) = after.split_at_checked(end).unwrap_or((after, b""));
        let fits = |value: &&[u8]| !name.is_empty() && out.len().saturating_add(value.len()) < ARGUMENT_MOST;
        if let Some(value) = value(name).filter(fits) {
            out.extend_from_slice(value);
            rest = behind.strip_prefix(b"}").filter(|_| is_braced).unwrap_or(behind);
        } else {
            // What is not known is no path.
            out.push(b'$');
            rest = after;
        }
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(args: &[&str]) -> Spec {
        let text = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect());
        Spec {
            args: text(args),
            env: text(&["PATH=/opt/app/bin:/usr/bin", "APP_HOME=/srv/app"]),
            cwd: Some("/work".to_owned()),
            ..Spec::default()
        }
    }

    #[test]
    fn programs_and_scripts_of_the_command_are_known_by_where_they_are() {
        for (args, path) in [
            (&["/tmp/run", "x"][..], "/tmp/run"),
            (&["nginx", "-g", "daemon off;"], "/opt/app/bin/nginx"),
            (&["python", "app.py"], "/work/app.py"),
            (&["python", "./src/../app.py"], "/work/app.py"),
            (&["./server"], "/work/server"),
            (&["/bin/server"], "/usr/bin/server"),
            (&["sh", "-c", "/tmp/run & exec server"], "/tmp/run"),
            (&["sh", "-c", "a; exec server --port=1"], "/usr/bin/server"),
            (&["sh", "-c", "cd /tmp && exec node app.js"], "/tmp/app.js"),
            (&["sh", "-c", "exec \"$APP_HOME/bin/start\""], "/srv/app/bin/start"),
            (&["sh", "-c", "exec ${APP_HOME}/bin/start"], "/srv/app/bin/start"),
            (&["node", "/srv/node_modules/@a/b.js"], "/srv/node_modules/@a/b.js"),
        ] {
            assert!(Declared::read(&spec(args)).names(path.as_bytes()), "{args:?} {path}");
        }
    }

    #[test]
    fn a_file_of_the_same_name_elsewhere_is_another() {
        for (args, path) in [
            (&["nginx", "-g", "daemon off;"][..], "/tmp/nginx"),
            (&["nginx"], "/work/nginx"),
            (&["python", "app.py"], "/tmp/app.py"),
            (&["/srv/app/bin/start"], "/tmp/bin/start"),
            (&["sh", "-c", "/tmp/run2"], "/tmp/run"),
            (&["sh", "-c", "exec $OTHER/bin/start"], "/tmp/bin/start"),
            (&["sh"], ""),
            (&[], "/tmp/x"),
        ] {
            assert!(!Declared::read(&spec(args)).names(path.as_bytes()), "{args:?} {path}");
        }
    }
}
