// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

/// Exclusivity of class members is checked at run time in debug builds and tests; in the packet loop of release builds the
/// checks take a quarter of the time (measured with perf: swift_beginAccess 27 %).
let loop: [SwiftSetting] =
  strict + [
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))
  ]

/// One floor of the house: a target, what it may import, and its tests.
func floor(
  _ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting] = strict, exclude: [String] = []
) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name + "Tests", dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
  name: "moontap",
  products: [.executable(name: "moontap", targets: ["moontap"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    // 7: the commands; the only place where the parts meet
    .executableTarget(
      name: "moontap",
      dependencies: [
        "Audit", "Interactive", "Live", "Capture", "Policy", "DataPath", "Store", "Control", "Cloud", "LuaRuntime",
        "Mirroring", "Inventory", "JSONText", "Threads", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    // 7: makes captures, inventories and mirrors for tests and measurements; not installed
    .executableTarget(
      name: "trafficgen",
      dependencies: [
        "Inventory", "JSONText", "SeededRandom", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    // 7: runs damaged captures through all of it; see scripts/fuzz
    .executableTarget(
      name: "fuzz",
      dependencies: [
        "Capture", "Policy", "DataPath", "LuaRuntime", "Mirroring", "Inventory", "SeededRandom", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    // 6: runs audits over captures and configurations; findings, reports
    floor(
      "Audit", ["Capture", "Policy", "DataPath", "LuaRuntime", "Mirroring", "Inventory", "JSONText", "Wire"], loop),
    // 6: a session at the prompt
    floor(
      "Interactive",
      [
        "Capture", "Policy", "DataPath", "LuaRuntime", "Mirroring", "Inventory", "JSONText", "Threads", "Wire", "CEdit",
      ],
      loop),
    // 5: sources and sinks that touch files and the machine | interfaces and sockets
    floor("Capture", ["DataPath", "Mirroring", "Threads", "Wire", "CPcap", "CZlib"], loop),
    floor("Live", ["DataPath", "Mirroring", "Inventory", "Threads", "Wire", "CLiveShims"], loop),
    // 4: frames in, copies out | Lua to domain
    floor("DataPath", ["Mirroring", "Inventory", "Wire"], loop),
    floor("Policy", ["LuaRuntime", "Mirroring", "Inventory", "JSONText", "Wire"], loop, exclude: ["README.md"]),
    .target(
      name: "Store",
      dependencies: ["Mirroring", "Inventory", "JSONText", .product(name: "GRDB", package: "GRDB.swift")],
      swiftSettings: strict),
    // 3: what a mirror is, what makes one valid, what a verdict is
    floor("Mirroring", ["Inventory", "JSONText", "Wire"]),
    // 2: whose address is this, what is the next hop | one sandboxed interpreter | the door of an engine
    floor("Inventory", ["JSONText", "Wire"]),
    floor("Cloud", ["JSONText"]),
    floor("Control", ["JSONText", "Threads", "Wire"]),
    .target(name: "LuaRuntime", dependencies: ["CLuaShims"], exclude: ["README.md"], swiftSettings: loop),
    // 1: bytes <-> values | text <-> values | numbers that repeat, for tools and tests | threads
    floor("Wire", []),
    floor("JSONText", []),
    floor("SeededRandom", []),
    floor("Threads", []),
    // C: macros as functions, limiting allocator, budget hook, trampoline
    .target(
      name: "CLuaShims", dependencies: ["CLua"],
      cSettings: [.treatAllWarnings(as: .error)]),
    // C: packet rings, raw sockets, capabilities, confinement
    .target(name: "CLiveShims", cSettings: [.treatAllWarnings(as: .error)]),
    .systemLibrary(name: "CLua", pkgConfig: "lua5.4", providers: [.apt(["liblua5.4-dev"])]),
    .systemLibrary(name: "CPcap", providers: [.apt(["libpcap-dev"])]),
    .systemLibrary(name: "CEdit", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    tests("Wire", ["Wire", "Capture", "DataPath", "SeededRandom"]),
    tests("JSONText", ["JSONText", "SeededRandom"]),
    tests("Inventory", ["Inventory", "JSONText", "SeededRandom", "Wire"]),
    tests("Mirroring", ["Mirroring", "Inventory", "JSONText", "SeededRandom", "Wire"]),
    tests("DataPath", ["DataPath", "Live", "Capture", "Mirroring", "Inventory", "JSONText", "SeededRandom", "Wire"]),
    tests("LuaRuntime", ["LuaRuntime"]),
    tests("Policy", ["Policy", "Capture", "DataPath", "LuaRuntime", "Mirroring", "Inventory", "JSONText", "Wire"]),
    tests("Audit", ["Audit", "Policy", "LuaRuntime", "Mirroring", "Inventory", "JSONText", "Wire"]),
    tests(
      "Interactive",
      ["Interactive", "Capture", "Policy", "DataPath", "LuaRuntime", "Mirroring", "Inventory", "JSONText", "Wire"]),
    tests("Control", ["Control", "JSONText", "Wire"]),
    tests("Cloud", ["Cloud", "Inventory", "JSONText", "Wire"]),
    .testTarget(
      name: "StoreTests",
      dependencies: ["Store", "Mirroring", "Inventory", "JSONText", .product(name: "GRDB", package: "GRDB.swift")],
      swiftSettings: strict),
    tests("Live", ["Live", "Capture", "DataPath", "Mirroring", "Inventory", "JSONText", "SeededRandom", "Wire"]),
    tests("Capture", ["Capture", "DataPath", "Mirroring", "SeededRandom", "Wire", "CPcap"]),
    tests(
      "Moontap",
      [
        "moontap", "Audit", "Capture", "Control", "Policy", "DataPath", "Mirroring", "Inventory", "JSONText", "Threads",
        "Wire",
      ]),
  ],
  swiftLanguageModes: [.v6]
)
