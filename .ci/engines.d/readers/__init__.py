"""The engines, one a file. Each has NAME, DIALECT, `version()` and `Reader(dataset, folder)`, which opens all tables of the
dataset (`folder` is for what it writes), with `table(name)`: all rows, as Arrow, and `ask(sql)`: names and rows of an answer."""

import importlib

CHEAP = ("duckdb_parquet", "polars_parquet", "clickhouse_parquet", "pyarrow_parquet", "pandas_parquet")
ALL = (*CHEAP, "spark_parquet", "iceberg_table", "delta_table")


def engine(name):
    return importlib.import_module(f"readers.{name}")
