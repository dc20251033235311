// Tests of the room AggregatorApp.
