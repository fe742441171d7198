#!/usr/bin/env python3
"""dataset.py WORK_DIR [--archives 1000 8000] [--command COMMAND]

Writes datasets of many small archives: time for each archive, peak memory, files, parts. The archives are copies of the fixtures of at most
64 KiB, unpacked and packed anew with a member more, so that no two have one hash. Then a run is killed again and again, by SIGKILL and by
SIGTERM in turn, and taken up, and has to come to the same rows as one that was not (needs DuckDB: pip install duckdb). Prints Markdown.

Build first: cargo build --release"""

import argparse
import io
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LARGEST = 64 << 10
# Bytes that an archive has unpacked.
UNPACKED = 256 << 10

options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("work", type=pathlib.Path)
options.add_argument("--archives", type=int, nargs="+", default=[1000, 8000])
options.add_argument("--command", default=str(ROOT / "target/release/cryoscope"))
options.add_argument("--kills", type=int, default=12)
options = options.parse_args()


def arguments(folder, out, *more):
    return [options.command, "table", folder, "--all", "--format", "parquet", "--output-dir", out, *more]


def run(folder, out, *more):
    """Seconds, peak resident bytes, exit code, what stood on standard error."""
    errors = options.work / "errors"
    with open(errors, "wb") as error:
        start = time.perf_counter()
        child = subprocess.Popen(arguments(folder, out, *more), stderr=error)
        _, status, usage = os.wait4(child.pid, 0)
        took = time.perf_counter() - start
    return took, usage.ru_maxrss * 1024, os.waitstatus_to_exitcode(status), errors.read_text(encoding="utf-8")


def originals():
    """Small fixtures that are plain archives, and can be read without a warning."""
    small = []
    for path in sorted(ROOT.glob("fixtures/*/*.tar*")):
        if path.parent.name == "malformed" or path.stat().st_size > LARGEST:
            continue
        ran = subprocess.run([options.command, "table", "--all", "--format", "ndjson", path], capture_output=True, check=False)
        if ran.returncode == 0:
            small.append(path)
    return small




def make(folder, count, small):
    """Archives that all differ."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    plain = {}
    for path in small:
        try:
            with zst(path) if path.name.endswith(".zst") else tarfile.open(path) as tar:
                plain[path] = [(member, tar.extractfile(member).read() if member.isfile() else None) for member in tar]
        except tarfile.TarError:
            # Python cannot read some that are sparse.
            continue
    usable = [path for path, members in plain.items() if sum(len(contents or b"") for _, contents in members) <= UNPACKED]
    for number in range(count):
        original = usable[number % len(usable)]
        with tarfile.open(folder / f"{number:05}-{original.parent.name}.tar", "w") as tar:
            for member, contents in plain[original]:
                tar.addfile(member, io.BytesIO(contents) if contents is not None else None)
            text = f"{number}\n".encode()
            info = tarfile.TarInfo(f"own-{number}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))


def zst(path):
    """A tar that is compressed by zstd."""
    inflated = subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout
    return tarfile.open(fileobj=io.BytesIO(inflated))


def files(out):
    return [path for path in out.rglob("*") if path.is_file()]


def same(one, other):
    """How many rows two datasets have, which have to be the same in both."""
    import duckdb

    rows = 0
    for folder in sorted(path for path in one.iterdir() if not path.name.startswith("_")):
        table = [f"read_parquet('{root / folder.name}/**/*.parquet')" for root in (one, other)]
        for a, b in (table, table[::-1]):
            left = duckdb.sql(f"SELECT count(*) FROM (FROM {a} EXCEPT ALL FROM {b})").fetchall()[0][0]
            if left:
                sys.exit(f"{folder.name}: {left} rows of {a} are not in {b}")
        rows += duckdb.sql(f"SELECT count(*) FROM {table[0]}").fetchall()[0][0]
    return rows


def killed(folder, out, takes):
    """Runs that are killed, until one comes to its end. Tells how often one was."""
    shutil.rmtree(out, ignore_errors=True)
    chance, count = random.Random(7), 0
    while count < options.kills:
        child = subprocess.Popen(arguments(folder, out, "-q", "--skip-known", "--batch", "100"), stderr=subprocess.DEVNULL)
        try:
            child.wait(chance.uniform(0, takes / 3))
            break
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL if count % 2 else signal.SIGTERM)
            child.wait()
            count += 1
        left = list((out / "_cryoscope").glob("unfinished/.*"))
        if not count % 2 or not left:
            continue
        sys.exit(f"SIGTERM left {left[:3]} behind")
    _, _, code, errors = run(folder, out, "--skip-known", "--batch", "100")
    if code not in (0, 3):
        sys.exit(f"exit {code}: {errors[-500:]}")
    return count


def main():
    options.work.mkdir(parents=True, exist_ok=True)
    small = originals()
    print(f"Copies of {len(small)} fixtures, {os.cpu_count()} processors\n")
    print("| archives | each | peak | files | bytes | the second time, each | peak |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for count in options.archives:
        folder, out = options.work / f"in-{count}", options.work / f"out-{count}"
        make(folder, count, small)
        shutil.rmtree(out, ignore_errors=True)
        took, peak, code, errors = run(folder, out, "--skip-known")
        # 3: some members cannot be packed anew, such as those that are sparse.
        if code not in (0, 3):
            sys.exit(f"exit {code}: {errors[-500:]}")
        parts = files(out)
        again, peak_again, code, errors = run(folder, out, "--skip-known")
        if code != 0 or f"{count} already known" not in errors:
            sys.exit(f"exit {code}: {errors[-500:]}")
        size = sum(path.stat().st_size for path in parts)
        each, each_again = took / count * 1000, again / count * 1000
        print(
            f"| {count} | {each:.2f} ms | {peak / 2**20:.0f} MiB | {len(parts)} | {size / 2**20:.1f} MiB"
            f" | {each_again:.2f} ms | {peak_again / 2**20:.0f} MiB |",
            flush=True,
        )
    count = options.archives[0]
    folder, whole, out = options.work / f"in-{count}", options.work / f"out-{count}", options.work / "killed"
    times = killed(folder, out, took * count / options.archives[-1])
    rows = same(whole, out)
    print(f"\n{count} archives, killed {times} times and resumed: the same {rows} rows.")


main()
