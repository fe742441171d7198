#!/usr/bin/env python3
"""run.py WORK_DIR [--rounds N] [--only NAME] [--checkpointctl COMMAND]

Times the command against its peers on the same bytes, in one run: each pair is run in turn, N times, and the ratio is
that of the medians. Needs big.py (it builds the archives; `--maker`, by default ../shared/lab/big.py) and, for what is
measured against them, checkpointctl, ripgrep, xxd and strings; what is not installed is said. Prints Markdown.

Build first: cargo build --release --examples --bins"""

import argparse
import os
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("work")
options.add_argument("--rounds", type=int, default=5)
options.add_argument("--only", help="only the groups whose name holds this")
options.add_argument("--maker", default=os.path.join(ROOT, "../shared/lab/big.py"))
options.add_argument("--checkpointctl", default="checkpointctl")
options = options.parse_args()
CRYOSCOPE = os.path.join(ROOT, "target/release/cryoscope")
# What xxd gets: all would take it too long.
PART = 256 << 20
INFLATE = os.path.join(ROOT, "target/release/examples/inflate")


def build(name, *arguments):
    """The folder of an archive set, built if it is not there."""
    folder = os.path.join(options.work, name)
    if not os.path.exists(os.path.join(folder, "big.json")):
        subprocess.run([sys.executable, options.maker, folder, *arguments], check=True, stdout=subprocess.DEVNULL)
    return folder


def once(command):
    """Runs a command; seconds, peak resident bytes, exit code."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    return time.perf_counter() - start, usage.ru_maxrss * 1024, os.waitstatus_to_exitcode(status)


def seconds(value):
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"


def against(what, ours, peer_name, peer, goal, scale=1):
    """One row: ours and the peer in turn. The ratio is how many times as long the peer takes; `scale` is how many times as
    many bytes we get."""
    installed = peer and shutil.which(peer[0])
    mine, theirs, peak = [], [], 0
    for _ in range(options.rounds):
        took, resident, code = once(ours)
        # 1: nothing was found.
        if code not in (0, 1):
            sys.exit(f"exit {code}: {shlex.join(ours)}")
        mine.append(took)
        peak = max(peak, resident)
        if installed:
            theirs.append(once(peer)[0])
    own = statistics.median(mine)
    if installed:
        other = statistics.median(theirs) * scale
        ratio = f"{seconds(other)} | {other / own:.2f}" if other / own < 10 else f"{seconds(other)} | {other / own:.0f}"
    else:
        ratio = "not installed | -" if peer else "- | -"
    print(f"| {what} | {seconds(own)} | {peak / 2**20:.0f} MiB | {peer_name} | {ratio} | {goal} |", flush=True)


def group(name):
    """Starts a table, unless it was not asked for."""
    if options.only and options.only not in name:
        return False
    print(f"\n### {name}\n\n| work | cryoscope | peak memory | against | peer | × | goal |")
    print("| --- | ---: | ---: | --- | ---: | ---: | --- |", flush=True)
    return True


def touched(path):
    """How much of a file that was not cached is cached after `inspect`: what was read, with the kernel's read-ahead."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    once([CRYOSCOPE, "inspect", path])
    cached = int(subprocess.check_output(["fincore", "--bytes", "--noheadings", "--output", "RES", path]))
    size = os.path.getsize(path)
    print(f"\n`inspect` read {100 * cached / size:.2f} % of a plain archive that was not cached, including read-ahead.")


def opening():
    """`show` and `inspect`."""
    big = build("big")
    plain, gzip, zstd = (os.path.join(big, "big.tar" + suffix) for suffix in ("", ".gz", ".zst"))
    if group("Opening"):
        for command in ("show", "inspect"):
            peer = [options.checkpointctl, command]
            against(f"`{command}`, plain", [CRYOSCOPE, command, plain], "checkpointctl", [*peer, plain], "< 30 ms, ≥ 100")
            for name, path in (("gzip", gzip), ("zstd", zstd)):
                ours = [CRYOSCOPE, command, path]
                against(f"`{command}`, {name}", ours, "inflating alone", [INFLATE, path], "≥ 0.95")
                against(f"`{command}`, {name}", ours, "checkpointctl", [*peer, path], "≥ 2")
        touched(plain)
    if group("Growth"):
        many = os.path.join(build("many", "--processes", "10000", "--mib", "60", "--formats", "plain"), "big.tar")
        small = os.path.join(ROOT, "fixtures/tree/tree.tar.zst")
        against("`inspect`, 10,000 processes", [CRYOSCOPE, "inspect", many], "-", None, "< 2 s")
        against("`inspect`, 24 KiB archive", [CRYOSCOPE, "inspect", small], "-", None, "≤ 10 ms")


