"""Runs the job for Spark as users do, and compares its dataset with that of the command alone."""

import base64
import collections
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pyarrow.dataset
import pyarrow.parquet
import pyspark

import dataset

JOB = dataset.ROOT / "deploy/spark/cryoscope_job.py"
BROKEN, DEADLY = b"a:broken.tar", b"deadly.tar"
# What the command knows of files alone: how large they are, and of which pod, by the kubelet's name for them.
PIPED = ("archive_size", "pod")
# Dies of one of the archives, as of too little memory, and is the command otherwise.
DIES = """#!/bin/sh
if [ "$(printf '%s' "$*" | grep -c -- '--source-name')" -gt 0 ]; then exec COMMAND "$@"; fi
cat > "$0.$$"
if tr '\\0' '\\n' < "$0.$$" | grep -q deadly; then kill -9 $$; fi
exec COMMAND "$@" < "$0.$$"
"""


def job(*arguments, code, more=()):
    """Runs the job, which has to end with that exit code, and gives what it prints."""
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    submit = [os.path.join(os.path.dirname(pyspark.__file__), "bin/spark-submit"), "--master", "local-cluster[2,1,1024]"]
    for key, value in settings.items():
        submit += ["--conf", f"{key}={value}"]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    # As the dataset that it is compared with.
    ran = subprocess.run([*submit, JOB, "--min-age", "0", *arguments, "--", *more, "--hash"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if ran.returncode != code:
        sys.exit(f"exit code {ran.returncode}, not {code}\n{ran.stdout.decode()}\n{ran.stderr.decode(errors='replace')}")
    return ran.stdout.decode()


def rows(folder, without=()):
    """All rows of all tables, counted, without some columns; but for failures: these are the codes by name of archive."""
    counted = collections.Counter()
    failures = {}
    for table, parts in dataset.tables(folder).items():
        for row in pyarrow.dataset.dataset(parts).to_table().to_pylist():
            if table == "failures":
                failures[os.path.basename(row["archive"])] = row["code"]
            else:
                counted[(table, repr(sorted(item for item in row.items() if item[0] not in without)))] += 1
    return counted, failures


def expect(what, given, wanted):
    if given != wanted:
        less, more = wanted - given, given - wanted
        sys.exit(f"{what}: {less.total()} rows missing, {more.total()} unexpected: {next(iter(less | more))}")


def main():
    command = sys.argv[1]
    with tempfile.TemporaryDirectory() as scratch:
        folder, alone = os.fsencode(f"{scratch}/node:1"), f"{scratch}/alone"
        paths = dataset.odd(os.fsdecode(folder))
        dataset.write(command, "parquet", alone, paths)
        wanted, none = rows(alone)
        assert not none and len({row for _, row in wanted}) > 100, (none, len(wanted))

        pathlib.Path(os.fsdecode(os.path.join(folder, BROKEN))).write_bytes(b"\x1f\x8b\x08\0no gzip")
        shutil.copy(dataset.ARCHIVE, os.path.join(folder, DEADLY))
        dies = f"{scratch}/dies"
        pathlib.Path(dies).write_text(DIES.replace("COMMAND", f"'{command}'"))
        os.chmod(dies, 0o755)

        # Five batches. The archives that fail cost their own rows.
        out = f"{scratch}/lake"
        given = ["--archives", os.fsdecode(folder), "--output", out, "--command", dies, "--batch", "2"]
        print(said := job(*given, code=3), end="")
        assert "10 archives in 5 batches: 8 read, 2 failed" in said, said
        counted, failures = rows(out)
        expect("the job's dataset", counted, wanted)
        assert failures.keys() == {os.fsdecode(BROKEN), os.fsdecode(DEADLY)}, failures
        assert failures[os.fsdecode(DEADLY)] == "command_failed", failures

        # Again: nothing is there twice.
        assert "nothing to do" in job(*given, code=0)

        # Stopped before a batch was done, with files of it missing: the same dataset. And an archive that is new.
        done = sorted(pathlib.Path(out, "_job").glob("*.done"))[0]
        done.unlink()
        for part in sorted(pathlib.Path(out).glob(f"*/part-{done.stem}-*"))[::2]:
            part.unlink()
        paths.append(os.path.join(folder, b"new: one.tar"))
        shutil.copy(dataset.ARCHIVE, paths[-1])
        shutil.rmtree(alone)
        dataset.write(command, "parquet", alone, paths)
        wanted, _ = rows(alone)
        print(job(*given[:-2], "--batch", "3", code=given_code(done)), end="")
        expect("the dataset of a job that was resumed", rows(out)[0], wanted)

        # What failed is read again when it can be read. Other arguments would make other columns.
        shutil.copy(dataset.ARCHIVE, os.path.join(folder, BROKEN))
        paths.append(os.path.join(folder, BROKEN))
        shutil.rmtree(alone)
        dataset.write(command, "parquet", alone, paths)
        print(job(*given, "--retry-failed", code=3), end="")
        counted, failures = rows(out)
        expect("the dataset after what failed was read again", counted, rows(alone)[0])
        assert failures == {os.fsdecode(DEADLY): "command_failed"}, failures
        columns = {tuple(pyarrow.parquet.read_schema(part).names) for part in dataset.tables(out)["failures"]}
        assert len(columns) == 1, columns
        job(*given, code=2, more=("--field", "case=7"))
        paths.pop()

        # Through pipes, as from an object store, whose names are UTF-8, and where one cannot be fetched.
        paths = [path for path in paths if path.decode(errors="replace").encode() == path]
        shutil.rmtree(alone)
        dataset.write(command, "parquet", alone, paths)
        wanted, _ = rows(alone, PIPED)
        listed = f"{scratch}/names"
        pathlib.Path(listed).write_bytes(b"\0".join([*paths, os.path.join(folder, b"not there.tar")]))
        piped = f"{scratch}/piped"
        print(job("--names", listed, "--fetch", 'cat -- "$1"', "--output", piped, "--command", dies, code=3), end="")
        counted, failures = rows(piped, PIPED)
        expect("the dataset through pipes", counted, wanted)
        assert failures == {"not there.tar": "fetch_failed"}, failures
        # The command ran once for each archive, and yet there is one file for all of a batch.
        assert len(dataset.tables(piped)["processes"]) == 1


def given_code(done):
    """What a job that reads a batch again ends with: 3 if one of those that fail is in it."""
    names = {os.path.basename(base64.b64decode(line.split()[0])) for line in done.with_suffix(".names").read_bytes().split(b"\n")}
    return 3 if names & {BROKEN, DEADLY} else 0


main()
