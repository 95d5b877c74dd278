"""One service for all tests of a module, and a shell for each of them."""

from collections.abc import Iterator

import pytest
from cli.town import Town
from processes import QUICK_SERVER, QUICK_TERMINAL, Shop, shop


@pytest.fixture(scope="module")
def open_shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Shop, str, str]]:
    """A shop with a service in it, by the settings file that the module names DTMS_TOML, if any;
    the service's address, and its terminal's."""
    with shop(tmp_path_factory.mktemp("town")) as opened:
        (opened.folder / "dtms.toml").write_text(getattr(request.module, "DTMS_TOML", ""))
        _, terminal = opened.terminal(*QUICK_TERMINAL)
        server, target = opened.serve(terminal, *QUICK_SERVER)
        server.expect("guarding")
        yield opened, target, terminal


@pytest.fixture
def town(
    open_shop: tuple[Shop, str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Town:
    """Commands run in this process; only what must be stopped from outside gets its own."""
    monkeypatch.setenv("DTMS_TERMINAL_KEY", open_shop[0].environment["DTMS_TERMINAL_KEY"])
    return Town(*open_shop, capsys)
