// The room Receiving: see docs/architecture.md.
