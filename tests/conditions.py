"""Conditions, and whether they hold of one thing: for the language, and for every store."""

from typing import Any

THING: dict[str, Any] = {
    "id": "a/1.png",
    "label": "dress",
    "price": 30,
    "weight": 2.5,
    "sold": True,
    "hidden": False,
    "colour": "red",
    "code": "007",
    "year": "1999",
    "day": "2026-02-03",
    "tags": ["new", "soft", 7],
    "size": {"w": 3},
    "nothing": None,
    "full name": "Ann Lee",
    "empty": "",
    'inch 19"': 3,
    "back\\slash": 4,
    "a][b": 5,
}

CONDITIONS: list[tuple[str, bool]] = [
    # Numbers, given as text
    ("price=30", True), ("price=30.0", True), ("price=3e1", True), ("price= 30 ", True),
    ("price=31", False), ("price=thirty", False), ("price!=31", True), ("price!=30", False),
    ("price!=thirty", True), ("price<31", True), ("price<30", False), ("price<=30", True),
    ("price>29.5", True), ("price>30", False), ("price>=30", True), ("price>=30.01", False),
    ("price>-1", True), ("price<inf", True), ("price<nan", False), ("price<cheap", False),
    ("price=-30", False), ("price!=-30", True), ("price in -1,30", True), ("price=-0", False),
    ("weight=2.5", True), ("weight=2.50", True), ("weight>2", True), ("weight<2.49", False),
    # Truths
    ("sold=true", True), ("sold=True", True), ("sold=TRUE", True), ("sold=false", False),
    ("sold=1", False), ("sold!=1", True), ("hidden=false", True), ("hidden=0", False),
    ("sold<2", False), ("sold>0", False), ("price=true", False),
    # Text, and dates, which are text
    ("colour=red", True), ("colour=Red", False), ("colour==red", True), ("colour!=blue", True),
    ("colour<sea", True), ("colour>r", True), ("code=007", True), ("code=7", False),
    ("year=1999", True), ("year<2000", True), ("year=1999.0", False),
    ("day<2026-11-05", True), ("day>=2026-02-03", True), ("day>2026-02-03", False),
    ("empty=", True), ("empty!=x", True), ("colour=", False), ("empty exists", True),
    # Lists: one of them is enough, and for != none may be equal
    ("tags=soft", True), ("tags=hard", False), ("tags!=soft", False), ("tags!=hard", True),
    ("tags=7", True), ("tags>6", True), ("tags in hard, soft", True), ("tags in 6,8", False),
    # in
    ("colour in red,blue", True), ("colour in blue, red", True), ("colour in blue", False),
    ("price in 29,30,31", True), ("price in 29.9, 30.0", True), ("sold in true", True),
    ("price in x,y", False), ("full name in Ann Lee, Bob", True), ("id in a/1.png", True),
    # What is not there fulfils nothing
    ("none=1", False), ("none!=1", False), ("none<1", False), ("none in 1", False),
    ("none exists", False), ("nothing exists", False), ("nothing!=1", False),
    ("nothing=None", False), ("price exists", True), ("size exists", True),
    ("size=3", False), ("size<3", False), ("size!=3", True),
    # Signs in keys
    ('inch 19"=3', True), ('inch 19"<4', True), ('inch 19"!=3', False), ('inch 19" in 3,4', True),
    ("back\\slash=4", True), ("back\\slash!=4", False), ("a][b=5", True), ("a][b>5", False),
    # Spaces, and signs in values
    ("  price  <=  30  ", True), ("full name=Ann Lee", True), ("full name exists", True),
    ("label=dress", True), ("id=a/1.png", True), ("colour=red=blue", False),
    ("colour!==red", True),
]  # fmt: skip
