// The room Controlling: see docs/architecture.md.
