import Control
import DataPath
import Live
import Mirroring
import Wire

// What interfaces and receivers say of a live run. Of an offline run the families are there, without samples.
extension MetricsPage {
  func addLive(_ text: inout MetricsText) {
    addInterfaces(&text)
    addOutlets(&text)
    addShed(&text)
  }

  private func addInterfaces(_ text: inout MetricsText) {
    // An interface that came back as another kind of link is counted anew; its name is the same.
    var names: [String] = []
    var sums: [String: (isOpen: Bool, counts: LiveReport.Interface.Counts)] = [:]
    for interface in summary.live?.interfaces ?? [] {
      if let before = sums[interface.name] {
        sums[interface.name] = (before.isOpen || interface.isOpen, before.counts + interface.counts)
      } else {
        names.append(interface.name)
        sums[interface.name] = (interface.isOpen, interface.counts)
      }
    }
    text.family("moontap_interface_open", .gauge, help: "1 while an interface is captured.")
    for name in names { text.sample([("interface", name)], UInt64(sums[name]!.isOpen ? 1 : 0)) }
    func family(_ name: String, _ help: String, _ value: (LiveReport.Interface.Counts) -> UInt64) {
      text.family("moontap_interface_" + name, .counter, help: help)
      for name in names { text.sample([("interface", name)], value(sums[name]!.counts)) }
    }
    family("met_frames", "Frames that met the kernel's filter, by the kernel's count: read and lost.", \.met)
    family("kernel_dropped_frames", "Frames that found no room in the ring (--ring).", \.lost)
    family("read_frames", "Frames that were read.", \.read)
    family("echoed_frames", "Frames of a loopback interface that are met twice, and left out once.", \.echoed)
    family("super_frames", "Frames that were cut into segments.", \.superFrames)
    family("segments", "Segments that super-frames were cut into.", \.segments)
    family("uncut_frames", "Super-frames of a kind that is judged in one piece.", \.uncut)
    family("checksums", "Checksums that were put in.", \.checksums)
    family("missing_checksums", "Checksums that could not be put in.", \.uncheckedsums)
    family("tags", "VLAN tags that were put back.", \.tags)
  }

  private func addOutlets(_ text: inout MetricsText) {
    let receivers = (summary.live?.receivers ?? []).map { (labels: Self.labels($0.destination), receiver: $0) }
    func family(_ name: String, unit: String? = nil, _ help: String, _ value: (LiveReport.Receiver.Counts) -> UInt64) {
      text.family("moontap_outlet_" + name, .counter, unit: unit, help: help)
      for (labels, receiver) in receivers { text.sample(labels, value(receiver.counts)) }
    }
    family("sent_copies", "Copies to a receiver that the kernel took, of all mirrors.", \.sent)
    family("sent_bytes", unit: "bytes", "Their bytes behind the outer IP header.", \.bytes)
    family("fragmented_copies", "Copies that were sent in fragments.", \.fragmented)
    family("truncated_copies", "Copies that were cut short.", \.truncated)
    family("queue_full_copies", "Copies that found no room in the receiver's queue (--queue).", \.queueFull)
    family("send_error_copies", "Copies that the kernel did not take.", \.sendError)
    family("too_big_copies", "Copies that were longer than the path takes.", \.tooBig)
    family("looped_copies", "Copies that were withheld, because they come back.", \.looped)
    family("throttled_copies", "Copies that a budget had no room for.", \.throttled)
    family("icmp_errors", "ICMP errors that answered copies.", \.refused)
    text.family("moontap_outlet_path_mtu_bytes", .gauge, unit: "bytes", help: "Bytes of an IP packet to the receiver.")
    for (labels, receiver) in receivers { if let mtu = receiver.pathMTU { text.sample(labels, UInt64(mtu)) } }
    text.family("moontap_outlet_up", .gauge, help: "1 while a receiver takes copies, 0 while its share is elsewhere.")
    for (labels, receiver) in receivers { text.sample(labels, UInt64(receiver.health.trouble == nil ? 1 : 0)) }
    text.family("moontap_outlet_downs", .counter, help: "How often a receiver went down.")
    for (labels, receiver) in receivers { text.sample(labels, receiver.health.downs) }
  }

  private static func labels(_ destination: SinkPlan.Destination) -> Labels {
    [
      ("receiver", destination.receiver.description), ("encapsulation", destination.kind.rawValue),
      ("port", destination.port > 0 ? "\(destination.port)" : ""),
    ]
  }

  /// What budgets had no room for.
  private func addShed(_ text: inout MetricsText) {
    text.family(
      "moontap_shed_copies", .counter,
      help: "Copies that a budget had no room for: cut to their headers, or left out, by the way of it.")
    for mirror in summary.live?.mirrors ?? [] {
      let ways = [
        ("headers", mirror.shed.headersOnly), ("sample", mirror.shed.sampled), ("priority", mirror.shed.byPriority),
        ("budget", mirror.shed.overBudget),
      ]
      for (way, count) in ways { text.sample(Self.labels(mirror.identity) + [("way", way)], count) }
    }
  }
}
