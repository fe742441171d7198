//! Table `warnings`.

use bstr::BString;

use super::table::table;
use super::value::{Detail, Object};
use crate::Checkpoint;
use crate::warning::Place;

table! {
    "warnings", key(), brief(severity, code, place, message), event(Event::error("archive-damage").under("warning"));
    /// Anything odd, damaged or missing in the archive, in the order in which it was found.
    pub struct Warning {
        /// `note`: odd, but nothing is missing. `warning`: the answer is partial.
        #[to(ecs("log.level"))]
        pub severity: &'static str,
        /// What the warning is about, as a stable name.
        #[to(ecs("error.code"))]
        pub code: &'static str,
        /// Place of the problem: `member`, `record` (from 0) and `offset` (in bytes), where they apply. Null for the
        /// archive as a whole.
        pub place: Option<Object>,
        /// What was found, what was expected, and what was done about it.
        #[to(ecs("error.message"))]
        pub message: BString,
        /// Name of the limit that was reached, as in `docs/limits.md`: a higher one may show more. Null if none was.
        pub limit_name: Option<&'static str>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Warning> + '_ {
    checkpoint.read_all();
    checkpoint.warnings().into_iter().map(|warning| Warning {
        severity: warning.severity().as_str(),
        code: warning.code.as_str(),
        place: place(&warning.place),
        message: warning.message.into(),
        limit_name: warning.limit.map(|limit| limit.name),
    })
}

fn place(place: &Place) -> Option<Object> {
    let mut object = Vec::new();
    if !place.member.is_empty() {
        object.push(("member", Detail::Bytes(place.member.to_vec())));
    }
    object.extend(place.record.map(|record| ("record", Detail::Integer(record.into()))));
    object.extend(place.offset.map(|offset| ("offset", Detail::Integer(offset.into()))));
    (!object.is_empty()).then_some(Object(object))
}
