"""Reads the settings from an environment, once; says of every variable at once what is wrong with it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec

from hub.errors import SettingsError
from hub.settings.checks import describe_unusable, find_problems
from hub.settings.table import Setting, Settings, describe_settings

__all__ = ["find_unknown", "read_settings"]

#: Variables of the hub's commands and its clients, beside the settings.
_COMMANDS = frozenset({"HUB_URL", "HUB_SERVICE_KEY", "HUB_TOKEN"})


def read_settings(environ: Mapping[str, str], *, development: bool = False) -> Settings:
    """Return the settings that `environ` asks for.

    `development` waives what only a deployment must have (a secret, a service key); `hub serve --dev`
    fills those in.

    Raises:
        SettingsError: naming each variable that cannot be used, what is wrong with it (never its value, where it
            is a secret) and an example, all in one line.
    """
    raw: dict[str, object] = {}
    problems: dict[str, SettingsError] = {}
    for name, about, _ in describe_settings():
        text = environ.get(about.variable)
        if text is None or text.strip() == "":
            continue
        try:
            if not text.isascii() and not _is_utf8(text):
                raise describe_unusable(about, "is not UTF-8")
            if about.unit == "port" and text.strip().startswith("tcp://"):
                # What a service called `hub` leaves in every pod beside it, in the form of Docker's links.
                raise describe_unusable(
                    about, "is set by Kubernetes for a service: give the pod `enableServiceLinks: false`"
                )
            value = _split(text) if about.unit == "list" and name != "service_keys" else _switch(about, text.strip())
            _convert({name: value})
        except SettingsError as error:
            problems[name] = error
        else:
            raw[name] = value
    settings = _convert(raw)
    # What could not be read has been said already; the checks see its default.
    for name, problem in find_problems(settings, development=development):
        problems.setdefault(name, problem)
    if problems:
        # All at once: an operator must not have to start the hub again for each of them.
        raise SettingsError("; ".join(problem.detail for problem in problems.values()))
    return settings


def find_unknown(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each variable of `environ` that looks like a setting and is none, in order of names.

    Every `HUB_*` counts, of the others (`JWT_*`, `WS_*`) what is nearly one: other programs have more of these.
    """
    known = [about.variable for _, about, _ in describe_settings()]
    sentences = []
    for variable in sorted(set(environ) - set(known) - _COMMANDS):
        ours = variable.startswith("HUB_")
        if ours or variable.startswith(("JWT_", "WS_")):
            near = difflib.get_close_matches(variable, known, n=1, cutoff=0.6 if ours else 0.85)
            if ours or near:
                guess = f"; did you mean {near[0]}?" if near else " (docs/reference/settings.md has them all)"
                sentences.append(f"{variable} is not a setting of the hub{guess}")
    return sentences


def _is_utf8(text: str) -> bool:
    # The environment is bytes: Python carries what is not UTF-8 as lone surrogates, which no file name, URL or
    # signature can be made of later.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _switch(about: Setting, text: str) -> object:
    if about.unit != "on/off":
        return text
    if text.lower() in {"on", "true", "1", "yes"}:
        return True
    if text.lower() in {"off", "false", "0", "no"}:
        return False
    raise describe_unusable(about, "is neither on nor off")


def _convert(raw: dict[str, object]) -> Settings:
    about = {name: setting for name, setting, _ in describe_settings()}
    try:
        return msgspec.convert(raw, Settings, strict=False, dec_hook=_decode_path)
    except msgspec.ValidationError as error:
        match = re.search(r"at `\$\.(\w+)", str(error))
        assert match is not None, "each setting has a default, so that only the value of one can be wrong"
        words = str(error).partition(" - at")[0]
        # A `Literal` has the names to choose from; a number has none.
        names = get_args(get_type_hints(Settings)[match[1]])
        raise describe_unusable(about[match[1]], _plain(words, names)) from None


def _plain(words: str, names: tuple[object, ...]) -> str:
    """Return in plain words what msgspec says of a value; `names` are the ones to choose from, where there are some."""
    if words.startswith("Invalid enum value"):
        return f"is not one of {', '.join(map(str, names))}"
    if words.startswith(("Expected `int`, got", "Expected `float`, got")):
        return "is not a whole number" if "int" in words.partition(",")[0] else "is not a number"
    bound = re.fullmatch(r"Expected `(?:int|float)` (<=|>=|<|>) (\S+)", words)
    if bound is not None:
        sign = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}[bound[1]]
        return f"is not {sign} {bound[2]}"
    return words.lower()


def _decode_path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise TypeError(f"no setting has the type {kind}")  # pragma: no cover - a mistake in this file
