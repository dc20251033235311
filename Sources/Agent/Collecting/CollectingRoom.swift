// The room Collecting: see docs/architecture.md.
