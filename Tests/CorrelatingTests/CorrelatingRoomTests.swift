// Tests of the room Correlating.
