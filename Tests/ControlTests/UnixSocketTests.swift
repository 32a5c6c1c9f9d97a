import Control
import Foundation
import Testing

struct UnixSocketTests {
  private func mode(_ path: String) throws -> mode_t {
    var status = stat()
    try #require(unsafe lstat(path, &status) == 0)
    return status.st_mode
  }

  @Test func belongsToItsOwnerAloneAndGoesWithItsSocket() throws {
    let folder = try ScratchFolder()
    var socket: UnixSocket? = try UnixSocket(path: folder.socket)
    #expect(try mode(folder.socket) == S_IFSOCK | 0o600)
    #expect(socket != nil)
    socket = nil
    #expect(!FileManager.default.fileExists(atPath: folder.socket))
  }

  /// A socket that nobody listens at: bound in a program that ended.
  private func leave(_ path: String) throws {
    let script = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])"
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/python3")
    process.arguments = ["-c", script, path]
    try process.run()
    process.waitUntilExit()
    #expect(try mode(path) & S_IFMT == S_IFSOCK)
  }

  /// Each killed engine leaves a name, that of its process.
  @Test func tidiesWhatDeadEnginesLeftAndNothingElse() throws {
    let folder = try ScratchFolder()
    let living = try UnixSocket(path: folder.path + "/1.sock")
    for name in ["2.sock", "3.sock", "4"] { try leave("\(folder.path)/\(name)") }
    try "mine".write(toFile: folder.path + "/5.sock", atomically: false, encoding: .utf8)
    let another = try UnixSocket(path: folder.path + "/6.sock")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 6)
    let socket = try UnixSocket(path: folder.socket, tidies: true)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(left == ["1.sock", "4", "5.sock", "6.sock", "s.sock"])
    withExtendedLifetime((living, another, socket)) {}
  }

  @Test func replacesWhatADeadEngineLeft() throws {
    let folder = try ScratchFolder()
    try leave(folder.socket)
    let socket = try UnixSocket(path: folder.socket)
    #expect(try mode(folder.socket) == S_IFSOCK | 0o600)
    withExtendedLifetime(socket) {}
  }

  @Test func leavesALivingEngineAloneAndWhatIsNoSocket() throws {
    let folder = try ScratchFolder()
    let first = try UnixSocket(path: folder.socket)
    #expect(throws: ControlError.inUse(folder.socket)) { try UnixSocket(path: folder.socket) }
    withExtendedLifetime(first) {}
    let file = folder.path + "/file"
    try "mine".write(toFile: file, atomically: false, encoding: .utf8)
    #expect(throws: ControlError.notSocket(file)) { try UnixSocket(path: file) }
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
    let long = folder.path + "/" + String(repeating: "x", count: 120)
    #expect(throws: ControlError.pathTooLong(long)) { try UnixSocket(path: long) }
  }

  @Test func takesAwayNoNameThatIsAnothers() throws {
    let folder = try ScratchFolder()
    let first = try UnixSocket(path: folder.socket)
    try FileManager.default.removeItem(atPath: folder.socket)
    let second = try UnixSocket(path: folder.socket)
    first.remove()
    #expect(try mode(folder.socket) & S_IFMT == S_IFSOCK)
    withExtendedLifetime(second) {}
  }

  @Test func asksNobodyWhereNobodyIs() throws {
    let folder = try ScratchFolder()
    #expect(throws: ControlError.noEngine(folder.socket)) { try ControlClient(path: folder.socket) }
  }

  @Test(arguments: [
    ("127.0.0.1:9464", "127.0.0.1:9464"), ("[::1]:0", "[::1]:0"), ("10.0.0.1:65535", "10.0.0.1:65535"),
  ])
  func readsAnAddressAndAPort(text: String, shown: String) throws {
    #expect(try #require(TCPAddress(text)).description == shown)
  }

  @Test(arguments: [
    "", ":9464", "9464", "localhost:9464", "127.0.0.1", "127.0.0.1:", "::1:9464", "127.0.0.1:65536", "[127.0.0.1]:1",
    "[]:1",
  ])
  func readsNothingElse(text: String) { #expect(TCPAddress(text) == nil) }
}
