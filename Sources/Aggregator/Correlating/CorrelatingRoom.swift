// The room Correlating: see docs/architecture.md.
