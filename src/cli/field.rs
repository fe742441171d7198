//! The names of the columns that stand before those of a table: ours, and those that `--field` adds.

use cryoscope::catalog;

/// The column that says which archive a row is from.
pub(crate) const ARCHIVE: &str = "archive";
/// The column that says which checkpoint of the archive it is from.
pub(crate) const SET: &str = "set";
/// The column that has the hash of the archive.
pub(crate) const SHA256: &str = "archive_sha256";

/// Names that a field must not have: those of our own columns that are in no table.
const RESERVED: [&str; 7] = [ARCHIVE, SET, SHA256, "table", "_hex", "date", "event_id"];

/// Bytes of a field's name.
const LONGEST: usize = 64;

/// A field: `KEY=VALUE`.
pub(crate) fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give a name and a value: node=worker-3")?;
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty()
        || name.len() > LONGEST
        || !name.chars().all(is_letter)
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(format!("a name has letters, digits and _, begins with no digit, and is at most {LONGEST} long"));
    }
    let is = |other: &str| {
        name.eq_ignore_ascii_case(other)
            || name.strip_suffix("_hex").is_some_and(|name| name.eq_ignore_ascii_case(other))
    };
    let columns = || {
        catalog::all().flat_map(|source| source.table.columns.iter().map(|column| (&*source.table.name, &*column.name)))
    };
    if RESERVED.iter().any(|reserved| is(reserved)) {
        return Err(format!("{name} is a column of every row already; choose another name, such as my_{name}"));
    }
    if let Some((table, _)) = columns().find(|(_, column)| is(column)) {
        return Err(format!("the table {table} has a column {name}; choose another name, such as my_{name}"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_name_and_a_value() {
        assert_eq!(field("node=a=b"), Ok(("node".to_owned(), "a=b".to_owned())));
        assert_eq!(field("case="), Ok(("case".to_owned(), String::new())));
        for wrong in ["node", "=x", "a b=x", "host.name=x", "1st=x", &format!("{}=x", "a".repeat(65))] {
            assert!(field(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_field_takes_the_name_of_no_column() {
        for taken in ["archive=x", "Set=x", "pid=1", "PATH=x", "path_hex=x", "table=x"] {
            assert!(field(taken).unwrap_err().contains("choose another"), "{taken}");
        }
    }
}
