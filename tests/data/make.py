"""Make the images in photos/: a folder with one of each kind that is read.

python tests/data/make.py
"""

from pathlib import Path

import numpy as np
from PIL import Image

PHOTOS = Path(__file__).parent / "photos"


def gradient(width: int, height: int, phase: float) -> Image.Image:
    """A smooth picture that differs by ``phase``."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    waves = [np.sin(x / 5 + phase), np.cos(y / 4 - phase), np.sin((x + y) / 7 + 2 * phase)]
    return Image.fromarray((127.5 + 127.5 * np.stack(waves, axis=-1)).astype(np.uint8))


def main() -> None:
    """Write them all."""
    alpha = gradient(24, 16, 0.1).convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize((24, 16)))
    ramp = np.linspace(0, 65535, 24 * 16).astype(np.uint16).reshape(16, 24)
    pictures = {
        "cat/alpha.png": alpha,
        "cat/grey16.png": Image.fromarray(ramp),
        "cat/plain.jpg": gradient(48, 32, 0.3),
        "cat/Ünïcode & co.webp": gradient(40, 30, 0.4),
        "cat/deep/er/plain.png": gradient(32, 32, 0.5),
        "dog/bitmap.bmp": gradient(20, 20, 1.1),
        "dog/cmyk.jpg": gradient(30, 20, 1.2).convert("CMYK"),
        "dog/palette.gif": gradient(25, 25, 1.3).convert("P", palette=Image.Palette.ADAPTIVE),
        "dog/tagged.tif": gradient(22, 18, 1.4),
        "stray.png": gradient(16, 16, 2.0),
    }
    for name, picture in pictures.items():
        path = PHOTOS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)


if __name__ == "__main__":
    main()
