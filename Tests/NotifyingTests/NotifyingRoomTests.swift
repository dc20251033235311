// Tests of the room Notifying.
