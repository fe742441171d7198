//! Errors: an archive could not be read at all. Damage that can be read around is a [`crate::Warning`].

use std::path::{Path, PathBuf};
use std::{fmt, io};

use thiserror::Error as ThisError;

use crate::limits::Limit;

/// Bytes of no known file type; they may be a damaged archive.
pub(crate) const UNKNOWN: &str = "an unrecognised file type";
/// A file that ends within the first header of a tar; it may be a truncated archive.
pub(crate) const TOO_SHORT: &str = "shorter than the first header of a tar";

/// Why an archive could not be read, or another step of a program failed. [`Error::kind`] is for programs. The text is
/// for people: what happened, where, and what to do.
///
/// The errors of the other parts of this crate, and [`io::Error`], can be converted to it, so that a program needs only
/// one type:
///
/// ```
/// use cryoscope::memory::{Encoding, Matcher, Pattern};
///
/// fn main() -> Result<(), cryoscope::Error> {
///     let checkpoint = cryoscope::Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
///     let matcher = Matcher::new(&[Pattern::text("needle", Encoding::Utf8, false)?])?;
///     for found in checkpoint.memory().search(&matcher, &Default::default()).found {
///         if let Some(space) = checkpoint.memory().space_of(found.pid) {
///             std::io::Write::write_all(&mut std::io::stdout(), &space.read(found.address, found.len)?)?;
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Error {
    archive: Option<PathBuf>,
    kind: ErrorKind,
}

/// What went wrong.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The path does not exist or cannot be read.
    #[error("{}", explain_io(.0))]
    Io(#[from] io::Error),
    /// The input is empty.
    #[error("the file is empty; was the copy of the archive interrupted?")]
    Empty,
    /// The input is neither an archive nor a directory of images.
    #[error("this is {0}, not a checkpoint; give a tar archive (plain or compressed) or a directory of CRIU images")]
    NotAnArchive(&'static str),
    /// The input could not be inflated up to the first member.
    #[error("the {0} data is damaged before the first member: {1}; copy the archive again")]
    Damaged(&'static str, io::Error),
    /// The archive has no CRIU images.
    #[error(
        "no CRIU images found ({0}); check whether the runtime's images directory was redirected (criu.conf: images-dir)"
    )]
    NoImages(String),
    /// A checkpoint that was not made by CRIU.
    #[error("this is {0}; cryoscope only reads checkpoints made by CRIU")]
    OtherCheckpoint(&'static str),
    /// No image of the archive was reached, because the archive is damaged or a limit was reached first.
    #[error("no CRIU images in the part that could be read ({found}): {why}")]
    NotReached {
        /// What was read.
        found: String,
        /// What stopped the reading.
        why: String,
        /// The limit that was in the way, if one was.
        limit: Option<&'static Limit>,
    },
    /// The archive has no images, but the log of a dump that failed.
    #[error("no CRIU images found ({found}): {why}")]
    DumpFailed {
        /// What is in the archive.
        found: String,
        /// What the log says.
        why: String,
    },
    /// There are no CRIU images among the readable files, and some files could not be read.
    #[error("no CRIU images among the readable files: {0}")]
    Unreadable(String),
    /// The input does not have the expected hash.
    #[error("SHA-256 is {found}, expected {expected}; this is another file, or it was changed")]
    OtherHash {
        /// The hash of the input; `none` for a directory.
        found: String,
        /// The hashes that were expected.
        expected: String,
    },
    /// The archive holds several checkpoints, but one was asked for.
    #[error("the archive holds {} checkpoints; choose one of {}", .0.len(), .0.join(", "))]
    SeveralCheckpoints(Vec<String>),
    /// The archive has no checkpoint with that name.
    #[error("no checkpoint named {} in the archive; {}", .0, others(.1))]
    NoSuchCheckpoint(String, String),
    /// The parts of an OCI layout or image archive do not fit together.
    #[error("this is an OCI image, but {0}")]
    Oci(String),
    /// What should be the container's image is none, or is damaged.
    #[error("not the image of a container: {0}")]
    NoRootImage(String),
    /// A pattern is not valid: a [`PatternError`](crate::memory::PatternError).
    #[error("{0}")]
    Pattern(Cause),
    /// A byte of memory is missing: a [`MissingError`](crate::memory::MissingError).
    #[error("{0}")]
    Memory(Cause),
    /// Files could not be extracted: an [`ExtractError`](crate::extract::ExtractError).
    #[error("{0}")]
    Extract(Cause),
    /// A query failed: an `Error` of the module `query`.
    #[error("{0}")]
    Query(Cause),
    /// Something other than the archive could not be read or written, such as the output of a program.
    #[error("{0}")]
    Other(io::Error),
}

/// The error of another part of this crate, as the cause of an [`Error`].
type Cause = Box<dyn std::error::Error + Send + Sync>;

impl ErrorKind {
    /// What went wrong, as a stable word for programs. A new kind gets a new word; the meaning of a word does not
    /// change.
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
            ErrorKind::NoRootImage(_) => "no_root_image",
            ErrorKind::Pattern(_) => "pattern",
            ErrorKind::Memory(_) => "memory",
            ErrorKind::Extract(_) => "extract",
            ErrorKind::Query(_) => "query",
            ErrorKind::Other(_) => "other_io",
        }
    }

    /// Whether the input is whole and clearly not a checkpoint: text, a program, an archive of other things. A search
    /// through a directory skips it.
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

    /// The limit that stopped the search for checkpoints, if one did: a higher one may find some.
    pub fn limit(&self) -> Option<&'static Limit> {
        match self.kind {
            ErrorKind::NotReached { limit, .. } => limit,
            _ => None,
        }
    }

    /// The archive that the error is about; `None` for a reader.
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

