"""DuckDB reads the parts itself."""

import duckdb

import dataset

NAME, DIALECT = "DuckDB", "duckdb"


def version():
    return duckdb.__version__


class Reader:
    def __init__(self, folder, _):
        self.database = duckdb.connect()
        self.database.execute("SET TimeZone = 'UTC'")
        for table in dataset.tables(folder):
            self.database.execute(f"CREATE VIEW \"{table}\" AS FROM read_parquet('{folder}/{table}/**/*.parquet')")

    def table(self, name):
        return self.database.sql(f'FROM "{name}"').to_arrow_table()

    def ask(self, sql):
        cursor = self.database.execute(sql)
        return [name for name, *_ in cursor.description], cursor.fetchall()


class OverArrow:
    """DuckDB as the tongue of readers that have no SQL of their own."""

    def __init__(self, tables):
        self.tables = tables
        self.database = duckdb.connect()
        self.database.execute("SET TimeZone = 'UTC'")
        for name, table in tables.items():
            self.database.register(name, table)

    def table(self, name):
        return self.tables[name]

    def ask(self, sql):
        cursor = self.database.execute(sql)
        return [name for name, *_ in cursor.description], cursor.fetchall()
