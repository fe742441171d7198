//! The next step: the one command that shows more about a finding.

use std::fmt;

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
                    line.push_str(&format!(" --pid {pid}"));
                }
                if let Some((column, value)) = condition {
                    line.push_str(&format!(" --where {}", quoted(&format!("{column}={value}"))));
                }
                line
            }
            Next::Extract { what, path } => {
                let path = path.as_ref().map_or_else(String::new, |path| format!(" --path {}", quoted(path)));
                format!("cryoscope extract {archive} --what {what}{path} -o DIR")
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

/// Quotes a word for a shell, if it needs that.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
