"""What an image must not hold: secrets, and files that give whoever runs them more rights."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["find_differences", "find_elevated", "find_secrets"]

#: What is a secret whoever wrote it.
_PATTERNS = {
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{100,}"),
    "a service key": re.compile(rb"\bhubk_[A-Za-z0-9_-]{32,}"),
    "a token": re.compile(rb"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{16,}"),
    "a key of a cloud": re.compile(rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bghp_[A-Za-z0-9]{36}\b|\bglpat-[A-Za-z0-9_-]{20}"),
    "a password in a URL": re.compile(
        rb"\b(?:https?|postgres(?:ql)?)://[A-Za-z0-9._-]+:(?!password@)[\w.~%+!$&*,;=-]{8,64}@[a-z0-9]"
    ),
}
#: What nobody means to ship.
_NAMES = re.compile(
    r"^(?:\.env(?:\..*)?|\.git|\.netrc|\.npmrc|\.pypirc|pip\.conf|id_(?:rsa|ecdsa|ed25519)|.*\.(?:p12|pfx)|\.bash_history"
    r"|log\.sqlite3.*|dev\.json|hub\.env|lent\.crt)$"
)
#: The kernel's own, which an image only has as empty folders.
_OUTSIDE = ("proc", "sys", "dev")
_MOST_BYTES = 64 * 2**20


def find_elevated(root: Path) -> list[str]:
    """Return the setuid and setgid files, and those with capabilities, below `root`."""

    found = []
    for path in _files(root):
        if path.stat(follow_symlinks=False).st_mode & (stat.S_ISUID | stat.S_ISGID):
            found.append(str(path.relative_to(root)))
        elif "security.capability" in os.listxattr(path, follow_symlinks=False):
            found.append(f"{path.relative_to(root)} (capabilities)")
    return found


def find_secrets(root: Path, known: Iterable[str] = ()) -> list[str]:
    """Return the files below `root` that hold what looks like a secret, or one of the `known` ones."""
    values = [value.encode() for value in known if len(value) >= 12]
    found = []
    for path in _files(root):
        where = str(path.relative_to(root))
        if _NAMES.match(path.name):
            found.append(f"{where}: its name")
        if path.stat().st_size > _MOST_BYTES:
            continue
        content = path.read_bytes()
        found += [f"{where}: {what}" for what, pattern in _PATTERNS.items() if pattern.search(content)]
        found += [f"{where}: a value of this machine's environment" for value in values if value in content]
    return found


def find_differences(one: Path, other: Path) -> list[str]:
    """Return what is not the same in two folders: a name, a kind, an owner, a mode, a time or the content."""
    names = {path.relative_to(root) for root in (one, other) for path in root.rglob("*")}
    return [f"{name}: {what}" for name in sorted(names) if (what := _difference(one / name, other / name))]


def _difference(one: Path, other: Path) -> str:
    if not (os.path.lexists(one) and os.path.lexists(other)):
        return "only in one"
    first, second = one.lstat(), other.lstat()
    if (first.st_mode, first.st_uid, first.st_gid) != (second.st_mode, second.st_uid, second.st_gid):
        return "its mode or owner"
    if one.is_symlink():
        return "" if one.readlink() == other.readlink() else "where it leads"
    if one.is_file() and one.read_bytes() != other.read_bytes():
        return "its content"
    return "" if int(first.st_mtime) == int(second.st_mtime) else "its time"


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if path.relative_to(root).parts[0] not in _OUTSIDE and path.is_file() and not path.is_symlink():
            yield path