def memory():
    """`memparse`."""
    big = build("big")
    plain, gzip, zstd = (os.path.join(big, "big.tar" + suffix) for suffix in ("", ".gz", ".zst"))
    patterns = os.path.join(options.work, "patterns")
    with open(patterns, "w", encoding="ascii") as file:
        dice = random.Random(5)
        file.writelines(f"needle-{dice.randrange(1 << 32):08x}\n" for _ in range(199))
        file.write("password=correct-horse-0001\n")
    part = os.path.join(options.work, "part")
    if not os.path.exists(part):
        with open(plain, "rb") as source, open(part, "wb") as target:
            shutil.copyfileobj(_Limited(source, PART), target)
    own = [CRYOSCOPE, "memparse", plain]
    if group("Search"):
        literal, regex = "password=correct-horse-0001", "session=[0-9a-f]{16}"
        against("literal", [*own, "--search", literal], "ripgrep, all matches", ["rg", "-a", "-o", "-b", "-F", literal, plain], "≥ 1")
        against("literal", [*own, "--search", literal], "reading alone (cat)", ["cat", plain], "≥ 0.7")
        against("literal of one process", [*own, "--pid", "1", "--search", literal], "checkpointctl, that process",
                [options.checkpointctl, "memparse", "--pid", "1", "--search", literal, plain], "≥ 20")
        against("regex", [*own, "--search-regex", regex, "--count"], "ripgrep, count", ["rg", "-a", "-c", regex, plain], "≥ 1")
        against("200 patterns", [*own, "--patterns", patterns], "ripgrep, all matches",
                ["rg", "-a", "-o", "-b", "-F", "-f", patterns, plain], "≥ 1")
        for name, path in (("gzip", gzip), ("zstd", zstd)):
            ours = [CRYOSCOPE, "memparse", path, "--search", literal]
            against(f"literal, {name}", ours, "inflating alone", [INFLATE, path], "≥ 0.83")
    if group("Contents"):
        against("hexdump, all rows", [*own, "--hexdump", "--no-squeeze"], f"xxd, {PART >> 20} MiB, scaled", ["xxd", part], "≥ 5",
                os.path.getsize(plain) / PART)
        against("strings, UTF-16 too", [*own, "--strings"], "strings -a -n 4, ASCII", ["strings", "-a", "-n", "4", plain], "≥ 3")


def judgement():
    """`scan` against one search over the same archive."""
    big = build("big")
    if not group("Judgement"):
        return
    literal, regex = "password=correct-horse-0001", "session=[0-9a-f]{16}"
    for name, suffix in (("plain", ""), ("gzip", ".gz"), ("zstd", ".zst")):
        path = os.path.join(big, "big.tar" + suffix)
        search = [CRYOSCOPE, "memparse", path, "--search", literal]
        against(f"`scan`, {name}", [CRYOSCOPE, "scan", path], "one search for a literal", search, "≥ 0.67")
        search = [CRYOSCOPE, "memparse", path, "--search-regex", regex, "--count"]
        against(f"`scan`, {name}", [CRYOSCOPE, "scan", path], "one search for a regex", search, "≥ 0.5")
    small = os.path.join(ROOT, "fixtures/tree/tree.tar.zst")
    against("`scan`, 24 KiB archive", [CRYOSCOPE, "scan", small], "-", None, "≤ 30 ms")


class _Limited:
    """The beginning of a file."""

    def __init__(self, file, length):
        self.file, self.left = file, length

    def read(self, length):
        data = self.file.read(min(length, self.left))
        self.left -= len(data)
        return data


opening()
memory()
judgement()
