// Tests of the room Blocks.
