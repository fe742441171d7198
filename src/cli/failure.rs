//! Why a command failed, and its exit code.

use std::fmt;
use std::io;
use std::path::Path;

use cryoscope::ErrorKind;
use cryoscope::extract::ExtractError;

use super::exit::Exit;
use super::limits;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The archive.
    Archive(cryoscope::Error),
    /// The output.
    Output(io::Error),
    /// What was asked for.
    Usage(String),
    /// The same, in several lines.
    Lines(Vec<String>),
    /// It would be written onto what is read, or twice to one file.
    Clash(String),
    /// There is no checkpoint where one was looked for.
    Nothing(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Archive(error) => write!(f, "{error}{}", limits::hint(error.limit())),
            Failure::Output(error) => write!(f, "cannot write the output: {error}"),
            Failure::Usage(message) | Failure::Clash(message) | Failure::Nothing(message) => f.write_str(message),
            Failure::Lines(lines) => f.write_str(&lines.join("\n")),
        }
    }
}

impl Failure {
    /// The exit code that it comes to. A directory in which there is no checkpoint is one where nothing was found.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Failure::Archive(error)
                if matches!(error.kind(), ErrorKind::NoImages(_)) && error.archive().is_some_and(Path::is_dir) =>
            {
                Exit::No
            }
            Failure::Nothing(_) => Exit::No,
            _ => Exit::Failed,
        }
    }

    /// The lines of its message, to be escaped one by one: only breaks of our own begin a line.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Failure::Lines(lines) => lines.clone(),
            other => vec![other.to_string()],
        }
    }

    /// What the table `failures` says of an archive: a word, and the message without the archive's name.
    pub(crate) fn row(&self) -> (&'static str, String) {
        match self {
            Failure::Archive(error) => {
                (error.kind().code(), format!("{}{}", error.kind(), limits::hint(error.limit())))
            }
            other => ("other", other.to_string()),
        }
    }
}

impl From<cryoscope::Error> for Failure {
    fn from(error: cryoscope::Error) -> Self {
        Failure::Archive(error)
    }
}

impl From<ExtractError> for Failure {
    fn from(error: ExtractError) -> Self {
        let hint =
            if matches!(error, ExtractError::NotEmpty(_)) { ", or write into this one with --force" } else { "" };
        Failure::Usage(format!("{error}{hint}"))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

/// How a command ended.
pub(crate) type Outcome = Result<Exit, Failure>;
