// The room Judging: see docs/architecture.md.
