"""`taximeter receive`: a server that stores what HTTP sinks send."""

import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from taximeter.cli.message import complain
from taximeter.errors import ConfigurationError, MissingExtraError
from taximeter.sinks.sqlite import SqliteSink
from taximeter.sinks.token import TOKEN_VARIABLE, Token, token_from

try:
    from taximeter.web.intake import Intake
    from taximeter.web.receiver import receiver
    from taximeter.web.server import Certificate, end_on_signals, listen, server_for
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in {"starlette", "uvicorn"}:
        raise
    raise MissingExtraError("taximeter receive", "web") from error


def receive(
    store: Path,
    *,
    token: str | None,
    token_file: Path | None,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
) -> None:
    """Answer requests until told to end.

    Raises:
        ConfigurationError: There is no token, or an option cannot work.
        OSError: The address is taken, or a file cannot be read.
    """
    secret = _token(token, token_file)
    proof = _certificate(certificate, key)
    if not store.absolute().parent.is_dir():
        raise ConfigurationError("--db", str(store), "a file in a folder that exists")
    with listen(host, port) as listener:
        server = server_for(receiver(Intake(SqliteSink(store, durable=True)), secret), proof)
        end_on_signals(server)
        _announce(listener.getsockname(), store, is_secure=proof is not None)
        server.run(sockets=[listener])


def _announce(bound: tuple[Any, ...], store: Path, *, is_secure: bool) -> None:
    host, port = bound[:2]
    if not is_secure and not ip_address(host).is_loopback:
        complain("tokens and events come in readable by the network: give --certificate and --key")
    shown_host = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"receiving on http{'s' * is_secure}://{shown_host}:{port} into {store}\n")
    sys.stdout.flush()


def _token(token: str | None, token_file: Path | None) -> Token:
    if token is not None and token_file is not None:
        raise ConfigurationError("--token", "(not shown)", "given alone, or as --token-file")
    secret = token_from(token if token_file is None else token_file)
    if secret is None:
        raise ConfigurationError("--token", None, f"given, here, as --token-file or as {TOKEN_VARIABLE}")
    return secret


def _certificate(chain: Path | None, key: Path | None) -> Certificate | None:
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        raise ConfigurationError("--certificate", chain and str(chain), "given together with --key")
    return Certificate(chain, key)
