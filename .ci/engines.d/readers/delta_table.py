"""Delta Lake: the recipe of deploy/lake, read back by deltalake; DuckDB asks the questions over it."""

import sys

import deltalake

import dataset
from readers.duckdb_parquet import OverArrow

sys.path.insert(0, str(dataset.ROOT / "deploy/lake"))
import delta  # noqa: E402

NAME, DIALECT = "Delta (deltalake)", "duckdb"


def version():
    return deltalake.__version__


class Reader(OverArrow):
    def __init__(self, folder, scratch):
        delta.load(folder, f"{scratch}/delta")
        super().__init__(
            {table: deltalake.DeltaTable(f"{scratch}/delta/{table}").to_pyarrow_table() for table in dataset.tables(folder)}
        )
