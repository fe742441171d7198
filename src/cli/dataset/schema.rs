//! The columns of existing parts. They must match those of new parts, as engines fail on differences.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::panic;
use std::path::Path;

use cryoscope::formats::{RowWriter, Style};
use cryoscope::tables::TableSource;
use parquet::file::metadata::ParquetMetaDataReader;

/// Maximum size of the footer that describes the columns, in bytes.
const FOOTER_MOST: u64 = 16 << 20;
/// Size of the end of a file: the length of the footer and a magic number.
const TAIL: u64 = 8;
const MAGIC: &[u8] = b"PAR1";

/// Names of columns and their types, as Parquet spells them.
pub(crate) type Columns = Vec<(String, String)>;

/// The columns of a table in a style.
pub(crate) fn of_table(source: &'static TableSource, style: &Style) -> io::Result<Columns> {
    let mut writer = RowWriter::new(Vec::new(), style.clone());
    writer.begin(source.table)?;
    let bytes = writer.finish()?;
    of(&mut io::Cursor::new(bytes))
}

/// The columns of a file.
pub(crate) fn of_file(path: &Path) -> io::Result<Columns> {
    of(&mut File::open(path)?)
}

fn of(file: &mut (impl Read + Seek)) -> io::Result<Columns> {
    let none = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("not a Parquet file: {what}"));
    let len = file.seek(SeekFrom::End(0))?;
    let mut tail = [0; 8];
    file.seek(SeekFrom::Start(len.checked_sub(TAIL).ok_or_else(|| none("it is too short"))?))?;
    file.read_exact(&mut tail)?;
    let Some((length, MAGIC)) = tail.split_first_chunk::<4>() else { return Err(none("its end is missing")) };
    let footer = u64::from(u32::from_le_bytes(*length));
    let start = len.checked_sub(TAIL).and_then(|end| end.checked_sub(footer));
    let Some(start) = start.filter(|_| footer <= FOOTER_MOST) else {
        return Err(none("its end has an invalid length"));
    };
    let mut bytes = vec![0; usize::try_from(footer).unwrap_or_default()];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    let decoded = panic::catch_unwind(|| ParquetMetaDataReader::decode_metadata(&bytes));
    let metadata =
        decoded.map_err(|_| none("its columns cannot be read"))?.map_err(|error| none(&error.to_string()))?;
    let schema = metadata.file_metadata().schema();
    Ok(schema.get_fields().iter().map(|field| (field.name().to_owned(), type_of(field))).collect())
}

/// A type as text.
fn type_of(field: &parquet::schema::types::Type) -> String {
    let mut text = Vec::new();
    parquet::schema::printer::print_schema(&mut text, field);
    String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches(';').to_owned()
}

/// How existing columns differ from those to be written. `None` if they do not.
pub(crate) fn differ(there: &Columns, wanted: &Columns) -> Option<String> {
    if there == wanted {
        return None;
    }
    let index = |columns: &Columns| -> BTreeMap<String, String> { columns.iter().cloned().collect() };
    let (before, now) = (index(there), index(wanted));
    let mut words = Vec::new();
    let lacking: Vec<&str> =
        wanted.iter().map(|(name, _)| name.as_str()).filter(|name| !before.contains_key(*name)).collect();
    if !lacking.is_empty() {
        words.push(format!("it lacks {}", lacking.join(", ")));
    }
    let more: Vec<&str> = there.iter().map(|(name, _)| name.as_str()).filter(|name| !now.contains_key(*name)).collect();
    if !more.is_empty() {
        words.push(format!("it has {}, which would not be written now", more.join(", ")));
    }
    for (name, kind) in wanted {
        if let Some(other) = before.get(name).filter(|other| *other != kind) {
            words.push(format!("{name} is `{other}`, but would be `{kind}`"));
        }
    }
    if words.is_empty() {
        words.push("its columns are in another order".to_owned());
    }
    Some(words.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str) -> Columns {
        text.split(' ').filter_map(|pair| pair.split_once(':')).map(|(n, t)| (n.to_owned(), t.to_owned())).collect()
    }

    #[test]
    fn differences_are_named() {
        let now = columns("archive:text pid:int argv:list");
        assert_eq!(differ(&now, &now), None);
        let said = |there: &str| differ(&columns(there), &now).unwrap();
        assert_eq!(said("archive:text argv:list"), "it lacks pid");
        assert_eq!(said("archive:text pid:int argv:list x:int"), "it has x, which would not be written now");
        assert_eq!(said("archive:text pid:int argv:json"), "argv is `json`, but would be `list`");
        assert_eq!(said("pid:int archive:text argv:list"), "its columns are in another order");
    }

    #[test]
    fn what_is_no_parquet_is_said_to_be_none() {
        let style = crate::cli::dataset::tests::style();
        let mut writer = RowWriter::new(Vec::new(), style.clone());
        let source = cryoscope::catalog::find("processes").unwrap();
        writer.begin(source.table).unwrap();
        let whole = writer.finish().unwrap();
        let expected = of_table(source, &style).unwrap();
        assert!(expected.iter().any(|(name, kind)| name == "pid" && kind.contains("INT64")), "{expected:?}");
        assert_eq!(of(&mut io::Cursor::new(&whole)).unwrap(), expected);
        for end in 0..whole.len() {
            assert!(of(&mut io::Cursor::new(&whole[..end])).is_err(), "{end}");
        }
        // Whatever the bytes are, the result is columns or an error.
        for at in 0..whole.len() {
            for value in [0, 0x7f, 0x80, 0xff] {
                let mut other = whole.clone();
                other[at] = value;
                let _ = of(&mut io::Cursor::new(&other));
            }
        }
    }
}
