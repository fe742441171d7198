"""What the engines are given: all tables of all archives of fixtures/, as one dataset of Parquet and as lines of JSON."""

import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


ARCHIVE = ROOT / "fixtures/counters/counters.tar.gz"
# The kubelet's names have colons. The others are what somebody may think of who wants a pipeline to stumble.
NAMES = [
    b"checkpoint-web_default-app-2026-11-23T11:12:27Z.tar",
    b"two words.tar",
    b"two\nlines.tar",
    b"no \xff\xfe text.tar",
    b"'; exit 7 #$(exit 7).tar",
    b"100%3A.tar",
    b"-q",
    b"plain.tar",
]


def odd(folder):
    """Copies of one archive, by these names."""
    os.makedirs(folder)
    paths = sorted(os.path.join(os.fsencode(folder), name) for name in NAMES)
    for path in paths:
        shutil.copy(ARCHIVE, path)
    return paths


def archives():
    """The archives that can be read."""
    found = ROOT.glob("fixtures/*/*.tar*")
    return sorted(str(path.relative_to(ROOT)) for path in found if path.parent.name != "malformed")


def write(command, kind, folder, names=None):
    """Writes the tables in a format."""
    names = [os.fsencode(name) for name in archives()] if names is None else names
    # With hashes, lines of JSON have the column `archive_sha256`, too.
    arguments = [command, "table", "--all", "-q", "--stable-secret-hash", "--hash", "--files-from", "-", "--format", kind, "--output-dir", folder]
    every = b"".join(name + b"\0" for name in names)
    ran = subprocess.run(arguments, input=every, cwd=ROOT, stdout=subprocess.DEVNULL)
    # 3: some of the archives lack something by intent.
    if ran.returncode not in (0, 3):
        raise SystemExit(f"{' '.join(map(str, arguments))}: exit code {ran.returncode}")


def tables(folder):
    """The tables of a dataset, each with its parts."""
    found = {}
    for path in sorted(pathlib.Path(folder).iterdir()):
        # `_cryoscope` is the command's own account of what it wrote.
        if path.is_dir() and not path.name.startswith(("_", ".")):
            found[path.name] = sorted(str(part) for part in path.rglob("*.parquet"))
    return found
