"""pydantic-ai as it comes: an agent's turn with nothing durable about it."""

from __future__ import annotations

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# (the library is installed in the peer's own environment)
from typing import TYPE_CHECKING, ClassVar

from pydantic_ai import Agent

from benchmarks.peers.engine import RESULT, Engine
from benchmarks.peers.scripted import INSTRUCTIONS, PROMPT, scripted_model
from benchmarks.peers.serving import serve

if TYPE_CHECKING:
    from pathlib import Path


async def look_up(account: str) -> str:
    """Return what is known of an account."""
    return account + RESULT


class PydanticAi(Engine):
    """One agent, asked again and again."""

    sync: ClassVar[str] = "nothing is durable"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.agent = Agent(scripted_model(), name="clerk", instructions=INSTRUCTIONS, tools=[look_up])

    async def ask(self, run_id: str) -> None:
        """Let the agent make its turn."""
        del run_id
        await self.agent.run(PROMPT)


if __name__ == "__main__":
    serve(lambda folder, _variant: PydanticAi(folder), ("pydantic-ai-slim",))
