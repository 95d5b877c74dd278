"""What an operator may set: by flag, by DTMS_... in the environment, or in dtms.toml."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from dtms_server.config import policy_table, settings_file
from dtms_server.config.tree import dotted, leaves
from dtms_server.domain.errors import ConfigurationInvalid
from dtms_server.domain.policy import Policy

DEFAULTS: Final = Policy()


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) <= 65535):
        raise ValueError("must be HOST:PORT, for example 127.0.0.1:50051")
    return value


def _address_or_off(value: str) -> str:
    return value if value == "0" else _address(value)


def _terminal(value: str) -> str:
    if value in ("simulator", "metatrader5"):
        return value
    try:
        return _address(value)
    except ValueError:
        raise ValueError("must be simulator, metatrader5 or HOST:PORT") from None


Address = Annotated[str, AfterValidator(_address)]


class Settings(BaseSettings):
    """The settings of `dtms serve`; README.md has the table that is made from them."""

    model_config = SettingsConfigDict(
        env_prefix="DTMS_", extra="forbid", frozen=True, allow_inf_nan=False
    )

    listen: Address = Field("127.0.0.1:50051", description="Where gRPC listens.")
    http_listen: Annotated[str, AfterValidator(_address_or_off)] = Field(
        "127.0.0.1:18880", description="Where health and metrics pages are served; 0 is off."
    )
    # Not part of --insecure, which would take down the fences of gRPC and of the terminal's link
    # too. The pages hold no secret, but whoever can read them learns how the guard stands.
    http_remote: bool = Field(
        False, description="Let other computers read those pages: without encryption or password."
    )
    database: Path = Field(Path("dtms.db"), description="SQLite file that keeps the trades.")
    terminal: Annotated[str, AfterValidator(_terminal)] | None = Field(
        "metatrader5" if sys.platform == "win32" else None,
        description="What to guard: simulator, metatrader5, or HOST:PORT of a `dtms terminal`.",
    )
    path: Path | None = Field(None, description="MetaTrader 5's terminal64.exe.")
    login: int | None = Field(None, gt=0, description="Account to log in to, and to guard.")
    server: str | None = Field(None, description="Trade server of that account.")
    password: SecretStr | None = Field(
        None, description="Password of that account; in the environment only."
    )
    cycle: float = Field(
        DEFAULTS.cycle_seconds,
        gt=0,
        le=3600,
        description="Seconds of terminal time between two cycles.",
    )
    startup_timeout: float = Field(
        60.0, ge=0, description="Seconds to be ready in, else exit status 3; 0 waits for ever."
    )
    lost_grace: float = Field(
        DEFAULTS.lost_grace_seconds,
        ge=0,
        description="Seconds for which a lost terminal leaves readiness SERVING.",
    )
    server_offset: str = Field(
        "EET", description="The broker's clock: a zone (EET has DST) or +HH:MM from UTC."
    )
    magic: int = Field(
        DEFAULTS.magic, gt=0, lt=2**63, description="Magic number of DTMS's own orders."
    )
    replay: str | None = Field(
        None, description="Simulator: CSV of real bars to replay; or BIDFILE,ASKFILE."
    )
    symbol: str | None = Field(None, description="Simulator: the symbol, or several by comma.")
    speed: float = Field(1.0, ge=0, description="Simulator: how fast its clock runs.")
    seed: int | None = Field(None, description="Simulator: the same seed gives the same market.")
    min_spread: int = Field(1, ge=0, description="Simulator: least spread of a replay, in points.")
    sim_listen: Annotated[str, AfterValidator(_address_or_off)] = Field(
        "127.0.0.1:18813", description="Simulator: where `dtms sim` reaches it; 0 is off."
    )
    sim_state: Path | None = Field(
        None, description="Simulator: file that keeps its world; default beside the database."
    )
    paused: bool = Field(False, description="Start with actions paused.")
    no_migrate: bool = Field(False, description="Refuse to start where a migration is due.")
    tls_cert: Path | None = Field(None, description="Certificate chain of the server, PEM.")
    tls_key: Path | None = Field(None, description="Private key of that certificate, PEM.")
    tls_client_ca: Path | None = Field(
        None, description="Demand client certificates that this CA signed, PEM."
    )
    insecure: bool = Field(
        False, description="Listen, or attach, beyond loopback without encryption all the same."
    )
    reflection: bool = Field(False, description="Offer gRPC reflection.")
    log_format: Literal["text", "json"] = Field(
        "text", description="How the log is written: text, or json, an object a line."
    )
    drain_delay: float = Field(
        0.0, ge=0, description="Seconds between NOT_SERVING and the end of the listener."
    )
    drain_grace: float = Field(10.0, ge=0, description="Seconds that calls in flight may take.")

    file_keys: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """What the file sets, without the policy."""
    _policy: Policy = PrivateAttr(default_factory=Policy)
    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before file; no dotenv, no secret files."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, dict(cls.file_keys))

    @property
    def sim_state_file(self) -> Path:
        """Where the simulated terminal keeps its world."""
        return self.sim_state or self.database.with_suffix(".simulator.json")

    def policy(self) -> Policy:
        """Return the policy in force."""
        values = {name: getattr(self, key) for name, key in policy_table.SETTINGS.items()}
        return replace(self._policy, **values)

    def origin(self, name: str) -> str:
        """Return where a setting, or a value of the policy by its dotted key, was set: a flag, a
        variable of the environment, a file, or "default"."""
        return self._origins.get(name, "default")

    @property
    def account(self) -> str | None:
        """The account to guard, as "login@server"; None: the store's first, or any."""
        return f"{self.login}@{self.server}" if self.login else None


