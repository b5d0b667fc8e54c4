"""The error of a msgspec decoder as a failure of the hub, with the path of the field.

msgspec's own text is passed on only where it is known to hold nothing of what was sent.
"""

from __future__ import annotations

import re

import msgspec

from hub.errors import HubError, InvalidField, InvalidJson, TooDeep

__all__ = ["describe_decoding_error"]

_LONGEST_NAME = 64
_MESSAGE = re.compile(r"(?P<words>.*?)(?: - at `(?P<path>[$k][^`]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_HARMLESS = ("Expected ", "Invalid RFC3339", "Integer value out of range", "Number out of range")


def describe_decoding_error(error: ValueError | RecursionError | msgspec.MsgspecError, *, at: str = "$") -> HubError:
    """Return the failure to raise for what a msgspec decoder raised; `at` is the path of the document it read."""
    if isinstance(error, RecursionError):
        return TooDeep()
    if isinstance(error, msgspec.ValidationError):
        return _describe_field_error(str(error), at)
    if isinstance(error, msgspec.DecodeError):
        return InvalidJson(f"The body is not valid JSON: {error}")
    # The others that were met: a string that is not valid Unicode, a number of thousands of digits.
    return InvalidJson()


def _describe_field_error(message: str, at: str) -> HubError:
    match = _MESSAGE.fullmatch(message)
    assert match is not None, "the expression matches every text"
    words, path = match["words"], match["path"] or "$"
    # `key in $.data` is how msgspec names an object's key
    path = at + path.partition("$")[2]
    if missing := _MISSING.fullmatch(words):
        return InvalidField("The field is missing", field=f"{path}.{missing['name']}")
    if unknown := _UNKNOWN.fullmatch(words):
        return InvalidField("The field is not known here", field=f"{path}.{_shown(unknown['name'])}")
    if "matching regex" in words:
        return InvalidField("The text has characters that are not allowed here", field=path)
    if words.startswith(_HARMLESS):
        return InvalidField(words, field=path)
    return InvalidField(field=path)


def _shown(name: str) -> str:
    cut = name[:_LONGEST_NAME]
    return cut if cut.isprintable() else "?"
