"""pandas, with types that know NULL; DuckDB asks the questions over its frames."""

import pandas
import pyarrow

import dataset
from readers.duckdb_parquet import OverArrow

NAME, DIALECT = "pandas", "duckdb"


def version():
    return pandas.__version__


class Reader(OverArrow):
    def __init__(self, folder, _):
        frames = {table: pandas.read_parquet(parts, dtype_backend="pyarrow") for table, parts in dataset.tables(folder).items()}
        super().__init__({name: pyarrow.Table.from_pandas(frame, preserve_index=False) for name, frame in frames.items()})
