import Capture
import DataPath
import Foundation
import Glibc
import Mirroring
import Testing
import Wire

/// What happens when captures cannot be written.
@Suite struct OutputFailureTests {
  private let folder = TemporaryFolder()

  private func open(_ path: String, _ format: CaptureFileOptions.Format = .pcap) throws(CaptureError) -> CaptureFileSink
  {
    try CaptureFileSink(folder: path, plan: Plans.one(), options: CaptureFileOptions(format: format))
  }

  private func failure(_ path: String) -> CaptureError? {
    do throws(CaptureError) {
      _ = try open(path)
      return nil
    } catch {
      return error
    }
  }

  private func deliverSome(_ sink: CaptureFileSink, count: Int = 10) throws(CaptureError) {
    try deliver(
      madeFrames(Array(repeating: 1000, count: count)).map { MadeCopy(frame: $0) }, to: sink, interfaces: ethernet)
  }

  // MARK: Folders

  @Test func makesAFolderThatIsMissing() throws {
    let sink = try open(folder.file("out"))
    try sink.finish()
    #expect(folder.names() == ["out"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("out")) == ["10.20.9.10.pcap"])
  }

  @Test func refusesAFolderWhoseParentIsMissing() {
    #expect(
      failure(folder.file("a/b"))
        == .outputFolder(path: folder.file("a/b"), what: "cannot be made: the folder above it does not exist"))
  }

  @Test func refusesAFileInPlaceOfTheFolder() {
    folder.write([1], to: "out")
    #expect(failure(folder.file("out")) == .outputFolder(path: folder.file("out"), what: "is not a folder"))
    #expect(
      failure(folder.file("out/deeper"))
        == .outputFolder(path: folder.file("out/deeper"), what: "cannot be made: what stands above it is not a folder"))
    #expect(bytes(of: folder.file("out")) == [1])
  }

  @Test func refusesAFolderInPlaceOfTheFile() throws {
    try FileManager.default.createDirectory(atPath: folder.file("10.20.9.10.pcap"), withIntermediateDirectories: true)
    #expect(
      failure(folder.path)
        == .outputFolder(
          path: folder.file("10.20.9.10.pcap"), what: "is a folder, where a capture is to be written"))
    #expect(folder.names() == ["10.20.9.10.pcap"])
  }

  @Test func refusesAFolderThatCannotBeWrittenInto() throws {
    // /proc is a folder that even root cannot make files in.
    let error = try #require(failure("/proc/self/task"))
    #expect("\(error)".hasPrefix("/proc/self/task"), "\(error)")
  }

  @Test(.enabled(if: getuid() == 0, "needs root, to mount a file system that is read-only"))
  func refusesAReadOnlyFolder() throws {
    let mount = try Mount(folder.path, options: "ro,size=64k")
    defer { mount.end() }
    #expect(
      failure(folder.path)
        == .outputFolder(path: folder.path, what: "cannot be written into: Read-only file system"))
  }

  @Test func idsCannotLeadOutOfTheFolder() throws {
    var route = Plans.route(Plans.v4)
    route.fileStem = "../../vpc/x_10.20.9.10"
    let sink = try CaptureFileSink(
      folder: folder.path, plan: SinkPlan(routes: [route], origins: Plans.enis), options: CaptureFileOptions())
    try sink.finish()
    #expect(folder.names() == ["%2E.%2F..%2Fvpc%2Fx_10.20.9.10.pcapng"])
  }

  // MARK: Full disks

  @Test(.enabled(if: getuid() == 0, "needs root, to mount a small file system"), arguments: [1, 10, 300, 2000])
  func aFullDiskLeavesNothing(_ frames: Int) throws {
    let mount = try Mount(folder.path, options: "size=64k")
    defer { mount.end() }
    folder.write([1, 2, 3], to: "10.20.9.10.pcap")
    mount.fill(leaving: 8 << 10)
    let sink = try open(folder.path)
    do throws(CaptureError) {
      try deliverSome(sink, count: frames)
      try sink.finish()
      #expect(frames == 1)
    } catch {
      #expect(frames > 1)
      #expect(error == .write(path: folder.file("10.20.9.10.pcap"), errno: ENOSPC))
      #expect(bytes(of: folder.file("10.20.9.10.pcap")) == [1, 2, 3])
      #expect(throws: error) { try sink.finish() }
      #expect(throws: error) { try deliverSome(sink, count: 1) }
    }
    #expect(folder.names() == ["10.20.9.10.pcap", "filler"])
  }

  // MARK: Names

  @Test func abandoningLeavesNothingAndKeepsWhatWasThere() throws {
    folder.write([1, 2, 3], to: "10.20.9.10.pcap")
    let sink = try open(folder.path)
    try deliverSome(sink, count: 2000)
    #expect(folder.names() == ["10.20.9.10.pcap", "10.20.9.10.pcap.partial"])
    #expect(bytes(of: folder.file("10.20.9.10.pcap")) == [1, 2, 3])
    sink.abandon()
    #expect(folder.names() == ["10.20.9.10.pcap"])
    #expect(bytes(of: folder.file("10.20.9.10.pcap")) == [1, 2, 3])
  }

  @Test func abandoningRemovesAFolderThatWasMade() throws {
    let sink = try open(folder.file("out"))
    sink.abandon()
    #expect(folder.names().isEmpty)
  }

  @Test func aSinkThatIsForgottenLeavesNothing() throws {
    func use() throws { try deliverSome(try open(folder.path), count: 2000) }
    try use()
    #expect(folder.names().isEmpty)
  }

  @Test func finishingReplacesWhatWasThere() throws {
    folder.write([1, 2, 3], to: "10.20.9.10.pcap")
    // of a run that was killed
    folder.write(Array(repeating: 9, count: 100_000), to: "10.20.9.10.pcap.partial")
    let sink = try open(folder.path)
    try deliverSome(sink)
    try sink.finish()
    sink.abandon()
    #expect(folder.names() == ["10.20.9.10.pcap"])
    #expect(bytes(of: folder.file("10.20.9.10.pcap")).count == 24 + 10 * 1016)
  }

  @Test func twoRunsCannotWriteTheSameFile() throws {
    let first = try open(folder.path)
    #expect(
      failure(folder.path)
        == .outputFolder(path: folder.file("10.20.9.10.pcap.partial"), what: "is being written by another run"))
    try deliverSome(first)
    try first.finish()
    #expect(folder.names() == ["10.20.9.10.pcap"])
  }

  @Test func doesNotFollowALinkOrWaitForAPipe() throws {
    folder.write([1, 2, 3], to: "target")
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("10.20.9.10.pcap.partial"), withDestinationPath: folder.file("target"))
    #expect(failure(folder.path) == .write(path: folder.file("10.20.9.10.pcap"), errno: ELOOP))
    #expect(bytes(of: folder.file("target")) == [1, 2, 3])
    try FileManager.default.removeItem(atPath: folder.file("10.20.9.10.pcap.partial"))
    let made = unsafe mkfifo(folder.file("10.20.9.10.pcap.partial"), 0o600)
    #expect(made == 0)
    #expect(failure(folder.path) == .write(path: folder.file("10.20.9.10.pcap"), errno: ENXIO))
  }
}

/// A small file system in memory over a folder.
private struct Mount {
  private let path: String

  init(_ path: String, options: String) throws {
    self.path = path
    let output = run("mount", "-t", "tmpfs", "-o", options, "tmpfs", path)
    try #require(output.status == 0, "\(output.errors)")
  }

  /// Writes a file so large that `space` bytes are left.
  func fill(leaving space: Int) {
    var status = statvfs()
    guard unsafe statvfs(path, &status) == 0 else { return }
    let free = Int(status.f_bavail) * Int(status.f_bsize)
    _ = FileManager.default.createFile(atPath: path + "/filler", contents: Data(count: free - space))
  }

  func end() { _ = run("umount", path) }
}
