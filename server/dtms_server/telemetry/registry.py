"""Where our metrics are kept: a registry of one service, not the library's global one."""

from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Metric,
    PlatformCollector,
    ProcessCollector,
)


class Registry(CollectorRegistry):
    """Begins with what the library tells of Python and, on Linux only, of the process."""

    def __init__(self) -> None:
        super().__init__()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self)

    def collect(self) -> Iterable[Metric]:
        """Return all metrics, without when each series began: it would double their number."""
        for metric in super().collect():
            metric.samples = [
                sample for sample in metric.samples if not sample.name.endswith("_created")
            ]
            yield metric
