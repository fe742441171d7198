"""Tables made by `cryoscope schema --format …`, filled from lines of JSON: also from files without any."""

import json
import os
import subprocess
import sys

import chdb
import chdb.session
import duckdb

import cells
from readers.clickhouse_parquet import SETTINGS

# Bytes of text that is no UTF-8 are columns of their own in NDJSON. `_hex` has them in Parquet alone.
ONLY_PARQUET = {"_hex"}


def statements(command, form):
    """The statements that make the tables, by table."""
    text = subprocess.run([command, "schema", "--format", form], stdout=subprocess.PIPE, check=True).stdout.decode()
    found = {}
    for statement in text.split(";\n"):
        if "CREATE TABLE" in statement:
            begin = statement.index("CREATE TABLE")
            found[statement[begin:].split()[2].strip('`"')] = statement[begin:]
    return found


class DuckDb:
    NAME = "DuckDB"

    def __init__(self, command, _):
        self.database = duckdb.connect()
        self.database.execute("SET TimeZone = 'UTC'")
        self.made = statements(command, "duckdb")

    def table(self, name, file):
        self.database.execute(self.made[name])
        columns = {row[0]: row[1] for row in self.database.execute(f'DESCRIBE "{name}"').fetchall()}
        structure = ", ".join(f"'{column}': '{kind}'" for column, kind in columns.items())
        self.database.execute(
            f'INSERT INTO "{name}" BY NAME FROM read_json(\'{file}\', format = \'newline_delimited\', '
            f"maximum_object_size = 67108864, columns = {{{structure}}})"
        )
        return self.database.sql(f'FROM "{name}"').to_arrow_table()


class ClickHouse:
    NAME = "ClickHouse (chdb)"
    no_null_lists = True

    def __init__(self, command, _):
        self.session = chdb.session.Session()
        self.made = statements(command, "clickhouse")

    def table(self, name, file):
        self.session.query(self.made[name])
        self.session.query(
            f"INSERT INTO `{name}` SELECT * FROM file('{file}', JSONEachRow) "
            "SETTINGS input_format_skip_unknown_fields = 1, date_time_input_format = 'best_effort', session_timezone = 'UTC'"
        )
        return chdb.to_arrowTable(self.session.query(f"SELECT * FROM `{name}` SETTINGS {SETTINGS}", "Arrow"))


class Spark:
    NAME = "Spark (PySpark)"

    def __init__(self, command, scratch):
        from readers import spark_parquet

        self.spark = spark_parquet.session(scratch)
        self.made = statements(command, "spark")

    def table(self, name, file):
        # What its reader wants is between the first line of the statement and the last.
        columns = "\n".join(self.made[name].splitlines()[1:-1])
        return self.spark.read.schema(columns).json(file).toArrow()


CHEAP = (DuckDb, ClickHouse)
ALL = (*CHEAP, Spark)


def compare(reader, wanted, lines):
    """All rows of all files, and of those without lines the columns. How many of these there are."""
    empty = 0
    for table, (rows, texts, names, lists) in wanted.items():
        file = os.path.join(lines, f"{table}.ndjson")
        if not os.path.exists(file):
            continue
        empty += os.path.getsize(file) == 0
        given = reader.table(table, file)
        extra = set(given.column_names) - set(names)
        # What the schema has and no row here: columns that only some archives or arguments fill.
        given = given.drop_columns(sorted(extra))
        kept = [place for place, name in enumerate(names) if name not in ONLY_PARQUET]
        if getattr(reader, "no_null_lists", False):
            rows = cells.without_null_lists(rows, lists)
        given = _only(cells.of_arrow(given, names, texts), kept)
        rows = _only(rows, kept)
        if given != rows:
            less, more = rows - given, given - rows
            sys.exit(f"{reader.NAME}: {table}.ndjson: {next(iter(less), None)}\n  and found {next(iter(more), None)}")
    if empty < 2:
        sys.exit(f"{empty} tables without rows: not enough to test them")
    return empty


def _only(rows, kept):
    counted = type(rows)()
    for row, count in rows.items():
        cells_of = json.loads(row)
        counted[json.dumps([cells_of[place] for place in kept], sort_keys=True)] += count
    return counted
