import Operating
import Sealing
import Telemetry

/// Merges sealed blocks of samples, on a thread of its own: it reads, computes and allocates, while sealing goes on.
actor SampleMerging {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// What came of it.
    struct Merged: Sendable {
        /// Nil when there was nothing in the inputs.
        var output: SealedOutput?
        /// The inputs that were read; damaged ones are not among them.
        var inputs: [SealedBlock]
        var damaged: [(block: SealedBlock, detail: String)] = []
    }

    /// Takes as many of the blocks, in their order, as the limits allow: one at least.
    func merge(_ blocks: [SealedBlock], to resolution: Resolution) throws(LogError) -> Merged {
        var (opened, damaged) = ([SealedSamples](), [(block: SealedBlock, detail: String)]())
        var (bytes, samples) = (0, 0)
        for block in blocks.prefix(SampleLimits.mergeBlocksMax) {
            if !opened.isEmpty, bytes > SampleLimits.mergeDirectoryBytesMax || samples + block.count > SampleLimits.mergedSamplesMax { break }
            do throws(SealedError) {
                let fresh = try SealedSamples(block)
                opened.append(fresh)
                (bytes, samples) = (bytes + fresh.bytesInMemory, samples + block.count)
            } catch {
                switch error {
                case .damaged(let detail): damaged.append((block, detail))
                case .read(let error): throw error
                }
            }
        }
        do throws(SealedError) {
            let output = try SampleMerge.merge(opened, to: resolution)
            return Merged(output: output, inputs: opened.map(\.block), damaged: damaged)
        } catch {
            guard case .damaged = error else {
                if case .read(let error) = error { throw error }
                throw .failed("\(error)")
            }
        }
        // One of them has a damaged page: it is found, and the others wait for the next time.
        for samples in opened {
            do throws(SealedError) { try samples.verify() } catch {
                if case .damaged(let detail) = error { damaged.append((samples.block, detail)) }
            }
        }
        return Merged(output: nil, inputs: [], damaged: damaged)
    }
}
