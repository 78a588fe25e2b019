"""Conditions in the language of Milvus, and what is stored so that it can decide them.

Milvus compares values in JSON by rules of its own, which differ between its versions: whether true
equals 1, 7 equals 7.0, null exists, and what a list is in comparison with a number. So beside its
metadata, an item has ``terms``: the same values, sorted by kind, each of which is compared with
its like alone. A key ``n:price`` holds the number that ``price`` is, ``t:price`` the text, and
``b:price`` the truth; of a list, ``N:``, ``T:`` and ``B:`` hold all values of a kind, and
``n<:``, ``n>:``, ``t<:`` and ``t>:`` the least and the largest. ``keys`` lists all that is there,
and ``nulls`` what is null.

A server takes the key of an expression as it is written, up to a quote or a bracket, while a value
has escapes. So what it would stumble on is written otherwise in keys.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from vecsearch.errors import InvalidArgument
from vecsearch.types import JSON
from vecsearch.where import Condition

OWN = ("id", "label", "path")
# No item has an empty id.
NOTHING = 'id == ""'
IN_A_ROW = 16
LARGEST = 1.7976931348623157e308
AWKWARD = re.compile(r'["\\\[\]\x00-\x1f\x7f␛]')


def terms_of(metadata: Mapping[str, JSON]) -> dict[str, JSON]:
    """What conditions on metadata are decided by."""
    there = {str(key): value for key, value in metadata.items() if value is not None}
    terms: dict[str, JSON] = {"keys": list(there)}
    if len(there) < len(metadata):
        terms["nulls"] = [str(key) for key, value in metadata.items() if value is None]
    for name, value in there.items():
        key = _plain(name)
        if isinstance(value, list):
            for kind, values in _by_kind(value).items():
                terms[f"{kind.upper()}:{key}"] = values
                if kind != "b":
                    terms[f"{kind}<:{key}"] = min(values)
                    terms[f"{kind}>:{key}"] = max(values)
        else:
            for kind, values in _by_kind([value]).items():
                terms[f"{kind}:{key}"] = values[0]
    return terms


def compiled(conditions: Iterable[Condition]) -> str:
    """An expression that holds where all conditions do; empty for none.

    Raises:
        InvalidArgument: Milvus cannot decide one of them.

    Example:
        >>> compiled([Condition("label", "=", "hat"), Condition("price", "<", 50)])
        '(label == "hat") and (terms["n:price"] < 50.0 or terms["n<:price"] < 50.0)'
    """
    return " and ".join(f"({_compiled(one)})" for one in conditions)


def keys_of(conditions: Iterable[Condition]) -> list[str]:
    """The keys of the metadata that conditions are on."""
    return sorted({one.key for one in conditions if one.key not in OWN})


def knows_key(key: str) -> str:
    """An expression that holds where an item has a key, be it null."""
    return f'{_has_key(key)} or json_contains(terms["nulls"], {_text(key)})'


def one_of(ids: Iterable[str]) -> str:
    """An expression that holds of some items; Milvus' own client leaves quotes as they are."""
    return f"id in [{', '.join(map(_text, ids))}]"


def behind(name: str) -> str:
    """An expression that holds of the items whose ids come after another."""
    return f"id > {_text(name)}"


def _has_key(key: str) -> str:
    return f'json_contains(terms["keys"], {_text(key)})'


def _compiled(one: Condition) -> str:
    if one.key in OWN:
        return _on_own(one)
    if one.value is None and one.operator in ("=", "!="):
        return f"not {_has_key(one.key)}" if one.operator == "=" else _has_key(one.key)
    if one.operator == "exists":
        return _has_key(one.key)
    if one.operator == "=":
        return _any(_equal(one.key, one.value))
    if one.operator == "in":
        return _any(part for value in one.value for part in _equal(one.key, value))
    if one.operator == "!=":
        return " and ".join([_has_key(one.key), *_unequal(one.key, one.value)])
    return _any(_ordered(one.key, one.operator, one.value))


