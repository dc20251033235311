// Tests of the room Receiving.
