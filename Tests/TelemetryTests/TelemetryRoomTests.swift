// Tests of the room Telemetry.