impl From<io::Error> for Error {
    /// An error that is not about the archive: [`ErrorKind::Other`].
    fn from(error: io::Error) -> Self {
        ErrorKind::Other(error).into()
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
            ErrorKind::Io(error) | ErrorKind::Damaged(_, error) | ErrorKind::Other(error) => Some(error),
            ErrorKind::Pattern(cause)
            | ErrorKind::Memory(cause)
            | ErrorKind::Extract(cause)
            | ErrorKind::Query(cause) => Some(cause.as_ref()),
            _ => None,
        }
    }
}

/// Names the checkpoints that the archive does have.
fn others(names: &str) -> String {
    if names.is_empty() { "its only checkpoint has no name".to_owned() } else { format!("it has: {names}") }
}

fn explain_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory; check the path".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied; engines make checkpoints readable only by root, because they contain all memory"
                .to_owned()
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
            ErrorKind::NoRootImage(String::new()),
            ErrorKind::Pattern("".into()),
            ErrorKind::Memory("".into()),
            ErrorKind::Extract("".into()),
            ErrorKind::Query("".into()),
            ErrorKind::Other(io::ErrorKind::Other.into()),
        ];
        let codes: std::collections::BTreeSet<&str> = kinds.iter().map(ErrorKind::code).collect();
        assert_eq!(codes.len(), kinds.len());
        assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }

    #[test]
    fn errors_of_other_parts_keep_their_text_and_their_cause() {
        use crate::memory::{Missing, MissingError, PatternError};

        let pattern = PatternError { pattern: "(".to_owned(), why: "not closed".to_owned(), limit: None };
        let missing = MissingError { address: 0x1000, why: Missing::Unmapped };
        let errors: [(Error, String); 3] = [
            (pattern.clone().into(), pattern.to_string()),
            (missing.into(), missing.to_string()),
            (io::Error::other("disk full").into(), "disk full".to_owned()),
        ];
        for (error, text) in &errors {
            assert_eq!(error.to_string(), *text);
            assert_eq!(std::error::Error::source(error).unwrap().to_string(), *text);
        }
        let cause = std::error::Error::source(&errors[0].0).unwrap();
        assert_eq!(cause.downcast_ref::<PatternError>(), Some(&pattern));
    }
}
