// Tests of the room Judging.
