// The room Shipping: see docs/architecture.md.
