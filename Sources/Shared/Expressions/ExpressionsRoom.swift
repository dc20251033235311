// The room Expressions: see docs/architecture.md.
