"""How frames, targets and findings look: one line each, for a person or for a program, and safe on a terminal."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Sequence
from datetime import datetime

import click
import msgspec
from msgspec import UNSET

from contracts.explanation import TargetView
from contracts.receipt import NodesAnswered
from hub.cli.support.outcome import Outcome
from hub.cli.support.stream import Frame
from hub.finding import Finding
from hub.logging import CONTROL, escape_control

__all__ = ["describe_nodes", "describe_target", "frame_line", "json_line", "show_findings", "show_frame", "use_colour"]

#: Every type keeps one of these, so that the eye learns it.
_COLOURS = (
    *("green", "cyan", "blue", "yellow", "magenta", "red"),
    *("bright_green", "bright_cyan", "bright_blue", "bright_yellow", "bright_magenta", "bright_red"),
)
_STATES = {"ok": "green", "warn": "yellow", "fail": "red"}
#: What `data` may take of a line.
_MAX_DATA = 2_000


def use_colour() -> bool:
    """Say whether the standard output is a terminal whose owner did not ask for plain text (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def show_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print what a check found, and end the command with code 1 if anything failed."""
    failed = any(finding.state == "fail" for finding in findings)
    if as_json:
        click.echo(msgspec.json.encode({"ok": not failed, "checks": findings}))
    else:
        for finding in findings:
            state = f"{finding.state:<5}"
            state = click.style(state, fg=_STATES[finding.state]) if use_colour() else state
            click.echo(f"{state} {finding.name:<11} {escape_control(finding.detail)}")
    if failed:
        raise click.exceptions.Exit(Outcome.REFUSED)


def show_frame(frame: Frame, *, as_json: bool) -> None:
    """Print a frame and flush it, since the reader of a pipe waits for it."""
    click.echo(json_line(frame.raw) if as_json else frame_line(frame, colour=use_colour()), color=True)
    sys.stdout.flush()


def frame_line(frame: Frame, *, colour: bool) -> str:
    """Return `time type title - message data`, every received character harmless."""
    kind = escape_control(frame.type)
    if colour:
        place = zlib.crc32(frame.type.encode()) % len(_COLOURS)
        kind = click.style(kind, fg=_COLOURS[place], bold=True)
    words = escape_control(" - ".join(part for part in (frame.title, frame.message) if part))
    data = bytes(frame.data)
    line = f"{_time(frame.timestamp)}  {kind}  {words}"
    if not data or data == b"null":
        return line
    shown = json_line(data)
    if len(shown) > _MAX_DATA:
        shown = f"{shown[:_MAX_DATA]}... ({len(shown)} characters)"
    return f"{line}  {click.style(shown, dim=True) if colour else shown}"


def describe_target(target: TargetView) -> str:
    """Return a target in words, as the hub shows it: masked or not."""
    if target.user_id is not UNSET:
        return f"user {target.user_id} of account {target.account_id}"
    return "everyone" if target.account_id is UNSET else f"account {target.account_id}"


def describe_nodes(nodes: NodesAnswered) -> str:
    """Return in words how many nodes of a cluster a number is of, and which are missing."""
    silent = "" if nodes.silent is UNSET else f"; no answer of {', '.join(nodes.silent)}"
    return f"of {nodes.answered} of {nodes.known} nodes{silent}"


def json_line(raw: bytes) -> str:
    """Return the JSON document `raw` on one line, the same to a parser, without a character a terminal obeys."""
    text = msgspec.json.format(raw, indent=-1).decode(errors="replace")
    # Such characters can only stand inside strings, where JSON has an escape for each.
    return CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _time(timestamp: str) -> str:
    try:
        return f"{datetime.fromisoformat(timestamp).astimezone():%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return "--:--:--"
