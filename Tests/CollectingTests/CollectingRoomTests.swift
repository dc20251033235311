// Tests of the room Collecting.
