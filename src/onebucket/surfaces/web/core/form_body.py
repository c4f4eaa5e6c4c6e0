"""The fields of a form in the body of a request, within a limit and without a private key."""

from starlette.requests import Request

from onebucket.domain import ssh_keys
from onebucket.domain.refusals import Invalid
from onebucket.wire import body_reader, request_body
from onebucket.wire.body_reader import BodyTooLong
from onebucket.wire.request_body import BodyFields, UnreadableBody

MAX_FORM_BYTES = 1 << 16


async def read(request: Request) -> BodyFields:
    """Return the fields. Raises Invalid, PrivateKeySent."""
    try:
        body = await body_reader.read_limited(request.receive, limit=MAX_FORM_BYTES)
        fields = request_body.fields(body, request.headers.get("content-type"))
    except BodyTooLong:
        raise Invalid("the form is too long") from None
    except UnreadableBody as error:
        raise Invalid(str(error)) from None
    # Before anything is kept: no page may show it again, nor the one that asks for the password once more.
    ssh_keys.refuse_private_key(str(fields.values))
    return fields
