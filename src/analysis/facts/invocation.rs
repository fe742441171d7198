//! Facts about how a shell or an interpreter was started: with a command, a script, or to be typed into.

use bstr::{BString, ByteSlice};

use super::super::vocabulary::is_busybox;
use super::{ProcessFacts, base};

/// What a shell or an interpreter runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Text given in its arguments: `sh -c …`, `python -c …`.
    Inline(BString),
    /// A script, by its path.
    Script(BString),
    /// A module: `python -m …`.
    Module(BString),
    /// What it reads from its input, or what is typed.
    Input,
}

impl ProcessFacts<'_> {
    /// How a shell or an interpreter was started. `None` for other programs, and if the arguments are not known.
    pub fn invocation(&self) -> Option<Invocation> {
        let argv = self.row.argv.as_deref()?;
        if self.is_shell() {
            return Some(of_shell(argv));
        }
        self.is_interpreter().then(|| of_interpreter(self.program.base(), argv))
    }

    /// Whether it is a shell that somebody may type into: without a command and without a script.
    pub fn is_open_shell(&self) -> bool {
        self.is_shell() && self.invocation() == Some(Invocation::Input)
    }

    /// The absolute path of the script that it runs.
    pub fn script(&self) -> Option<BString> {
        let Invocation::Script(path) = self.invocation()? else { return None };
        if path.starts_with(b"/") {
            return Some(path);
        }
        let cwd = self.row.cwd.as_ref()?.trim_end_with(|c| c == '/');
        Some(bstr::join("/", [cwd, path.strip_prefix(b"./").unwrap_or(&path)]).into())
    }

    /// The text that it was given to run: of `sh -c …`, `python -c …`.
    pub fn inline(&self) -> Option<BString> {
        match self.invocation()? {
            Invocation::Inline(text) => Some(text),
            _ => None,
        }
    }
}

fn of_shell(argv: &[BString]) -> Invocation {
    let mut rest = argv.iter().map(|word| word.as_slice()).peekable();
    let called = rest.next().map(base).unwrap_or_default();
    if is_busybox(called) {
        rest.next();
    }
    let mut command = false;
    while let Some(argument) = rest.next() {
        match argument {
            b"--" | b"-" => break,
            b"--rcfile" | b"--init-file" | b"-O" | b"+O" | b"-o" | b"+o" => {
                rest.next();
            }
            b"--interactive" => return Invocation::Input,
            long if long.starts_with(b"--") => {}
            letters if letters.starts_with(b"-") || letters.starts_with(b"+") => {
                if letters.contains(&b'c') {
                    command = true;
                } else if letters.contains(&b's') {
                    return Invocation::Input;
                }
                // `-eo pipefail`: the last letter has a value.
                if letters.ends_with(b"o") {
                    rest.next();
                }
            }
            word if command => return Invocation::Inline(word.into()),
            word => return Invocation::Script(word.into()),
        }
    }
    match rest.next() {
        Some(word) if command => Invocation::Inline(word.into()),
        Some(word) => Invocation::Script(word.into()),
        None => Invocation::Input,
    }
}

fn of_interpreter(program: &[u8], argv: &[BString]) -> Invocation {
    let inline: &[&[u8]] = match program {
        name if name.starts_with(b"python") => &[b"-c"],
        name if name.starts_with(b"php") => &[b"-r", b"-R"],
        name if name.starts_with(b"perl") => &[b"-e", b"-E"],
        name if [b"node".as_slice(), b"bun", b"deno"].iter().any(|start| name.starts_with(start)) => {
            &[b"-e", b"--eval", b"-p", b"-pe", b"--print", b"eval"]
        }
        name if name.starts_with(b"pwsh") => &[b"-c", b"-C", b"-Command", b"-command", b"-EncodedCommand", b"-e"],
        _ => &[b"-e"],
    };
    let is_awk = program.ends_with(b"awk");
    let takes_value: &[&[u8]] = match program {
        name if name.starts_with(b"python") => &[b"-W", b"-X"],
        name if name.starts_with(b"node") => {
            &[b"-r", b"--require", b"--import", b"--loader", b"--experimental-loader", b"-C", b"--conditions"]
        }
        name if name.starts_with(b"bun") => &[b"-r", b"--preload", b"--require", b"--import"],
        name if name.starts_with(b"php") => &[b"-c", b"-d", b"-z", b"-t"],
        name if name.starts_with(b"perl") => &[b"-I"],
        name if name.starts_with(b"ruby") => &[b"-r", b"-I", b"-C", b"-E"],
        name if name.starts_with(b"lua") => &[b"-l"],
        _ if is_awk => &[b"-F", b"-v"],
        _ => &[],
    };
    let mut rest = argv.iter().skip(1).map(|word| word.as_slice());
    while let Some(argument) = rest.next() {
        if inline.contains(&argument) || is_cluster(program, argument) {
            return rest.next().map_or(Invocation::Input, |text| Invocation::Inline(text.into()));
        }
        match argument {
            b"-m" if program.starts_with(b"python") => {
                return Invocation::Module(rest.next().unwrap_or_default().into());
            }
            b"-f" if is_awk || program.starts_with(b"php") => {
                return Invocation::Script(rest.next().unwrap_or_default().into());
            }
            // A server of its own.
            b"-S" if program.starts_with(b"php") => {
                return Invocation::Module(b"-S".into());
            }
            b"-" => return Invocation::Input,
            b"--" => return rest.next().map_or(Invocation::Input, |word| Invocation::Script(word.into())),
            value if takes_value.contains(&value) => {
                rest.next();
            }
            option if option.starts_with(b"-") && option.len() > 1 => {}
            word if is_awk => return Invocation::Inline(word.into()),
            word => return Invocation::Script(word.into()),
        }
    }
    Invocation::Input
}

