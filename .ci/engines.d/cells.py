"""Rows that can be compared: what an engine read from Parquet, and what Python reads from lines of JSON."""

import collections
import datetime
import decimal
import json

import pyarrow as pa


def of_json(path, schema):
    """The rows of a file of NDJSON, counted. Bytes of text that is not UTF-8 are columns `…_hex` there, and one object in Parquet."""
    rows = collections.Counter()
    texts = set()
    times = {field.name for field in schema if pa.types.is_timestamp(field.type)}
    lists = [field.name for field in schema if pa.types.is_list(field.type)]
    strings = {field.name for field in schema if pa.types.is_string(field.type)}
    names = schema.names
    with open(path, encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            more = {key.removesuffix("_hex"): row.pop(key) for key in list(row) if key not in names}
            if "_hex" in names:
                row["_hex"] = more or None
                more = None
            if more or set(row) != set(names):
                raise AssertionError(f"{path}: columns differ: {set(row) ^ set(names)}")
            texts.update(name for name in strings if isinstance(row[name], (dict, list)))
            texts.update(name for name in lists if any(isinstance(item, dict) for item in row[name] or ()))
            rows[json.dumps([_moment(row[name]) if name in times else row[name] for name in names], sort_keys=True)] += 1
    return rows, texts


def of_arrow(table, names, texts):
    """The rows of an engine, counted. `texts` are columns whose text, or whose items' text, is JSON. Fails at a value of a type that no column has."""
    if set(table.column_names) != set(names):
        raise AssertionError(f"columns differ: {set(table.column_names) ^ set(names)}")
    rows = collections.Counter()
    columns = [table.column(name).to_pylist() for name in names]
    for cells in zip(*columns):
        row = []
        for name, cell in zip(names, cells):
            if name in texts and cell is not None:
                cell = [json.loads(item) for item in cell] if isinstance(cell, list) else json.loads(cell)
            row.append(_plain(cell))
        rows[json.dumps(row, sort_keys=True)] += 1
    return rows


def without_null_lists(rows, lists):
    """The same rows for an engine that has no NULL of a list. `lists` are the places of lists in a row."""
    counted = collections.Counter()
    for row, count in rows.items():
        cells = json.loads(row)
        for place in lists:
            cells[place] = cells[place] or []
        counted[json.dumps(cells, sort_keys=True)] += count
    return counted


def _moment(text):
    """A time as Parquet has it: with microseconds."""
    if text is None:
        return None
    whole, _, part = text.removesuffix("Z").partition(".")
    return f"{whole}.{part[:6]:0<6}"


def _plain(cell):
    if cell is None or isinstance(cell, (bool, int, str, dict)):
        return cell
    if isinstance(cell, decimal.Decimal):
        if cell != int(cell):
            raise AssertionError(f"no whole number: {cell}")
        return int(cell)
    if isinstance(cell, datetime.datetime):
        if cell.utcoffset():
            cell = cell.astimezone(datetime.timezone.utc)
        return cell.strftime("%Y-%m-%dT%H:%M:%S.%f")
    if isinstance(cell, list):
        return [_plain(item) for item in cell]
    raise AssertionError(f"a value of type {type(cell).__name__}: {cell!r}")
