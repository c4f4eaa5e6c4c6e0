"""The fields of a form that was sent."""

import re
from collections.abc import Iterator

from onebucket.domain.refusals import Invalid
from onebucket.wire.request_body import BodyFields, UnreadableBody


class SentForm:
    """Reads the fields of a form; without one, every field is empty."""

    def __init__(self) -> None:
        self._fields = BodyFields({})

    def text(self, name: str) -> str:
        """Return a field of the form, empty if it is missing. Raises Invalid."""
        try:
            return self._fields.text(name) or ""
        except UnreadableBody as error:
            raise Invalid(str(error)) from None

    def texts(self, name: str) -> list[str]:
        """Return all values of a field, as checkboxes and multiple selects send them. Raises Invalid."""
        values = self._fields.values.get(name, ())
        if not all(isinstance(value, str) for value in values):
            raise Invalid(f"{name} must be text")
        return [str(value) for value in values]

    @property
    def typed(self) -> Iterator[tuple[str, str]]:
        """Every name and value of the form, in order."""
        return ((name, value) for name in self._fields.values for value in self.texts(name))

    def is_checked(self, name: str) -> bool:
        """True if the checkbox is ticked in the form."""
        return "on" in self.texts(name)

    def line(self, name: str) -> str:
        """Return a field of the form without surrounding spaces. Raises Invalid."""
        return self.text(name).strip()

    def words(self, name: str) -> list[str]:
        """Return what was typed or pasted into a field, between spaces, commas and semicolons. Raises Invalid."""
        return [word for word in re.split(r"[\s,;]+", self.line(name)) if word]

    def kept_fields(self, name: str, otherwise: str = "") -> str:
        """Return what was typed into a field, for a form that is shown again; `otherwise` if nothing was."""
        return self.text(name) if self._fields.has(name) and len(self._fields.values[name]) == 1 else otherwise

    def has(self, name: str) -> bool:
        """True if the form has this field."""
        return self._fields.has(name)
