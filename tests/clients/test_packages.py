"""A service author in an empty folder: installs the packed client, is helped by its types, publishes to a hub."""

from __future__ import annotations

import asyncio
import json
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.documented_proxies.network import SlowNetwork
from tests.harness import ACCOUNT, USER, RunningHub, run_hub
from tests.packages import (
    NODE_MODULES,
    build_hub_wheel,
    build_wheels,
    install_service,
    install_wheels,
    list_packed,
    make_environment,
    run,
)

SERVICE_TS = """\
import { NotificationHub } from "@notification-hub/service";

const hub = new NotificationHub({ url: process.env.HUB_URL!, key: process.env.HUB_KEY! });
const receipt = await hub.notify({
  type: "stock_alert",
  title: "Estoque baixo",
  message: "Restam 3 unidades.",
  user_id: process.env.USER_ID!,
  account_id: process.env.ACCOUNT_ID!,
  data: { productId: 77, currentStock: 3 },
});
console.log(receipt.id);
await hub.close();
"""

SERVICE_PY = """\
import os

from contracts.avelarsys import StockAlert, StockData
from notification_hub import Hub

with Hub(os.environ["HUB_URL"], os.environ["HUB_KEY"]) as hub:
    receipt = hub.notify(
        StockAlert(title="Estoque baixo", message="Restam 3 unidades.", data=StockData(product_id=77, current_stock=3)),
        user_id=os.environ["USER_ID"],
        account_id=os.environ["ACCOUNT_ID"],
    )
    print(receipt.id)
"""

#: Publishes around the time (0.8 s) after which the hub closes an idle connection, over a network that takes 0.15 s.
CROSSING_JS = """\
import { NotificationHub } from "@notification-hub/service";

const hub = new NotificationHub({ url: process.env.HUB_URL, key: process.env.HUB_KEY });
const ids = new Set();
for (const pauseMs of [0, 575, 650, 800]) {
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
  const notification = { type: "cart_updated", title: "t", message: "m", account_id: process.env.ACCOUNT_ID };
  ids.add((await hub.notify(notification)).id);
}
console.log(ids.size);
await hub.close();
"""

#: Asks TypeScript what an editor would offer at the cursor, which stands where the text has a bar.
COMPLETE_JS = """\
const [typescript, ...files] = process.argv.slice(2);
const ts = (await import(typescript)).default;
const marked = new Map(files.map((file) => [file, ts.sys.readFile(file)]));
const options = { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, strict: true, types: ["node"] };
const service = ts.createLanguageService({
  ...ts.sys,
  useCaseSensitiveFileNames: () => true,
  getCompilationSettings: () => options,
  getScriptFileNames: () => files,
  getScriptVersion: () => "1",
  getScriptSnapshot: (name) => {
    const content = marked.get(name)?.replace("|", "") ?? ts.sys.readFile(name);
    return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content);
  },
  getDefaultLibFileName: ts.getDefaultLibFilePath,
});
const offer = (file) => service.getCompletionsAtPosition(file, marked.get(file).indexOf("|"), {})?.entries ?? [];
console.log(JSON.stringify(files.map((file) => offer(file).map((entry) => entry.name))));
"""

#: What a service author may get wrong: file -> what stands in the service, and what in its place.
MISTAKES = {
    "field.ts": ("title:", "titel:"),
    "data.ts": ("currentStock:", "curentStock:"),
    "value.ts": ("currentStock: 3", 'currentStock: "3"'),
    "type.ts": ('"stock_alert"', '"stock_alarm"'),
}

TSC = ("--module", "nodenext", "--target", "es2022", "--strict", "--types", "node", "--skipLibCheck")


def environment(hub: RunningHub) -> dict[str, str]:
    """Return what the services read from their environment."""
    return {"HUB_URL": hub.url, "HUB_KEY": hub.key, "USER_ID": USER, "ACCOUNT_ID": ACCOUNT}


