// Tests of the room Operating.
