// Tests of the room Expressions.
