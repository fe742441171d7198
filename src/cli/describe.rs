//! `cryoscope schema`, `completions` and `man`: descriptions for programs, shells and the manual. All are generated
//! from the definitions that the command itself uses.

use std::io::Write;

use clap::CommandFactory;
use cryoscope::catalog;
use cryoscope::catalog::schema;
use cryoscope::formats::{Grid, GridColumn, SearchEngine, index_template, pretty, schema_in};
use cryoscope::tables::Table;

use super::args::{Cli, CompletionsArgs, Global, SchemaArgs, SchemaFormat};
use super::exit::Exit;
use super::newfile::Readers;
use super::screen::{Screen, in_columns};
use super::table::meant;
use super::{Failure, Outcome};

/// `cryoscope schema`.
pub(crate) fn schema_of(args: &SchemaArgs, global: &Global) -> Outcome {
    let all: Vec<&'static Table> = catalog::every().collect();
    let names: Vec<&str> = all.iter().map(|table| &*table.name).collect();
    if let Some(unknown) = args.tables.iter().find(|name| !names.contains(&name.as_str())) {
        let meant = meant(unknown).map_or_else(String::new, |table| format!("; did you mean {table}?"));
        let head = [format!("there is no table {unknown}{meant}"), "The tables are:".to_owned()];
        return Err(Failure::Lines(head.into_iter().chain(in_columns(&names)).collect()));
    }
    let wanted = |table: &&Table| args.tables.is_empty() || args.tables.iter().any(|name| *name == *table.name);
    let mut screen = Screen::open_for(global, Readers::Anybody)?;
    if let Some(form) = args.format.form() {
        screen.out.write_all(schema_in(form, all.iter().copied().filter(wanted)).as_bytes())?;
        return screen.finish(Exit::Done);
    }
    let document = match args.format {
        SchemaFormat::EcsTemplate => Some(index_template(SearchEngine::Elasticsearch, &args.index)),
        SchemaFormat::OpensearchTemplate => Some(index_template(SearchEngine::OpenSearch, &args.index)),
        SchemaFormat::Table if !args.json => None,
        _ => Some(schema(all.iter().copied().filter(wanted))),
    };
    if let Some(document) = document {
        writeln!(screen.out, "{}", pretty(&document))?;
        return screen.finish(Exit::Done);
    }
    let mut grid = Grid::new([
        GridColumn::fixed("TABLE"),
        GridColumn::fixed("COLUMN"),
        GridColumn::fixed("TYPE"),
        GridColumn::text("MEANING"),
    ]);
    for table in all.into_iter().filter(wanted) {
        for column in table.columns.iter() {
            let words: Vec<&str> = column.doc.split_whitespace().collect();
            let kind = column.column_type.as_str();
            grid.push(vec![table.name.to_string(), column.name.to_string(), kind.to_owned(), words.join(" ")]);
        }
    }
    screen.out.write_all(grid.render(screen.width).as_bytes())?;
    screen.finish(Exit::Done)
}

/// `cryoscope completions`.
pub(crate) fn completions(args: &CompletionsArgs, global: &Global) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cryoscope", &mut script);
    let mut screen = Screen::open_for(global, Readers::Anybody)?;
    screen.out.write_all(&script)?;
    screen.finish(Exit::Done)
}

/// `cryoscope man`: the manual page, with a section for each command.
pub(crate) fn man(global: &Global) -> Outcome {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    let whole = clap_mangen::Man::new(command.clone());
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    whole.render_description_section(&mut page)?;
    whole.render_subcommands_section(&mut page)?;
    for part in command.get_subcommands().filter(|part| part.get_name() != "help") {
        let part_of = clap_mangen::Man::new(part.clone());
        writeln!(page, ".SH \"CRYOSCOPE {}\"", part.get_name().to_uppercase())?;
        part_of.render_description_section(&mut page)?;
        part_of.render_synopsis_section(&mut page)?;
        part_of.render_options_section(&mut page)?;
        part_of.render_extra_section(&mut page)?;
    }
    whole.render_extra_section(&mut page)?;
    whole.render_version_section(&mut page)?;
    let mut screen = Screen::open_for(global, Readers::Anybody)?;
    screen.out.write_all(&page)?;
    screen.finish(Exit::Done)
}
