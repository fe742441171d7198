#!/usr/bin/env python3
"""fleet.py WORK_DIR [--archives 1000] [--command COMMAND]

Reads 10, 100 and 1,000 small archives in one run each: time for each archive, peak memory, and how both grow. The archives are
copies of the fixtures of at most 64 KiB, in turn, under names of their own. What comes out is held against what the same
archives give one by one, and one archive among them that cannot be read has to cost its own rows only. Prints Markdown.

Build first: cargo build --release"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LARGEST = 64 << 10

options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("work", type=pathlib.Path)
options.add_argument("--archives", type=int, default=1000)
options.add_argument("--command", default=str(ROOT / "target/release/cryoscope"))
options = options.parse_args()

WORK = {
    "`show`": ["show"],
    "`inspect --format ndjson`": ["inspect", "--format", "ndjson"],
    "`table processes process_open_sockets --format ecs`": ["table", "processes", "process_open_sockets", "--format", "ecs"],
    "`table --all --format bulk`": ["table", "--all", "--format", "bulk"],
}


def run(arguments, out):
    """Seconds, peak resident bytes, exit code, what stood on standard error."""
    errors = options.work / "errors"
    with open(out, "wb") as output, open(errors, "wb") as error:
        start = time.perf_counter()
        child = subprocess.Popen([options.command, *arguments], stdout=output, stderr=error)
        _, status, usage = os.wait4(child.pid, 0)
        took = time.perf_counter() - start
    return took, usage.ru_maxrss * 1024, os.waitstatus_to_exitcode(status), errors.read_text(encoding="utf-8")


def rows(path):
    """How many lines there are."""
    with open(path, "rb") as file:
        return sum(1 for _ in file)


def originals():
    """Small fixtures that are read without a warning."""
    small = []
    for path in sorted(ROOT.glob("fixtures/*/*.tar*")):
        if path.parent.name == "malformed" or path.stat().st_size > LARGEST:
            continue
        if run(["table", "--all", "--format", "ndjson", path], options.work / "out")[2] == 0:
            small.append(path)
    return small


def main():
    options.work.mkdir(parents=True, exist_ok=True)
    small = originals()
    folder = options.work / "fleet"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number in range(options.archives):
        original = small[number % len(small)]
        shutil.copyfile(original, folder / f"{number:05}-{original.name}")
    copies = sorted(folder.iterdir())
    size = sum(path.stat().st_size for path in copies)
    print(f"{len(copies)} archives, copies of {len(small)} fixtures, {size / 2**20:.1f} MiB, {os.cpu_count()} processors\n")
    counts = sorted({10, 100, len(copies)})
    print("| work | " + " | ".join(f"{count} | peak" for count in counts) + " |")
    print("| --- |" + " ---: | ---: |" * len(counts), flush=True)
    out = options.work / "out"
    for name, arguments in WORK.items():
        line = f"| {name} |"
        for count in counts:
            took, peak, code, _ = run([*arguments, *copies[:count]], out)
            if code != 0:
                sys.exit(f"exit code {code}: {name}, {count} archives")
            line += f" {took / count * 1000:.2f} ms each | {peak / 2**20:.0f} MiB |"
        print(line, flush=True)

    # One run gives what many give.
    arguments = ["table", "processes", "process_open_files", "--format", "ndjson"]
    once = {}
    for path in copies[: len(small)]:
        run([*arguments, path], out)
        once[path.name.partition("-")[2]] = rows(out)
    expected = sum(once[path.name.partition("-")[2]] for path in copies)
    run([*arguments, *copies], out)
    if rows(out) != expected:
        sys.exit(f"{rows(out)} rows together, but {expected} one by one")

    # One that cannot be read costs its own rows.
    (folder / "00000-broken.tar").write_bytes(b"this is no archive" * 100)
    code, errors = run([*arguments, *sorted(folder.iterdir())], out)[2:]
    if code != 3 or rows(out) != expected or "1 failed" not in errors:
        sys.exit(f"with a damaged archive: exit code {code}, {rows(out)} rows of {expected}\n{errors[-500:]}")
    print(f"\n{expected} rows of two tables, the same as one by one. With one damaged archive: the same rows, exit code 3.")


main()
