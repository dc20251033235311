// The room Tailing: see docs/architecture.md.
