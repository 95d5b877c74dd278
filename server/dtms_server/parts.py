"""What the settings say of each part that meets the outside: terminal, gRPC and HTTP."""

from dtms_server.config import Settings
from dtms_server.domain.errors import ConfigurationInvalid
from dtms_server.rpc.server import Listening
from dtms_server.terminal.keys import terminal_key
from dtms_server.terminal.link import LinkedTerminal, Login
from dtms_server.terminal.options import HostOptions, is_loopback, parse_address
from dtms_server.terminal.session import Target


def terminal(settings: Settings) -> LinkedTerminal:
    """Return the terminal to guard, not connected yet. Raises ConfigurationInvalid."""
    login = Login(
        path=str(settings.path) if settings.path else None,
        login=settings.login,
        server=settings.server,
        password=settings.password.get_secret_value() if settings.password else None,
    )
    return LinkedTerminal(_target(settings), terminal_key(), login)


def _target(settings: Settings) -> Target:
    """Return the address to attach to, or the options of the host to spawn."""
    match settings.terminal:
        case "simulator":
            return HostOptions(
                module="simulator",
                allow_remote=settings.insecure,
                listen=() if settings.sim_listen == "0" else (settings.sim_listen,),
                replay=settings.replay,
                symbol=settings.symbol,
                speed=settings.speed,
                seed=settings.seed,
                sim_state=str(settings.sim_state_file),
                server_offset=settings.server_offset,
                min_spread=settings.min_spread,
            )
        case "metatrader5":
            return HostOptions(module="metatrader5", server_offset=settings.server_offset)
        case address:
            return _attachable(address or "", settings)


def _attachable(address: str, settings: Settings) -> tuple[str, int]:
    host, port = parse_address(address)
    if not (is_loopback(host) or settings.insecure):
        raise ConfigurationInvalid(
            reason=f"--terminal {address} is another computer, and the link is not encrypted, nor "
            "the password on it: use a tunnel, or --insecure to accept that"
        )
    return host, port


def listening(settings: Settings) -> Listening:
    """Return where gRPC listens, and whom it trusts."""
    return Listening(
        address=settings.listen,
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
        tls_client_ca=settings.tls_client_ca,
        insecure=settings.insecure,
        reflection=settings.reflection,
    )


def http_address(settings: Settings) -> str | None:
    """Return where the pages are served, HOST:PORT; None: nowhere. Raises ConfigurationInvalid."""
    address = settings.http_listen
    if address == "0":
        return None
    host = address.rpartition(":")[0].strip("[]")
    if not (is_loopback(host) or settings.http_remote):
        raise ConfigurationInvalid(
            reason=f"--http-listen {address} is reachable from other computers, and everybody may "
            "read its pages: give --http-remote to accept that"
        )
    return address
