// The room Rules: see docs/architecture.md.
