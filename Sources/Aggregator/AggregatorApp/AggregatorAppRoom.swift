// The room AggregatorApp: see docs/architecture.md.