def _on_own(one: Condition) -> str:
    """On a column of its own, where what is missing is an empty text."""
    if one.value is None and one.operator in ("=", "!="):
        return f'{one.key} {"==" if one.operator == "=" else "!="} ""'
    there = f'{one.key} != ""'
    if one.operator == "exists":
        return there
    if one.operator == "in":
        names = [_text(value) for value in one.value if isinstance(value, str) and value]
        return f"{one.key} in [{', '.join(names)}]" if names else NOTHING
    if not isinstance(one.value, str):
        return there if one.operator == "!=" else NOTHING
    if one.operator == "=":
        return f"{one.key} == {_text(one.value)}" if one.value else NOTHING
    return f"{there} and {one.key} {one.operator} {_text(one.value)}"


def _equal(key: str, value: Any) -> Iterable[str]:
    for kind, literal in _as_literals(value):
        yield f"{_term(kind, key)} == {literal}"
        yield f"json_contains({_term(kind.upper(), key)}, {literal})"


def _unequal(key: str, value: Any) -> Iterable[str]:
    # Not as the opposite of being equal: what is missing is neither in some versions.
    for kind, literal in _as_literals(value):
        alone, many = _term(kind, key), _term(kind.upper(), key)
        yield f"(not (exists {alone}) or {alone} != {literal})"
        yield f"(not (exists {many}) or not json_contains({many}, {literal}))"


def _ordered(key: str, operator: str, value: Any) -> Iterable[str]:
    least = "<" in operator
    for kind, literal in _as_literals(value, endless=True):
        if kind != "b":
            yield f"{_term(kind, key)} {operator} {literal}"
            yield f"{_term(f'{kind}<' if least else f'{kind}>', key)} {operator} {literal}"


def _as_literals(value: Any, endless: bool = False) -> Iterable[tuple[str, str]]:
    """What a value may be meant as, by kind: text may be a number or a truth, too."""
    if isinstance(value, bool):
        yield "b", str(value).lower()
    elif isinstance(value, int | float):
        yield from _number(value, endless)
    elif isinstance(value, str):
        yield "t", _text(value)
        if value.strip().lower() in ("true", "false"):
            yield "b", value.strip().lower()
        with suppress(ValueError):
            yield from _number(float(value), endless)
    else:
        raise InvalidArgument(
            f"Milvus compares numbers, texts and truths, not {value!r}: ask for one value of it."
        )


def _number(value: float, endless: bool) -> Iterable[tuple[str, str]]:
    number = repr(_as_float(value))
    if isinstance(value, int) or math.isfinite(value) or (endless and not math.isnan(value)):
        # Milvus Lite takes no sign as an argument of a function.
        yield "n", f"({number})" if number.startswith("-") else number


def _as_float(value: float) -> float:
    """A number as Milvus is given it; one beyond all floats is the largest of them."""
    try:
        return min(max(float(value), -LARGEST), LARGEST)
    except OverflowError:
        return LARGEST if value > 0 else -LARGEST


def _by_kind(values: Iterable[JSON]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for value in values:
        if isinstance(value, bool):
            found.setdefault("b", []).append(value)
        elif isinstance(value, int | float):
            found.setdefault("n", []).append(_as_float(value))
        elif isinstance(value, str):
            found.setdefault("t", []).append(value)
    return found


def _any(parts: Iterable[str]) -> str:
    """One of several, in brackets as a tree, of which servers read a hundred steps at most."""
    every = list(parts)
    if len(every) <= IN_A_ROW:
        return " or ".join(every) or NOTHING
    half = len(every) // 2
    return f"({_any(every[:half])}) or ({_any(every[half:])})"


def _term(kind: str, key: str) -> str:
    return f"terms[{_text(f'{kind}:{_plain(key)}')}]"


def _plain(key: str) -> str:
    """A key without what a server stumbles on.

    Example:
        >>> _plain('size 19"')
        'size 19␛22;'
    """
    return AWKWARD.sub(lambda found: f"␛{ord(found[0]):x};", key)


def _text(value: str) -> str:
    # Characters as they are: its escapes are others than those of JSON.
    return json.dumps(value, ensure_ascii=False)
