"""Runs the job for Spark as users do, and compares its dataset with that of the command alone."""

import collections
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pyarrow.dataset

import dataset

JOB = dataset.ROOT / "deploy/spark/cryoscope_job.py"
ARCHIVE = dataset.ROOT / "fixtures/counters/counters.tar.gz"
# The kubelet's names have colons. The others are what somebody may think of who wants a pipeline to stumble.
NAMES = [
    b"checkpoint-web_default-app-2026-11-23T11:12:27Z.tar",
    b"two words.tar",
    b"two\nlines.tar",
    b"no \xff\xfe text.tar",
    b"'; exit 7 #$(exit 7).tar",
    b"-q",
    b"plain.tar",
]
BROKEN, DEADLY = b"a:broken.tar", b"deadly.tar"
# Dies of one of the archives, as of too little memory, and is the command otherwise.
DIES = """#!/bin/sh
if [ "$(printf '%s' "$*" | grep -c -- '--source-name')" -gt 0 ]; then exec COMMAND "$@"; fi
cat > "$0.$$"
if tr '\\0' '\\n' < "$0.$$" | grep -q deadly; then kill -9 $$; fi
exec COMMAND "$@" < "$0.$$"
"""


def job(*arguments, code):
    """Runs the job, which has to end with that exit code, and gives what it prints."""
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    submit = [sys.executable, "-m", "pyspark.bin.spark_submit"]
    submit = [str(pathlib.Path(pyspark_home()) / "bin/spark-submit"), "--master", "local-cluster[2,1,1024]"]
    for key, value in settings.items():
        submit += ["--conf", f"{key}={value}"]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    ran = subprocess.run([*submit, JOB, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if ran.returncode != code:
        sys.exit(f"exit code {ran.returncode}, not {code}\n{ran.stdout.decode()}\n{ran.stderr.decode(errors='replace')}")
    return ran.stdout.decode()


def pyspark_home():
    import pyspark

    return os.path.dirname(pyspark.__file__)


def rows(folder, without=()):
    """All rows of all tables, counted, but those of failures, which are the second."""
    counted = collections.Counter()
    failures = {}
    for table, parts in dataset.tables(folder).items():
        for row in pyarrow.dataset.dataset(parts).to_table().to_pylist():
            if table == "failures":
                failures[os.path.basename(row["archive"])] = row["code"]
            else:
                counted[(table, repr(sorted(row.items())))] += 1
    return counted, failures


def expect(what, given, wanted):
    if given != wanted:
        less, more = wanted - given, given - wanted
        sys.exit(f"{what}: {less.total()} rows missing, {more.total()} too many: {next(iter(less | more))}")


def main():
    command = sys.argv[1]
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.fsencode(f"{scratch}/node:1")
        os.makedirs(folder)
        for name in NAMES:
            shutil.copy(ARCHIVE, os.path.join(folder, name))
        alone = f"{scratch}/alone"
        arguments = [command, "table", "--all", "-q", "--format", "parquet", "--output-dir", alone, "--files-from", "-"]
        every = b"".join(os.path.join(folder, name) + b"\0" for name in sorted(NAMES))
        subprocess.run(arguments, input=every, check=True)
        wanted, none = rows(alone)
        assert not none and len({row for _, row in wanted}) > 100, (none, len(wanted))

        pathlib.Path(os.fsdecode(os.path.join(folder, BROKEN))).write_bytes(b"\x1f\x8b\x08\0no gzip")
        shutil.copy(ARCHIVE, os.path.join(folder, DEADLY))
        dies = f"{scratch}/dies"
        pathlib.Path(dies).write_text(DIES.replace("COMMAND", f"'{command}'"))
        os.chmod(dies, 0o755)

        # Five batches. The archives that fail cost their own rows.
        out = f"{scratch}/lake"
        given = ["--archives", os.fsdecode(folder), "--output", out, "--command", dies, "--batch", "2"]
        print(said := job(*given, code=3), end="")
        assert "9 archives in 5 batches: 7 read, 2 failed" in said, said
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
        shutil.copy(ARCHIVE, os.path.join(folder, b"new: one.tar"))
        every += os.path.join(folder, b"new: one.tar") + b"\0"
        shutil.rmtree(alone)
        subprocess.run(arguments, input=every, check=True)
        wanted, _ = rows(alone)
        print(job(*given[:-2], "--batch", "3", code=given_code(done, folder, out)), end="")
        expect("the dataset of a job that was resumed", rows(out)[0], wanted)

        # Through pipes, as from an object store, where one cannot be fetched.
        listed = f"{scratch}/names"
        pathlib.Path(listed).write_bytes(every + os.path.join(folder, b"not there.tar") + b"\0")
        piped = f"{scratch}/piped"
        print(job("--names", listed, "--fetch", 'cat -- "$1"', "--output", piped, "--command", dies, code=3), end="")
        counted, failures = rows(piped)
        expect("the dataset through pipes", counted, wanted)
        assert failures == {"not there.tar": "fetch_failed"}, failures


def given_code(done, folder, out):
    """What a job that reads a batch again ends with: 3 if one of those that fail is in it."""
    import base64

    names = {os.path.basename(base64.b64decode(line)) for line in done.with_suffix(".names").read_bytes().split()}
    return 3 if names & {BROKEN, DEADLY} else 0


main()
