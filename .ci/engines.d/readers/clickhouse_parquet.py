"""ClickHouse, as chdb: the engine in a library."""

import chdb.session

import dataset

NAME, DIALECT = "ClickHouse (chdb)", "clickhouse"
SETTINGS = "session_timezone = 'UTC', output_format_arrow_string_as_string = 1, enable_url_encoding = 0"


def version():
    return f"{chdb.query('SELECT version()').data().strip()} ({chdb.__version__})".replace('"', "")


class Reader:
    no_null_lists = True

    def __init__(self, folder, _):
        self.session = chdb.session.Session()
        for table in dataset.tables(folder):
            self.session.query(f"CREATE VIEW `{table}` AS SELECT * FROM file('{folder}/{table}/**/*.parquet', Parquet)")

    def table(self, name):
        return self._rows(f"SELECT * FROM `{name}`")

    def ask(self, sql):
        answer = self._rows(sql)
        return answer.column_names, list(zip(*(column.to_pylist() for column in answer.columns)))

    def _rows(self, sql):
        return chdb.to_arrowTable(self.session.query(f"{sql} SETTINGS {SETTINGS}", "Arrow"))
