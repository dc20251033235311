// Tests of the room Rules.
