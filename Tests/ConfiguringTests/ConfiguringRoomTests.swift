// Tests of the room Configuring.
