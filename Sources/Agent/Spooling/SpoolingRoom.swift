// The room Spooling: see docs/architecture.md.
