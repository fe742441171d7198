//! Small files that are read whole, such as lists of names and patterns. They are opened as carefully as archives.

use std::io::{self, Read};
use std::path::Path;

use super::open::{self, OpenInput};
use crate::error::ErrorKind;

/// Reads all bytes of a file or a pipe, at most `most`. Inputs that are endless or could block forever are refused.
///
/// # Errors
///
/// If it is neither a file nor a pipe, cannot be read, or is larger.
pub fn read_small(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if is_null(path) {
        return Ok(Vec::new());
    }
    match open::path(path) {
        Ok(OpenInput::File(file)) => read_most(file, most),
        Ok(OpenInput::Stream(first, file)) => read_most(io::Cursor::new(first).chain(file), most),
        Ok(OpenInput::Folder(_)) => Err(io::Error::other("this is a directory; give a file or a pipe")),
        Err(ErrorKind::Io(error)) => Err(error),
        // The text in parentheses is advice for archives.
        Err(ErrorKind::NotAnArchive(what)) => {
            let what = what.split_once(" (").map_or(what, |(what, _)| what);
            Err(io::Error::other(format!("this is {what}; give a file or a pipe")))
        }
        Err(error) => Err(io::Error::other(error.to_string())),
    }
}

/// Whether a path is the null device, which scripts use for an empty list.
#[cfg(unix)]
fn is_null(path: &Path) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};

    let device = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        metadata.file_type().is_char_device().then(|| metadata.rdev())
    };
    device(path).is_some_and(|given| device(Path::new("/dev/null")) == Some(given))
}

#[cfg(not(unix))]
fn is_null(_: &Path) -> bool {
    false
}

/// Reads all bytes of an open reader, at most `most`.
///
/// # Errors
///
/// If it cannot be read, or is larger.
pub fn read_most(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut from = from.take(most);
    from.read_to_end(&mut bytes)?;
    let mut more = Vec::new();
    if from.into_inner().take(1).read_to_end(&mut more)? > 0 {
        return Err(io::Error::other(format!("larger than {most} bytes, the limit for such files; split it")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_refused_and_what_just_fits_is_not() {
        assert_eq!(read_most(&b"abc"[..], 3).unwrap(), b"abc");
        assert!(read_most(&b"abcd"[..], 3).unwrap_err().to_string().contains("larger than 3 bytes"));
        assert!(read_most(io::repeat(0), 1 << 16).is_err(), "without end");
    }
}
