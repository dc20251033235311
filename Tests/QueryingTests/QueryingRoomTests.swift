// Tests of the room Querying.
