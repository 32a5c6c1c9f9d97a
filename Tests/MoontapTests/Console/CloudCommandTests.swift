import Foundation
import JSONText
import Testing

/// Answers of a cloud's API, by way of the command line.
struct CloudCommandTests {
  private static func files(_ cloud: String, _ names: [String]) -> [String] {
    names.map { Shell.root.appending(path: "Tests/Fixtures/cloud/\(cloud)/\($0).json").path }
  }

  private static let tencent = files("tencent", ["vpcs", "subnets", "enis-1", "enis-2", "routes", "nats"])

  @Test func mirrorsOfTencentCloudLiveOnHere() throws {
    let scene = try ConsoleScene(inventory: nil)
    let imported = try scene.run(["inventory", "import"] + Self.tencent)
    #expect(imported.status == 0, "\(imported.errors)")
    #expect(imported.errors.contains("eni-old00001"))
    let mirrors = Self.files("tencent", ["mirrors"])[0]
    let stored = try scene.run("mirror", "import", "--format", "tencent", mirrors)
    #expect(stored.status == 0, "\(stored.errors)")
    #expect(stored.errors.contains("warning: import.left-out"))
    #expect(try scene.definitions().compactMap { $0["name"]?.string } == ["egress", "rules", "tls"])
    let exported = try scene.run("mirror", "export", "--format", "tencent")
    #expect(exported.status == 0, "\(exported.errors)")
    let set = try #require(try exported.json()["Response"]?["TrafficMirrorSet"]?.array)
    #expect(set.compactMap { $0["State"]?.string } == ["STOPED", "RUNNING", "RUNNING"])
    #expect(try scene.run("inventory", "import", Self.tencent[0]).status == 3)
  }

  @Test func anInventoryOfAWSBecomesAFile() throws {
    let scene = try ConsoleScene(inventory: nil)
    let file = scene.folder.path("aws.json")
    let written = try scene.run(
      ["inventory", "import"] + Self.files("aws", ["vpcs", "subnets", "enis", "routes", "nats"]) + ["--write", file])
    #expect(written.status == 0, "\(written.errors)")
    #expect(try Shell.moontap("inventory", "check", file).status == 0)
    #expect(!FileManager.default.fileExists(atPath: scene.store))
  }

  @Test func answersOfTwoCloudsAreNotMixed() throws {
    let scene = try ConsoleScene(inventory: nil)
    let mixed = try scene.run(["inventory", "import"] + Self.tencent + Self.files("aws", ["vpcs"]))
    #expect(mixed.status == 3 && mixed.errors.contains("import.mixed"), "\(mixed.errors)")
  }
}
