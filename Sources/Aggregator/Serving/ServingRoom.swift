// The room Serving: see docs/architecture.md.
