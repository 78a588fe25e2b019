"""A page of uploads with what is recommended for each.

    python benchmarks/uploads.py OUT.png [--encoder pca | --model MODEL] [--uploads 20]

The catalogue is clothing10's train and validation pictures, the uploads are drawn from its test
pictures; the data lies where VECSEARCH_DATA says. Hits of the upload's class are framed green,
others red. Prints the share of the first.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from vecsearch import Collection, open_encoder, recommend
from vecsearch_cli.sheet import contact_sheet

K = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--encoder", default="pca")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--uploads", type=int, default=20)
    arguments = parser.parse_args()
    data = Path(os.environ.get("VECSEARCH_DATA", "../shared/data")) / "clothing10"
    uploads = sorted((data / "test").glob("*/*.jpg"))
    drawn = np.random.default_rng(0).permutation(len(uploads))[: arguments.uploads]
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for part in ("train", "validation"):
            for path in (data / part).glob("*/*.jpg"):
                (root / "catalogue" / path.parent.name).mkdir(parents=True, exist_ok=True)
                (root / "catalogue" / path.parent.name / f"{part}-{path.name}").symlink_to(
                    path.resolve()
                )
        encoder = open_encoder(arguments.model) if arguments.model else arguments.encoder
        shop = Collection.build(root / "catalogue", root / "shop", encoder=encoder, metric="cosine")
        pages, same = [], []
        for at in sorted(drawn.tolist()):
            hits = recommend(shop, [uploads[at]], k=K)
            same += [hit.item.label == uploads[at].parent.name for hit in hits]
            sheet = root / f"{at}.png"
            contact_sheet([(uploads[at], hits)], sheet, uploads[at].parent.name, "recommended")
            pages.append(Image.open(sheet))
        page = Image.new("RGB", (pages[0].width, sum(one.height for one in pages)), "white")
        top = 0
        for one in pages:
            page.paste(one, (0, top))
            top += one.height
        page.save(arguments.out)
    print(
        f"{len(drawn)} uploads, {K} recommendations each of {len(shop)} items: "
        f"{np.mean(same):.3f} are of the upload's class"
    )


if __name__ == "__main__":
    main()
