"""List parameters of statements: bound as one JSON text, so that a list of any length is one statement."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Select, Text, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeEngine


class ListParameter(Text):
    """The type of a parameter that takes a list of strings."""

    cache_ok = True

    def encoded(self, texts: Iterable[str]) -> str:
        """Encode the list as JSON; strings that can't be stored are left out, since they match nothing."""
        assert not isinstance(texts, str), "a list is wanted, not a text"
        return _json([*texts], lambda listed: [*filter(is_storable, listed)])


class PairsParameter(Text):
    """The type of a parameter that maps strings to lists of strings."""

    cache_ok = True

    def encoded(self, pairs: Mapping[str, Iterable[str]]) -> str:
        """Encode the mapping as JSON; strings that can't be stored are left out, since they match nothing."""
        return _json({key: [*texts] for key, texts in pairs.items()}, _storable_pairs)


_Encoded = TypeVar("_Encoded")


def _json(document: _Encoded, storable: Callable[[_Encoded], _Encoded]) -> str:
    """Encode a document as JSON, and what `storable` leaves of it where it holds strings that can't be stored."""
    try:
        encoded = msgspec.json.encode(document).decode()
    except UnicodeEncodeError:
        encoded = _NUL
    return msgspec.json.encode(storable(document)).decode() if _NUL in encoded else encoded


_NUL = "\\u0000"


def _storable_pairs(pairs: dict[str, list[str]]) -> dict[str, list[str]]:
    return {key: [*filter(is_storable, texts)] for key, texts in pairs.items() if is_storable(key)}


class _Texts(GenericFunction[Any]):
    name = "json_each"
    identifier = "onebucket_texts"
    inherit_cache = True


class _Pairs(GenericFunction[Any]):
    name = "json_each"
    identifier = "onebucket_pairs"
    inherit_cache = True


# PostgreSQL's planner expects 100 rows of a JSON function and 10,000 of a nested one, and would rather read a whole
# account than look those up. Of an array it expects 10.
@compiles(_Texts, "postgresql")
def _texts(element: _Texts, compiler: SQLCompiler, **options: Any) -> str:
    parameter = compiler.process(element.clauses, **options)
    return f"(SELECT unnest(ARRAY(SELECT json_array_elements_text(CAST({parameter} AS JSON)))) AS value)"


@compiles(_Pairs, "postgresql")
def _pairs(element: _Pairs, compiler: SQLCompiler, **options: Any) -> str:
    parameter = compiler.process(element.clauses, **options)
    within = f"json_each(CAST({parameter} AS JSON)) AS k, json_array_elements_text(k.value) AS v"
    pairs = f"unnest(ARRAY(SELECT json_build_array(k.key, v.value) FROM {within}))"  # noqa: S608
    return f"(SELECT pair ->> 0 AS key, pair ->> 1 AS value FROM {pairs} AS pair)"  # noqa: S608


@compiles(_Pairs)
def _pairs_of_tables(element: _Pairs, compiler: SQLCompiler, **options: Any) -> str:
    parameter = compiler.process(element.clauses, **options)
    return f"(SELECT k.key, v.value FROM json_each({parameter}) AS k, json_each(k.value) AS v)"  # noqa: S608


def values_of(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]] = Text) -> Select[Any]:
    """Select the items of the list parameter `name`, for use with `IN`."""
    return select(
        _Texts(bindparam(name, type_=ListParameter())).table_valued("value", name=f"each_of_{name}").c.value.cast(kind)
    )


def pairs_of(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]] = Text) -> Select[Any]:
    """Select the pairs of the parameter `name`, for use with `IN`: each key with each of its values."""
    pair = _Pairs(bindparam(name, type_=PairsParameter())).table_valued("key", "value", name=f"pairs_of_{name}").c
    return select(pair.key.cast(kind), pair.value.cast(kind))


def is_storable(text: str) -> bool:
    """Return True if both databases can store this text: PostgreSQL has no NUL, and neither stores lone surrogates.

    >>> is_storable("Ünïcode"), is_storable("a\0b"), is_storable("\ud800")
    (True, False, False)
    """
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
