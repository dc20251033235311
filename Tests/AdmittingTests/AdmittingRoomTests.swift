// Tests of the room Admitting.
