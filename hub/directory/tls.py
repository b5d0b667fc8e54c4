"""What a URL says about TLS, as the driver takes it."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from hub.directory.address import TlsOptions
from hub.errors import SettingsError

__all__ = ["tls_arguments"]


def tls_arguments(options: TlsOptions) -> dict[str, Any]:
    """Return the driver's arguments for `options`.

    As libpq has it, `require` encrypts and looks at the certificate only where a root file is given. `verify-ca` and
    `verify-full` without one, and without libpq's own, trust the system's certificate authorities and compare the
    name: anybody can have a certificate of those.

    Raises:
        SettingsError: a file cannot be read, or is not what it should be.
    """
    for name, file in [("sslrootcert", options.root), *options.files.items()]:
        if file and name in {"sslrootcert", "sslcert", "sslkey", "sslcrl"} and file != "system":
            _check_file(name, file)
    if options.mode is None and not options.root and not options.files:
        return {}
    verifies = options.mode in {"verify-ca", "verify-full"}
    if (
        options.mode == "no-verify"
        or options.root == "system"
        or (verifies and not options.root and not _has_own_root())
    ):
        return {"ssl": _make_context(options)}
    # Only to see that they are what they should be.
    _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), options)
    query = {"sslmode": options.mode or "require", **options.files}
    if options.root:
        query["sslrootcert"] = options.root
    # Where a file of libpq's is named, the driver reads them all itself, as libpq would.
    return {"dsn": f"postgresql:///?{urlencode(query)}"}


def _make_context(options: TlsOptions) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.mode == "no-verify":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    _load(context, options)
    return context


def _load(context: ssl.SSLContext, options: TlsOptions) -> None:
    name = "sslrootcert"
    try:
        if options.root and options.root != "system":
            context.load_verify_locations(options.root)
        name = "sslcert"
        if "sslcert" in options.files:
            password = options.files.get("sslpassword", "")
            context.load_cert_chain(options.files["sslcert"], options.files.get("sslkey"), lambda: password)
    except ssl.SSLError:
        what = "no certificate (PEM)" if name == "sslrootcert" else "no certificate with its sslkey (PEM)"
        raise SettingsError(f"HUB_DIRECTORY_URL: {name} names a file that holds {what}") from None


def _check_file(name: str, file: str) -> None:
    try:
        with Path(file).open("rb") as opened:
            opened.read(1)
    except OSError as error:
        raise SettingsError(f"HUB_DIRECTORY_URL: {name} names a file that cannot be read ({error.strerror})") from None


def _has_own_root() -> bool:
    """Whether libpq's own root file is there, which the driver then reads."""
    try:
        return (Path.home() / ".postgresql" / "root.crt").exists()
    except (OSError, RuntimeError):
        return False
