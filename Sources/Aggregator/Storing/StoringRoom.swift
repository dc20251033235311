// The room Storing: see docs/architecture.md.
