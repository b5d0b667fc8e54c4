"""The names that the client libraries export, against the list that a release promises to keep."""

from __future__ import annotations

import json
from functools import cache

import notification_hub
import notification_hub_testing
from tests.packages import NODE_MODULES, ROOT, run

LIST = ROOT / "clients" / "exports.json"
HOW = (
    "an exported name is a promise (docs/reference/compatibility.md): where one is new, add it to "
    "clients/exports.json; where one is gone, follow the policy, and name it in UPGRADING.md"
)
#: Each entry point of a package, and the source that it is built from.
ENTRY_POINTS = {
    "@notification-hub/client": "browser/src/index.ts",
    "@notification-hub/client/inbox": "browser/src/inbox.ts",
    "@notification-hub/client/push": "browser/src/push.ts",
    "@notification-hub/client/react": "browser/src/react.tsx",
    "@notification-hub/client/service-worker": "browser/src/service-worker.ts",
    "@notification-hub/bell": "bell/src/index.ts",
    "@notification-hub/bell/react": "bell/src/react.tsx",
    "@notification-hub/service": "typescript/src/index.ts",
    "@notification-hub/stocktech": "stocktech/src/index.ts",
    "@notification-hub/testing": "testing/src/index.ts",
    "@notification-hub/testing/playwright": "testing/src/playwright.ts",
    "@notification-hub/testing/vitest": "testing/src/vitest.ts",
}

#: Asks the compiler, which also knows what `export *` brings.
LIST_JS = """\
const [typescript, ...files] = process.argv.slice(1);
const ts = (await import(typescript)).default;
const options = { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, jsx: ts.JsxEmit.ReactJSX, types: [] };
const program = ts.createProgram(files, options);
const checker = program.getTypeChecker();
// A script, such as a service worker, is no module and exports nothing.
const names = (file) => {
  const module = checker.getSymbolAtLocation(program.getSourceFile(file));
  return (module ? checker.getExportsOfModule(module) : []).map((symbol) => symbol.name).sort();
};
console.log(JSON.stringify(files.map(names)));
"""


@cache
def exported() -> dict[str, list[str]]:
    """Return the exported names of each entry point, in order."""
    folder = ROOT / "clients"
    files = [folder / source for source in ENTRY_POINTS.values()]
    program = ("node", "--input-type=module", "-e", LIST_JS)
    done = run(*program, NODE_MODULES / "typescript/lib/typescript.js", *files, folder=folder)
    assert (0, "") == (done.returncode, done.stderr)
    return dict(zip(ENTRY_POINTS, json.loads(done.stdout), strict=True)) | {
        "notification_hub": sorted(notification_hub.__all__),
        "notification_hub_testing": sorted(notification_hub_testing.__all__),
    }


def test_no_name_disappears_and_none_appears_unnoticed() -> None:
    """Each package exports exactly the names that the list has."""
    assert json.loads(LIST.read_text(encoding="utf-8")) == exported(), HOW


def test_every_entry_point_of_the_packages_is_listed() -> None:
    """What package.json lets others import, but itself, is in the list."""
    entry_points = set()
    for folder in ("browser", "bell", "typescript", "stocktech", "testing"):
        package = json.loads((ROOT / "clients" / folder / "package.json").read_text(encoding="utf-8"))
        entry_points |= {package["name"] + entry_point.removeprefix(".") for entry_point in package["exports"]} - {
            f"{package['name']}/package.json"
        }
    assert set(ENTRY_POINTS) == entry_points
