//! Table `binfmt_misc`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;

table! {
    "binfmt_misc", key(name), brief(name, enabled, interpreter, flags, extension, magic, offset);
    /// Executable formats registered with the kernel (`/proc/sys/fs/binfmt_misc`) and the interpreter that runs each,
    /// in the order of the image.
    pub struct BinfmtMisc {
        /// Name of the format.
        pub name: Option<BString>,
        /// Whether the format is enabled.
        pub enabled: Option<bool>,
        /// Path of the interpreter.
        pub interpreter: Option<BString>,
        /// Flags, as the kernel prints them: `P`, `O`, `C`, `F`. With `C`, the interpreter gets the rights of a
        /// set-user-id program that it runs.
        pub flags: Option<BString>,
        /// File name extension that identifies the format. Null if the format is identified by magic bytes.
        pub extension: Option<BString>,
        /// Magic bytes that identify the format, in hexadecimal.
        pub magic: Option<BString>,
        /// Mask of the magic bytes, in hexadecimal.
        pub mask: Option<BString>,
        /// Offset of the magic bytes in a file.
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
