"""Whatever happens to the log's files, no acknowledged record is lost in silence and nothing false is told."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.log.damage import make_specimen

_FLIPS = 250
_FLIPS_SOAK = 2_500


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, where a sync costs nothing: thousands of logs are opened there."""
    place = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=place if place.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


async def _flip_bits(folder: Path, *, closed: bool, name: str, flips: int) -> Counter[str]:
    specimen = await make_specimen(folder, closed=closed)
    choice = random.Random(f"{closed} {name}")
    seen: Counter[str] = Counter()
    for _ in range(flips):
        specimen.put_back()
        flipped = specimen.flip(choice, name)
        try:
            outcome = await specimen.judge()
        except Exception as error:
            raise AssertionError(f"{flipped}: {error}") from error
        seen["refused" if outcome.refused else "told" if outcome.new_epoch or outcome.damaged else "harmless"] += 1
    return seen


#: In order or as a kill leaves it, and the file that is damaged: together they hold every record.
_CASES = [(True, "log"), (False, "log"), (False, "log-wal"), (True, "log.mark")]


class TestFlippedBits:
    @pytest.mark.parametrize(("closed", "name"), _CASES)
    async def test_a_flipped_bit_loses_and_forges_nothing_in_silence(
        self, memory: Path, closed: bool, name: str
    ) -> None:
        """One bit anywhere in a file, 1,000 times in all: each record comes as it was, or its loss is told."""
        seen = await _flip_bits(memory, closed=closed, name=name, flips=_FLIPS)
        assert _FLIPS == sum(seen.values())
        # The mark has room for two, and mostly holds nothing; the log itself was not touched.
        assert (name == "log.mark") == (not seen["told"])

    @pytest.mark.soak
    @pytest.mark.parametrize(("closed", "name"), _CASES)
    async def test_ten_thousand_flipped_bits(self, memory: Path, closed: bool, name: str) -> None:
        """The same, 10,000 times in all."""
        assert _FLIPS_SOAK == sum((await _flip_bits(memory, closed=closed, name=name, flips=_FLIPS_SOAK)).values())
