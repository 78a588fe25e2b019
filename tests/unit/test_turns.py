"""Pictures that wait for a worker of the server have not been decoded for so long."""

import asyncio
import time

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
