"""Repositories: versions of small files in a git repository that others look after, by the plain ``git`` program.

One branch, ``anchors``, which only ever grows: nothing is pushed by force, and a remote whose history was
rewritten is refused. What a version held is read from the history, so a file that was changed later hides nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gonogo.errors import AnchorUnreachable, EvidenceBroken, SettingsBroken

if TYPE_CHECKING:
    from collections.abc import Mapping

BRANCH = "refs/heads/anchors"
GIT_SECONDS = 120
"""How long one command of git may take."""
VERSION_MAX_BYTES = 65_536
"""What is larger is nothing that was anchored."""
_ABSENT = 2  # what `git ls-remote --exit-code` says of a branch that is not there
_NOT_INHERITED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
_US = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "gonogo",
    "GIT_AUTHOR_EMAIL": "gonogo@invalid",
    "GIT_COMMITTER_NAME": "gonogo",
    "GIT_COMMITTER_EMAIL": "gonogo@invalid",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class Repository:
    """A mirror of one branch of a remote; cheap to make."""

    mirror: Path
    """A bare repository of our own."""
    remote: str
    """Whatever git can fetch from and push to: a URL, a host's path, a bare repository on a disk."""

    def fetch(self) -> str | None:
        """Bring the mirror up to date, and return the branch's newest commit; ``None`` where there is none yet.

        Raises:
            AnchorUnreachable: the remote cannot be read.
            EvidenceBroken: its history is not the one that this mirror has seen.

        """
        if not (self.mirror / "HEAD").exists():
            self.make()
        if not self._is_there():
            if self._newest() is not None:
                raise EvidenceBroken(
                    f"The anchor has no branch {BRANCH} any more; somebody took it out. "
                    f"{self.mirror} still has it: push it back from there."
                )
            return None
        # Not quietly: what was rejected is told in the list of what was fetched.
        fetched = self._run("fetch", "--no-tags", self.remote, f"{BRANCH}:{BRANCH}")
        if fetched.returncode and b"non-fast-forward" in fetched.stderr:
            raise EvidenceBroken(
                f"The history of the anchor was rewritten; what it held is still in {self.mirror}. "
                "Ask who may push there by force, and compare the two."
            )
        self._checked("fetch", fetched)
        return self._newest()

    def make(self) -> None:
        """Make the mirror, empty."""
        self.mirror.mkdir(parents=True, exist_ok=True)
        self._git("init", "--bare", "--quiet", ".")

    def versions(self, path: str) -> list[bytes]:
        """Return everything that a file ever held on the fetched branch, oldest first.

        Raises:
            EvidenceBroken: a version is larger than anything that is anchored.

        """
        history = self._git("log", "--reverse", "--full-history", "--format=%H", BRANCH, "--", path).decode().split()
        asked = "".join(f"{commit}:{path}\n" for commit in history).encode()
        raw, place, found = self._git("cat-file", "--batch", given=asked), 0, dict[bytes, None]()
        for commit in history:
            line, _, _ = raw[place : place + 4_096].partition(b"\n")
            place += len(line) + 1
            # A commit that took the file out has no version of it; those before it are read all the same.
            if line.endswith(b" missing"):
                continue
            size = int(line.rpartition(b" ")[2])
            if size > VERSION_MAX_BYTES:
                raise EvidenceBroken(f"{path} in the anchor's commit {commit} is larger than any checkpoint.")
            found[raw[place : place + size]] = None
            place += size + 1
        return list(found)

    def newest(self, path: str) -> bytes | None:
        """Return what a file holds on the fetched branch; ``None`` where it does not stand there."""
        shown = self._run("cat-file", "blob", f"{BRANCH}:{path}")
        return shown.stdout if shown.returncode == 0 else None

    def push(self, onto: str | None, files: Mapping[str, bytes], message: str) -> str | None:
        """Commit files onto a commit and push; return the new commit, or ``None`` where somebody else pushed first.

        Raises:
            AnchorUnreachable: the remote does not take it.

        """
        index = {"GIT_INDEX_FILE": str(self.mirror.resolve() / f"index.{os.getpid()}")}
        try:
            self._git("read-tree", *([onto] if onto else ["--empty"]), env=index)
            for path, raw in files.items():
                blob = self._git("hash-object", "-w", "--stdin", given=raw).decode().strip()
                self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
            tree = self._git("write-tree", env=index).decode().strip()
        finally:
            Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)
        parent = ["-p", onto] if onto else []
        commit = self._git("commit-tree", tree, *parent, given=message.encode()).decode().strip()
        pushed = self._run("push", "--quiet", self.remote, f"{commit}:{BRANCH}")
        if pushed.returncode and re.search(rb"fetch first|non-fast-forward|cannot lock ref", pushed.stderr):
            return None
        self._checked("push", pushed)
        self._git("update-ref", BRANCH, commit)
        return commit

    def _is_there(self) -> bool:
        looked = self._run("ls-remote", "--exit-code", self.remote, BRANCH)
        if looked.returncode == _ABSENT:
            return False
        self._checked("ls-remote", looked)
        return True

    def _newest(self) -> str | None:
        looked = self._run("rev-parse", "--verify", "--quiet", BRANCH)
        return looked.stdout.decode().strip() if looked.returncode == 0 else None

    def _git(self, *words: str, given: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        return self._checked(words[0], self._run(*words, given=given, env=env))

    def _checked(self, what: str, done: subprocess.CompletedProcess[bytes]) -> bytes:
        if done.returncode:
            # The address may hold a password, and git repeats it.
            told = done.stderr.decode(errors="replace").strip().replace(self.remote, "the anchor")
            told = " ".join(re.sub(r"//[^/@\s]+@", "//", told).split())
            raise AnchorUnreachable(
                f"git {what} failed ({told[:500]}); GONOGO_ANCHOR names the repository. The log goes on, unanchored."
            )
        return done.stdout

    def _run(
        self, *words: str, given: bytes = b"", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        try:
            return subprocess.run(  # noqa: S603 - the commands are our own; a remote never begins with a dash
                ["git", "-C", str(self.mirror), *words],  # noqa: S607 - git is where the operator's path says
                input=given, env={**inherited, **_US, **(env or {})}, capture_output=True, timeout=GIT_SECONDS,
                check=False,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise SettingsBroken("There is no program git; anchoring needs one.") from error
        except subprocess.TimeoutExpired as error:
            raise AnchorUnreachable(f"git {words[0]} took longer than {GIT_SECONDS} seconds.") from error
