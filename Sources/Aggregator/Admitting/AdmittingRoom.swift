// The room Admitting: see docs/architecture.md.
