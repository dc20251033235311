import AgentApp
import ArgumentParser

// On the first thread, before there is a second: a pool of memory that a thread has made for itself it keeps.
AgentProgram.prepareMemory()

/// Asynchronous, so that ArgumentParser's asynchronous `main` is meant.
func run() async { await AgentProgram.onItsThreads { await TocsinAgent.main() } }
await run()
