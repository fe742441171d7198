#!/usr/bin/env python3
"""A job for Apache Spark that reads a directory or a list of checkpoint archives into one Parquet dataset.

    spark-submit cryoscope_job.py --archives /evidence --output /lake/cryoscope
    spark-submit cryoscope_job.py --names names.txt --fetch 'aws s3 cp "$1" -' --output s3://bucket/cryoscope

A task runs the command once for a batch of archives, on its own machine, and moves the files that the command wrote to
OUTPUT/TABLE/. Names are bytes, never Hadoop paths: those cannot contain colons, which the kubelet's names do.

An archive that cannot be read becomes a row of the table `failures`, and no other archive is affected. If the command itself dies
of one (killed, out of memory, too slow), the others in its batch are read again, one at a time.

A job that was stopped continues when it is started again: OUTPUT/_job has a file for every batch, and another one when the batch
is done. Each batch has its own file names, and a batch that is read again replaces its earlier files. New archives form new
batches. A file is identified by its name, size and time, an object by its name. --retry-failed reads the batches with failures
again. Arguments and columns must stay the same; other ones need a new OUTPUT.

Executors need the command, pandas and pyarrow. Without --fetch they need the archives, too, at the same path, such as on NFS.
OUTPUT is a directory that all of them share, or a location that pyarrow can write: s3://, gs://, hdfs://.

Exit code: 0; 3 if archives could not be read; 2 if none could, if there is nothing to read, or if OUTPUT is another job's.
"""

import argparse
import base64
import hashlib
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import uuid

# Rows that are written at once where files are put together.
GROUP = 100_000
RESULT = "archives long, failed long, files long, message string"


