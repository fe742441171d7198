//! Sorts rows by a column, and limits their number.

use std::cmp::Ordering;
use std::str::FromStr;

use cryoscope::formats::Encoded;
use cryoscope::tables::Row;

use super::Failure;
use super::condition::Key;

/// Bytes of rows sorted in memory. With `--limit`, only that number of rows is kept.
const MOST: usize = 256 << 20;

/// How to write an order.
const USAGE: &str = "write COLUMN, COLUMN:asc or COLUMN:desc";

/// A column to sort by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) column: String,
    pub(crate) descending: bool,
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (column, descending) = match text.split_once(':') {
            None => (text, false),
            Some((column, "asc")) => (column, false),
            Some((column, "desc")) => (column, true),
            Some(_) => return Err(USAGE.to_owned()),
        };
        if column.is_empty() {
            return Err(format!("no column named; {USAGE}"));
        }
        Ok(Order { column: column.to_owned(), descending })
    }
}

impl Order {
    /// The sort key of a row. In a table without the column, all rows are equal.
    pub(crate) fn key(&self, row: &dyn Row) -> Key {
        row.table().column(&self.column).map_or(Key::Null, |number| Key::of(&row.value(number)))
    }

    /// Compares two keys. Null comes last in both directions.
    fn compare(&self, one: &Key, other: &Key) -> Ordering {
        let by_null = (*one == Key::Null).cmp(&(*other == Key::Null));
        by_null.then_with(|| if self.descending { other.cmp(one) } else { one.cmp(other) })
    }
}

/// Rows of one table to be sorted. Rows with equal keys keep their order.
#[derive(Debug)]
pub(crate) struct Sorter<'o> {
    order: &'o Order,
    limit: Option<usize>,
    rows: Vec<(Key, Encoded)>,
    bytes: usize,
}

impl<'o> Sorter<'o> {
    /// An empty sorter that keeps at most `limit` rows.
    pub(crate) fn new(order: &'o Order, limit: Option<usize>) -> Self {
        Sorter { order, limit, rows: Vec::new(), bytes: 0 }
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// If there are more than are sorted in memory.
    pub(crate) fn push(&mut self, key: Key, mut row: Encoded) -> Result<(), Failure> {
        row.shrink();
        self.bytes = self.bytes.saturating_add(size_of_row(&key, &row));
        self.rows.push((key, row));
        // Sorting half of them away is cheap per row.
        if self.limit.is_some_and(|limit| self.rows.len() > limit.saturating_mul(2).max(1024)) {
            self.shrink();
        }
        if self.bytes > MOST {
            self.shrink();
        }
        if self.bytes > MOST {
            return Err(Failure::Usage(format!(
                "more than {} MiB of rows to sort; give --limit or --where, or sort them elsewhere",
                MOST >> 20
            )));
        }
        Ok(())
    }

    /// The sorted rows.
    pub(crate) fn finish(mut self) -> Vec<Encoded> {
        self.shrink();
        self.rows.into_iter().map(|(_, row)| row).collect()
    }

    fn shrink(&mut self) {
        self.rows.sort_by(|(one, _), (other, _)| self.order.compare(one, other));
        self.rows.truncate(self.limit.unwrap_or(usize::MAX));
        self.bytes = self.rows.iter().map(|(key, row)| size_of_row(key, row)).fold(0, usize::saturating_add);
    }
}

fn size_of_row(key: &Key, row: &Encoded) -> usize {
    // The list doubles when it grows, and each allocation has a header.
    key.len().saturating_add(row.len()).saturating_add(2 * size_of::<(Key, Encoded)>()).saturating_add(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(order: &str, limit: Option<usize>, keys: &[Key]) -> Vec<String> {
        let order: Order = order.parse().unwrap();
        let mut sorter = Sorter::new(&order, limit);
        for (number, key) in keys.iter().enumerate() {
            sorter.push(key.clone(), Encoded::Bytes(number.to_string().into_bytes())).unwrap();
        }
        let text =
            |row| if let Encoded::Bytes(bytes) = row { String::from_utf8(bytes).unwrap() } else { String::new() };
        sorter.finish().into_iter().map(text).collect()
    }

    #[test]
    fn null_is_last_and_equal_rows_stay_in_order() {
        let keys = [Key::Null, Key::Number(2), Key::Number(1), Key::Number(2)];
        assert_eq!(sorted("x", None, &keys), ["2", "1", "3", "0"]);
        assert_eq!(sorted("x:desc", None, &keys), ["1", "3", "2", "0"]);
        assert_eq!(sorted("x:desc", Some(1), &keys), ["1"]);
        assert_eq!("x:down".parse::<Order>(), Err(USAGE.to_owned()));
        for nothing in ["", ":desc"] {
            assert_eq!(nothing.parse::<Order>(), Err(format!("no column named; {USAGE}")), "{nothing}");
        }
    }

    #[test]
    fn only_what_is_wanted_is_kept() {
        let keys: Vec<Key> = (0..10_000).map(|number| Key::Number(number * 7919 % 10_007)).collect();
        let mut all = keys.clone();
        all.sort();
        let places: Vec<String> =
            all[..3].iter().map(|key| keys.iter().position(|k| k == key).unwrap().to_string()).collect();
        assert_eq!(sorted("x", Some(3), &keys), places);
        let order = Order { column: "x".to_owned(), descending: false };
        let mut sorter = Sorter::new(&order, Some(3));
        for key in keys {
            sorter.push(key, Encoded::Bytes(Vec::new())).unwrap();
            assert!(sorter.rows.len() <= 1024);
        }
    }
}
