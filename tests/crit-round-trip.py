#!/usr/bin/env python3
"""Compares `cryoscope decode --format crit-json` with CRIU's own crit, image by image.

    tests/crit-round-trip.py BINARY FOLDER [--pretty] [-v]

For every CRIU image of every archive below FOLDER (each content once):

    - is what we print what `crit decode` prints, byte by byte, or at least the same JSON?
    - does `crit encode` of ours give the bytes of the image? And of crit's own text?

Needs crit as a Python package (Debian: python3-pycriu, or criu before trixie), tar and zstd. Its version decides: set
PYTHONPATH to try another. With --pretty, the texts of `crit decode --pretty` are compared, which cannot be encoded.
"""

import argparse
import collections
import contextlib
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

try:
    from crit.__main__ import main as crit_main
except ImportError:
    from pycriu.cli import main as crit_main  # CRIU before 4.0


class Out(io.TextIOWrapper):
    """A standard stream in memory that bytes can be written to, too."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding='utf-8', write_through=True)

    def value(self):
        return self.buffer.getvalue()


def crit(*arguments):
    """Runs crit; returns what it printed, or raises what stopped it."""
    out, argv = Out(), sys.argv
    sys.argv = ['crit', *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(Out()):
            crit_main()
    except SystemExit as end:
        if end.code not in (None, 0):
            raise RuntimeError(f'exit {end.code}') from end
    finally:
        sys.argv = argv
    return out.value()


def images(folder, into):
    """Unpacks the archives below a folder; yields the images, each content once."""
    seen = set()
    for archive in sorted(p for p in folder.rglob('*') if p.is_file() and '.tar' in p.name):
        place = into / hashlib.sha256(str(archive).encode()).hexdigest()[:12]
        place.mkdir()
        data = archive.read_bytes()
        if data[:4] == b'\x28\xb5\x2f\xfd':
            # Bombs end somewhere.
            unpacked = subprocess.Popen(['zstd', '-dc', archive], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            data = unpacked.stdout.read(256 << 20)
            unpacked.kill()
            unpacked.wait()
        try:
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                for number, member in enumerate(tar):
                    name = os.path.basename(member.name)
                    if number > 5000 or not member.isfile() or not (name.endswith('.img') or name.startswith('stats-')):
                        continue
                    if member.size > 32 << 20 or '.tar' in name or name.startswith('pages-'):
                        continue
                    contents = tar.extractfile(member).read()
                    digest = hashlib.sha256(name.split('-')[0].encode() + contents).digest()
                    if digest in seen:
                        continue
                    seen.add(digest)
                    path = place / f'{number}' / name
                    path.parent.mkdir()
                    path.write_bytes(contents)
                    yield f'{archive.relative_to(folder)}:{member.name}', path
        except Exception:  # noqa: BLE001: damaged archives are read as far as Python can
            continue


def compare(binary, path, pretty):
    """What came of one image: its class, and what to say of it."""
    flags = ['--pretty'] if pretty else []
    try:
        theirs = crit('decode', '-i', path, *flags)
    except Exception as error:  # noqa: BLE001: crit fails in every way that Python can
        return 'crit cannot decode it', f'{type(error).__name__}: {error}'
    ran = subprocess.run([binary, 'decode', '--format', 'crit-json', path, *flags], capture_output=True, check=False)
    ours, why = ran.stdout, ''
    if ours == theirs:
        text = 'equal text'
    else:
        try:
            same = json.loads(ours) == json.loads(theirs)
        except ValueError as error:
            return 'OURS IS NO JSON', f'{error}: {ran.stderr[:200]}'
        text = 'equal JSON' if same else 'OTHER JSON'
        why = f'\n  ours   (exit {ran.returncode}) {shown(ours, theirs)}\n  theirs {shown(theirs, ours)}'
    if pretty:
        return text, why
    original = path.read_bytes()
    theirs, ours = encoded(theirs), encoded(ours)
    if ours == original:
        also = '' if theirs == original else ", which crit's own is not"
        return f'{text}, encoded to the same bytes{also}', why
    if theirs == original:
        return f'{text}, NOT ENCODED TO THE SAME BYTES', f'{why}\n  {ours[:200]}'
    return f"{text}, not encoded to the same bytes, and crit's own is not", f'{why}\n  {ours[:60]} {theirs[:60]}'


def shown(this, other):
    """A text from a little before where it differs from another."""
    same = next((i for i, (a, b) in enumerate(zip(this, other)) if a != b), min(len(this), len(other)))
    return this[max(0, same - 60):same + 200]


def encoded(decoded):
    """What `crit encode` makes of a text: bytes, or text that says what stopped it."""
    with tempfile.NamedTemporaryFile(suffix='.json') as source, tempfile.NamedTemporaryFile() as target:
        source.write(decoded)
        source.flush()
        try:
            crit('encode', '-i', source.name, '-o', target.name)
        except Exception as error:  # noqa: BLE001
            return f'{type(error).__name__}: {error}'
        return pathlib.Path(target.name).read_bytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('binary', type=pathlib.Path)
    parser.add_argument('folder', type=pathlib.Path)
    parser.add_argument('--pretty', action='store_true')
    parser.add_argument('-v', '--verbose', action='store_true')
    arguments = parser.parse_args()
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as into:
        for name, path in images(arguments.folder, pathlib.Path(into)):
            result, why = compare(arguments.binary.resolve(), path, arguments.pretty)
            counts[result] += 1
            if why and (arguments.verbose or any(word.isupper() for word in result.split() if word != 'JSON')):
                print(f'{name}: {result}: {why}')
            path.unlink()
    for result, count in counts.most_common():
        print(f'{count:7} {result}')
    print(f'{sum(counts.values()):7} images')
    return int(any('NOT' in result or 'OTHER' in result or 'OURS' in result for result in counts))


if __name__ == '__main__':
    sys.exit(main())
