// swift-tools-version: 6.2

import PackageDescription

// Tocsin is one package: rooms are targets, a room imports vocabulary and tools and never a sibling room.
// docs/architecture.md draws the house; this file is its floor plan.

/// What every target of ours is built with. Dependencies keep their own settings.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

// MARK: Products of named packages

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let asyncAlgorithms = Target.Dependency.product(name: "AsyncAlgorithms", package: "swift-async-algorithms")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let hummingbird: [Target.Dependency] = [
    .product(name: "Hummingbird", package: "hummingbird"),
    .product(name: "HTTPTypes", package: "swift-http-types"),
    .product(name: "NIOCore", package: "swift-nio"),
]
let webSocket: [Target.Dependency] = [
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOWebSocket", package: "swift-nio"),
]
let embedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let hummingbirdTLS: [Target.Dependency] = [
    .product(name: "HummingbirdCore", package: "hummingbird"),
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
]
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")

// MARK: Helpers of this manifest

func library(_ name: String, in wing: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/\(wing)/\(name)", swiftSettings: strict)
}

func program(_ name: String, in wing: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: "Sources/\(wing)/\(folder(of: name))", swiftSettings: strict)
}

/// The executables' folders say which program they start; their targets are named as users type them.
func folder(of program: String) -> String {
    switch program {
    case "tocsin-agent": "AgentMain"
    case "tocsin-aggregator": "AggregatorMain"
    default: "Agentctl"
    }
}

/// A C library of Debian's: a module map, and a shim where a macro or a variadic needs one.
func system(_ name: String, pkgConfig: String, debian: String) -> Target {
    .systemLibrary(
        name: name,
        path: "Sources/Shared/CLibraries/\(name)",
        pkgConfig: pkgConfig,
        providers: [.apt([debian])]
    )
}

func tests(of room: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: "\(room)Tests",
        dependencies: [.byName(name: room), "TestSupport"] + dependencies,
        path: "Tests/\(room)Tests",
        swiftSettings: strict
    )
}

// MARK: The house

let shared: [Target] = [
    library("Telemetry", in: "Shared", []),
    library("JSON", in: "Shared", []),
    library("Blocks", in: "Shared", ["Telemetry", "CZlib", "CZstd"]),
    library("Wire", in: "Shared", ["Telemetry", "Blocks", "CDeflate", "CZlib", "JSON"]),
    library("Matching", in: "Shared", ["CPCRE2"]),
    library("Expressions", in: "Shared", ["Telemetry", "Matching"]),
    library("Templating", in: "Shared", ["Telemetry", "Expressions", "Matching", "JSON", "Operating"]),
    library("Rules", in: "Shared", ["Telemetry", "Expressions", "Templating", "Matching", "Configuring"]),
    library("Rehearsing", in: "Shared", ["Telemetry", "Expressions", "Rules", "Configuring"]),
    library("SQLite", in: "Shared", ["CSQLite"]),
    library("Explaining", in: "Shared", ["Telemetry", "SQLite", "JSON"]),
    library("Transferring", in: "Shared", ["Telemetry", "Operating", "CCurl"]),
    library("Configuring", in: "Shared", ["CYaml", "Telemetry"]),
    library("Operating", in: "Shared", ["Telemetry", "JSON", "CKernel", logging, lifecycle]),
    system("CSQLite", pkgConfig: "sqlite3", debian: "libsqlite3-dev"),
    system("CCurl", pkgConfig: "libcurl", debian: "libcurl4-openssl-dev"),
    system("CZlib", pkgConfig: "zlib", debian: "zlib1g-dev"),
    system("CDeflate", pkgConfig: "libdeflate", debian: "libdeflate-dev"),
    system("CZstd", pkgConfig: "libzstd", debian: "libzstd-dev"),
    system("CYaml", pkgConfig: "yaml-0.1", debian: "libyaml-dev"),
    system("CPCRE2", pkgConfig: "libpcre2-8", debian: "libpcre2-dev"),
    .systemLibrary(name: "CKernel", path: "Sources/Shared/CLibraries/CKernel"),
]

