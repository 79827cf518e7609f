"""Environments: one for each peer, made of its own pins, on demand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
ENVS = HERE / ".envs"
INSTALL_SECONDS_MAX = 900.0


class NotInstalledError(Exception):
    """An environment cannot be made; the message says why in a sentence."""


def envs() -> Path:
    """Return the folder of environments and scratch; git and linters leave it alone."""
    ENVS.mkdir(exist_ok=True)
    (ENVS / ".gitignore").write_text("*\n", encoding="utf-8")
    return ENVS


def python_of(name: str | None) -> Path:
    """Return the interpreter of an environment, making it first if need be; ``None`` is our own.

    Raises:
        NotInstalledError: it could not be made.

    """
    if name is None:
        return Path(sys.executable)
    folder = envs() / name
    made = folder / ".made"
    wanted = _digest(name)
    if not made.exists() or made.read_text() != wanted:
        _make(name, folder)
        made.write_text(wanted)
    return folder / "bin" / "python"


def _pins(name: str) -> tuple[Path, Path]:
    """Return the files with an environment's Python pins and npm pins; the second one is often not there."""
    return HERE / "peers" / f"{name}.txt", HERE / "peers" / f"{name}.npm.txt"


def _digest(name: str) -> str:
    return sha256(b"\0".join(path.read_bytes() for path in _pins(name) if path.exists())).hexdigest()


def _make(name: str, folder: Path) -> None:
    print(f"Making the environment of {name}; this is done once.", file=sys.stderr)
    pins, npm_pins = _pins(name)
    if folder.exists():
        shutil.rmtree(folder)
    _run([sys.executable, "-m", "venv", str(folder)], name)
    _run([str(folder / "bin" / "pip"), "install", "--quiet", "--requirement", str(pins)], name)
    if npm_pins.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise NotInstalledError("npm is not on the path, and the server comes from there")
        prefix = folder / "npm"
        prefix.mkdir()
        packages = [line for line in npm_pins.read_text().split("\n") if line and not line.startswith("#")]
        # Without install scripts: the binaries come as packages, the scripts only count installations.
        _run([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(prefix), *packages], name)


def _run(command: list[str], name: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS_MAX, env=environment
        )
    except subprocess.TimeoutExpired:
        raise NotInstalledError(f"{name} was not installed within {INSTALL_SECONDS_MAX:.0f} s") from None
    if done.returncode:
        told = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        errors = [line for line in told if "error" in line.lower()]
        raise NotInstalledError((errors or told or [f"{command[0]} ended with {done.returncode}"])[0].strip()[:300])
