// Tests of the room Transferring.
