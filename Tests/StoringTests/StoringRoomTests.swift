// Tests of the room Storing.
