// Tests of the room Spooling.
