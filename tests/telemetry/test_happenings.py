"""Counting begins at 0, apart for each service, and what cannot be counted ends nothing."""

from typing import Any, cast

from dtms.v1 import service_pb2 as pb
from dtms_server.telemetry.happenings import Happenings
from dtms_server.telemetry.registry import Registry
from rpc.conftest import House
from structlog.testing import capture_logs
from telemetry.scraping import scrape


async def test_faults_of_each_call_begin_at_0_so_that_the_first_shows_as_a_rise(
    house: House,
) -> None:
    shown = (await scrape(house.http)).families["dtms_rpcs"].samples
    begun = {(each.labels["method"], each.labels["code"]): each.value for each in shown}
    names = [method.name for method in pb.DESCRIPTOR.services_by_name["DtmsService"].methods]
    assert begun == {(name, code): 0 for name in names for code in ("OK", "INTERNAL", "UNKNOWN")}


def test_what_cannot_be_counted_is_logged_and_ends_nothing() -> None:
    happenings, wrong = Happenings(Registry()), cast(Any, object())
    with capture_logs() as told:
        happenings.answered("GetStatus", "OK", wrong)
        happenings.cycled(wrong)
        happenings.committed(wrong, 0.1)
        happenings.recorded(wrong)
    assert {line["event"] for line in told} == {"not counted"}
    assert [line["happening"] for line in told] == ["answered", "cycled", "committed", "recorded"]


async def test_two_services_in_one_process_count_apart(house: House) -> None:
    other = Happenings(Registry())
    other.answered("GetStatus", "OK", 0.1)
    assert (await scrape(house.http)).value("dtms_rpcs_total", method="GetStatus", code="OK") == 0
