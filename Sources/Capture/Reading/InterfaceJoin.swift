import DataPath

/// The interfaces of several sources in one table.
struct InterfaceJoin {
  private(set) var interfaces: [CaptureInterface] = []
  /// For each source: where its interfaces stand in `interfaces`.
  private var places: [[UInt32]]

  init(sourceCount: Int) { places = Array(repeating: [], count: sourceCount) }

  /// Takes in the interfaces that a source has met since the last time.
  mutating func update(_ source: Int, _ met: [CaptureInterface]) {
    while places[source].count < met.count {
      let interface = met[places[source].count]
      places[source].append(UInt32(interfaces.count))
      interfaces.append(interface)
    }
  }

  /// Rewrites the frames' interfaces from the source's table to the joined one.
  func rewrite(_ source: Int, _ frames: UnsafeMutableBufferPointer<Frame>) {
    let places = places[source]
    for index in frames.indices {
      unsafe frames[index].interface = places[Int(frames[index].interface)]
    }
  }
}
