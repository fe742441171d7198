//! Bounds the rows held back by all tables together: Parquet writes many rows at once, and there are many tables.

use std::io;

/// Bytes of memory that the waiting rows of all tables may use.
pub(crate) const MOST: usize = 40 << 20;

/// A writer that holds rows back.
pub(crate) trait Waiting {
    /// Bytes of memory that the waiting rows use.
    fn waiting(&self) -> usize;

    /// Writes the waiting rows.
    fn write_waiting(&mut self) -> io::Result<()>;
}

impl<T: Waiting> Waiting for &mut T {
    fn waiting(&self) -> usize {
        T::waiting(self)
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        T::write_waiting(self)
    }
}

/// Writes the rows of the tables that hold back the most, until the total is within the limit.
pub(crate) fn bound<T: Waiting>(tables: &mut [T], most: usize) -> io::Result<()> {
    while tables.iter().map(T::waiting).fold(0, usize::saturating_add) > most {
        let Some(largest) = tables.iter_mut().max_by_key(|table| T::waiting(table)) else { break };
        largest.write_waiting()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Waiting for (usize, usize) {
        fn waiting(&self) -> usize {
            self.0
        }

        fn write_waiting(&mut self) -> io::Result<()> {
            self.1 = self.1.saturating_add(std::mem::take(&mut self.0));
            Ok(())
        }
    }

    #[test]
    fn the_largest_are_written_and_no_more_than_need_be() {
        let mut tables = [(10, 0), (40, 0), (30, 0), (0, 0)];
        bound(&mut tables, 80).unwrap();
        assert_eq!(tables, [(10, 0), (40, 0), (30, 0), (0, 0)]);
        bound(&mut tables, 79).unwrap();
        assert_eq!(tables, [(10, 0), (0, 40), (30, 0), (0, 0)]);
        bound(&mut tables, 9).unwrap();
        assert_eq!(tables, [(0, 10), (0, 40), (0, 30), (0, 0)]);
    }
}