async def publish(folder: Path, *command: str | Path) -> None:
    """Run a service against a hub; the subscriber gets what its receipt says."""
    async with run_hub(folder / "hub") as hub, hub.websocket() as listener:
        done = await asyncio.to_thread(run, *command, folder=folder, env=environment(hub))
        assert (0, "") == (done.returncode, done.stderr)
        frame = await listener.frame()
    assert done.stdout.strip() == frame["id"]
    assert ("stock_alert", {"productId": 77, "currentStock": 3}) == (frame["type"], frame["data"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that was empty and has the packed client now."""
    folder = tmp_path_factory.mktemp("npm")
    install_service(folder)
    return folder


@pytest.fixture(scope="module")
def compiled(folder: Path) -> tuple[Path, set[str]]:
    """Compile the service and its wrong copies in that folder; return it and the names of what does not compile."""
    (folder / "service.ts").write_text(SERVICE_TS)
    for name, (right, wrong) in MISTAKES.items():
        assert right in SERVICE_TS
        (folder / name).write_text(SERVICE_TS.replace(right, wrong))
    done = run(NODE_MODULES / ".bin/tsc", *TSC, "service.ts", *MISTAKES, folder=folder)
    return folder, {line.partition("(")[0] for line in done.stdout.splitlines() if ": error " in line}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that was empty and has the client now."""
    return make_environment(tmp_path_factory.mktemp("pip") / "venv")


class TestNpm:
    @pytest.mark.parametrize("name", ["browser", "bell", "typescript", "stocktech", "testing"])
    def test_what_is_packed_is_built_first(self, name: str) -> None:
        """A package from a fresh checkout holds every file that it names; without `dist` it could not be imported."""
        packed, named = list_packed(name)
        assert named
        assert named <= packed
        assert {"README.md", "LICENSE", "package.json"} <= packed

    async def test_publishes(self, compiled: tuple[Path, set[str]]) -> None:
        """What is written in an empty folder after the installation type-checks and publishes."""
        folder, wrong = compiled
        assert "service.ts" not in wrong
        await publish(folder, "node", "service.js")

    async def test_environment_breaks_nothing(self, compiled: tuple[Path, set[str]]) -> None:
        """Proxies that the hub is exempt from, and certificates that are not there, change nothing; Node warns."""
        folder, _ = compiled
        variables = {
            "NODE_USE_ENV_PROXY": "1",
            "HTTP_PROXY": "http://127.0.0.1:1",
            "ALL_PROXY": "socks5://127.0.0.1:1",
            "NO_PROXY": "localhost,127.0.0.1,[::1]",
            "NODE_EXTRA_CA_CERTS": "/nowhere.pem",
            "SSL_CERT_FILE": "/nowhere.pem",
        }
        async with run_hub(folder / "hub") as hub:
            await asyncio.to_thread(run, "node", "service.js", folder=folder, env={**environment(hub), **variables})
            assert 1 == hub.hub.metrics.published.total()

    async def test_publish_that_meets_a_close_is_there_once(self, compiled: tuple[Path, set[str]]) -> None:
        """One that crosses the hub's close of an idle connection is repeated under its Idempotency-Key."""
        folder, _ = compiled
        (folder / "crossing.mjs").write_text(CROSSING_JS)
        async with run_hub(folder / "hub", keep_alive_s=0.8) as hub, SlowNetwork(hub.port, delay_s=0.15) as network:
            variables = environment(hub) | {"HUB_URL": f"http://127.0.0.1:{network.port}"}
            done = await asyncio.to_thread(run, "node", "crossing.mjs", folder=folder, env=variables)
            assert (0, "4", "") == (done.returncode, done.stdout.strip(), done.stderr)
            assert 4 == hub.hub.metrics.published.total()
            assert 0 == hub.hub.metrics.duplicates

    def test_wrong_field_is_an_error(self, compiled: tuple[Path, set[str]]) -> None:
        """A misspelt field, a value of the wrong type and an unknown type do not compile."""
        assert compiled[1] == set(MISTAKES)

    def test_editor_completes(self, folder: Path) -> None:
        """An editor offers the types there are, and the fields of the one that was chosen."""
        (folder / "complete.mjs").write_text(COMPLETE_JS)
        types, fields = folder / "types.ts", folder / "fields.ts"
        types.write_text(SERVICE_TS.replace('"stock_alert"', '"|"'))
        fields.write_text(SERVICE_TS.replace("currentStock: 3", "|"))
        typescript = NODE_MODULES / "typescript/lib/typescript.js"
        done = run("node", "complete.mjs", typescript, types, fields, folder=folder)
        assert "" == done.stderr
        offered_types, offered_fields = map(set, json.loads(done.stdout))
        assert {"stock_alert", "order_created"} <= offered_types
        assert {"currentStock", "minStock", "productName"} <= offered_fields

    def test_needs_nothing_else(self, folder: Path) -> None:
        """The client brings no package with it."""
        installed = {path.name for path in (folder / "node_modules").iterdir() if not path.is_symlink()}
        assert {"@notification-hub"} == {name for name in installed if not name.startswith(".")}


class TestPip:
    async def test_publishes(self, python: Path, tmp_path: Path) -> None:
        """What is written in an empty folder after the installation type-checks, strictly, and publishes."""
        (tmp_path / "service.py").write_text(SERVICE_PY)
        assert "" == self.check(python, tmp_path)
        await publish(tmp_path, python, "service.py")

    def test_wrong_field_is_an_error(self, python: Path, tmp_path: Path) -> None:
        """A misspelt field and a value of the wrong type are found by mypy."""
        wrong = SERVICE_PY.replace("product_id", "produkt_id").replace("current_stock=3", 'current_stock="3"')
        (tmp_path / "service.py").write_text(wrong)
        checked = self.check(python, tmp_path)
        assert 'Unexpected keyword argument "produkt_id" for "StockData"' in checked
        assert 'Argument "current_stock" to "StockData" has incompatible type "str"' in checked

    def test_hub_is_not_needed(self, python: Path, tmp_path: Path) -> None:
        """The client stands on the contracts alone, installed from their own wheel."""
        code = "import contracts, notification_hub; print(contracts.__file__, importlib.util.find_spec('hub'))"
        done = run(python, "-c", f"import importlib.util; {code}", folder=tmp_path)
        assert done.stdout.startswith(str(python.parents[1]))
        assert done.stdout.endswith(" None\n")

    def test_no_file_has_two_owners(self) -> None:
        """The hub's wheel depends on the contracts of its own version and holds no file of theirs."""
        wheels = {
            wheel.name.partition("-")[0]: zipfile.ZipFile(wheel) for wheel in (*build_wheels(), build_hub_wheel())
        }
        files = {name: {file for file in wheel.namelist() if "-info/" not in file} for name, wheel in wheels.items()}
        for wheel in wheels.values():
            wheel.close()
        folders = {name: {file.partition("/")[0] for file in held} for name, held in files.items()}
        assert {
            "notification_hub": {"hub"},
            "notification_hub_client": {"notification_hub"},
            "notification_hub_contracts": {"contracts"},
        } == folders
        assert {f"hub/api/console/{name}" for name in ("index.html", "console.js", "console.css")} <= files[
            "notification_hub"
        ]
        assert {"hub/py.typed", "contracts/py.typed"} <= files["notification_hub"] | files["notification_hub_contracts"]

    def test_hub_outlives_the_client(self, tmp_path: Path) -> None:
        """Where the Python client is uninstalled, the hub beside it goes on working, from any folder."""
        python = make_environment(tmp_path / "venv")
        install_wheels(python, build_hub_wheel())
        pip = (sys.executable, "-m", "pip", "--python", python)
        removed = run(*pip, "uninstall", "--quiet", "--yes", "notification-hub-client", folder=tmp_path)
        assert 0 == removed.returncode, removed.stderr
        done = run(tmp_path / "venv/bin/hub", "openapi", folder=tmp_path)
        assert (0, "") == (done.returncode, done.stderr)
        assert version("notification-hub") == json.loads(done.stdout)["info"]["version"]
        where = run(python, "-c", "import contracts, hub; print(contracts.__file__, hub.__file__)", folder=tmp_path)
        assert 2 == where.stdout.count(f"{tmp_path}/venv/")

    def check(self, python: Path, folder: Path) -> str:
        """Return what mypy, being strict, has to say of the service."""
        options = (
            "--strict",
            "--no-error-summary",
            "--cache-dir",
            python.parents[1] / "cache",
            "--python-executable",
            python,
        )
        done = run(sys.executable, "-m", "mypy", *options, "service.py", folder=folder)
        return done.stdout
