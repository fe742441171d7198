//! Which rows are written, and in which order.

use std::ops::ControlFlow;

use bstr::BString;
use cryoscope::Checkpoint;
use cryoscope::formats::{Encoded, Encoder};
use cryoscope::tables::{Row, TableSource};

use super::super::Failure;
use super::super::condition::{Condition, Key};
use super::super::fleet::Stop;
use super::super::processes::Sought;
use super::super::sorter::{Order, Sorter};
use super::super::wide::Wide;
use super::filter::Filter;

/// Bytes of rows that are passed on at once.
const BATCH: usize = 64 << 10;

/// Which rows of each table are written, in which order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Selection<'a> {
    /// Conditions that must all hold.
    pub(crate) conditions: &'a [Condition],
    pub(crate) order: Option<&'a Order>,
    /// Maximum number of rows of each table.
    pub(crate) limit: Option<usize>,
    /// The processes by which rows are selected, too. Then an empty result is a valid answer.
    pub(crate) sought: Option<&'a Sought>,
}

impl Selection<'_> {
    pub(super) fn wants(&self, row: &dyn Row) -> bool {
        self.conditions.iter().all(|condition| condition.holds(row))
    }

    pub(super) fn asks(&self) -> bool {
        self.sought.is_some() || !self.conditions.is_empty()
    }
}

/// The rows of one table, filtered, sorted and limited as requested.
pub(super) struct Arranged<'a> {
    sorter: Option<Sorter<'a>>,
    /// Number of rows that may still be written.
    left: usize,
}

impl<'a> Arranged<'a> {
    pub(super) fn new(selection: &Selection<'a>) -> Self {
        let sorter = selection.order.map(|order| Sorter::new(order, selection.limit));
        Arranged { sorter, left: selection.limit.unwrap_or(usize::MAX) }
    }

    /// Takes rows, and returns those that can be written at once.
    pub(super) fn take(&mut self, keys: Vec<Key>, mut rows: Vec<Encoded>) -> Result<Vec<Encoded>, Failure> {
        if let Some(sorter) = &mut self.sorter {
            keys.into_iter().zip(rows).try_for_each(|(key, row)| sorter.push(key, row))?;
            return Ok(Vec::new());
        }
        rows.truncate(self.left);
        self.left = self.left.saturating_sub(rows.len());
        Ok(rows)
    }

    /// The rows that were held back for sorting.
    pub(super) fn finish(self) -> Vec<Encoded> {
        self.sorter.map_or_else(Vec::new, Sorter::finish)
    }
}

/// The rows of a checkpoint to write.
pub(crate) struct Wanted<'w> {
    pub(crate) filter: &'w dyn Filter,
    pub(crate) selection: &'w Selection<'w>,
    /// The table with the columns that the command adds, and their values.
    pub(crate) wide: Option<(&'w Wide, &'w [Option<BString>])>,
    /// Whether rows are written with these columns.
    pub(crate) is_wide: bool,
}

/// Sends the rows of a table in batches, with their keys if they are sorted.
pub(crate) fn say_rows(
    source: &TableSource,
    checkpoint: &Checkpoint,
    wanted: &Wanted<'_>,
    encoder: &mut Encoder,
    say: &mut dyn FnMut(Vec<Key>, Vec<Encoded>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let Wanted { filter, selection, .. } = wanted;
    let (mut keys, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    // Without sorting, the first rows are those to print.
    let mut left = selection.limit.filter(|_| selection.order.is_none()).unwrap_or(usize::MAX);
    let mut result = Ok(());
    source.each(checkpoint, &mut |row| {
        if left == 0 {
            return ControlFlow::Break(());
        }
        let wide = wanted.wide.map(|(wide, values)| wide.row(row, values));
        let whole: &dyn Row = wide.as_ref().map_or(row, |wide| wide);
        if !filter.wants(row) || !selection.wants(whole) {
            return ControlFlow::Continue(());
        }
        left -= 1;
        keys.extend(selection.order.map(|order| order.key(whole)));
        let row = if wanted.is_wide { whole } else { row };
        let said = encoder.encode(row).map_err(|error| Stop::Failed(error.into())).and_then(|row| {
            bytes = bytes.saturating_add(row.len());
            batch.push(row);
            if bytes < BATCH {
                return Ok(());
            }
            bytes = 0;
            say(std::mem::take(&mut keys), std::mem::take(&mut batch))
        });
        match said {
            Ok(()) => ControlFlow::Continue(()),
            Err(stop) => {
                result = Err(stop);
                ControlFlow::Break(())
            }
        }
    });
    result?;
    if !batch.is_empty() {
        say(keys, batch)?;
    }
    Ok(())
}
