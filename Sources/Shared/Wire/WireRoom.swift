// The room Wire: see docs/architecture.md.
