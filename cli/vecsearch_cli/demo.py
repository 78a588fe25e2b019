"""``vecsearch demo``."""

from pathlib import Path

import click

import vecsearch
from vecsearch_cli.compare import show_comparison
from vecsearch_cli.render import show
from vecsearch_cli.sheet import contact_sheet
from vecsearch_cli.verb import Screen, Verb

NEXT = """
Now your own pictures:
  vecsearch build PHOTOS -o indexes/photos            a folder, at any depth
  vecsearch query indexes/photos IMAGE --sheet nearest.png
  vecsearch compare PHOTOS                            if sub-folders are the classes
"""


EPILOG = """\b
Examples:
  vecsearch demo
  vecsearch demo -o /tmp/demo --format table
"""


@click.command(cls=Verb, epilog=EPILOG)
@click.option(
    "--out",
    "-o",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="indexes",
    show_default=True,
    help="Where the images and the six collections go.",
)
@click.pass_obj
def command(screen: Screen, folder: Path) -> None:
    """Index 2,000 product images six ways, ask for one, and evaluate with 1,000 others.

    The images are a sample of Fashion-MNIST and come with this package.
    """
    with screen.progress() as progress:
        demo = vecsearch.run_demo(folder, progress)
    best = demo.indexes[demo.best]
    sheet = folder / "demo-nearest.png"
    contact_sheet([(demo.query, demo.hits)], sheet, label=demo.query.parent.name)
    table = demo.comparison[demo.best].evaluation.knn
    if screen.format == "table" and table is not None:
        rows = [{"class": name, **vars(row)} for name, row in table.per_class.items()]
        show("table", [], rows, [(f"{best.name}, 5 nearest neighbours, by class", rows)])
    show_comparison(screen, demo.comparison)
    screen.note(f"The nearest products of {demo.query}: open {sheet}")
    screen.note(f"The collections: {', '.join(str(path) for path in demo.indexes)}")
    screen.note(NEXT)
