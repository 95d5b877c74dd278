"""What must be known before it is known whether the settings are right: how to log."""

from pathlib import Path
from typing import Any

from pydantic_settings import EnvSettingsSource

from dtms_server.config import Settings, settings_file
from dtms_server.domain.errors import ConfigurationInvalid


def log_format(config: Path | None = None, **flags: Any) -> Any:
    """Return how to log, unchecked; None where it is not set. The arguments are those of `load`."""
    try:
        keys = settings_file.keys(settings_file.chosen(config))
    except ConfigurationInvalid:  # which `load` tells
        keys = {}
    sources = (flags, EnvSettingsSource(Settings)(), keys)
    return next(filter(None, (source.get("log_format") for source in sources)), None)
