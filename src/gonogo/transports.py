"""Transports: outside of ``dev``, nothing leaves this host in the clear.

An address on this host itself may be plain; any other has to be one whose server proves who it is:
``https``, or a Postgres with ``sslmode=verify-full``, which alone compares the name on the certificate
with the name that was asked for (https://www.postgresql.org/docs/current/libpq-ssl.html).
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote, urlsplit

from gonogo.errors import SettingsBroken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gonogo.model import Environment

ADDRESSES: Final = (
    "PREFECT_API_URL", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "AZURE_OPENAI_ENDPOINT", "AZURE_VOICELIVE_ENDPOINT",
    "CO_BASE_URL", "COPILOT_API_URL", "GITHUB_COPILOT_API_BASE", "GITHUB_COPILOT_BASE_URL", "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_VERTEX_BASE_URL", "GROQ_BASE_URL",
    "HEROKU_INFERENCE_URL", "MOONSHOTAI_BASE_URL", "OLLAMA_BASE_URL", "PAIG_BASE_URL", "PYDANTIC_AI_GATEWAY_BASE_URL",
    "SAMBANOVA_BASE_URL", "SYSTEM_ONE_BASE_URL", "TYPESAFE_BASE_URL", "VLLM_BASE_URL",
)  # fmt: skip
"""Variables of others that say where evidence, cases or prompts are sent: Prefect's, and those of model providers."""

PROVEN: Final = "verify-full"


def refuse_clear(environment: Environment, journals: str | None, environ: Mapping[str, str]) -> None:
    """Check every address this process would send something to.

    Args:
        environment: of the settings; in ``dev`` anything goes.
        journals: address of the Postgres, if there is one.
        environ: the environment, for the addresses others read from it.

    Raises:
        SettingsBroken: something would leave the host in the clear; names the variable, never the address,
            which may hold a password.

    """
    if environment == "dev":
        return
    for name in ADDRESSES:
        if leaves_clear(environ.get(name, "")):
            msg = f"{name} is plain http to another host, which {environment} does not allow; make it https://."
            raise SettingsBroken(msg)
    if journals is not None and journals_clear(journals, environ):
        msg = (
            f"GONOGO_JOURNALS names another host without sslmode={PROVEN}, which {environment} does not allow; "
            "add it to the address, with sslrootcert where the host's own certificates do not do."
        )
        raise SettingsBroken(msg)


def leaves_clear(url: str) -> bool:
    """Whether what is sent to a URL leaves this host, and not under TLS; an empty one is asked nothing."""
    if not url:
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return True
    return parts.scheme != "https" and not _is_here(host)


def journals_clear(url: str, environ: Mapping[str, str]) -> bool:
    """Whether a Postgres is asked over the network without proof of who it is.

    Sockets are on this host. Everything counts that libpq takes a host or a mode from; what cannot be read
    counts as clear.
    """
    try:
        parts = urlsplit(url)
        asked = parse_qs(parts.query, keep_blank_values=True)
    except ValueError:
        return True
    modes = asked.get("sslmode", [environ.get("PGSSLMODE", "")])
    netloc = unquote(parts.netloc.rpartition("@")[2])
    given = [netloc, *asked.get("host", []), *asked.get("hostaddr", [])]
    hosts = [_without_port(each) for listed in given for each in listed.split(",") if each]
    named = hosts or [environ.get("PGHOST", ""), environ.get("PGHOSTADDR", "")]
    return modes[-1] != PROVEN and not all(_is_here(host) for host in named if host)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.startswith("/") or host.count(":") > 1 else host.partition(":")[0]


def _is_here(host: str) -> bool:
    """Whether a host is this one; a name that only resolves to it is not taken at its word."""
    if host == "localhost" or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
