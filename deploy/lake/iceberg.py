#!/usr/bin/env python3
"""iceberg.py CATALOG DATASET: takes a dataset of cryoscope's tables into an Apache Iceberg catalog.

    cryoscope table --all --format parquet --output-dir DATASET /evidence
    python3 iceberg.py /srv/iceberg DATASET

Each folder of DATASET is a table. The catalog refers to the parts where they lie; nothing is copied. So keep DATASET, and
give its final place. Run it again whenever there are new parts: those that a table has already are left out, and columns
that a newer cryoscope writes are added to the table. Needs `pip install 'pyiceberg[sql-sqlite,pyarrow]'`. CATALOG is a
folder with a catalog in SQLite; for another catalog (REST, Glue, Hive), change `opened`.
"""

import os
import pathlib
import sys

import pyarrow.parquet
from pyiceberg.catalog import load_catalog

NAMESPACE = "cryoscope"


def opened(folder):
    """The catalog, which is made if there is none."""
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return load_catalog("cryoscope", type="sql", uri=f"sqlite:///{folder}/catalog.db", warehouse=folder.as_uri())


def load(catalog, dataset):
    """Takes in what is new, and gives for each table how many parts that was."""
    catalog.create_namespace_if_not_exists(NAMESPACE)
    added = {}
    for folder in sorted(pathlib.Path(dataset).resolve().iterdir()):
        # `_cryoscope` is the command's own account of what it wrote.
        if folder.is_dir() and not folder.name.startswith(("_", ".")):
            added[folder.name] = _table(catalog, folder)
    return added


def _parts(folder):
    """The parts of a table. Of a dataset that is partitioned, a column stands in the names of folders only."""
    parts = sorted(folder.rglob("*.parquet"))
    if any("=" in part.parent.name for part in parts):
        sys.exit(f"{folder} is partitioned, but its parts lack the partition column; write the dataset without --partition-by")
    return parts


def _table(catalog, folder):
    parts = _parts(folder)
    name = f"{NAMESPACE}.{folder.name}"
    if not parts:
        return 0
    table = catalog.create_table_if_not_exists(name, schema=pyarrow.parquet.read_schema(parts[0]))
    known = {path.as_py() for path in table.inspect.files().column("file_path")}
    new = [part for part in parts if str(part) not in known]
    for part in new:
        schema = pyarrow.parquet.read_schema(part)
        # Only a column that is missing makes a new schema.
        if set(schema.names) - set(table.schema().column_names):
            with table.update_schema() as update:
                update.union_by_name(schema)
    if new:
        table.add_files([str(part) for part in new])
    return len(new)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    # Rows have values of secrets, such as those of the environment.
    os.umask(0o077)
    for table, parts in load(opened(sys.argv[1]), sys.argv[2]).items():
        print(f"{table}: {parts} parts added")
