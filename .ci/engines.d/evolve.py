"""Iceberg and Delta take in parts of an older cryoscope, which lack a column, and then newer ones; and nothing twice."""

import pathlib

import deltalake
import pyarrow as pa
import pyarrow.parquet

import dataset
from readers import delta_table, iceberg_table

TABLE, COLUMN = "processes", "cmdline"


def check(folder, scratch):
    """Fails unless rows of both are there, and the older ones have NULL in the column."""
    growing = pathlib.Path(scratch, "growing")
    rows = pa.concat_tables(pa.parquet.read_table(part) for part in dataset.tables(folder)[TABLE])
    (growing / TABLE).mkdir(parents=True)
    pa.parquet.write_table(rows.drop_columns([COLUMN]), growing / TABLE / "part-1.parquet")
    catalog = iceberg_table.iceberg.opened(f"{scratch}/evolved-iceberg")
    lake = f"{scratch}/evolved-delta"
    loads = (
        ("Iceberg", lambda place: iceberg_table.iceberg.load(catalog, place)[TABLE]),
        ("Delta", lambda place: delta_table.delta.load(place, lake)[TABLE]),
    )
    reads = (
        lambda: catalog.load_table(f"cryoscope.{TABLE}").scan().to_arrow(),
        lambda: deltalake.DeltaTable(f"{lake}/{TABLE}").to_pyarrow_table(),
    )
    for (name, load), read in zip(loads, reads):
        assert load(growing) == 1, f"{name}: the older part was not taken"
        assert COLUMN not in read().column_names
    # The newer part lies beside the older one, as in a dataset that grows.
    pa.parquet.write_table(rows, growing / TABLE / "part-2.parquet")
    for (name, load), read in zip(loads, reads):
        assert load(growing) == 1, f"{name}: not just the newer part was taken"
        assert load(growing) == 0, f"{name}: a part was taken twice"
        table = read()
        assert table.num_rows == 2 * rows.num_rows, (name, table.num_rows)
        assert table.column(COLUMN).null_count == rows.num_rows + rows.column(COLUMN).null_count, name
    print(f"Iceberg and Delta: {COLUMN} was added to {TABLE}; no row is duplicated")
