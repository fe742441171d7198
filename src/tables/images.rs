//! Table `images`.

use std::collections::HashMap;

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::archive::Member;
use crate::images::{Form, Kind};
use crate::int::u64_of;
use crate::warning::{Severity, Warning};

table! {
    "images", key(path), brief(path, kind, records, bytes, decoded, note),
    event(Event::PLAIN.about(Subject::Record));
    /// The files of the image directory: known kinds first, by kind and number, then unknown ones.
    pub struct Image {
        /// Path in the archive.
        pub path: BString,
        /// CRIU's name of the kind, for example `PSTREE`. Null if the kind is unknown.
        pub kind: Option<&'static str>,
        /// Magic numbers, in hexadecimal. Null for files without.
        pub magic: Option<String>,
        /// Number of records that could be separated. Null for files without records.
        pub records: Option<u64>,
        /// Size in bytes. Null for a file in a directory that may be listed but not searched.
        pub bytes: Option<u64>,
        /// Number in the file name: a pid, a thread, a namespace, …. Null if there is none.
        pub id: Option<u64>,
        /// Whether all records could be separated and decoded.
        pub decoded: bool,
        /// What is wrong with the image. Null if nothing is.
        pub note: Option<String>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Image> + '_ {
    checkpoint.read_all();
    let (archive, set) = (checkpoint.archive(), checkpoint.images());
    let mut about: HashMap<BString, Vec<Warning>> = HashMap::new();
    for warning in checkpoint.warnings() {
        about.entry(warning.place.member.clone()).or_default().push(warning);
    }
    let known: Vec<Image> = set
        .images(archive)
        .map(|(kind, number, member)| of_kind(checkpoint, kind, number, member, about.get(&member.path)))
        .collect();
    let others = set.others(archive).map(|member| Image {
        path: member.path.clone(),
        kind: None,
        magic: None,
        records: None,
        bytes: member.known_size(),
        id: None,
        decoded: false,
        note: None,
    });
    known.into_iter().chain(others)
}

fn of_kind(checkpoint: &Checkpoint, kind: Kind, number: u64, member: &Member, about: Option<&Vec<Warning>>) -> Image {
    let about = about.map_or(&[][..], Vec::as_slice);
    let broken = about.iter().any(|warning| warning.severity() == Severity::Warning);
    let opened = match kind.form() {
        Form::Records { .. } => checkpoint.count_records(kind, number),
        _ => None,
    };
    let has_number = kind.pattern().contains('%');
    Image {
        path: member.path.clone(),
        kind: Some(kind.as_str()),
        magic: opened
            .as_ref()
            .map(|(magics, _)| magics.iter().map(|magic| format!("{magic:#010x}")).collect::<Vec<_>>().join(" ")),
        records: opened.as_ref().map(|(_, records)| u64_of(*records)),
        bytes: member.known_size(),
        id: has_number.then_some(number),
        decoded: opened.is_some() && !broken,
        note: about.first().map(|warning| warning.message.clone()),
    }
}
