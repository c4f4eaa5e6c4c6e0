"""Makes the document that is sent of what a handler returned: a page of a list, and the parts that `fields` names."""

from dataclasses import replace
from typing import Any

import msgspec

from onebucket.surfaces.core.surface import ApiRequest, PlainText, Reply, StreamedList
from onebucket.surfaces.v2 import fields
from onebucket.surfaces.v2.pages import PagedList


def present(request: ApiRequest, result: Any) -> Any:
    """Return the document to send. Raises Invalid."""
    if isinstance(result, Reply):
        return replace(result, document=present(request, result.document))
    document = result.document(request) if isinstance(result, PagedList) else result
    selection = fields.selection_of(request)
    if selection is None or document is None or isinstance(document, PlainText | StreamedList):
        return document
    return selection.apply(msgspec.to_builtins(document))
