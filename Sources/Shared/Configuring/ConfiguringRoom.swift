// The room Configuring: see docs/architecture.md.
