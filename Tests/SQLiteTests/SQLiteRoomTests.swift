// Tests of the room SQLite.
