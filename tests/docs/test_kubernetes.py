"""The manifests are what Kubernetes takes, and hold for the service as it is."""

import subprocess
import tomllib
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml
from dtms_server import config
from dtms_server.rpc.health import READINESS
from go_tools import GRPC_HEALTH_PROBE, KUBECTL_VALIDATE, go_tool
from processes import PATIENCE_SECONDS, Shop, shop
from stopping import stop_seconds

pytestmark = pytest.mark.timeout(900)  # the first of them builds the tools
KUBERNETES = Path(__file__).parents[2] / "docs" / "deployment" / "kubernetes"
TLS = Path(__file__).parents[1] / "rpc" / "tls"
FILES = sorted(path.name for path in KUBERNETES.glob("*.yaml"))


def manifests() -> dict[tuple[str, str], Any]:
    """All that there is, by kind and name."""
    parsed = [
        each for file in FILES for each in yaml.safe_load_all((KUBERNETES / file).read_text())
    ]
    return {(each["kind"], each["metadata"]["name"]): each for each in parsed}


def pod() -> Any:
    return manifests()["StatefulSet", "dtms"]["spec"]["template"]["spec"]


def dtms() -> Any:
    """The one container."""
    [container] = pod()["containers"]
    return container


def settings_file() -> str:
    text: str = manifests()["ConfigMap", "dtms"]["data"]["dtms.toml"]
    return text


def validated(*files: Path) -> subprocess.CompletedProcess[str]:
    command = [str(go_tool(KUBECTL_VALIDATE)), "--version", "1.30", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_kubernetes_takes_them() -> None:
    done = validated(*(KUBERNETES / file for file in FILES))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "sound", "wrong"),
    [
        ("statefulset.yaml", "readOnlyRootFilesystem", "readOnlyRootFileSystem"),
        ("statefulset.yaml", "replicas: 1 ", "replicas: one "),
        ("statefulset.yaml", "failureThreshold: 6", "failureTreshold: 6"),
        ("service.yaml", "publishNotReadyAddresses", "publishUnreadyAddresses"),
        ("configmap.yaml", "data:", "datas:"),
    ],
)
def test_what_is_misspelt_is_refused(tmp_path: Path, file: str, sound: str, wrong: str) -> None:
    text = (KUBERNETES / file).read_text()
    assert sound in text
    (tmp_path / file).write_text(text.replace(sound, wrong, 1))
    done = validated(tmp_path / file)
    assert done.returncode != 0
    assert wrong.partition(":")[0] in done.stdout + done.stderr


def test_the_settings_are_sound_and_the_grace_fits_them(tmp_path: Path) -> None:
    file = tmp_path / "dtms.toml"
    file.write_text(settings_file())
    settings = config.load(file)
    assert settings.log_format == "json"
    assert pod()["terminationGracePeriodSeconds"] >= stop_seconds(settings)


def test_what_is_named_is_there() -> None:
    all_of_them = manifests()
    spec = all_of_them["StatefulSet", "dtms"]["spec"]
    assert (spec["replicas"], spec["podManagementPolicy"]) == (1, "Parallel")
    assert ("Service", spec["serviceName"]) in all_of_them
    claimed = {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
    volumes = claimed | {volume["name"] for volume in pod()["volumes"]}
    assert {mount["name"] for mount in dtms()["volumeMounts"]} == volumes
    settings = tomllib.loads(settings_file())
    ports = {port["name"]: str(port["containerPort"]) for port in dtms()["ports"]}
    assert ports["grpc"] == settings["listen"].rpartition(":")[2]
    assert ports["http"] == settings["http_listen"].rpartition(":")[2]
    assert ports["http"] == spec["template"]["metadata"]["annotations"]["prometheus.io/port"]
    for name in ("dtms", "dtms-always"):
        service = all_of_them["Service", name]["spec"]
        assert service["selector"] == spec["template"]["metadata"]["labels"]
        assert {port["targetPort"] for port in service["ports"]} <= ports.keys()


def test_each_probe_asks_for_its_own_name() -> None:
    assert f"-service={READINESS[-1]}" in dtms()["readinessProbe"]["exec"]["command"]
    for probe in ("startupProbe", "livenessProbe"):
        assert dtms()[probe]["httpGet"] == {"path": "/live", "port": "http"}


def test_the_probes_find_a_service_that_runs_by_these_settings(tmp_path: Path) -> None:
    with shop(tmp_path) as town:
        address, pages = serve(town)
        page = dtms()["livenessProbe"]["httpGet"]["path"]
        with urllib.request.urlopen(f"http://{pages}{page}") as alive:
            assert alive.status == HTTPStatus.OK
        command = [
            word.replace("127.0.0.1:50051", address)
            .replace("/tls/ca.crt", str(TLS / "ca.pem"))
            .replace("/probe/tls.crt", str(TLS / "client.pem"))
            .replace("/probe/tls.key", str(TLS / "client.key"))
            .replace("name=dtms", "name=localhost")
            for word in dtms()["readinessProbe"]["exec"]["command"]
        ]
        command[0] = str(go_tool(GRPC_HEALTH_PROBE))
        # this machine may be full, and whether three seconds are enough is not asked here
        patient = [word.replace("-timeout=3s", f"-timeout={PATIENCE_SECONDS}s") for word in command]
        assert len(set(command) - set(patient)) == 2
        done = subprocess.run(patient, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        strange = [word for word in command if "-tls-client-" not in word]
        assert len(strange) == len(command) - 2
        assert subprocess.run(strange, check=False).returncode != 0


def serve(town: Shop) -> tuple[str, str]:
    """Serve by the ConfigMap, with this machine's places; return the addresses of gRPC and HTTP."""
    text = settings_file()
    for place, here in {
        "0.0.0.0:50051": "127.0.0.1:0",
        "0.0.0.0:18880": "127.0.0.1:0",
        "/tls/tls.crt": str(TLS / "server.pem"),
        "/tls/tls.key": str(TLS / "server.key"),
        "/tls/ca.crt": str(TLS / "ca.pem"),
        "/data": str(town.folder),
    }.items():
        assert place in text
        text = text.replace(place, here)
    (town.folder / "own.toml").write_text(text)
    del town.environment["DTMS_HTTP_LISTEN"]  # which would win over the file
    process = town.start("serve", "--config", "own.toml", "--sim-listen", "0")
    process.expect('"event": "guarding"')
    return process.expect(r"^listening (\S+)")[1], process.expect(r"^http (\S+)")[1]
