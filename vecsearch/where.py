"""A small language to say which items are meant: ``price<50``, ``colour in red,blue``."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from vecsearch.errors import InvalidArgument
from vecsearch.types import JSON

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "exists"]

# A key, then the first operator that fits; two characters before one.
_SYMBOL = re.compile(r"([^=!<>]+?)\s*(!=|<=|>=|==|=|<|>)\s*(.*)", re.DOTALL)
_IN = re.compile(r"([^=!<>]+?)\s+in\s+(.+)", re.DOTALL)
_EXISTS = re.compile(r"([^=!<>]+?)\s+exists")
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


@dataclass(frozen=True)
class Condition:
    """One thing that must hold of an item.

    An item that has not got the key fulfils no condition on it, ``!=`` included. A value given as
    text is compared with a number as a number, with true and false as such, and with text as
    text; texts are in the order of their characters, so that dates as 2026-11-05 compare rightly.
    Things of different kinds are neither equal nor in any order. Of a list, one value that
    fulfils the condition is enough; for ``!=``, none may be equal. From Python, ``= None`` holds
    of items without the key.

    Attributes:
        key: ``id``, ``label``, ``path`` or a key of the metadata.
        operator: How it is compared.
        value: With what; a sequence for ``in``, unused for ``exists``.

    Raises:
        InvalidArgument: There is no such operator, or no value fits it.
    """

    key: str
    operator: Operator
    value: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not self.key:
            raise InvalidArgument(f"A condition is on a key, not on {self.key!r}.")
        if self.operator not in get_args(Operator):
            raise InvalidArgument(
                f"{self.operator!r} compares nothing; there are: {', '.join(get_args(Operator))}."
            )
        if self.operator == "in" and (
            isinstance(self.value, str) or not isinstance(self.value, Sequence)
        ):
            raise InvalidArgument(f"in takes a list of values, not {self.value!r}.")
        ordered = isinstance(self.value, str | int | float) and not isinstance(self.value, bool)
        if self.operator in _ORDERS and not ordered:
            raise InvalidArgument(f"{self.operator} takes a number or text, not {self.value!r}.")

    def holds(self, item: Mapping[str, JSON]) -> bool:
        """Whether it holds of an item, given as a mapping."""
        found = item.get(self.key)
        if self.value is None and self.operator in ("=", "!="):
            return (found is None) == (self.operator == "=")
        if found is None:
            return False
        if self.operator == "exists":
            return True
        # A list as a whole, too, for who asks for the very list.
        values = [*found, found] if isinstance(found, list) else [found]
        if self.operator in ("=", "!="):
            equal = any(_equal(value, self.value) for value in values)
            return equal == (self.operator == "=")
        if self.operator == "in":
            return any(_equal(value, wanted) for value in values for wanted in self.value)
        return any(self._in_order(value) for value in values)

    def _in_order(self, found: JSON) -> bool:
        wanted = _as_kind_of(found, self.value)
        alike = isinstance(found, str) == isinstance(wanted, str)
        if wanted is None or not alike or isinstance(found, bool | dict | list | None):
            return False
        return _ORDERS[self.operator](found, wanted)


Where: TypeAlias = "Mapping[str, JSON] | str | Condition | Iterable[str | Condition] | None"


def parse_condition(text: str) -> Condition:
    """Read one condition.

    Args:
        text: ``KEY=VALUE``, ``KEY!=VALUE``, ``KEY<VALUE`` and ``<=``, ``>``, ``>=``, ``KEY in
            VALUE,VALUE``, or ``KEY exists``.

    Raises:
        InvalidArgument: It is none of these.

    Example:
        >>> parse_condition("price<=50")
        Condition(key='price', operator='<=', value='50')
        >>> parse_condition("colour in red, blue").value
        ('red', 'blue')
    """
    stripped = text.strip()
    if match := _IN.fullmatch(stripped):
        return Condition(match[1], "in", tuple(part.strip() for part in match[2].split(",")))
    if match := _EXISTS.fullmatch(stripped):
        return Condition(match[1], "exists")
    match = _SYMBOL.fullmatch(stripped)
    if match and not (match[2] == "=" and match[3].startswith(("<", ">"))):  # as in price=<5
        operator: Any = match[2].replace("==", "=")
        return Condition(match[1].strip(), operator, match[3])
    raise InvalidArgument(
        f"{text!r} is no condition: write KEY=VALUE, or !=, <, <=, >, >= for =, or "
        "'KEY in VALUE,VALUE', or 'KEY exists'."
    )


def as_conditions(where: Where) -> tuple[Condition, ...]:
    """Conditions, in whatever form they come; all of them must hold.

    Args:
        where: A mapping of keys to the values they must have, a condition or its text, or several.

    Raises:
        InvalidArgument: One of them cannot be read.
    """
    if where is None:
        return ()
    if isinstance(where, Mapping):
        return tuple(Condition(key, "=", value) for key, value in where.items())
    if isinstance(where, str | Condition):
        where = [where]
    if not isinstance(where, Iterable):
        raise InvalidArgument(f"{where!r} is no condition: write {{'KEY': VALUE}} or 'KEY<VALUE'.")
    return tuple(
        one if isinstance(one, Condition) else parse_condition(_text(one)) for one in where
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(f"{value!r} is no condition: it is text, as 'price<50'.")
    return value


def _equal(value: JSON, wanted: Any) -> bool:
    same = _as_kind_of(value, wanted)
    return same is not None and value == same and isinstance(value, bool) == isinstance(same, bool)


def _as_kind_of(value: JSON, wanted: Any) -> Any:
    """What was given, as a number or a truth if it is text and shall be compared with one."""
    if not isinstance(wanted, str) or isinstance(value, str):
        return wanted
    if isinstance(value, bool):
        return {"true": True, "false": False}.get(wanted.strip().lower())
    if isinstance(value, int | float):
        try:
            return int(wanted)
        except ValueError:
            pass
        try:
            return float(wanted)
        except ValueError:
            return None
    return wanted
