// The room Blocks: see docs/architecture.md.
