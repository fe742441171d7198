//! Text files that a flag names: lists, rules, settings.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use super::Failure;

/// The text of a file of at most so many bytes.
pub(crate) fn read(path: &Path, most: u64) -> Result<String, Failure> {
    let fail = |error: std::io::Error| {
        let why = match error.kind() {
            ErrorKind::InvalidData => {
                "this is not a text file: it has bytes that are not UTF-8; save it as UTF-8, or name another".to_owned()
            }
            ErrorKind::NotFound => "no such file; check the path".to_owned(),
            _ => error.to_string(),
        };
        Failure::Usage(format!("{}: {why}", path.display()))
    };
    let mut text = String::new();
    let read = File::open(path).map_err(fail)?.take(most.saturating_add(1)).read_to_string(&mut text).map_err(fail)?;
    if u64::try_from(read).is_ok_and(|read| read > most) {
        return Err(Failure::Usage(format!("{}: the file is larger than {} MiB", path.display(), most >> 20)));
    }
    Ok(text)
}
