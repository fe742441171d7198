//! Rows as aligned columns, for people.

use std::io::{self, Write};

use super::encoder::{Content, Encoded};
use super::format::{Encode, Head, Kind, Line, Sheet};
use super::grid::cell_of;
use super::style::Style;
use super::{Grid, GridColumn, escape};
use crate::tables::{Column, Type, Value};

/// Aligned columns.
pub(super) struct Aligned;

impl Encode for Aligned {
    fn name(&self) -> &'static str {
        "table"
    }

    fn doc(&self) -> &'static str {
        "Aligned columns"
    }

    fn extension(&self) -> &'static str {
        "txt"
    }

    fn kind(&self) -> Kind {
        Kind::ByTable
    }

    fn encode(&self, line: &Line<'_>) -> io::Result<Encoded> {
        let lead = line.lead.iter().filter(|(key, _)| *key != "table").map(|(_, value)| cell_of(value));
        let (mut cells, mut content): (Vec<String>, _) = (lead.collect(), Vec::new());
        for (number, column) in line.behind.of(line.row.table()) {
            let value = line.row.value(number);
            cells.push(cell_of(&value));
            if column.column_type == Type::Any {
                content.push(Content::of(&value));
            }
        }
        Ok(Encoded::Cells(cells, content))
    }

    fn begin(&self, head: &Head<'_>, out: &mut dyn Write) -> io::Result<Box<dyn Sheet>> {
        if head.style.name_tables {
            let gap = if head.first { "" } else { "\n" };
            writeln!(out, "{gap}{}", head.table.name)?;
        }
        let lead = head.lead().map(|name| GridColumn::named(name).if_any()).collect();
        let columns: Vec<Column> = head.columns().cloned().collect();
        Ok(Box::new(Waiting { lead, columns, content: Vec::new(), rows: Vec::new() }))
    }
}

impl Content {
    fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Null => Content::Null,
            Value::Integer(_) => Content::Number,
            Value::Json(json) if json.is_number() => Content::Number,
            Value::Text(text) if is_hexadecimal(text) => Content::Address,
            _ => Content::Text,
        }
    }

    /// The content of a column that holds both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Content::Null, other) | (other, Content::Null) => other,
            (one, two) if one == two => one,
            _ => Content::Text,
        }
    }
}

fn is_hexadecimal(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// Rows whose widths depend on later rows.
#[derive(Debug)]
struct Waiting {
    lead: Vec<GridColumn>,
    columns: Vec<Column>,
    /// Contents of the columns without a type, in order.
    content: Vec<Content>,
    rows: Vec<Vec<String>>,
}

impl Sheet for Waiting {
    fn put(&mut self, row: Encoded, _: &mut dyn Write) -> io::Result<()> {
        let Encoded::Cells(cells, content) = row else { return Ok(()) };
        self.content.resize(content.len(), Content::Null);
        for (all, one) in self.content.iter_mut().zip(content) {
            *all = all.and(one);
        }
        self.rows.push(cells);
        Ok(())
    }

    fn end(self: Box<Self>, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return if style.name_tables { out.write_all(b"(no rows)\n") } else { Ok(()) };
        }
        let mut content = self.content.into_iter();
        let columns = self.columns.iter().map(|column| match column.column_type {
            Type::Any => {
                let name = escape(column.name.as_bytes());
                match content.next().unwrap_or(Content::Null) {
                    Content::Number => GridColumn::number(name.to_uppercase()),
                    Content::Address => GridColumn::fixed(name.to_uppercase()),
                    Content::Null | Content::Text => GridColumn::named(&name),
                }
            }
            _ => GridColumn::of(column),
        });
        let mut grid = Grid::new(self.lead.into_iter().chain(columns));
        for row in self.rows {
            grid.push(row);
        }
        out.write_all(grid.render(style.width).as_bytes())
    }
}
