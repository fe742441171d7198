#!/usr/bin/env python3
"""delta.py DATASET LAKE: copies a dataset of cryoscope's tables into Delta Lake tables.

    cryoscope table --all --format parquet --output-dir DATASET /evidence
    python3 delta.py DATASET /srv/delta

Each folder of DATASET becomes a table LAKE/NAME. LAKE may be an object store, such as s3://bucket/delta. Run it again
whenever there are new parts: a table remembers which parts it has (as transactions of Delta's), so that nothing is there
twice, not even after a run that was stopped. Columns that a newer cryoscope writes are added. Needs
`pip install deltalake pyarrow`.
"""

import os
import pathlib
import sys

import pyarrow.parquet
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake


def load(dataset, lake):
    """Takes in what is new, and gives for each table how many parts that was."""
    added = {}
    for folder in sorted(pathlib.Path(dataset).iterdir()):
        # `_cryoscope` is the command's own account of what it wrote.
        if folder.is_dir() and not folder.name.startswith(("_", ".")):
            added[folder.name] = _table(folder, f"{str(lake).rstrip('/')}/{folder.name}")
    return added


def _parts(folder):
    """The parts of a table. Of a dataset that is partitioned, a column stands in the names of folders only."""
    parts = sorted(folder.rglob("*.parquet"))
    if any("=" in part.parent.name for part in parts):
        sys.exit(f"{folder} is partitioned, but its parts lack the partition column; write the dataset without --partition-by")
    return parts


def _table(folder, uri):
    added = 0
    for part in _parts(folder):
        name = str(part.relative_to(folder))
        if DeltaTable.is_deltatable(uri) and DeltaTable(uri).transaction_version(name) is not None:
            continue
        write_deltalake(
            uri,
            pyarrow.parquet.ParquetFile(part).read(),
            mode="append",
            schema_mode="merge",
            commit_properties=CommitProperties(app_transactions=[Transaction(app_id=name, version=1)]),
        )
        added += 1
    return added


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    # Rows have values of secrets, such as those of the environment.
    os.umask(0o077)
    for table, parts in load(*sys.argv[1:]).items():
        print(f"{table}: {parts} parts added")
