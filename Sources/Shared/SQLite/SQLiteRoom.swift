// The room SQLite: see docs/architecture.md.
