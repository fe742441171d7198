//! A column whose cells wait until its rows are written. They are packed, as many tables wait at once.

use ::parquet::data_type::{BoolType, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::writer::SerializedColumnWriter;

use super::super::kind::{Kind, Scalar};
use super::LARGE_BYTES;
use super::cell::Cell;
use super::texts::{Texts, make_room};

/// Approximate number of levels that are passed on at once.
const CHUNK: usize = 8192;

/// Bits of a level: how much of a value exists. From nothing to an item for lists; nothing or all for other values.
const THERE: u8 = 0b011;
/// Bit of a level: the item belongs to the same list as the one before it.
const AGAIN: u8 = 0b100;
/// For lists: no items; a null item; an item.
const EMPTY: u8 = 1;
const NULL_ITEM: u8 = 2;
const ITEM: u8 = 3;

/// A column of waiting rows.
#[derive(Debug)]
pub(super) struct Column {
    kind: Kind,
    /// One for each cell, or for each item of a list.
    levels: Vec<u8>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Bools(Vec<bool>),
    Numbers(Vec<i64>),
    Large(Vec<u64>),
    Texts(Texts),
}

impl Column {
    pub(super) fn new(kind: Kind) -> Self {
        Column { kind, levels: Vec::new(), values: Values::of(kind.scalar) }
    }

    /// Adds a cell. Returns whether it was accepted, as Parquet has a size limit.
    #[must_use]
    pub(super) fn push(&mut self, cell: &Cell) -> bool {
        let Cell::List(items) = cell else {
            let there = if self.kind.list { ITEM } else { 1 };
            return self.one(cell, 0, 0, there);
        };
        if items.is_empty() {
            self.levels.push(EMPTY);
        }
        items.iter().enumerate().all(|(number, item)| {
            let again = if number == 0 { 0 } else { AGAIN };
            self.one(item, again, NULL_ITEM, ITEM)
        })
    }

    /// Adds a value, with the level of the value or of its absence.
    fn one(&mut self, cell: &Cell, again: u8, absent: u8, there: u8) -> bool {
        let is_there = match (&mut self.values, cell) {
            (Values::Bools(bools), Cell::Bool(on)) => {
                make_room(bools, 1);
                bools.push(*on);
                true
            }
            (Values::Numbers(numbers), Cell::Number(number)) => {
                make_room(numbers, 1);
                numbers.push(*number);
                true
            }
            (Values::Large(numbers), Cell::Large(number)) => {
                make_room(numbers, 1);
                numbers.push(*number);
                true
            }
            (Values::Texts(texts), Cell::Text(text)) => {
                if !texts.push(text.as_bytes()) {
                    return false;
                }
                true
            }
            _ => false,
        };
        make_room(&mut self.levels, 1);
        self.levels.push(again | if is_there { there } else { absent });
        true
    }

    /// Size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        self.levels.capacity().saturating_add(self.values.size())
    }

    /// Writes the waiting cells and clears the column.
    pub(super) fn write(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = std::mem::take(&mut self.levels);
        let mut values = std::mem::replace(&mut self.values, Values::of(self.kind.scalar)).into_packed();
        let whole = if self.kind.list { ITEM } else { 1 };
        let mut rest = levels.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(end_of_chunk(rest));
            let of = |level: &u8| i16::from(level & THERE);
            let there: Vec<i16> = now.iter().map(of).collect();
            let again: Vec<i16> = now.iter().map(|level| i16::from(level & AGAIN != 0)).collect();
            let count = there.iter().filter(|&&level| level == i16::from(whole)).count();
            values.write(column, count, &there, self.kind.list.then_some(again.as_slice()))?;
            rest = later;
        }
        Ok(())
    }
}

/// The end of a chunk, which must not be within a list.
fn end_of_chunk(levels: &[u8]) -> usize {
    let more = levels.iter().skip(CHUNK).take_while(|level| *level & AGAIN != 0).count();
    CHUNK.saturating_add(more).min(levels.len())
}

impl Values {
    fn of(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Bool => Values::Bools(Vec::new()),
            Scalar::Number | Scalar::Time => Values::Numbers(Vec::new()),
            Scalar::Large => Values::Large(Vec::new()),
            Scalar::Text => Values::Texts(Texts::default()),
        }
    }

    fn size(&self) -> usize {
        match self {
            Values::Bools(bools) => bools.capacity(),
            Values::Numbers(numbers) => numbers.capacity().saturating_mul(8),
            Values::Large(numbers) => numbers.capacity().saturating_mul(8),
            Values::Texts(texts) => texts.size(),
        }
    }

    fn into_packed(self) -> Packed {
        match self {
            Values::Bools(bools) => Packed::Bools(bools.into_iter()),
            Values::Numbers(numbers) => Packed::Numbers(numbers.into_iter()),
            Values::Large(numbers) => Packed::Large(numbers.into_iter()),
            Values::Texts(texts) => Packed::Texts(Box::new(texts.into_values())),
        }
    }
}

/// Values on their way into a file.
enum Packed {
    Bools(std::vec::IntoIter<bool>),
    Numbers(std::vec::IntoIter<i64>),
    Large(std::vec::IntoIter<u64>),
    Texts(Box<dyn Iterator<Item = ::parquet::data_type::ByteArray>>),
}

impl Packed {
    fn write(
        &mut self,
        column: &mut SerializedColumnWriter<'_>,
        count: usize,
        there: &[i16],
        again: Option<&[i16]>,
    ) -> Result<(), ParquetError> {
        let there = Some(there);
        match self {
            Packed::Bools(bools) => {
                let values: Vec<bool> = bools.take(count).collect();
                column.typed::<BoolType>().write_batch(&values, there, again)?;
            }
            Packed::Numbers(numbers) => {
                let values: Vec<i64> = numbers.take(count).collect();
                column.typed::<Int64Type>().write_batch(&values, there, again)?;
            }
            Packed::Large(numbers) => {
                let values: Vec<FixedLenByteArray> = numbers.take(count).map(decimal).collect();
                column.typed::<FixedLenByteArrayType>().write_batch(&values, there, again)?;
            }
            Packed::Texts(texts) => {
                let values: Vec<_> = texts.take(count).collect();
                column.typed::<ByteArrayType>().write_batch(&values, there, again)?;
            }
        }
        Ok(())
    }
}

/// A number as a decimal: two's complement, big-endian.
fn decimal(number: u64) -> FixedLenByteArray {
    let bytes = u128::from(number).to_be_bytes();
    bytes.last_chunk::<LARGE_BYTES>().map(|last| last.to_vec()).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_ends_where_a_list_does() {
        let mut levels = vec![ITEM; CHUNK - 1];
        assert_eq!(end_of_chunk(&levels), CHUNK - 1);
        levels.extend([ITEM, ITEM | AGAIN, NULL_ITEM | AGAIN, EMPTY]);
        assert_eq!(end_of_chunk(&levels), CHUNK + 2);
        levels.truncate(CHUNK + 2);
        assert_eq!(end_of_chunk(&levels), CHUNK + 2);
    }

    #[test]
    fn decimals_have_no_sign() {
        assert_eq!(decimal(u64::MAX).data(), [0, 255, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(decimal(258).data(), [0, 0, 0, 0, 0, 0, 0, 1, 2]);
    }
}
