"""`docs/reference/settings.md`: every setting with its unit, default, example and sentence."""

from __future__ import annotations

from itertools import groupby

from hub.settings.table import describe_settings

__all__ = ["settings_page"]


def settings_page() -> str:
    """Return `docs/reference/settings.md`: every setting with its unit, default, example and sentence."""
    lines = [
        "# Settings",
        "",
        "The hub reads its settings from the environment, once, when it starts. A value that cannot be used stops the",
        "start with the variable's name, what is wrong and an example. An empty variable counts as unset.",
        "",
        "`hub serve` needs two of them: a key that verifies user tokens (`JWT_SECRET`, `HUB_JWT_PUBLIC_KEY_FILE` or",
        "`HUB_JWKS_URL`) and a key that may publish (`HUB_SERVICE_KEYS` or `HUB_SERVICE_KEYS_FILE`). `hub serve --dev`",
        "makes its own of both.",
        "",
        "Made by `make settings-page` from `hub/settings/`; a test fails when the two differ.",
    ]
    for group, rows in groupby(describe_settings(), key=lambda row: row[1].group):
        lines += ["", f"## {group}"]
        for _, about, default in rows:
            lines += ["", f"### `{about.variable}`", "", about.sentence, ""]
            lines += [f"- Unit: {about.unit}", f"- Default: {_written(default)}", f"- Example: `{about.example}`"]
            if about.secret:
                lines += ["- Secret: never logged, and never shown by `hub check`"]
    return "\n".join(lines) + "\n"


def _written(default: object) -> str:
    if default in (None, "", ()):
        return "none"
    if isinstance(default, bool):
        return "`on`" if default else "`off`"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
