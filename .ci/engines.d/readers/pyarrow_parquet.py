"""pyarrow's datasets; DuckDB asks the questions over them."""

import pyarrow
import pyarrow.dataset

import dataset
from readers.duckdb_parquet import OverArrow

NAME, DIALECT = "pyarrow", "duckdb"


def version():
    return pyarrow.__version__


class Reader(OverArrow):
    def __init__(self, folder, _):
        super().__init__({table: pyarrow.dataset.dataset(parts).to_table() for table, parts in dataset.tables(folder).items()})
