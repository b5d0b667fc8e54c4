"""The generators, each with how it is installed, run, compiled and started. One row is one client."""

from __future__ import annotations

import msgspec

__all__ = ["GENERATORS", "Generator"]

OPENAPI_GENERATOR = "7.25.0"
OAPI_CODEGEN = "2.8.2"
OGEN = "1.24.0"


class Generator(msgspec.Struct, frozen=True, kw_only=True):
    """One generator; its commands run one after another in a copy of `folder`, with the documents beside.

    In a command `{cache}` is a folder that all share and that stays from one run to the next, `{python}` this Python,
    `{jar}` openapi-generator. Its words are split as a shell would.
    """

    name: str
    version: str
    language: str
    #: Of tests/generators.
    folder: str
    #: What it reads.
    document: str
    #: What the machine must have.
    needs: tuple[str, ...]
    install: tuple[str, ...]
    generate: tuple[str, ...]
    compile: tuple[str, ...]
    run: str
    #: What its user should know.
    limits: str = ""

    @property
    def about(self) -> str:
        """What a word on the command line is looked for in."""
        return f"{self.folder} {self.name} {self.language}"


_PYTHON = (
    "{python} -m venv --upgrade-deps venv",
    "venv/bin/python -m pip --disable-pip-version-check --quiet install -r requirements.txt",
)
_NPM = ("npm install --silent --no-audit --no-fund --no-package-lock",)
#: Without the second option every field with a default (`everyone`) must be given in a request.
_TYPES = (
    "npx openapi-typescript openapi.json --empty-objects-unknown --default-non-nullable=false -o generated/openapi.ts"
)
_MVN = "mvn --batch-mode --quiet -Dmaven.repo.local={cache}/maven"

GENERATORS = (
    Generator(
        name="openapi-typescript, with openapi-fetch",
        version="7.13.0, 0.17.0",
        language="TypeScript",
        folder="typescript",
        document="openapi.json",
        needs=("node", "npm"),
        install=_NPM,
        generate=(_TYPES,),
        compile=("npx tsc",),
        run="node dist/fetch.js",
        limits="With `--default-non-nullable=false`, or every field with a default (`everyone`) must be given.",
    ),
    Generator(
        name="@hey-api/openapi-ts",
        version="0.95.0",
        language="TypeScript",
        folder="typescript",
        document="openapi.json",
        needs=("node", "npm"),
        install=_NPM,
        generate=(_TYPES, "npx openapi-ts --silent --no-log-file -i openapi.json -o generated/hey"),
        compile=(
            "npx tsc -p tsconfig.hey.json",
            "npx esbuild hey.ts --log-level=warning --bundle --platform=node --format=esm --outfile=dist/hey.js",
        ),
        run="node dist/hey.js",
        limits="Does not compile under `exactOptionalPropertyTypes`.",
    ),
    Generator(
        name="openapi-python-client",
        version="0.29.1",
        language="Python",
        folder="python",
        document="openapi.json",
        needs=(),
        install=_PYTHON,
        generate=(
            "venv/bin/openapi-python-client generate --path openapi.json --meta none --overwrite"
            " --output-path hub_client --config client.yaml",
        ),
        compile=("venv/bin/mypy --strict --follow-imports silent client.py",),
        run="venv/bin/python client.py",
        limits="Each request's `type` is given by hand; its type is a literal, so a wrong one does not pass mypy.",
    ),
    Generator(
        name="datamodel-code-generator",
        version="0.89.0",
        language="Python",
        folder="python",
        document="openapi.json",
        needs=(),
        install=_PYTHON,
        generate=(
            "venv/bin/datamodel-codegen --input openapi.json --input-file-type openapi --use-annotated"
            " --output-model-type pydantic_v2.BaseModel --formatters builtin --target-python-version 3.11"
            " --output hub_models.py",
        ),
        compile=("venv/bin/mypy --strict --follow-imports silent models.py",),
        run="venv/bin/python models.py",
        limits="Makes models alone: requests are sent with httpx. Dump them with `exclude_unset`.",
    ),
    Generator(
        name="oapi-codegen",
        version=OAPI_CODEGEN,
        language="Go",
        folder="go",
        document="openapi.json",
        needs=("go",),
        install=(f"go install github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v{OAPI_CODEGEN}",),
        generate=("{cache}/go/bin/oapi-codegen -config oapi-codegen.yaml openapi.json",),
        compile=("go mod tidy", "go vet ./...", "go build -o publish ."),
        run="./publish",
        limits="`From...` of a `PublishRequest` sets the `type`.",
    ),
    Generator(
        name="ogen",
        version=OGEN,
        language="Go",
        folder="go-ogen",
        document="openapi-3.0.json",
        needs=("go",),
        install=(f"go install github.com/ogen-go/ogen/cmd/ogen@v{OGEN}",),
        generate=("{cache}/go/bin/ogen --target hub --package hub --clean openapi-3.0.json",),
        compile=("go mod tidy", "go vet .", "go build -o publish ."),
        run="./publish",
        limits="`New...` of a `PublishRequest` sets the `type`.",
    ),
    Generator(
        name="openapi-generator `java`, library `native`",
        version=OPENAPI_GENERATOR,
        language="Java",
        folder="java",
        document="openapi-3.0.json",
        needs=("java", "javac", "mvn"),
        install=(
            f"{_MVN} org.apache.maven.plugins:maven-dependency-plugin:3.8.1:get -Dtransitive=false"
            f" -Dartifact=org.openapitools:openapi-generator-cli:{OPENAPI_GENERATOR}",
        ),
        generate=(
            "java -jar {jar} generate --generator-name java --library native --input-spec openapi-3.0.json"
            " --output generated --global-property apis,models,supportingFiles,apiTests=false,modelTests=false"
            " --additional-properties invokerPackage=hub,apiPackage=hub.api,modelPackage=hub.model"
            " --additional-properties hideGenerationTimestamp=true,disallowAdditionalPropertiesIfNotPresent=false",
        ),
        compile=(f"{_MVN} package dependency:copy-dependencies",),
        run="java -cp target/classes:target/dependency/* Publish",
        limits="Java's HttpClient offers HTTP/2 in clear text with each request; the hub passes that over.",
    ),
    Generator(
        name="progenitor",
        version="0.15.1",
        language="Rust",
        folder="rust",
        document="openapi-3.0.json",
        needs=("cargo", "rustc"),
        install=("cargo fetch --quiet",),
        generate=(),
        compile=("cargo build --quiet",),
        run="{cache}/rust/debug/publish",
        limits="Reads 3.0 alone. A failure's body comes as bytes, to be read as `types::Problem`.",
    ),
)