def options(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--archives", help="a folder: all files in it and below are archives")
    source.add_argument("--names", help="a file of names, a line each, or ended by NUL if there is one in it")
    parser.add_argument("--output", required=True, help="where the dataset is")
    parser.add_argument("--command", default="cryoscope", help="the command, as executors find it")
    parser.add_argument("--fetch", help='a line of shell that prints the archive "$1"; without it, names are files')
    parser.add_argument("--batch", type=int, default=64, help="archives that a task reads at once")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds that the command has for a batch")
    parser.add_argument("--min-age", type=float, default=60, help="seconds that a file has to be old: younger ones are still written")
    parser.add_argument("--retry-failed", action="store_true", help="read batches again in which archives failed")
    parser.add_argument("more", nargs="*", help="after `--`: more arguments of `cryoscope table`, such as --field case=7")
    return parser.parse_args(arguments)


def names(given):
    """The names of archives, as bytes, in an order that does not change; each with what tells whether it has changed."""
    if given.archives is not None:
        walk = os.walk(os.fsencode(given.archives), onerror=refuse)
        every = [os.path.join(place, file) for place, _, files in walk for file in files]
        files = [(name, info) for name in every if stat.S_ISREG((info := os.lstat(name)).st_mode)]
        if len(files) < len(every):
            print(f"{len(every) - len(files)} links and special files were skipped", file=sys.stderr)
        old = [(name, info) for name, info in files if info.st_mtime <= time.time() - given.min_age]
        if len(old) < len(files):
            print(f"{len(files) - len(old)} files are younger than {given.min_age:g} seconds and were left for later", file=sys.stderr)
        return sorted((name, b"%d %d" % (info.st_size, info.st_mtime_ns)) for name, info in old)
    data = pathlib.Path(given.names).read_bytes()
    return sorted({(name, b"") for name in data.split(b"\0" if b"\0" in data else b"\n") if name})


def refuse(error):
    """A folder that cannot be listed is no empty folder."""
    raise error


def settled(given):
    """Makes paths absolute: executors have other working folders than the driver."""
    if "://" not in given.output:
        given.output = os.path.abspath(given.output)
    if given.archives is None:
        return
    given.archives = os.path.abspath(given.archives)
    inside = os.path.join(os.path.realpath(given.archives), "")
    if "://" not in given.output and os.path.join(os.path.realpath(given.output), "").startswith(inside):
        raise ValueError(f"--output {given.output} is inside --archives {given.archives}: give a folder outside of it")


def batches(store, found, size, retry):
    """What is to do: batches that were begun and not done, as they were, and new ones of archives that are in none. Of each its
    names, and whether it was begun."""
    begun, done = {}, set()
    for file in store.listed("_job"):
        batch, _, kind = file.rpartition(".")
        if kind == "names":
            lines = store.read(f"_job/{file}").split(b"\n")
            begun[batch] = [(base64.b64decode(name), mark) for name, _, mark in (line.partition(b" ") for line in lines)]
        elif kind == "done" and not (retry and json.loads(store.read(f"_job/{file}"))["failed"]):
            done.add(batch)
    # What is read again is read as it is now.
    now = dict(found)
    for batch in begun.keys() - done:
        these = [(name, now.get(name, mark)) for name, mark in begun[batch]]
        if these != begun[batch]:
            begun[batch] = these
            store.write(f"_job/{batch}.names", lines_of(these))
    known = {archive for batch in begun.values() for archive in batch}
    new = [archive for archive in found if archive not in known]
    todo = {batch: ([name for name, _ in these], True) for batch, these in begun.items() if batch not in done}
    for start in range(0, len(new), size):
        these = new[start : start + size]
        batch = hashlib.sha256(lines_of(these)).hexdigest()[:16]
        store.write(f"_job/{batch}.names", lines_of(these))
        todo[batch] = ([name for name, _ in these], False)
    return todo


def lines_of(archives):
    """A line for each archive: its name, and what tells whether it has changed."""
    return b"\n".join(base64.b64encode(name) + b" " + mark for name, mark in archives)


def same(store, what, now):
    """Notes something that has to be the same in all runs, and refuses another: engines stumble over parts that differ."""
    name = f"{what}.json"
    if name not in store.listed("_job"):
        store.write(f"_job/{name}", json.dumps(now, indent=1).encode())
        return
    before = json.loads(store.read(f"_job/{name}"))
    if before != now:
        raise ValueError(f"{what} were {before} when the dataset was begun, and are {now} now: give another --output")


class Store:
    """The place of the dataset: a folder, or what pyarrow has for its address."""

    def __init__(self, address):
        from pyarrow import fs

        local = "://" not in address
        self.files, self.root = fs.FileSystem.from_uri(pathlib.Path(address).absolute().as_uri() if local else address)

    def listed(self, folder):
        from pyarrow import fs

        selector = fs.FileSelector(f"{self.root}/{folder}", allow_not_found=True)
        return sorted(info.base_name for info in self.files.get_file_info(selector) if info.is_file)

    def read(self, name):
        with self.files.open_input_stream(f"{self.root}/{name}") as stream:
            return stream.read()

    def write(self, name, data):
        """Writes a file, which is complete or not there: readers pass over names that begin with a dot."""
        folder, _, base = f"{self.root}/{name}".rpartition("/")
        hidden = f"{folder}/.{base}-{uuid.uuid4().hex}"
        self.files.create_dir(folder)
        with self.files.open_output_stream(hidden) as stream:
            if isinstance(data, bytes):
                stream.write(data)
            else:
                shutil.copyfileobj(data, stream, 1 << 20)
        self.files.move(hidden, f"{folder}/{base}")

    def drop(self, batch, kept):
        """Removes what a batch wrote when it was begun before, whole or half, and that is not of this time."""
        from pyarrow import fs

        for info in self.files.get_file_info(fs.FileSelector(self.root, recursive=True)):
            name = os.path.relpath(info.path, self.root)
            if info.is_file and info.base_name.startswith((f"part-{batch}-", f".part-{batch}-")) and name not in kept:
                self.files.delete_file(info.path)


def task(given):
    """What executors do: each row is a batch."""

    def run(frames):
        import pandas
        from pyspark import TaskContext

        for frame in frames:
            for batch, these, begun in zip(frame["batch"], frame["names"], frame["begun"]):
                again = bool(begun) or TaskContext.get().attemptNumber() > 0
                yield pandas.DataFrame([read(given, batch, [bytes(name) for name in these], again)])

    return run


def read(given, batch, these, again):
    """Reads a batch and puts its files where they belong. Their names count from one, so that those of a batch that is read
    again are those of before."""
    os.umask(0o077)
    store = Store(given.output)
    with tempfile.TemporaryDirectory(prefix="cryoscope-") as folder:
        if given.fetch is None:
            failed, message = read_files(given, these, f"{folder}/all")
        else:
            failed, message = read_each(given, these, folder)
        places, columns = {}, {}
        for part in sorted(pathlib.Path(folder).glob("*/*/**/*.parquet")):
            _, table, *partition, _ = part.relative_to(folder).parts
            if not table.startswith("_"):
                places.setdefault("/".join([table, *partition]), []).append(part)
                columns[table] = schema(part)
        same(store, "columns", columns)
        written = []
        for place, parts in places.items():
            for number, part in enumerate(merged(parts, f"{folder}/merged"), start=1):
                written.append(f"{place}/part-{batch}-{number:04}.parquet")
                with open(part, "rb") as stream:
                    store.write(written[-1], stream)
    if again:
        store.drop(batch, set(written))
    store.write(f"_job/{batch}.done", json.dumps({"archives": len(these), "failed": failed}).encode())
    return {"archives": len(these), "failed": failed, "files": len(written), "message": message}


def read_files(given, these, folder):
    """Runs the command on all files at once. If it dies, on each file alone."""
    failed, message = run(given, ["--files-from", "-"], folder, stdin=b"".join(name + b"\0" for name in these))
    if failed is not None:
        return failed, message
    shutil.rmtree(folder, ignore_errors=True)
    if len(these) == 1:
        failure(given, folder, these[0], "command_failed", message)
        return 1, message
    results = [read_files(given, [name], f"{folder}-{number}") for number, name in enumerate(these)]
    return sum(count for count, _ in results), next((text for _, text in results if text), None)


def read_each(given, these, folder):
    """Objects come one after the other, through a pipe."""
    results = []
    for number, name in enumerate(these):
        place = f"{folder}/{number}"
        with subprocess.Popen(["sh", "-c", given.fetch, "sh", name], stdout=subprocess.PIPE, start_new_session=True) as fetch:
            failed, message = run(given, ["-", "--source-name", text(name)], place, stdin=fetch.stdout)
            fetch.stdout.close()
            late = not ended(fetch, 10)
        code = "command_failed"
        # A command that has seen enough closes the pipe, which is no fault of what writes to it.
        if late or fetch.returncode not in (0, -signal.SIGPIPE, 128 + signal.SIGPIPE):
            # What came of it may be half of it.
            said = f"; {message}" if message else ""
            how = "did not end, and was stopped" if late else f"ended with exit code {fetch.returncode}"
            failed, code, message = None, "fetch_failed", f"--fetch {how}{said}"
        if failed is None:
            shutil.rmtree(place, ignore_errors=True)
            failure(given, place, name, code, message)
            failed = 1
        results.append((failed, message))
    return sum(count for count, _ in results), next((text for _, text in results if text), None)


def ended(process, seconds):
    """Waits for a process to end by itself, and else ends all that it started: whether it did."""
    try:
        process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False


def run(given, arguments, folder, stdin):
    """Runs the command. Returns the number of failed archives, or None if the command itself died, and its message."""
    command = [given.command, "table", "--all", "-q", "--format", "parquet", "--output-dir", folder, *given.more, *arguments]
    feed = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    try:
        ran = subprocess.run(command, **feed, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=given.timeout)
        code, said = f"exit code {ran.returncode}", ran.stderr
    except subprocess.TimeoutExpired as error:
        ran, code, said = None, f"stopped after {given.timeout} seconds", error.stderr or b""
    last = (said.decode(errors="replace").strip().splitlines() or [""])[-1]
    parts = list(pathlib.Path(folder).glob("failures/**/*.parquet"))
    # 3: something is missing. 2: nothing could be read, which is nothing wrong if that is in the table.
    if ran is None or not (ran.returncode in (0, 3) or (ran.returncode == 2 and parts)):
        return None, f"{code}: {last}" if last else code
    import pyarrow.parquet

    failed = sum(pyarrow.parquet.read_metadata(part).num_rows for part in parts)
    return failed, last if failed else None


def text(name):
    """A name as the command prints it. Those of objects are UTF-8; those of files need not be."""
    return name.decode(errors="replace")


def merged(parts, place):
    """One file for those that have the same columns, where the command ran several times: engines dislike small files."""
    import pyarrow
    from pyarrow import parquet

    if len(parts) == 1:
        yield parts[0]
        return
    alike = {}
    for part in parts:
        alike.setdefault(parquet.read_schema(part).remove_metadata().to_string(), []).append(part)
    for these in alike.values():
        schema = parquet.read_schema(these[0])
        with parquet.ParquetWriter(place, schema) as writer:
            rows, held = [], 0
            for part in these:
                for batch in parquet.ParquetFile(part).iter_batches():
                    rows.append(batch)
                    held += batch.num_rows
                    if held >= GROUP:
                        writer.write_table(pyarrow.Table.from_batches(rows, schema))
                        rows, held = [], 0
            writer.write_table(pyarrow.Table.from_batches(rows, schema))
        yield place


def schema(part):
    """The columns of a part, in words."""
    from pyarrow import parquet

    return parquet.read_schema(part).remove_metadata().to_string()


def failure(given, folder, name, code, message):
    """A row of the table `failures` for an archive of which the command could not say anything. All tables, and what else such a
    row has, are those that the command writes of a file that is not there."""
    import pyarrow
    from pyarrow import parquet

    missing = f"{folder}.missing"
    failed, said = run(given, [missing], folder, stdin=b"")
    if failed != 1:
        raise RuntimeError(f"{given.command} does not run: {said}")
    (part,) = pathlib.Path(folder).glob("failures/*.parquet")
    table = parquet.ParquetFile(part).read()
    columns = {"archive": text(name), "archive_sha256": None, "code": code, "message": message, "_hex": None}
    row = table.to_pylist()[0] | columns
    parquet.write_table(pyarrow.Table.from_pylist([row], table.schema), part)


def main():
    given = options(sys.argv[1:])
    # Rows have values of secrets, such as those of the environment.
    os.umask(0o077)
    try:
        settled(given)
        found = names(given)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not found:
        print(f"error: no archives found in {given.archives or given.names}", file=sys.stderr)
        return 2
    store = Store(given.output)
    try:
        same(store, "arguments", given.more)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    todo = batches(store, found, max(given.batch, 1), given.retry_failed)
    if not todo:
        print("nothing to do: all archives are in the dataset")
        return 0
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("cryoscope").getOrCreate()
    rows = [(batch, [bytearray(name) for name in these], begun) for batch, (these, begun) in todo.items()]
    # One partition a batch, as far as a driver can count.
    frame = spark.createDataFrame(rows, "batch string, names array<binary>, begun boolean").repartition(min(len(rows), 20_000))
    results = frame.mapInPandas(task(given), RESULT).collect()
    archives, failed, files = (sum(row[place] for row in results) for place in range(3))
    print(f"{archives} archives in {len(results)} batches: {archives - failed} read, {failed} failed; {files} files")
    spark.stop()
    if failed:
        print(f"first: {next(row.message for row in results if row.failed)}", file=sys.stderr)
    return 2 if failed and failed == archives else 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
