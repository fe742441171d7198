//! What the specification of the container asks for: the programs, scripts and code that its command names.

use bstr::{BStr, BString, ByteSlice};

use super::Facts;
use crate::model::declared::Spec;

/// Where programs are looked for if the specification has no `PATH`.
const USUAL: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Bytes of an argument that are looked at, and of one with its variables put in.
const ARGUMENT_MOST: usize = 64 << 10;
/// Arguments that are looked at.
const ARGUMENTS: usize = 256;

impl Facts<'_> {
    /// Whether the command that starts the container names a program or script: by its path, by a path from the directory
    /// that the command starts in or goes to, or by a name that is found there or in the `PATH`. A file that only has the
    /// same name somewhere else is another one.
    pub fn is_declared(&self, path: &[u8]) -> bool {
        self.spec().spec.as_ref().is_some_and(|spec| names(spec, path))
    }

    /// Whether the command that starts the container has a piece of code in its arguments.
    pub fn is_declared_code(&self, code: &[u8]) -> bool {
        let args = self.spec().spec.as_ref().and_then(|spec| spec.args.as_deref()).unwrap_or_default();
        !code.is_empty() && args.iter().any(|argument| argument.as_bytes().contains_str(code))
    }
}

fn names(spec: &Spec, path: &[u8]) -> bool {
    let args = spec.args.as_deref().unwrap_or_default();
    let path = without_usr(path);
    if !path.starts_with(b"/") {
        return false;
    }
    let variable =
        |name: &[u8]| spec.env.iter().flatten().find_map(|line| line.as_bytes().strip_prefix(name)?.strip_prefix(b"="));
    let found = |folder: &[u8], name: &[u8]| without_usr(&joined(folder, name)) == path;
    let in_path = |name: &[u8]| {
        let folders = variable(b"PATH").unwrap_or(USUAL.as_bytes());
        folders.split_str(":").take(64).any(|folder| found(folder, name))
    };
    let mut folders: Vec<BString> = vec![joined(b"/", spec.cwd.as_deref().unwrap_or("/").as_bytes())];
    for (position, argument) in args.iter().take(ARGUMENTS).enumerate() {
        let argument = argument.as_bytes();
        let argument = expanded(argument.get(..ARGUMENT_MOST).unwrap_or(argument), variable);
        let mut goes = false;
        for piece in argument.split(|byte| !is_of_path(*byte)).filter(|piece| !piece.is_empty()) {
            // The first argument is a program, which is not looked for in the directory.
            let here = || folders.iter().any(|folder| found(folder, piece));
            let is_it = if piece.contains(&b'/') { here() } else { in_path(piece) || position > 0 && here() };
            if is_it {
                return true;
            }
            // `cd /srv && node app.js`
            if std::mem::replace(&mut goes, piece == b"cd") && folders.len() < 8 {
                let next = folders.last().map(|folder| joined(folder, piece));
                folders.extend(next);
            }
        }
    }
    false
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
            assert!(names(&spec(args), path.as_bytes()), "{args:?} {path}");
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
            assert!(!names(&spec(args), path.as_bytes()), "{args:?} {path}");
        }
    }
}
