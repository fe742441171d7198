"""The questions and answers of docs/duckdb.md, and the same questions in other dialects (deploy/sql)."""

import datetime
import re

from dataset import ROOT

PAGE = ROOT / "docs/duckdb.md"
SQL = ROOT / "deploy/sql"


def questions():
    """Title, SQL and answer of each question of the page."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^## ([^\n]*)\n\n```sql\n(.*?)```\n\n((?:\|[^\n]*\n)+)", text, flags=re.MULTILINE | re.DOTALL)
    if len(found) < 13:
        raise SystemExit(f"{PAGE}: {len(found)} questions, not 13")
    return found


def dialect(name):
    """The same questions, by title, for another engine."""
    text = (SQL / f"{name}.sql").read_text(encoding="utf-8")
    found = dict(re.findall(r"^-- \? ([^\n]*)\n(.*?);\n", text, flags=re.MULTILINE | re.DOTALL))
    titles = [title for title, _, _ in questions()]
    if list(found) != titles:
        raise SystemExit(f"{name}.sql and {PAGE} ask different questions: {set(found) ^ set(titles)}")
    return found


def shown(names, rows):
    """An answer as a table of Markdown."""
    text = f"| {' | '.join(names)} |\n|{' --- |' * len(names)}\n"
    for row in rows:
        text += "|" + "".join(f" {cell} |" if cell else " |" for cell in map(_cell, row)) + "\n"
    return text


def _cell(cell):
    if cell is None:
        return ""
    if isinstance(cell, datetime.datetime):
        cell = cell.replace(tzinfo=None)
    return str(cell).replace("|", "\\|")
