//! Typed rows of a checkpoint: [`Rows`] has a method for each table.

use super::table::Weigh;
use crate::Checkpoint;
use crate::limits::Limits;
use crate::warning::Place;

/// The rows of a checkpoint. Each table has a method with its name.
///
/// ```
/// # fn main() -> Result<(), cryoscope::Error> {
/// let checkpoint = cryoscope::Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
/// for process in checkpoint.rows().processes() {
///     println!("{} {:?}", process.pid, process.name);
/// }
/// println!("{:?}", checkpoint.rows().container().image);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rows<'c> {
    pub(crate) checkpoint: &'c Checkpoint,
}

impl Checkpoint {
    /// Returns the rows of its tables.
    pub fn rows(&self) -> Rows<'_> {
        Rows { checkpoint: self }
    }
}

/// Defines the method of a table: the row, if the table has exactly one, or an iterator.
macro_rules! typed {
    (one $module:ident $row:ident) => {
        #[doc = concat!("Returns the row of `", stringify!($module), "`.")]
        pub fn $module(self) -> $row {
            $module::row(self.checkpoint)
        }
    };
    (many $module:ident $row:ident) => {
        #[doc = concat!("Returns the rows of `", stringify!($module), "`.")]
        pub fn $module(self) -> impl Iterator<Item = $row> + 'c {
            rows::bounded(self.checkpoint, stringify!($module), $module::rows(self.checkpoint))
        }
    };
}
pub(super) use typed;

/// Returns rows until they use too much memory in total. A value that is stored once in an image may belong to many
/// rows, such as the name of a file that is open a hundred thousand times.
pub(super) fn bounded<'c, R: Weigh>(
    checkpoint: &'c Checkpoint,
    name: &'static str,
    rows: impl Iterator<Item = R> + 'c,
) -> impl Iterator<Item = R> + 'c {
    let limit = checkpoint.limits().table_bytes;
    let mut left = checkpoint.in_proportion(limit);
    rows.map_while(move |row| {
        if let Some(rest) = left.checked_sub(row.weight()) {
            left = rest;
            return Some(row);
        }
        let each = Checkpoint::EACH_BYTE;
        checkpoint.warn(&Limits::TABLE_BYTES, Place::archive(), || {
            format!(
                "the rows of {name} use more than {limit} bytes plus {each} for each byte of the archive; the rest were \
                 skipped"
            )
        });
        None
    })
}
