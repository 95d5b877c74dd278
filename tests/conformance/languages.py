"""The languages that have a runner: what each needs, how it is built, and how it is started."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]


@dataclass(frozen=True, slots=True)
class Language:
    """One runner. `build` are commands that are run in a copy of its folder, each tried again
    where it fails, since it may need the network; `run` starts it there."""

    name: str
    tools: tuple[str, ...]
    build: tuple[tuple[str, ...], ...]
    run: tuple[str, ...]

    @property
    def sources(self) -> Path:
        """The folder of the runner's sources."""
        return HERE / self.name

    @property
    def lacks(self) -> list[str]:
        """The tools that this machine does not have."""
        return [tool for tool in self.tools if shutil.which(tool) is None]


def _stubs(language: str, source: str = str(CHECKOUT), *options: str) -> tuple[str, ...]:
    """Return the command that generates the stubs of a folder of protos, else our own."""
    template = CHECKOUT / "protos" / f"buf.gen.{language}.yaml"
    return ("buf", "generate", source, *options, "--template", str(template), "--output", ".")


PYTHON = Language("python", (), (), (sys.executable, "-m", "conformance.python"))
GO = Language("go", ("go",), (_stubs("go"), ("go", "build", "-o", "runner", ".")), ("./runner",))
TYPESCRIPT = Language(
    "typescript",
    ("node", "npm"),
    (
        ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"),
        _stubs("typescript"),
        _stubs(
            "typescript",
            "node_modules/google-proto-files",
            "--path",
            "node_modules/google-proto-files/google/rpc",
        ),
        _stubs("typescript", "node_modules/grpc-health-check/proto"),
        ("node", "node_modules/typescript/bin/tsc"),
    ),
    ("node", "--import", "tsx", "runner.ts"),
)
JAVA = Language(
    "java",
    ("java", "javac", "mvn"),
    (
        ("mvn", "-q", "-B", "initialize"),
        ("chmod", "+x", "target/tools/protoc.exe", "target/tools/protoc-gen-grpc-java.exe"),
        _stubs("java"),
        ("mvn", "-q", "-B", "compile"),
    ),
    (
        "java",
        "-cp",
        os.pathsep.join(("target/classes", "target/dependency/*")),
        "conformance.Runner",
    ),
)
ALL = (PYTHON, GO, TYPESCRIPT, JAVA)
