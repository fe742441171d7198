"""Apache Iceberg: the recipe of deploy/lake, read back by pyiceberg; DuckDB asks the questions over it."""

import sys

import pyiceberg

import dataset
from readers.duckdb_parquet import OverArrow

sys.path.insert(0, str(dataset.ROOT / "deploy/lake"))
import iceberg  # noqa: E402

NAME, DIALECT = "Iceberg (pyiceberg)", "duckdb"


def version():
    return pyiceberg.__version__


class Reader(OverArrow):
    def __init__(self, folder, scratch):
        catalog = iceberg.opened(f"{scratch}/iceberg")
        iceberg.load(catalog, folder)
        super().__init__({table: catalog.load_table(f"cryoscope.{table}").scan().to_arrow() for table in dataset.tables(folder)})
