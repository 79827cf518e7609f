"""Every side effect of every mission: agents, tools, connectors, adapters."""
