// Tests of the room Shipping.
