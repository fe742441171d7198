//! The next step: the one command that shows more about a finding.

use std::fmt;

use crate::escape::is_unsafe;
use crate::model::ids::Pid;

/// A command that shows more about a finding. Its text is a command line of ours with the archive left open, as the
/// library does not know how the user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// A hexadecimal dump of a range of a process's memory.
    Memory {
        /// The process.
        pid: Pid,
        /// First address.
        start: u64,
        /// Address after the last byte.
        end: u64,
    },
    /// Rows of a table.
    Table {
        /// The table.
        table: &'static str,
        /// The process, if only its rows matter.
        pid: Option<Pid>,
        /// A condition on a column.
        condition: Option<(&'static str, String)>,
    },
    /// Files written to a directory, with their contents.
    Extract {
        /// What: `rootfs`, `recovered`, `tmpfs`, `devshm`, `volumes`, `logs`, `queues`.
        what: &'static str,
        /// Only files with this path.
        path: Option<String>,
    },
    /// The files below a directory written to another one.
    Below {
        /// What: `rootfs` or `volumes`.
        what: &'static str,
        /// The directory.
        path: String,
    },
    /// The process tree.
    Inspect,
}

impl Next {
    /// Rows of a table about one process.
    pub fn rows_of(table: &'static str, pid: Pid) -> Self {
        Next::Table { table, pid: Some(pid), condition: None }
    }

    /// Rows of a table with a value in a column.
    pub fn rows_where(table: &'static str, column: &'static str, value: impl Into<String>) -> Self {
        Next::Table { table, pid: None, condition: Some((column, value.into())) }
    }

    /// All rows of a table.
    pub fn table(table: &'static str) -> Self {
        Next::Table { table, pid: None, condition: None }
    }

    /// The command line, for an archive as a shell reads its name.
    pub fn command(&self, archive: &str) -> String {
        match self {
            Next::Memory { pid, start, end } => {
                format!("cryoscope memparse {archive} --pid {pid} --range {start:#x}-{end:#x} --hexdump")
            }
            Next::Table { table, pid, condition } => {
                let mut line = format!("cryoscope table {table} {archive}");
                if let Some(pid) = pid {
                    line.extend([" --pid ", &pid.to_string()]);
                }
                if let Some((column, value)) = condition {
                    line.extend([" --where ", &quoted(&format!("{column}={value}"))]);
                }
                line
            }
            Next::Extract { what, path } => {
                let path = path.as_ref().map_or_else(String::new, |path| format!(" --path {}", quoted(&glob(path))));
                format!("cryoscope extract {archive} --what {what}{path} -o DIR")
            }
            Next::Below { what, path } => {
                let path = quoted(&format!("{}/**", glob(path)));
                format!("cryoscope extract {archive} --what {what} --path {path} -o DIR")
            }
            Next::Inspect => format!("cryoscope inspect {archive}"),
        }
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.command("ARCHIVE"))
    }
}

/// A wildcard that matches a path. What has a meaning in wildcards, or cannot be typed, is any one character.
fn glob(path: &str) -> String {
    path.chars().map(|c| if "*?[]{}!\\".contains(c) || is_unsafe(c) { '?' } else { c }).collect()
}

/// Quotes a word for a shell, if it needs that. Characters that cannot be seen are written by their codes, as bash, zsh
/// and ksh read them: whoever prints the line is not attacked by it.
pub fn quoted(word: &str) -> String {
    if word.chars().any(is_unsafe) {
        let mut text = String::from("$'");
        for c in word.chars() {
            match c {
                '\\' | '\'' => text.extend(['\\', c]),
                c if is_unsafe(c) && c.is_ascii() => text.extend(["\\x", &format!("{:02x}", u32::from(c))]),
                c if is_unsafe(c) => text.extend(["\\U", &format!("{:08x}", u32::from(c))]),
                c => text.push(c),
            }
        }
        return text + "'";
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_so_that_a_shell_reads_them_and_a_terminal_survives_them() {
        assert_eq!(quoted("/srv/a-b.tar"), "/srv/a-b.tar");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted("a\u{1b}[2J\\'\u{202e}"), "$'a\\x1b[2J\\\\\\'\\U0000202e'");
    }

    #[test]
    fn a_path_with_signs_of_wildcards_is_matched() {
        let next = Next::Extract { what: "rootfs", path: Some("/tmp/\u{1b}[31m*".to_owned()) };
        assert_eq!(next.command("A"), "cryoscope extract A --what rootfs --path '/tmp/??31m?' -o DIR");
    }
}
