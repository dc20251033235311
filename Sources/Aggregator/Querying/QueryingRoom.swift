// The room Querying: see docs/architecture.md.
