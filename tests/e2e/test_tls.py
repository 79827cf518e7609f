"""A Prefect server behind TLS: a run outside of dev flies over it, and never in the clear to another host."""

from __future__ import annotations

import asyncio
import ssl
import threading
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from gonogo.house.server import free_port, prefect_server
from tests.certificates import make_certificates
from tests.e2e.cases import claim

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from tests.certificates import Certificates
    from tests.e2e.command import Command

pytestmark = [pytest.mark.server, pytest.mark.slow]


@contextmanager
def tls_before(port: int, certificates: Certificates) -> Generator[int]:
    """Do what a reverse proxy does: speak TLS on a port of its own, and pass on what is said."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    ready: Future[tuple[int, Callable[[], object]]] = Future()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while part := await reader.read(1 << 16):
                writer.write(part)
                await writer.drain()
        writer.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back_writer), pump(back_reader, writer))

    async def serve() -> None:
        over, loop = asyncio.Event(), asyncio.get_running_loop()
        async with await asyncio.start_server(meet, "127.0.0.1", 0, ssl=context) as server:
            ready.set_result((server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(over.set)))
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    own, end = ready.result()
    try:
        yield own
    finally:
        end()
        thread.join()


def test_a_run_outside_of_dev_flies_over_tls_and_not_without_the_authority(gonogo: Command, tmp_path: Path) -> None:
    """The flow run is Prefect's; a proxy that nobody vouches for is refused before anything begins."""
    certificates = make_certificates(tmp_path / "certificates")
    with prefect_server(tmp_path / "server", free_port()) as plain, tls_before(_port(plain), certificates) as port:
        env = gonogo.approved("test") | {"PREFECT_API_URL": f"https://127.0.0.1:{port}/api"}
        trusting = env | {"SSL_CERT_FILE": str(certificates.authority)}
        refused = gonogo("run", "claims_triage", case=claim("straightforward", "MITM"), env=env)
        done = gonogo("run", "claims_triage", case=claim("straightforward", "TLS"), env=trusting)
    assert (refused.code, "certificate verify failed" in refused.err) == (1, True)
    assert (done.code, "status    done" in done.out) == (0, True), done
    assert len(gonogo.journal.run_ids()) == 1


def test_a_run_in_prod_does_not_fly_in_the_clear(gonogo: Command) -> None:
    """One sentence names the variable; nothing is begun."""
    env = {"GONOGO_ENVIRONMENT": "prod", "PREFECT_API_URL": "http://prefect.example.com/api"}
    done = gonogo("run", "claims_triage", case=claim("straightforward", "CLEAR"), env=env)
    assert (done.code, "PREFECT_API_URL is plain http" in done.sentence) == (1, True)


def _port(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])
