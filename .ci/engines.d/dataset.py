"""What the engines are given: all tables of all archives of fixtures/, as one dataset of Parquet and as lines of JSON."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def archives():
    """The archives that can be read."""
    found = ROOT.glob("fixtures/*/*.tar*")
    return sorted(str(path.relative_to(ROOT)) for path in found if path.parent.name != "malformed")


def write(command, kind, folder):
    """Writes the tables in a format."""
    arguments = [command, "table", "--all", "-q", "--files-from", "-", "--format", kind, "--output-dir", folder]
    ran = subprocess.run(arguments, input="\n".join(archives()), text=True, cwd=ROOT, stdout=subprocess.DEVNULL)
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
