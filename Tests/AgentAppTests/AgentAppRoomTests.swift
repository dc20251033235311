// Tests of the room AgentApp.