let agent: [Target] = [
    library("Collecting", in: "Agent", ["Telemetry", "Operating", "Matching", "JSON", "CKernel", logging, lifecycle]),
    library(
        "Tailing",
        in: "Agent",
        ["Telemetry", "Operating", "Matching", "JSON", "CKernel", "CZlib", "CZstd", logging, lifecycle, asyncAlgorithms]
    ),
    library("Judging", in: "Agent", ["Telemetry", "Operating", "Expressions", "Rules", "Matching", logging]),
    library("Spooling", in: "Agent", ["Telemetry", "Operating", "SQLite", "Blocks", "Wire", "JSON", logging, lifecycle]),
    library("Alarming", in: "Agent", ["Telemetry", "Operating", "Transferring", "JSON", logging, lifecycle]),
    library("Shipping", in: "Agent", ["Telemetry", "Operating", "Transferring", "Wire", "JSON", logging, lifecycle]),
    library("Exposing", in: "Agent", ["Telemetry", "Operating", logging, lifecycle]),
    library("Controlling", in: "Agent", ["Telemetry", "Operating", "JSON", logging, lifecycle]),
    library(
        "AgentApp",
        in: "Agent",
        [
            "Alarming", "Collecting", "Tailing", "Judging", "Spooling", "Shipping", "Controlling", "Exposing", "Wire", "Telemetry", "Operating",
            "Configuring", "Rules", "Expressions", "Matching", "Transferring", "JSON", logging, lifecycle,
        ]
    ),
    program("tocsin-agent", in: "Agent", ["AgentApp", arguments]),
    program(
        "agentctl",
        in: "Agent",
        [
            "AgentApp", "Collecting", "Controlling", "Spooling", "Telemetry", "Operating", "Transferring", "Expressions", "Rules", "Rehearsing",
            "JSON", "Configuring", arguments, signals,
        ]
    ),
]

let aggregator: [Target] = [
    library("Answering", in: "Aggregator", ["Telemetry", "Operating", "JSON", crypto, logging] + hummingbird + webSocket),
    library("Sealing", in: "Aggregator", ["Telemetry", "Blocks", "JSON"]),
    library(
        "Receiving",
        in: "Aggregator",
        ["Answering", "Telemetry", "Operating", "Blocks", "Wire", "JSON", "CDeflate", "CZlib", "CZstd", logging] + hummingbird
    ),
    library("Admitting", in: "Aggregator", ["Telemetry", "Operating", "Blocks", "Wire", "Configuring", crypto, logging]),
    library(
        "Storing",
        in: "Aggregator",
        ["Sealing", "Telemetry", "Operating", "SQLite", "Blocks", "Wire", "JSON", deque, logging, lifecycle]
    ),
    library("Querying", in: "Aggregator", ["Sealing", "Telemetry", "Operating", "Blocks", "Expressions", "JSON", logging, lifecycle]),
    library(
        "Correlating",
        in: "Aggregator",
        ["Telemetry", "Operating", "Explaining", "SQLite", "Blocks", "Wire", "Rules", "Matching", "Expressions", "JSON", logging, lifecycle]
    ),
    library(
        "Notifying",
        in: "Aggregator",
        [
            "Telemetry", "Operating", "Explaining", "SQLite", "Transferring", "Matching", "Rules", "Templating", "JSON", "Configuring", "CDeflate",
            crypto, heap, logging, lifecycle,
        ]
    ),
    library(
        "Serving",
        in: "Aggregator",
        ["Answering", "Telemetry", "Operating", "Explaining", "Expressions", "JSON", "Blocks", "Wire", logging] + hummingbird
    ),
    library("Pinging", in: "Aggregator", ["Telemetry", "Operating", "Transferring", logging, lifecycle]),
    library("Counting", in: "Aggregator", ["Telemetry", "Operating", "SQLite", "Blocks", "Wire", logging, lifecycle]),
    library(
        "Ruling",
        in: "Aggregator",
        ["Telemetry", "Operating", "SQLite", "Blocks", "Wire", "Rules", "Expressions", logging, lifecycle]
    ),
    library(
        "AggregatorApp",
        in: "Aggregator",
        [
            "Receiving", "Admitting", "Storing", "Querying", "Counting", "Ruling", "Correlating", "Notifying", "Pinging", "Serving", "Answering",
            "Telemetry", "Operating", "Wire", "Configuring", "Expressions", "Rules", "Matching", "Transferring", "JSON", logging, lifecycle,
        ] + hummingbird + hummingbirdTLS
    ),
    program("tocsin-aggregator", in: "Aggregator", ["AggregatorApp", arguments]),
]

/// Programs that measure; with ENABLE_BENCHMARKS in the environment only.
let benchmarks: [Target] =
    Context.environment["ENABLE_BENCHMARKS"] == nil
    ? []
    : [
        .executableTarget(
            name: "samples-bench",
            dependencies: ["Sealing", "Blocks", "Telemetry"],
            path: "Benchmarks/Samples",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "judging-bench",
            dependencies: ["Judging", "Rules", "Expressions", "Telemetry", "Operating", logging],
            path: "Benchmarks/Judging",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "searches-bench",
            dependencies: ["Querying", "Sealing", "Blocks", "Telemetry", "Operating"],
            path: "Benchmarks/Searches",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "tocsin-load",
            dependencies: ["Telemetry", "Blocks", "Wire", arguments],
            path: "Benchmarks/Load",
            swiftSettings: strict
        ),
    ]

