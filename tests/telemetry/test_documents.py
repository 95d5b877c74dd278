"""Dashboard, alerting rules and the table of metrics tell of what a live service shows."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from dtms.v1 import service_pb2 as pb
from dtms.v1 import trade_pb2
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms_server.config import Settings
from dtms_server.domain.policy.defence import DefencePolicy, StatePolicy
from prometheus_client import Metric
from rpc.conftest import Serve
from scripts import CRASHED
from telemetry.queries import Read, reads
from telemetry.scraping import Metrics, scraped

FOLDER = Path(__file__).parents[2] / "docs" / "deployment"
PAGE = (FOLDER / "metrics.md").read_text("utf-8")
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "prometheus" / "dtms.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana" / "dtms.json").read_text("utf-8"))
NO_GRACE = DefencePolicy(states=StatePolicy(grace_minutes=0.0))
OF_PROMETHEUS = {"instance", "job"}
on_linux = pytest.mark.skipif(
    not Path("/proc").exists(), reason="only there the library tells of the process"
)


@pytest.fixture
async def shown(serve: Serve, tmp_path: Path) -> AsyncIterator[Metrics]:
    """What a service shows that has hedged a trade, answered, refused, and been followed."""
    market = replace(CRASHED.settings(tmp_path), login=5001)
    async with (
        serve(market=market, defence=NO_GRACE) as house,
        grpc.aio.insecure_channel(house.address) as channel,
    ):
        stub: Any = DtmsServiceStub(channel)
        stream = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest())
        await stream.read()
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.GetTrade(pb.GetTradeRequest(ticket=424_242))
        buy, ticket = trade_pb2.DIRECTION_BUY, house.open_position()
        await stub.RegisterTrade(
            pb.RegisterTradeRequest(ticket=ticket, symbol="EURUSD", direction=buy)
        )
        yield await scraped(house.http, lambda now: now.value("dtms_trades", state="HEDGED") == 1)


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def targets() -> Iterator[dict[str, Any]]:
    yield from DASHBOARD["annotations"]["list"]
    for panel in panels():
        yield from panel["targets"]


def queries() -> list[str]:
    return [target["expr"] for target in targets()] + [rule["expr"] for rule in RULES]


def is_of_prometheus(read: Read) -> bool:
    return read.name == "up"  # it tells whether the pages could be read


def full_name(family: Metric) -> str:
    return family.name + ("_total" if family.type == "counter" else "")


@on_linux
async def test_every_query_reads_series_and_labels_that_there_are(shown: Metrics) -> None:
    samples = [sample for family in shown.families.values() for sample in family.samples]
    for query in queries():
        for read in reads(query):
            if is_of_prometheus(read):
                continue
            fitting = [sample for sample in samples if sample.name == read.name]
            assert fitting, f"{read.name} is shown nowhere: {query}"
            labels = fitting[0].labels.keys() | OF_PROMETHEUS
            assert read.labels <= labels, query
            assert any(read.equal <= sample.labels.items() for sample in fitting), query


@on_linux
async def test_words_in_braces_are_labels_of_their_query(shown: Metrics) -> None:
    labels = {
        sample.name: sample.labels.keys()
        for family in shown.families.values()
        for sample in family.samples
    }
    told = [(target["expr"], target.get("legendFormat", "")) for target in targets()]
    told += [(rule["expr"], rule["annotations"]["summary"]) for rule in RULES]
    for query, words in told:
        named = set(re.findall(r"{{ *(?:\$labels\.)?(\w+) *}}", words))
        for read in reads(query):
            assert named <= labels.get(read.name, set()) | OF_PROMETHEUS, words


async def test_the_table_has_every_metric_as_it_is_shown(shown: Metrics) -> None:
    rows = re.findall(r"^\| `(dtms_\w+)` \| (\w+) \| (.*?) \| (.*?) \|", PAGE, re.M)
    families = [each for name, each in shown.families.items() if name.startswith("dtms_")]
    assert len(rows) == len(families)
    for family in families:
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        listed = ", ".join(f"`{label}`" for label in sorted(labels))
        assert (full_name(family), family.type, listed, family.documentation) in rows


async def test_every_metric_of_ours_is_looked_at(shown: Metrics) -> None:
    looked_at = {read.name for query in queries() for read in reads(query)}
    looked_at |= set(re.findall(r"label_values\((\w+),", json.dumps(DASHBOARD)))
    for family in shown.families.values():
        if family.name.startswith("dtms_"):
            assert looked_at & {sample.name for sample in family.samples}, family.name


@on_linux
async def test_the_librarys_own_metrics_are_named(shown: Metrics) -> None:
    for family in shown.families.values():
        if not family.name.startswith(("dtms_", "python_gc_")):
            assert f"`{full_name(family)}`" in PAGE


def test_what_the_table_says_to_watch_for_has_its_rule_and_no_rule_is_forgotten() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names) > 10
    told = set(re.findall(r"\bDtms\w+", PAGE)) - {"DtmsService"}
    assert told == set(names)
    for rule in RULES:
        assert rule.keys() - {"for"} == {"alert", "expr", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "0m"))
        assert rule["annotations"]["summary"].endswith(".")


def test_prometheus_is_told_where_the_pages_are_and_which_rules_to_load() -> None:
    configuration, in_kubernetes = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", PAGE, re.S))
    [job], [by_pods] = configuration["scrape_configs"], in_kubernetes["scrape_configs"]
    assert job["job_name"] == by_pods["job_name"]
    assert job["static_configs"] == [{"targets": [Settings.model_fields["http_listen"].default]}]
    down = next(rule["expr"] for rule in RULES if rule["alert"] == "DtmsDown")
    assert down == f'up{{job="{job["job_name"]}"}} == 0 or absent(dtms_build_info)'
    assert configuration["rule_files"] == ["dtms.yml"]


def test_in_kubernetes_it_finds_the_pod_of_the_manifest() -> None:
    *_, in_kubernetes = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    [job] = yaml.safe_load(in_kubernetes)["scrape_configs"]
    keep, name = job["relabel_configs"]
    template = yaml.safe_load((FOLDER / "kubernetes" / "statefulset.yaml").read_text("utf-8"))[
        "spec"
    ]["template"]
    ports = template["spec"]["containers"][0]["ports"]
    label = template["metadata"]["labels"]["app.kubernetes.io/name"]
    assert keep["regex"] in {f"{label};{port['name']}" for port in ports}
    assert name["target_label"] == "instance"


def test_the_page_names_the_default_address() -> None:
    default = Settings.model_fields["http_listen"].default
    assert set(re.findall(r"127\.0\.0\.1:\d+", PAGE)) == {default}


def test_the_dashboard_can_be_imported_anywhere() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    asked, services = DASHBOARD["templating"]["list"]
    assert (asked["type"], asked["name"], asked["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    assert services["datasource"] == chosen
    assert "id" not in DASHBOARD, "an import gives it one"
    for panel in panels():
        assert panel["datasource"] == chosen, panel["title"]
    for target in targets():
        assert target["datasource"] == chosen
        assert 'instance=~"$instance"' in target["expr"]


def test_its_panels_have_places_of_their_own() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set[tuple[int, int]]()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
