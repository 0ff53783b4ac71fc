"""Result files flipped, cut, emptied and exchanged: found and made again, or harmless; never silently other arrays."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import h5py
from faults.sound import Reference, results
from faults.tally import Tally

PAGE = 4096
HANGS_S = 10


def bit(data: bytearray, path: Path, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def byte(data: bytearray, path: Path, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= rng.randrange(1, 256)


def two_bytes(data: bytearray, path: Path, rng: random.Random) -> None:
    place = rng.randrange(len(data) - 1)
    data[place] ^= 0xFF
    data[place + 1] ^= 0xFF


def two_words(data: bytearray, path: Path, rng: random.Random) -> None:
    """Two 16 bit words exchanged, at any distance: a sum does not see it."""
    a, b = (2 * rng.randrange(len(data) // 2) for _ in range(2))
    data[a : a + 2], data[b : b + 2] = data[b : b + 2], data[a : a + 2]


def zero_page(data: bytearray, path: Path, rng: random.Random) -> None:
    place = PAGE * rng.randrange(-(-len(data) // PAGE))
    data[place : place + PAGE] = bytes(len(data[place : place + PAGE]))


def zero_chunk(data: bytearray, path: Path, rng: random.Random) -> None:
    """The whole of a dataset's chunk, its checksum too; without chunks, its bytes."""
    place, size = rng.choice(ranges(path))
    data[place : place + size] = bytes(size)


def ones_chunk(data: bytearray, path: Path, rng: random.Random) -> None:
    place, size = rng.choice(ranges(path))
    data[place : place + size] = b"\xff" * size


def zero_end(data: bytearray, path: Path, rng: random.Random) -> None:
    """All from somewhere on, as a file looks whose last blocks never reached the disk."""
    place = rng.randrange(len(data))
    data[place:] = bytes(len(data) - place)


def swap_pages(data: bytearray, path: Path, rng: random.Random) -> None:
    pages = len(data) // PAGE
    if pages > 1:
        a, b = (PAGE * page for page in rng.sample(range(pages), 2))
        data[a : a + PAGE], data[b : b + PAGE] = data[b : b + PAGE], data[a : a + PAGE]


def swap_chunks(data: bytearray, path: Path, rng: random.Random) -> None:
    """Two chunks of one size exchanged, each with its sound checksum."""
    pairs = [(a, b) for a in ranges(path) for b in ranges(path) if a < b and a[1] == b[1]]
    if pairs:
        (a, size), (b, _) = rng.choice(pairs)
        data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]


def cut(data: bytearray, path: Path, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def longer(data: bytearray, path: Path, rng: random.Random) -> None:
    data += rng.randbytes(rng.randrange(1, 2 * PAGE))


BYTES: dict[str, Callable[[bytearray, Path, random.Random], None]] = {
    function.__name__.replace("_", " "): function
    for function in (
        bit, byte, two_bytes, two_words, zero_page, zero_chunk, ones_chunk, zero_end, swap_pages, swap_chunks, cut, longer,
    )
}  # fmt: skip


@cache
def ranges(path: Path) -> list[tuple[int, int]]:
    """(place, size) of every chunk of a sound file, or of a dataset that has none."""
    found: list[tuple[int, int]] = []

    def look(_: str, item: object) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        if item.chunks:
            infos = [item.id.get_chunk_info(chunk) for chunk in range(item.id.get_num_chunks())]
            found.extend((info.byte_offset, info.size) for info in infos)
        elif item.id.get_offset() is not None:
            found.append((item.id.get_offset(), max(item.id.get_storage_size(), 1)))

    with h5py.File(path, "r", locking=False) as file:
        file.visititems(look)
    return found


def read_all(path: Path) -> dict[str, dict]:
    """Every array as recortex reads it, the names of its axes, and every attribute."""
    from recortex.store import Result

    result = Result(path)
    read = {name: (result[name].dtype.str, result[name].shape, result[name].tobytes()) for name in result}
    return {"arrays": read, "dims": {name: result.dims(name) for name in result}, "attributes": result.attributes}


def sound_file(path: Path) -> dict[str, dict]:
    """What `verdict` holds another reading against."""
    return read_all(path) | {"rows": read_rows(path)}


def read_rows(path: Path) -> dict[str, bytes]:
    """The second half of every array, as a stage reads that takes some rows at a time."""
    from recortex.store import Result

    result = Result(path)
    halves = {name: slice(result.shape(name)[0] // 2, None) for name in result if result.shape(name)}
    return {name: result.read(name, rows).tobytes() for name, rows in halves.items()}


def verdict(path: Path, sound: dict[str, dict]) -> str:
    """What reading a file comes to."""
    from recortex.errors import DamagedFile

    try:
        try:
            if read_rows(path) != sound["rows"]:
                return "WRONG rows"
        except DamagedFile:
            read_all(path)
            return "harmless as a whole, found in rows"
        found = read_all(path)
    except DamagedFile:
        return "found"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:100]}"
    return next((f"WRONG {what}" for what in found if found[what] != sound[what]), "harmless")


def reader(path: Path, original: Path, kind: str, seed: str, first: int, last: int, told: Path) -> None:
    """Damage and read a copy, again and again; write down what happened as it happens."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # HDF5 may follow damaged links for ever, where no Python handler runs
    bytes_, sound = original.read_bytes(), sound_file(original)
    with open(told, "a", buffering=1) as lines:
        for number in range(first, last):
            data = bytearray(bytes_)
            BYTES[kind](data, original, random.Random(f"{seed}/{number}"))
            if data == bytes_:
                lines.write("nothing changed\n")
                continue
            path.write_bytes(data)
            signal.alarm(HANGS_S)
            said = verdict(path, sound)
            signal.alarm(0)
            lines.write(f"{said}\n")


def flips(tally: Tally, reference: Reference, count: int, folder: Path) -> None:
    """Every result file of a run, damaged `count` times in every way."""
    for kind in BYTES:
        row = f"{kind}, read"
        for original in results(reference.place.cache):
            trial = f"{row}/{reference.pipeline.name}/{original.parent.name}/{original.stem[:6]}"
            if tally.wanted(trial):
                said = read_damaged(original, kind, f"{tally.seed} {trial}", count, folder)
                numbers: dict[str, list[int]] = {}
                for number, words in enumerate(said):
                    tally.note(row, words.split(":")[0])
                    numbers.setdefault(words, []).append(number)
                wrong = {words: at for words, at in numbers.items() if words not in ("found", "harmless", "nothing changed")}
                problems = [f"{words}, {len(at)} times, as number {at[0]}" for words, at in wrong.items()]
                tally.add(row, trial, problems, len(said), sum(map(len, wrong.values())))


def read_damaged(original: Path, kind: str, seed: str, count: int, folder: Path) -> list[str]:
    """What reading came to, each time; in a child, which may crash or hang, and is then followed by another."""
    path, told = folder / original.name, folder / "told"
    told.unlink(missing_ok=True)
    said: list[str] = []
    while len(said) < count:
        child = multiprocessing.get_context("fork").Process(
            target=reader, args=(path, original, kind, seed, len(said), count, told)
        )
        child.start()
        child.join()
        said = told.read_text().splitlines() if told.exists() else []
        if child.exitcode != 0:
            with open(told, "a") as lines:
                lines.write(f"the reader ended with {child.exitcode}\n")
            said = told.read_text().splitlines()
    path.unlink(missing_ok=True)
    return said
