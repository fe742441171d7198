//! Table `binfmt_misc`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;

table! {
    "binfmt_misc", key(name), brief(name, enabled, interpreter, flags, extension, magic, offset);
    /// Formats of executables that were registered with the kernel (`/proc/sys/fs/binfmt_misc`), in the order of the image:
    /// which interpreter runs them.
    pub struct BinfmtMisc {
        /// Name of the format.
        pub name: Option<BString>,
        /// Whether it is in use.
        pub enabled: Option<bool>,
        /// Path of the interpreter.
        pub interpreter: Option<BString>,
        /// Flags, as the kernel prints them: `P`, `O`, `C`, `F`. With `C` the interpreter has the rights of a set-uid
        /// program that it runs.
        pub flags: Option<BString>,
        /// The extension by which files are known; null if they are known by their magic.
        pub extension: Option<BString>,
        /// Hexadecimal bytes by which files are known.
        pub magic: Option<BString>,
        /// Hexadecimal mask of those bytes.
        pub mask: Option<BString>,
        /// Where those bytes are in a file.
        pub offset: Option<i32>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = BinfmtMisc> + '_ {
    checkpoint.host().formats.iter().map(|format| {
        let text = |field: &Option<Vec<u8>>| field.clone().filter(|text| !text.is_empty()).map(BString::from);
        BinfmtMisc {
            name: text(&format.name),
            enabled: format.enabled,
            interpreter: text(&format.interpreter),
            flags: text(&format.flags),
            extension: text(&format.extension),
            magic: text(&format.magic),
            mask: text(&format.mask),
            offset: format.offset,
        }
    })
}
