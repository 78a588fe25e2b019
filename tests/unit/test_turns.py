"""Pictures that wait for a worker of the server have not been decoded for so long."""

import asyncio
import os
import time
from typing import Any

import pytest

pytest.importorskip("fastapi")

from vecsearch.errors import ImageError
from vecsearch.server import decoding


def test_the_time_that_others_take_is_not_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        decoder = decoding.Decoder()
        decoder.start()
        try:
            await asyncio.gather(*(decoder._do(time.sleep, 0.1) for _ in range(2)))  # to begin
            monkeypatch.setattr(decoding, "SECONDS", 2)
            await asyncio.gather(*(decoder._do(time.sleep, 0.4) for _ in range(16)))
            with pytest.raises(ImageError, match="too long"):
                await decoder._do(time.sleep, 30)
        finally:
            decoder.close()

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("work", "told"), [((time.sleep, 30), "too long"), ((os._exit, 1), "crash")]
)
def test_what_one_picture_does_is_not_told_of_others(
    work: tuple[Any, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> list[Any]:
        decoder = decoding.Decoder()
        decoder.start()
        try:
            await asyncio.gather(*(decoder._do(time.sleep, 0.1) for _ in range(2)))  # to begin
            monkeypatch.setattr(decoding, "SECONDS", 8)  # the next workers start in it
            others = (decoder._do(time.sleep, 0.3) for _ in range(12))
            return await asyncio.gather(decoder._do(*work), *others, return_exceptions=True)
        finally:
            decoder.close()

    bad, *others = asyncio.run(ask())
    assert isinstance(bad, ImageError)
    assert told in str(bad)
    assert others == [None] * 12
