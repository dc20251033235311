// Tests of the room Tailing.
