// Tests of the room Matching.
