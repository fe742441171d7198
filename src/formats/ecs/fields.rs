//! The fields of the schema that documents have, with the types that the schema gives them.

/// A field of ECS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::formats) struct Field {
    /// Its name, with dots between levels.
    pub(in crate::formats) name: &'static str,
    /// Its type, as mappings name it.
    pub(in crate::formats) kind: &'static str,
    /// Whether its words can be searched for, too, in its field `text`.
    pub(in crate::formats) has_words: bool,
}

/// A line for each field: name, type, and `yes` if it has words. Taken from the schema; a test holds it against the
/// schema's own list, and documents against it.
const LIST: &str = include_str!("fields.tsv");

/// All fields that documents may have outside of `cryoscope`, `labels` and `container.labels`.
pub(in crate::formats) fn fields() -> impl Iterator<Item = Field> {
    LIST.lines().filter_map(|line| {
        let mut cells = line.split('\t');
        Some(Field { name: cells.next()?, kind: cells.next()?, has_words: cells.next() == Some("yes") })
    })
}
