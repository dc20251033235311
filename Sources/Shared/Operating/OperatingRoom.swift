// The room Operating: see docs/architecture.md.