let testTargets: [Target] = [
    .target(name: "TestSupport", dependencies: ["Telemetry", "Operating"], path: "Tests/TestSupport", swiftSettings: strict),
    tests(of: "Telemetry", []),
    tests(of: "JSON", []),
    tests(of: "Blocks", ["Telemetry"]),
    tests(of: "Wire", ["Telemetry", "Blocks"]),
    tests(of: "Matching", []),
    tests(of: "Expressions", ["Telemetry", "Matching"]),
    tests(of: "Templating", ["Telemetry", "JSON", "Operating"]),
    tests(of: "Rules", ["Telemetry", "Expressions", "Matching", "Configuring"]),
    tests(of: "Rehearsing", ["Telemetry", "Expressions", "Rules", "Configuring"]),
    tests(of: "SQLite", []),
    tests(of: "Explaining", ["Telemetry", "SQLite"]),
    tests(of: "Transferring", ["Telemetry", "JSON"]),
    tests(of: "Configuring", ["Telemetry"]),
    tests(of: "Operating", ["Telemetry", "JSON", logging, lifecycle]),
    tests(of: "Collecting", ["Telemetry", "Operating", "Matching", logging, lifecycle]),
    tests(of: "Tailing", ["Telemetry", "Operating", "Matching", "JSON", logging, lifecycle]),
    tests(of: "Judging", ["Telemetry", "Operating", "Expressions", "Rules", "Matching", logging]),
    tests(of: "Spooling", ["CFaultDisk", "Telemetry", "Operating", "SQLite", "Blocks", "Wire", "JSON", logging]),
    tests(of: "Alarming", ["Telemetry", "Operating", "Transferring", "JSON", logging, lifecycle]),
    tests(of: "Shipping", ["Telemetry", "Operating", "Transferring", "Wire", "JSON", logging, lifecycle]),
    tests(of: "Exposing", ["Telemetry", "Operating", "Wire", logging, lifecycle]),
    tests(of: "Controlling", ["Telemetry", "Operating", "JSON", logging]),
    tests(
        of: "AgentApp",
        [
            "Collecting", "Tailing", "Judging", "Spooling", "Shipping", "Controlling", "Exposing", "Telemetry", "Operating", "Configuring",
            "Rules", "Matching", "Transferring", "JSON", logging, lifecycle,
        ]
    ),
    tests(of: "Receiving", ["Answering", "Telemetry", "Operating", "Blocks", "Wire", "JSON", hummingbirdTesting] + hummingbird),
    tests(of: "Admitting", ["Telemetry", "Operating", "Blocks", "Wire", "Configuring"]),
    tests(of: "Sealing", ["Telemetry", "Blocks", "JSON"]),
    .target(name: "CFaultDisk", dependencies: ["CSQLite"], path: "Tests/CFaultDisk"),
    .target(name: "LogConformance", dependencies: ["Telemetry", "Blocks"], path: "Tests/LogConformance", swiftSettings: strict),
    tests(
        of: "Storing",
        [
            "CFaultDisk", "LogConformance", "Sealing", "Querying", "Telemetry", "Operating", "SQLite", "Blocks", "Wire", "JSON", logging,
        ]
    ),
    tests(of: "Querying", ["Sealing", "Telemetry", "Operating", "Blocks", "Expressions", "JSON", "Storing", logging]),
    tests(of: "Correlating", ["Telemetry", "Operating", "SQLite", "Blocks", "Rules", "Matching", "Expressions", "JSON", logging]),
    tests(of: "Counting", ["Telemetry", "Operating", "SQLite", "Blocks", "Wire", "Storing", logging]),
    tests(of: "Ruling", ["Telemetry", "Operating", "SQLite", "Blocks", "Wire", "Rules", "Expressions", "Configuring", "Storing", logging]),
    tests(
        of: "Notifying",
        ["Telemetry", "Operating", "SQLite", "Transferring", "Matching", "Rules", "Templating", "JSON", "Configuring", logging, lifecycle]
    ),
    tests(of: "Pinging", ["Telemetry", "Operating", "Transferring", logging, lifecycle]),
    tests(
        of: "Serving",
        ["Answering", "Telemetry", "Operating", "Expressions", "JSON", "Blocks", "Wire", logging, hummingbirdTesting, embedded] + hummingbird
            + webSocket
    ),
    tests(
        of: "AggregatorApp",
        [
            "Answering", "Receiving", "Admitting", "Storing", "Counting", "Ruling", "Rules", "Correlating", "Telemetry", "Operating", "Configuring",
            "JSON", logging, lifecycle, hummingbirdTesting,
        ] + hummingbird
    ),
    .testTarget(
        name: "AgentctlTests",
        dependencies: ["agentctl", "AgentApp", "TestSupport", "Telemetry", "JSON", "Transferring"],
        path: "Tests/AgentctlTests",
        swiftSettings: strict
    ),
    .testTarget(
        name: "EndToEndTests",
        dependencies: ["TestSupport", "Telemetry", "JSON", "Transferring", "SQLite", "Blocks", "Wire"],
        path: "Tests/EndToEndTests",
        swiftSettings: strict
    ),
]

let package = Package(
    name: "tocsin",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-async-algorithms", exact: "1.1.4"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: shared + agent + aggregator + testTargets + benchmarks,
    swiftLanguageModes: [.v6]
)
