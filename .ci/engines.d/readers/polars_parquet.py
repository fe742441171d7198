"""Polars, lazily."""

import polars

import dataset

NAME, DIALECT = "Polars", "polars"


def version():
    return polars.__version__


class Reader:
    def __init__(self, folder, _):
        self.frames = {table: polars.scan_parquet(f"{folder}/{table}/**/*.parquet") for table in dataset.tables(folder)}
        self.context = polars.SQLContext(self.frames)

    def table(self, name):
        return self.frames[name].collect().to_arrow()

    def ask(self, sql):
        answer = self.context.execute(sql).collect()
        return answer.columns, answer.rows()
