// Tests of the room JSON.
