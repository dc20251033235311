// The room Transferring: see docs/architecture.md.
