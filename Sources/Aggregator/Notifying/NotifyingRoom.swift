// The room Notifying: see docs/architecture.md.
