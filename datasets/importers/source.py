"""Walk the files of a folder or an archive, as users download them. Nothing is unpacked to disk."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from simulator.errors import UserError

# Called with the fraction of the source done (0 to 1) and the path of the file read.
Progress = Callable[[float, str], None]
Walk = Iterator[tuple[re.Match[str], bytes]]

# No published recording is near this; an archive that unpacks to more is damaged or hostile.
MAX_FILE_BYTES = 1 << 30

BROKEN = (EOFError, OSError, lzma.LZMAError, zlib.error, tarfile.TarError, zipfile.BadZipFile, RuntimeError)


def is_archive(path: Path) -> bool:
    """Whether `path` is a tar, compressed or not, or a zip, by its name."""
    return re.search(r"\.(tar|tar\.(xz|gz|bz2)|tgz|txz|tbz2?|zip)$", path.name, re.I) is not None


def walk(source: Path, wanted: re.Pattern[str], progress: Progress | None = None) -> Walk:
    """Yield the match and the bytes of every file of `source` whose path `wanted` is found in.

    `source` is a folder, an archive (`is_archive`) or one file. The path has `/` between folders and begins
    with the name of the folder itself, so that a user may name any level of a data set. Folders come in the
    order of their names, archives in their own. Raises `UserError` where the source is missing, truncated or
    unreadable.
    """
    report = progress or (lambda fraction, path: None)
    try:
        if source.is_dir():
            yield from _folder(source, wanted, report)
        elif not source.exists():
            raise UserError(f"{source}: no such file or folder; check the path")
        elif not is_archive(source):
            path = "/".join(source.resolve().parts[-4:])
            report(0.0, path)
            if match := wanted.search(path):
                yield match, source.read_bytes()
        elif source.suffix.lower() == ".zip":
            yield from _zip(source, wanted, report)
        else:
            yield from _tar(source, wanted, report)
    except PermissionError as error:
        raise UserError(f"{source}: may not be read; check the permissions of {error.filename}") from error


def _folder(source: Path, wanted: re.Pattern[str], report: Progress) -> Walk:
    top = source.resolve().parent
    paths = sorted(path for path in source.resolve().rglob("*") if path.is_file())
    for number, path in enumerate(paths):
        name = path.relative_to(top).as_posix()
        report(number / len(paths), name)
        if match := wanted.search(name):
            yield match, path.read_bytes()


def _zip(source: Path, wanted: re.Pattern[str], report: Progress) -> Walk:
    try:
        with zipfile.ZipFile(source) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except BROKEN as error:
        raise _damaged(source, error) from error
    with zipfile.ZipFile(source) as archive:
        for number, member in enumerate(members):
            report(number / len(members), member.filename)
            if match := wanted.search(member.filename):
                try:
                    _check_size(source, member.filename, member.file_size)
                    data = archive.read(member)
                except BROKEN as error:
                    raise _damaged(source, error) from error
                yield match, data


def _tar(source: Path, wanted: re.Pattern[str], report: Progress) -> Walk:
    size = max(source.stat().st_size, 1)
    with source.open("rb") as packed:
        yield from _guarded(source, _members(source, packed, size, wanted, report))


def _members(source: Path, packed: IO[bytes], size: int, wanted: re.Pattern[str], report: Progress) -> Walk:
    # tarfile takes the end of a truncated compressed stream for the end of the archive and says nothing; the
    # decompressors themselves do complain.
    with _unpacked(packed) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            report(min(packed.tell() / size, 1.0), member.name)
            if member.isfile() and (match := wanted.search(member.name)):
                _check_size(source, member.name, member.size)
                content = archive.extractfile(member)
                if content is not None:
                    yield match, content.read()


def _guarded(source: Path, files: Walk) -> Walk:
    """The same files, a damaged archive turned into a `UserError`; errors of the caller pass by untouched."""
    while True:
        try:
            match_and_data = next(files)
        except StopIteration:
            return
        except BROKEN as error:
            raise _damaged(source, error) from error
        yield match_and_data


def _unpacked(packed: IO[bytes]) -> IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    magic = packed.read(6)
    packed.seek(0)
    if magic.startswith(b"\xfd7zXZ\0"):
        return lzma.open(packed)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.open(packed)
    if magic.startswith(b"BZh"):
        return bz2.open(packed)
    packed.seek(-min(1024, packed.seek(0, 2)), 2)
    if packed.read().strip(b"\0"):
        raise tarfile.ReadError("a tar ends with 1024 zero bytes, this one does not")
    packed.seek(0)
    return packed


def _check_size(source: Path, name: str, size: int) -> None:
    if size > MAX_FILE_BYTES:
        raise UserError(f"{source}: {name} unpacks to {size >> 20} MiB, more than any recording; leave it out")


def _damaged(source: Path, error: Exception) -> UserError:
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return UserError(f"{source}: truncated or damaged archive ({reason}); download it again")
