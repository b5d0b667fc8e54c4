"""The frontends' guide: its code compiles without a change."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.packages import NODE_MODULES, ROOT, run

GUIDE = ROOT / "docs" / "guides" / "frontends.md"
CLIENT = ROOT / "clients" / "browser"
BELL = ROOT / "clients" / "bell"
BLOCK = re.compile(r"^```(tsx?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """Return the language and the text of each block of code."""
    return BLOCK.findall(GUIDE.read_text())


def test_every_snippet_compiles(tmp_path: Path) -> None:
    """Each block of the guide, as a file of its own, passes the strict compiler against the packages' types."""
    # As installed packages: folders of declarations, found through package.json's exports.
    (tmp_path / "node_modules" / "@notification-hub").mkdir(parents=True)
    for name in ("react", "@types", "csstype"):
        (tmp_path / "node_modules" / name).symlink_to(NODE_MODULES / name)
    for source in (CLIENT, BELL):
        description = json.loads((source / "package.json").read_text())
        package = tmp_path / "node_modules" / description["name"]
        package.mkdir()
        (package / "package.json").write_text(json.dumps(description))
        project = source / "tsconfig.build.json"
        built = run(NODE_MODULES / ".bin/tsc", "-p", project, "--outDir", package / "dist", folder=source)
        assert (0, "") == (built.returncode, built.stdout)

    options = {
        "target": "ES2022",
        "module": "ESNext",
        "moduleResolution": "Bundler",
        "lib": ["ES2022", "DOM"],
        "jsx": "react-jsx",
        "strict": True,
        "noUncheckedIndexedAccess": True,
        "noEmit": True,
        "types": [],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["snippet*"]}))
    for number, (language, text) in enumerate(blocks()):
        (tmp_path / f"snippet{number}.{language}").write_text(text)
    checked = run(NODE_MODULES / ".bin/tsc", "-p", "tsconfig.json", folder=tmp_path)
    assert (0, "") == (checked.returncode, checked.stdout), checked.stdout


def test_the_bell_has_ten_lines() -> None:
    """The guide's first block is a whole bell, in ten lines."""
    text = blocks()[0][1]
    assert "<NotificationBell " in text
    assert 10 == len(text.splitlines())