/// Whether an argument is a cluster of letters that ends with the one for text: `perl -MSocket -we`, `python -Bc`.
fn is_cluster(program: &[u8], argument: &[u8]) -> bool {
    let last: &[u8] = match program {
        name if name.starts_with(b"python") => b"c",
        name if name.starts_with(b"perl") => b"eE",
        name if name.starts_with(b"ruby") => b"e",
        _ => return false,
    };
    let Some(letters) = argument.strip_prefix(b"-") else { return false };
    letters.len() > 1
        && letters.len() <= 5
        && letters.iter().all(u8::is_ascii_alphabetic)
        && !letters.starts_with(b"M")
        && !letters.starts_with(b"I")
        && letters.last().is_some_and(|letter| last.contains(letter))
        && letters.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(words: &[&str]) -> Vec<BString> {
        words.iter().map(|&word| word.into()).collect()
    }

    #[test]
    fn shells_run_commands_scripts_or_what_is_typed() {
        let of = |words: &[&str]| of_shell(&argv(words));
        assert_eq!(of(&["/bin/sh", "-c", "true 1; sh x"]), Invocation::Inline("true 1; sh x".into()));
        assert_eq!(of(&["bash", "-lec", "a"]), Invocation::Inline("a".into()));
        assert_eq!(of(&["bash", "-eo", "pipefail", "-c", "a b"]), Invocation::Inline("a b".into()));
        assert_eq!(of(&["sh", "/run.sh", "-c", "x"]), Invocation::Script("/run.sh".into()));
        assert_eq!(of(&["bash", "--norc", "-m", "/srv/jobs.sh"]), Invocation::Script("/srv/jobs.sh".into()));
        for open in
            [&["sh", "-i"][..], &["-bash"], &["/bin/sh"], &["bash", "--noprofile", "--norc"], &["sh", "-s", "x"]]
        {
            assert_eq!(of(open), Invocation::Input, "{open:?}");
        }
        assert_eq!(of(&["busybox", "sh", "-c", "id"]), Invocation::Inline("id".into()));
    }

    #[test]
    fn interpreters_too() {
        let of = |words: &[&str]| of_interpreter(words[0].as_bytes(), &argv(words));
        assert_eq!(of(&["python3.13", "-c", "import pty"]), Invocation::Inline("import pty".into()));
        assert_eq!(of(&["python3", "-B", "-c", "x"]), Invocation::Inline("x".into()));
        assert_eq!(of(&["python3", "-Bc", "x"]), Invocation::Inline("x".into()));
        assert_eq!(of(&["python3", "-m", "http.server"]), Invocation::Module("http.server".into()));
        assert_eq!(of(&["python3", "/srv/app.py", "-c"]), Invocation::Script("/srv/app.py".into()));
        assert_eq!(of(&["perl", "-MSocket", "-e", "x"]), Invocation::Inline("x".into()));
        assert_eq!(of(&["perl", "-we", "x"]), Invocation::Inline("x".into()));
        assert_eq!(of(&["node", "--max-old-space-size=32", "/a.js"]), Invocation::Script("/a.js".into()));
        assert_eq!(of(&["php", "-r", "x();"]), Invocation::Inline("x();".into()));
        assert_eq!(of(&["awk", "-F", ":", "{print $1}", "f"]), Invocation::Inline("{print $1}".into()));
        assert_eq!(of(&["python3"]), Invocation::Input);
        assert_eq!(of(&["perl", "-ne", "x"]), Invocation::Inline("x".into()));
        assert_eq!(of(&["node", "-pe", "1"]), Invocation::Inline("1".into()));
    }

    #[test]
    fn a_letter_means_another_thing_to_each_interpreter() {
        let of = |words: &[&str]| of_interpreter(words[0].as_bytes(), &argv(words));
        assert_eq!(of(&["node", "-r", "dd-trace/init", "server.js"]), Invocation::Script("server.js".into()));
        assert_eq!(of(&["ruby", "-r", "bundler/setup", "app.rb"]), Invocation::Script("app.rb".into()));
        assert_eq!(of(&["php", "-c", "/etc/php.ini", "artisan"]), Invocation::Script("artisan".into()));
        assert_eq!(of(&["pwsh", "-c", "x"]), Invocation::Inline("x".into()));
        assert_eq!(of_shell(&argv(&["busybox.static", "sh", "-c", "id"])), Invocation::Inline("id".into()));
    }
}
