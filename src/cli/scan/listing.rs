//! `scan --list` and `scan --explain`: the rules.

use std::io::Write;

use cryoscope::analysis::{Maturity, Selection, rules};
use cryoscope::formats::tree::Look;
use cryoscope::formats::{Grid, GridColumn, escape, explain as card};
use cryoscope::tables::nearest;

use crate::cli::args::Global;
use crate::cli::exit::Exit;
use crate::cli::newfile::Readers;
use crate::cli::screen::Screen;
use crate::cli::{Failure, Outcome};

/// Prints the list of rules.
pub(super) fn list(selection: &Selection, global: &Global) -> Outcome {
    let mut selection = selection.clone();
    // The list tells which do not run by themselves.
    selection.experimental |= selection.only.is_empty();
    let mut grid = Grid::new([
        GridColumn::fixed("RULE"),
        GridColumn::fixed("NAME"),
        GridColumn::fixed("SEVERITY"),
        GridColumn::text("TITLE"),
    ]);
    for rule in rules::all().filter(|rule| selection.selects(rule)) {
        let mark = if rule.maturity == Maturity::Experimental { " (experimental)" } else { "" };
        grid.push(vec![
            rule.id.to_owned(),
            rule.slug.to_owned(),
            rule.severity.as_str().to_owned(),
            format!("{}{mark}", rule.title),
        ]);
    }
    let mut screen = Screen::open_for(global, Readers::Anybody)?;
    let width = screen.width;
    screen.out.write_all(grid.render(width).as_bytes())?;
    screen.finish(Exit::Done)
}

/// Prints the card of a rule.
pub(super) fn explain(name: &str, global: &Global) -> Outcome {
    let Some(rule) = rules::find(name) else {
        let near = nearest(name, rules::all().map(|rule| rule.slug));
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        let name = escape(name.as_bytes());
        return Err(Failure::Usage(format!(
            "there is no rule {name}{near}; list the rules with: cryoscope scan --list"
        )));
    };
    let mut screen = Screen::open_for(global, Readers::Anybody)?;
    let look = Look { width: screen.width, color: screen.color };
    screen.out.write_all(card(rule, look).as_bytes())?;
    screen.finish(Exit::Done)
}
