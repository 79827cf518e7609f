"""A lodge of a drill: a Prefect server and a warm runner of their own, in a scratch home, for as long as it is wanted.

``python -m gonogo.drills.lodge`` is started by :mod:`gonogo.drills.lodging`, never by hand. It says where its
server is; at the line ``down`` it kills the server, as a power cut would; at the end of its input it goes.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import orjson

from gonogo.drills.housed import DEPLOYMENT
from gonogo.errors import SettingsBroken
from gonogo.house.address import House, move_in
from gonogo.house.household import deploy, runner
from gonogo.house.server import environment, server_process
from gonogo.settings import settings


def main() -> None:
    """Be up, say where, and do as told."""
    say, sys.stdout = sys.stdout.buffer, sys.stderr
    chosen = settings()
    if chosen.journals is not None:
        raise SettingsBroken("A drill keeps its scratch evidence in files; leave journals out of [tool.gonogo] for it.")
    with ExitStack() as rooms:
        # Prefect read its address when it was first imported, so whoever started this process has chosen it.
        port = int(os.environ["PREFECT_API_URL"].removesuffix("/api").rpartition(":")[2])
        server, url = rooms.enter_context(server_process(chosen.home, port))
        env = environment(chosen.home, url) | {"GONOGO_HOME": str(chosen.home.resolve())}
        deploy(chosen, env, Path(chosen.home / "logs" / "deploy.log"), DEPLOYMENT)
        move_in(chosen, House(pid=os.getpid(), api_url=url, ui_url=url.removesuffix("/api")))
        rooms.enter_context(runner(chosen))
        say.write(orjson.dumps(url) + b"\n")
        say.flush()
        for line in sys.stdin.buffer:
            if line.strip() == b"down":
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()
                say.write(b'"down"\n')
                say.flush()
        if server.poll() is not None:
            # Prefect's client would ask a server that is gone for a while before it lets go; nothing of ours is left.
            os._exit(0)


if __name__ == "__main__":
    main()
