"""Lists of values in statements: bound as one JSON text, however many there are."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Select, Text, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeEngine


class ListParameter(Text):
    """The type of a parameter that takes any number of texts."""

    cache_ok = True

    def encoded(self, texts: Iterable[str]) -> str:
        """Encode the texts as they are bound; those that nothing stored can equal are left out."""
        assert not isinstance(texts, str), "a list is wanted, not a text"
        return json.dumps([*filter(is_storable, texts)])


class PairsParameter(Text):
    """The type of a parameter that takes texts, each with any number of others."""

    cache_ok = True

    def encoded(self, pairs: Mapping[str, Iterable[str]]) -> str:
        """Encode the pairs as they are bound; those that nothing stored can equal are left out."""
        return json.dumps({key: [*filter(is_storable, texts)] for key, texts in pairs.items() if is_storable(key)})


class _Texts(GenericFunction[Any]):
    name = "json_each"
    identifier = "onebucket_texts"
    inherit_cache = True


class _Pairs(GenericFunction[Any]):
    name = "json_each"
    identifier = "onebucket_pairs"
    inherit_cache = True


# PostgreSQL expects a hundred of a function of JSON, and of one within another ten thousand: it would rather read a
# whole account than look those up. Of an array it expects ten.
@compiles(_Texts, "postgresql")
def _texts(element: _Texts, compiler: SQLCompiler, **options: Any) -> str:
    given = compiler.process(element.clauses, **options)
    return f"(SELECT unnest(ARRAY(SELECT json_array_elements_text(CAST({given} AS JSON)))) AS value)"


@compiles(_Pairs, "postgresql")
def _pairs(element: _Pairs, compiler: SQLCompiler, **options: Any) -> str:
    given = compiler.process(element.clauses, **options)
    within = f"json_each(CAST({given} AS JSON)) AS k, json_array_elements_text(k.value) AS v"
    pairs = f"unnest(ARRAY(SELECT json_build_array(k.key, v.value) FROM {within}))"  # noqa: S608
    return f"(SELECT pair ->> 0 AS key, pair ->> 1 AS value FROM {pairs} AS pair)"  # noqa: S608


@compiles(_Pairs)
def _pairs_of_tables(element: _Pairs, compiler: SQLCompiler, **options: Any) -> str:
    given = compiler.process(element.clauses, **options)
    return f"(SELECT k.key, v.value FROM json_each({given}) AS k, json_each(k.value) AS v)"  # noqa: S608


def values_of(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]] = Text) -> Select[Any]:
    """Select the items of the list that is bound by that name, for `IN`: however many, it is one statement."""
    return select(
        _Texts(bindparam(name, type_=ListParameter())).table_valued("value", name=f"each_of_{name}").c.value.cast(kind)
    )


def pairs_of(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]] = Text) -> Select[Any]:
    """Select the pairs that are bound by that name, for `IN`: each key with each of its texts."""
    pair = _Pairs(bindparam(name, type_=PairsParameter())).table_valued("key", "value", name=f"pairs_of_{name}").c
    return select(pair.key.cast(kind), pair.value.cast(kind))


def is_storable(text: str) -> bool:
    """Tell whether both databases can hold this text: PostgreSQL holds no NUL, and neither of them half a character.

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
