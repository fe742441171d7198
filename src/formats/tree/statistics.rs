//! Section: statistics of the dump.

use super::{Overview, Page};
use crate::formats::{Grid, GridColumn, units};

pub(super) fn write(overview: &Overview, page: &mut Page) {
    let Some(row) = &overview.statistics else { return };
    page.section("Statistics of the dump");
    let mut grid = Grid::new([GridColumn::text("WHAT"), GridColumn::number("VALUE")]);
    let times = [
        ("freezing time", row.freezing_us),
        ("frozen time", row.frozen_us),
        ("reading memory", row.memdump_us),
        ("writing memory", row.memwrite_us),
    ];
    let counts = [
        ("pages scanned", row.pages_scanned),
        ("pages written", row.pages_written),
        ("pages in the parent dump", row.pages_skipped_parent),
        ("pages that can be lazy", row.pages_lazy),
        ("shared pages scanned", row.shpages_scanned),
        ("shared pages written", row.shpages_written),
        ("shared pages in the parent dump", row.shpages_skipped_parent),
        ("page pipes", row.page_pipes),
        ("page pipe buffers", row.page_pipe_bufs),
    ];
    for (what, time) in times.into_iter().filter_map(|(what, time)| Some((what, time?))) {
        grid.push(vec![what.to_owned(), units::duration(time)]);
    }
    for (what, count) in counts.into_iter().filter_map(|(what, count)| Some((what, count?))) {
        grid.push(vec![what.to_owned(), count.to_string()]);
    }
    if grid.is_empty() {
        page.text.push_str("  not recorded: the archive has no stats-dump\n");
    } else {
        page.grid(&grid, 2);
    }
}
