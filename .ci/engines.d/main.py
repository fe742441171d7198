"""Gives one dataset to every engine, compares all rows with those of NDJSON, and asks the questions of docs/duckdb.md."""

import logging
import os
import re
import sys
import tempfile
import time

import pyarrow as pa
import pyarrow.parquet

import cells
import dataset
import lines as lines_of_json
import page
import readers

SCALE = dataset.ROOT / "docs/scale.md"


def expected(folder, lines):
    """Of each table its rows, the columns whose text is JSON, all columns, and the places of lists."""
    found = {}
    for table, parts in dataset.tables(folder).items():
        schema = pa.parquet.read_schema(parts[0])
        file = os.path.join(lines, f"{table}.ndjson")
        if not os.path.exists(file):
            # `failures` is a table of a dataset only, and there are none here.
            rows = sum(pa.parquet.read_metadata(part).num_rows for part in parts)
            assert rows == 0, f"{table}: {rows} rows, and no {file}"
            found[table] = ({}, set(), schema.names, [])
            continue
        rows, texts = cells.of_json(file, schema)
        lists = [place for place, field in enumerate(schema) if pa.types.is_list(field.type)]
        found[table] = (rows, texts, schema.names, lists)
    return found


def compare(engine, reader, wanted):
    """All rows of all tables."""
    count = [0, 0]
    for table, (rows, texts, names, lists) in wanted.items():
        given = cells.of_arrow(reader.table(table), names, texts)
        if getattr(reader, "no_null_lists", False):
            rows = cells.without_null_lists(rows, lists)
        if given != rows:
            less, more = rows - given, given - rows
            sample = f"missing {next(iter(less), None)}\n  found   {next(iter(more), None)}"
            sys.exit(f"{engine.NAME}: {table}: {less.total()} rows missing, {more.total()} unexpected\n  {sample}")
        count[0] += sum(rows.values())
        count[1] += sum(rows.values()) * len(names)
    return count


def ask(engine, reader):
    """All questions, in the engine's dialect."""
    asked = page.dialect(engine.DIALECT) if engine.DIALECT != "duckdb" else None
    questions = page.questions()
    for title, sql, answer in questions:
        given = page.shown(*reader.ask(asked[title] if asked else sql))
        if given != answer:
            sys.exit(f"{engine.NAME}: {title}\n{given}\nbut docs/duckdb.md has\n{answer}")
    return len(questions)


def one(name, folder, scratch, wanted):
    """A line of the table in docs/scale.md."""
    engine = readers.engine(name)
    started = time.monotonic()
    reader = engine.Reader(folder, scratch)
    rows, compared = compare(engine, reader, wanted)
    questions = ask(engine, reader)
    line = f"| {engine.NAME} | {engine.version()} | {len(wanted)} | {rows} | {compared} | {questions} |"
    print(f"{line} {time.monotonic() - started:.0f} s", flush=True)
    return line


def odd_names(name, folder, scratch, paths):
    """Whether an engine has the names of archives as they are. Bytes that are no UTF-8 are replaced in them."""
    engine = readers.engine(name)
    given = sorted(engine.Reader(folder, scratch).table("container").column("archive").to_pylist())
    wanted = sorted(path.decode(errors="replace") for path in paths)
    if given != wanted:
        sys.exit(f"{engine.NAME}: names of archives: {given}\nare not {wanted}")


def write_page(lines, archives):
    """Puts the table into docs/scale.md, where all engines were asked."""
    head = "| engine | version | tables | rows | cells compared | questions |\n| --- | --- | --- | --- | --- | --- |\n"
    table = head + "\n".join(lines) + f"\n\nFrom {archives} archives: all of `fixtures/` except those that are damaged on purpose.\n"
    text = SCALE.read_text(encoding="utf-8")
    new = re.sub(r"(<!-- engines -->\n).*?(<!-- /engines -->)", lambda m: f"{m[1]}{table}{m[2]}", text, flags=re.DOTALL)
    if new == text:
        return
    if not os.environ.get("UPDATE_DOCS"):
        sys.exit("docs/scale.md is out of date; update it with UPDATE_DOCS=1 .ci/engines")
    SCALE.write_text(new, encoding="utf-8")


def main():
    # pyiceberg says of each part without rows that it has no statistics.
    logging.disable(logging.WARNING)
    command, cheap = sys.argv[1], "--cheap" in sys.argv[2:]
    with tempfile.TemporaryDirectory() as scratch:
        folder, lines = f"{scratch}/dataset", f"{scratch}/lines"
        dataset.write(command, "parquet", folder)
        dataset.write(command, "ndjson", lines)
        wanted = expected(folder, lines)
        table = [one(name, folder, scratch, wanted) for name in (readers.CHEAP if cheap else readers.ALL)]
        odd, paths = f"{scratch}/odd", dataset.odd(f"{scratch}/node: 1")
        dataset.write(command, "parquet", odd, paths)
        for name in readers.CHEAP if cheap else readers.ALL:
            odd_names(name, odd, f"{scratch}/odd-tables", paths)
        print(f"{len(paths)} unusual archive names: each engine reads them unchanged")
        if not cheap:
            import evolve

            evolve.check(folder, scratch)
        for engine in lines_of_json.CHEAP if cheap else lines_of_json.ALL:
            empty = lines_of_json.compare(engine(command, scratch), wanted, lines)
            print(f"{engine.NAME}: the same rows from NDJSON with `schema`; {empty} tables without rows have their columns")
    if not cheap:
        write_page(table, len(dataset.archives()))


if __name__ == "__main__":
    main()
