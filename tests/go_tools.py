"""Programs in Go that tests run: each is built once a checkout, at the version that is named."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final

from filelock import FileLock
from outside import missing

TOOLS: Final = Path(__file__).parents[1] / ".venv" / "tools"
ATTEMPTS: Final = 3
BUILD_SECONDS: Final = 600.0

GRPC_HEALTH_PROBE: Final = "github.com/grpc-ecosystem/grpc-health-probe@v0.4.62"
KUBECTL_VALIDATE: Final = "sigs.k8s.io/kubectl-validate@v0.0.4"
"""It holds the schemas of Kubernetes 1.30 itself."""


def go_tool(module: str) -> Path:
    """Return the program of "MODULE@VERSION"; where there is no Go the test skips, but not in CI.

    Two are built in a minute or two; the longest part is the network's.
    """
    name, _, version = module.rpartition("/")[2].partition("@")
    program = TOOLS / "bin" / version / name
    TOOLS.mkdir(parents=True, exist_ok=True)
    with FileLock(TOOLS / f"{name}.lock"):
        if not program.exists():
            _install(module, program.parent)
    return program


def _install(module: str, folder: Path) -> None:
    go = shutil.which("go")
    if go is None:
        missing(f"go, which builds {module}, is not installed")
    environment = {**os.environ, "GOBIN": str(folder)}
    for attempt in range(1, ATTEMPTS + 1):
        done = subprocess.run(
            [go, "install", module],
            env=environment,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        if done.returncode == 0:
            return
        time.sleep(5 * attempt)  # networks fail now and then
    missing(f"{module} cannot be built: {done.stderr}")
