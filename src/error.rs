//! Why an archive could not be read at all. What is merely damaged is a [`crate::Warning`].

use std::path::{Path, PathBuf};
use std::{fmt, io};

use thiserror::Error as ThisError;

use crate::archive::{TOO_SHORT, UNKNOWN};
use crate::limits::Limit;

/// Why there is no answer. [`Error::kind`] is for programs, the text for people: what, where, what to do.
#[derive(Debug)]
pub struct Error {
    archive: Option<PathBuf>,
    kind: ErrorKind,
}

/// What went wrong.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The path does not exist, or may not be read.
    #[error("{}", explain_io(.0))]
    Io(#[from] io::Error),
    /// The input has no bytes.
    #[error("the file is empty; was the copy of the archive interrupted?")]
    Empty,
    /// The input is something else than an archive or a directory of images.
    #[error(
        "this is {0}, not a checkpoint; give a tar archive (plain or compressed) or a directory that holds CRIU images"
    )]
    NotAnArchive(&'static str),
    /// The input could not be inflated as far as the first member.
    #[error("the {0} data is damaged before the first member: {1}; copy the archive again")]
    Damaged(&'static str, io::Error),
    /// An archive, but without any image of CRIU.
    #[error("no CRIU images in it ({0}); was the runtime's images directory redirected (criu.conf: images-dir)?")]
    NoImages(String),
    /// A checkpoint, but none of CRIU's images.
    #[error("this is {0}; cryoscope reads what CRIU writes")]
    OtherCheckpoint(&'static str),
    /// An archive of which no image was reached: it is damaged, or a limit was hit before.
    #[error("no CRIU images in what could be read of it ({found}): {why}")]
    NotReached {
        /// What was read.
        found: String,
        /// What was in the way.
        why: String,
        /// The limit that was in the way, if one was.
        limit: Option<&'static Limit>,
    },
    /// An archive without images, but with the log of a dump that failed.
    #[error("no CRIU images in it ({found}): {why}")]
    DumpFailed {
        /// What is there.
        found: String,
        /// What the log says.
        why: String,
    },
    /// No image of CRIU among what can be read, and something cannot be.
    #[error("no CRIU images among what can be read: {0}")]
    Unreadable(String),
    /// The input is not the one that was meant.
    #[error("its SHA-256 is {found}, expected was {expected}; this is another file, or it was changed")]
    OtherHash {
        /// Its hash; `none` of a directory.
        found: String,
        /// Those that it may have.
        expected: String,
    },
    /// The archive holds several checkpoints, and one was asked for.
    #[error("it holds {} checkpoints; choose one of {}", .0.len(), .0.join(", "))]
    SeveralCheckpoints(Vec<String>),
    /// The archive holds no checkpoint of that name.
    #[error("no checkpoint named {} in it; {}", .0, others(.1))]
    NoSuchCheckpoint(String, String),
    /// An OCI layout or image archive whose parts do not fit together.
    #[error("an OCI image, but {0}")]
    Oci(String),
}

impl ErrorKind {
    /// What went wrong, as a stable word for programs. A new kind has a new word; what a word means does not change.
    pub fn code(&self) -> &'static str {
        match self {
            ErrorKind::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => "not_found",
                io::ErrorKind::PermissionDenied => "permission_denied",
                _ => "io",
            },
            ErrorKind::Empty => "empty",
            ErrorKind::NotAnArchive(_) => "not_an_archive",
            ErrorKind::Damaged(..) => "damaged",
            ErrorKind::NoImages(_) => "no_images",
            ErrorKind::OtherCheckpoint(_) => "other_checkpoint",
            ErrorKind::NotReached { .. } => "not_reached",
            ErrorKind::DumpFailed { .. } => "dump_failed",
            ErrorKind::Unreadable(_) => "unreadable",
            ErrorKind::OtherHash { .. } => "other_hash",
            ErrorKind::SeveralCheckpoints(_) => "several_checkpoints",
            ErrorKind::NoSuchCheckpoint(..) => "no_such_checkpoint",
            ErrorKind::Oci(_) => "oci",
        }
    }

    /// Whether the input is whole, and plainly something else than a checkpoint: text, a program, an archive of other things.
    /// Whoever looks through a folder passes over it.
    pub fn is_something_else(&self) -> bool {
        match self {
            ErrorKind::NotAnArchive(what) => ![UNKNOWN, TOO_SHORT].contains(what),
            ErrorKind::NoImages(_) | ErrorKind::Empty => true,
            _ => false,
        }
    }
}

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The limit that was in the way, if one was: with a higher one there may be an answer.
    pub fn limit(&self) -> Option<&'static Limit> {
        match self.kind {
            ErrorKind::NotReached { limit, .. } => limit,
            _ => None,
        }
    }

    /// Which archive it is about; `None` for a reader.
    pub fn archive(&self) -> Option<&Path> {
        self.archive.as_deref()
    }

    pub(crate) fn of(archive: &Path, kind: ErrorKind) -> Self {
        Error { archive: Some(archive.to_owned()), kind }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Error { archive: None, kind }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(archive) = &self.archive {
            write!(f, "{}: ", archive.display())?;
        }
        write!(f, "{}", self.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Io(e) | ErrorKind::Damaged(_, e) => Some(e),
            _ => None,
        }
    }
}

/// Which checkpoints there are instead.
fn others(names: &str) -> String {
    if names.is_empty() { "it has one, without a name".to_owned() } else { format!("there is: {names}") }
}

fn explain_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory; check the path".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied; checkpoints hold all memory, so engines make them readable for root only".to_owned()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        let io = |kind: io::ErrorKind| ErrorKind::Io(kind.into());
        let kinds = [
            io(io::ErrorKind::NotFound),
            io(io::ErrorKind::PermissionDenied),
            io(io::ErrorKind::Other),
            ErrorKind::Empty,
            ErrorKind::NotAnArchive(UNKNOWN),
            ErrorKind::Damaged("gzip", io::ErrorKind::InvalidData.into()),
            ErrorKind::NoImages(String::new()),
            ErrorKind::OtherCheckpoint("a core file"),
            ErrorKind::NotReached { found: String::new(), why: String::new(), limit: None },
            ErrorKind::DumpFailed { found: String::new(), why: String::new() },
            ErrorKind::Unreadable(String::new()),
            ErrorKind::OtherHash { found: String::new(), expected: String::new() },
            ErrorKind::SeveralCheckpoints(Vec::new()),
            ErrorKind::NoSuchCheckpoint(String::new(), String::new()),
            ErrorKind::Oci(String::new()),
        ];
        let codes: std::collections::BTreeSet<&str> = kinds.iter().map(ErrorKind::code).collect();
        assert_eq!(codes.len(), kinds.len());
        assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }
}