def load(config: Path | None = None, **flags: Any) -> Settings:
    """Read the settings; a flag that is None was not given.

    `config` must exist; without it dtms.toml in the working directory is read if it is there.
    Raises ConfigurationInvalid that names every wrong value and where it may be set.
    """
    file = settings_file.chosen(config)
    keys = settings_file.keys(file)
    table = keys.pop("policy", {})
    given = {name: value for name, value in flags.items() if value is not None}
    settings, wrong = _settings(keys, given, file)
    policy, refused = policy_table.read(table, magic=settings.magic if settings else DEFAULTS.magic)
    if refused:
        wrong.append(f"{file}: {'; '.join(refused)}")
    if settings is None or wrong:
        raise ConfigurationInvalid(reason="; ".join(wrong))
    _check_together(settings)
    settings._policy = policy
    settings._origins = _origins(keys, table, given, file)
    return settings


def _settings(
    keys: Mapping[str, Any], given: Mapping[str, Any], file: Path | None
) -> tuple[Settings | None, list[str]]:
    """The settings, or what is wrong with them."""

    class FromFile(Settings):
        file_keys = keys

    try:
        return FromFile(**given), []
    except ValidationError as fault:
        return None, _told(fault, file)


def _origins(
    keys: Mapping[str, Any], table: dict[str, Any], given: Mapping[str, Any], file: Path | None
) -> Mapping[str, str]:
    numbers = [f"policy.{dotted(place)}" for place, _ in leaves(table)]
    return {
        **dict.fromkeys((*keys, *numbers), str(file)),
        **{name: f"DTMS_{name.upper()}" for name in EnvSettingsSource(Settings)()},
        **{name: f"--{name.replace('_', '-')}" for name in given},
    }


def _told(fault: ValidationError, file: Path | None) -> list[str]:
    wrong = []
    for error in fault.errors():
        name = str(error["loc"][0]) if error["loc"] else "settings"
        if error["type"] == "extra_forbidden":
            wrong.append(f"{name} in {file} is not a setting")
            continue
        flag, variable = "--" + name.replace("_", "-"), "DTMS_" + name.upper()
        why = error["msg"].removeprefix("Value error, ")
        wrong.append(f"{flag} (or {variable}, or {name} in dtms.toml): {why}")
    return wrong


def _check_together(settings: Settings) -> None:
    if settings.terminal is None:
        raise ConfigurationInvalid(
            reason="say what to guard: --terminal simulator, --terminal metatrader5, or "
            "--terminal HOST:PORT of a `dtms terminal`"
        )
    if bool(settings.login) != bool(settings.server):
        raise ConfigurationInvalid(reason="--login and --server go together")
    if settings.terminal != "simulator" and settings.replay:
        raise ConfigurationInvalid(reason="--replay goes with --terminal simulator only")
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise ConfigurationInvalid(reason="--tls-cert and --tls-key go together")
    if settings.tls_client_ca and not settings.tls_cert:
        raise ConfigurationInvalid(reason="--tls-client-ca needs --tls-cert and --tls-key")
