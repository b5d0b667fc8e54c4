"""What the first line of a start says of the settings: what an operator looks for, and everything that was changed."""

from __future__ import annotations

from hub.settings.table import Settings, describe_settings

__all__ = ["summarize_settings"]

#: Said also where they have their defaults.
_ALWAYS = frozenset(
    {"HUB_HOST", "HUB_DATA_DIR", "HUB_RETENTION_DAYS", "HUB_DIRECTORY_URL", "WS_MAX_CONNECTIONS", "JWT_ALGORITHM"}
)


def summarize_settings(settings: Settings) -> dict[str, str]:
    """Return variable -> value of the settings that matter; of a secret only that it is set, of a URL its scheme."""
    shown = {}
    for name, about, default in describe_settings():
        value = getattr(settings, name)
        if value != default or about.variable in _ALWAYS:
            shown[about.variable] = _show(value, is_secret=about.secret, is_url=about.unit == "URL")
    return shown


def _show(value: object, *, is_secret: bool, is_url: bool) -> str:
    if is_url:
        # A URL may hold a password in its query too.
        return _show_url(str(value))
    if is_secret:
        return "set"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _show_url(text: str) -> str:
    if text.strip().lower() in {"", "off"}:
        return text or "none"
    scheme = text.strip().strip("'\"").partition(":")[0]
    return f"{scheme}:..." if scheme.isascii() and scheme.replace("+", "").isalnum() else "set"
