"""Who attacks, and with which ids: the actors and the hostile spellings that the isolation tests share."""

from __future__ import annotations

import hashlib
import json
import secrets
import unicodedata
from pathlib import Path

__all__ = ["ACCOUNT", "HOSTILE_IDS", "OTHER_ACCOUNT", "OTHER_USER", "USER", "is_usable", "write_keys"]

#: With a letter each, so that case and look-alikes have something to bite on.
ACCOUNT = "conta-á1"
OTHER_ACCOUNT = "conta-b2"
USER = "pessoa-1"
OTHER_USER = "pessoa-2"

MAX_ID = 128

#: Spellings that some layer somewhere would take for the account, for all accounts or for a part of a path.
HOSTILE_IDS = {
    "star": "*",
    "tail": ">",
    "dot": ".",
    "dots": "..",
    "wildcard below": f"{ACCOUNT}.*",
    "percent": "%",
    "like": "conta%",
    "underscore": "conta_á1",
    "encoded slash": "conta%2fá1",
    "slash": "conta/á1",
    "backslash": "conta\\á1",
    "escaped account": "conta-%c3%a11",
    "nul": f"{ACCOUNT}\0",
    "nul inside": "conta\0-á1",
    "newline": f"{ACCOUNT}\n",
    "carriage return": f"{ACCOUNT}\r\nid: 1",
    "separator": f"{ACCOUNT}\x1f{USER}",
    "delete": f"{ACCOUNT}\x7f",
    "next line": f"{ACCOUNT}\x85",
    "leading space": f" {ACCOUNT}",
    "trailing space": f"{ACCOUNT} ",
    "upper": ACCOUNT.upper(),
    "capital": ACCOUNT.capitalize(),
    "decomposed": unicodedata.normalize("NFD", ACCOUNT),
    "fullwidth": "ｃonta-á1",
    "cyrillic": "соntа-á1",
    "zero width": "conta\u200b-á1",
    "right to left": f"\u202e{ACCOUNT}",
    "line separator": f"{ACCOUNT}\u2028",
    "quote": f"{ACCOUNT}' OR '1'='1",
    "json": f'{ACCOUNT}","everyone":true,"x":"',
    "target of everyone": "e",
    "target of the account": f"a\x1f{ACCOUNT}",
    "null": "null",
    "two accounts": f"{ACCOUNT},{OTHER_ACCOUNT}",
    "virtual": "00000000-0000-0000-0000-000000000000",
    "without account": "00000000-0000-0000-0000-000000000001",
    "empty": "",
    "longest": "x" * MAX_ID,
    "too long": "x" * (MAX_ID + 1),
    "very long": ACCOUNT * 1_000,
}


def is_usable(identifier: str) -> bool:
    """Whether an id may be in a request at all: 1 to 128 characters, none of them a control character."""
    controls = any(unicodedata.category(character) == "Cc" for character in identifier)
    return 1 <= len(identifier) <= MAX_ID and not controls


def write_keys(path: Path, grants: dict[str, dict[str, object]]) -> dict[str, str]:
    """Write a key file with these grants; return the keys by name."""
    keys = {name: f"hubk_{secrets.token_urlsafe(32)}" for name in grants}
    entries = [
        {"name": name, "sha256": hashlib.sha256(keys[name].encode()).hexdigest(), **grant}
        for name, grant in grants.items()
    ]
    path.write_text(json.dumps({"keys": entries}))
    return keys
