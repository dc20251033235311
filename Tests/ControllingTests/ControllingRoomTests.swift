// Tests of the room Controlling.
