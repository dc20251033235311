// The room AgentApp: see docs/architecture.md.
