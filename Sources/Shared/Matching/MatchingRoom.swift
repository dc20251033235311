// The room Matching: see docs/architecture.md.
