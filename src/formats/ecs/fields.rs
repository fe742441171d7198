//! The schema fields used in documents, with the types that the schema gives them.

/// A field of ECS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::formats) struct Field {
    /// Name, with dots between levels.
    pub(in crate::formats) name: &'static str,
    /// Type, as in mappings.
    pub(in crate::formats) kind: &'static str,
    /// Whether its words can also be searched, in its field `text`.
    pub(in crate::formats) has_words: bool,
}

/// One line per field: name, type, and `yes` if it has words. Taken from the schema. A test compares it with the
/// schema's own list, and documents with it.
const LIST: &str = include_str!("fields.tsv");

/// All fields that documents may have outside of `cryoscope`, `labels` and `container.labels`.
pub(in crate::formats) fn fields() -> impl Iterator<Item = Field> {
    LIST.lines().filter_map(|line| {
        let mut cells = line.split('\t');
        Some(Field { name: cells.next()?, kind: cells.next()?, has_words: cells.next() == Some("yes") })
    })
}
