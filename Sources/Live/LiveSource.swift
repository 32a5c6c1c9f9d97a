// Interfaces, what is captured of them, and for whom: each worker has a ring of its own on each interface, which only it reads.
// Among the rings of an interface the kernel spreads flows, so that a worker meets all frames of a conversation.

internal import CLiveShims
public import DataPath
internal import Glibc
public import Mirroring
internal import Wire

/// Captures of interfaces.
public final class LiveSource {
  /// One for each worker.
  public let readers: [RingReader]

  let options: CaptureOptions
  let compiler: any BPFCompiler
  /// All that were ever open; by number.
  var captures: [LiveCapture] = []
  /// What is to be captured, by name: interfaces of ENIs.
  var wanted: [(place: InterfacePlace, vpc: String)] = []
  var plan: MirrorPlan
  /// Some of those that are open are not wanted any more.
  var hasUnwanted = false
  private(set) var isStopped = false
  /// Sockets that hear of interfaces, one for each namespace; the first reader waits for them, too.
  var watches: [String?: Int32] = [:] {
    didSet { readers[0].watches = Array(watches.values) }
  }
  /// Interfaces whose trouble was told; it is told once.
  var troubled: Set<String> = []
  let tell: (LiveError) -> Void
  /// Told of interfaces that go and come, a sentence each.
  let say: (String) -> Void
  /// Does something while no worker but the first reads.
  public var whileHeld: (() -> Void) -> Void = { $0() }

  /// Opens a capture for every interface of this host that an ENI of the plan's inventory is bound to.
  ///
  /// - Parameters:
  ///   - workers: how many share the frames of an interface; at least 1.
  ///   - tell: what goes wrong with single interfaces later on.
  ///   - say: which of them go and come then.
  public init(
    _ plan: MirrorPlan, workers: Int, options: CaptureOptions, compiler: any BPFCompiler,
    tell: @escaping (LiveError) -> Void, say: @escaping (String) -> Void
  ) throws(LiveError) {
    self.plan = plan
    self.options = options
    self.compiler = compiler
    (self.tell, self.say) = (tell, say)
    readers = (0..<workers).map { _ in RingReader(options) }
    want(plan)
    for item in wanted { try open(item.place, vpc: item.vpc) }
  }

  deinit { for descriptor in watches.values { close(descriptor) } }

  /// Names of the interfaces that are captured now.
  public var open: Set<String> { Set(captures.filter(\.isOpen).map(\.place.name)) }

  /// How many they are.
  public var openCount: Int { captures.count(where: \.isOpen) }

  /// No frame arrives any more; those that wait are read. Called while no worker but the first reads.
  public func stop() {
    for capture in captures { try? capture.setFilter(KernelFilter.nothing) }
    wanted = []
    isStopped = true
    for reader in readers { reader.end(in: 2 * options.blockMilliseconds + 20) }
  }

  /// Adds an interface that was not captured before.
  func add(_ place: InterfacePlace, vpc: String, _ interface: lv_interface, _ linkType: LinkType) -> LiveCapture {
    let lanes = readers.map { reader in
      RingLane(number: UInt32(reader.interfaces.count), interface, linkType: linkType)
    }
    for (reader, lane) in zip(readers, lanes) {
      reader.interfaces.append(CaptureInterface(linkType: linkType, name: place.name, origin: place.name))
      reader.lanes.append(lane)
    }
    let capture = LiveCapture(place, vpc: vpc, linkType: linkType, lanes: lanes)
    captures.append(capture)
    return capture
  }

  /// What was counted so far. Called while no worker but the first reads.
  public func report() -> [LiveReport.Interface] {
    captures.map { LiveReport.Interface(name: $0.place.name, isOpen: $0.isOpen, counts: $0.counts) }
  }
}
