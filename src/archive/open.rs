//! Opens an input, by its path or as an open file: a regular file, a directory, a pipe. Anything else, and anything
//! that could block forever, is refused with its kind.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::Path;

use super::folder::{self, Folder};
use super::kind::MemberKind;
use crate::error::ErrorKind;

/// An open input.
pub(super) enum OpenInput {
    /// A regular file.
    File(File),
    /// A pipe, or another input that can be read once, with the bytes that were already read from it.
    Stream(Vec<u8>, File),
    Folder(Folder),
}

/// Opens the input at a path.
///
/// # Errors
///
/// If it cannot be opened, or is not a readable input.
pub(super) fn path(path: &Path) -> Result<OpenInput, ErrorKind> {
    let kind = folder::kind(std::fs::metadata(path)?.file_type());
    match kind {
        MemberKind::Directory => {
            let folder = Folder::open(path)?;
            match folder.is_of_the_kernel() {
                Some(_) => {
                    Err(ErrorKind::NotAnArchive("a kernel file system, whose files are generated when they are read"))
                }
                None => Ok(OpenInput::Folder(folder)),
            }
        }
        MemberKind::File => file(File::open(path)?),
        MemberKind::Fifo => pipe(path),
        MemberKind::BlockDevice => Err(ErrorKind::NotAnArchive(
            "a block device (if an archive was written to it directly, read it as standard input: `- < DEVICE`)",
        )),
        kind => Err(refused(kind)),
    }
}

/// Takes a file that is already open, such as standard input.
///
/// # Errors
///
/// If it is not a readable input.
pub(super) fn file(file: File) -> Result<OpenInput, ErrorKind> {
    if file.is_terminal() {
        return Err(ErrorKind::NotAnArchive("a terminal"));
    }
    match folder::kind(file.metadata()?.file_type()) {
        MemberKind::File if is_of_the_kernel(&file) => {
            Err(ErrorKind::NotAnArchive("a file of a kernel file system, which is generated when it is read"))
        }
        MemberKind::File => Ok(OpenInput::File(file)),
        MemberKind::Directory => Err(ErrorKind::NotAnArchive("a directory opened as a file; give its path instead")),
        // A socket that is already open is connected, like a pipe.
        MemberKind::Fifo | MemberKind::BlockDevice | MemberKind::Other(_) => Ok(OpenInput::Stream(Vec::new(), file)),
        kind => Err(refused(kind)),
    }
}

fn refused(kind: MemberKind) -> ErrorKind {
    ErrorKind::NotAnArchive(match kind {
        MemberKind::CharacterDevice => "a character device",
        _ => "a socket or another special file",
    })
}

#[cfg(unix)]
fn is_of_the_kernel(file: &File) -> bool {
    folder::is_of_the_kernel(file).is_some()
}

#[cfg(not(unix))]
fn is_of_the_kernel(_: &File) -> bool {
    false
}

/// Opens a named pipe. Opening one without a writer could block forever, so it is opened without blocking, and a writer
/// that is just starting is given a short time.
#[cfg(unix)]
fn pipe(path: &Path) -> Result<OpenInput, ErrorKind> {
    use std::fs::OpenOptions;
    use std::io::Read;
    use std::os::unix::fs::OpenOptionsExt;
    use std::time::Duration;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    const TRIES: usize = 100;
    const PAUSE: Duration = Duration::from_millis(10);

    let without_waiting = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let mut file = OpenOptions::new().read(true).custom_flags(without_waiting).open(path)?;
    let mut first = vec![0];
    for _ in 0..TRIES {
        let read = match file.read(&mut first) {
            // A shell's `<(…)` has a writer from the start, so this is the end of the data.
            Ok(0) if folder::has_no_name(&file) => 0,
            // There is no writer, or all writers ended without writing.
            Ok(0) => {
                std::thread::sleep(PAUSE);
                continue;
            }
            Ok(len) => len,
            // A writer exists but has written nothing yet.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        first.truncate(read);
        let flags = fcntl_getfl(&file).map_err(io::Error::from)?;
        fcntl_setfl(&file, flags.difference(OFlags::NONBLOCK)).map_err(io::Error::from)?;
        return Ok(OpenInput::Stream(first, file));
    }
    Err(ErrorKind::NotAnArchive(
        "a named pipe without a writer (start the writer first, or give the archive as standard input, `-`)",
    ))
}

#[cfg(not(unix))]
fn pipe(path: &Path) -> Result<OpenInput, ErrorKind> {
    Ok(OpenInput::Stream(Vec::new(), File::open(path)?))
}
