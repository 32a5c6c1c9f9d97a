/// A page of metrics as text: OpenMetrics 1.0, or the older format of Prometheus (0.0.4), which differs in how counters are
/// declared and in what says a unit and the end.
public struct MetricsText {
  public enum Format: Sendable {
    case openMetrics, prometheus

    /// What a scraper asks for: OpenMetrics unless it takes only the older one.
    public init(accept: String) {
      let isOlder = accept.contains("text/plain") && !accept.contains("application/openmetrics-text")
      self = isOlder ? .prometheus : .openMetrics
    }

    public var contentType: String {
      switch self {
      case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
      case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
      }
    }
  }

  public enum Kind: String, Sendable { case counter, gauge }

  private let format: Format
  private var output: [UInt8] = []
  private var name = ""

  public init(_ format: Format) { self.format = format }

  /// Begins a family; its samples follow.
  ///
  /// - Parameters:
  ///   - name: without `_total`, which samples of counters get.
  ///   - unit: what the name ends with, if that is a unit.
  public mutating func family(_ name: String, _ kind: Kind, unit: String? = nil, help: String) {
    self.name = kind == .counter ? name + "_total" : name
    let declared = format == .openMetrics ? name : self.name
    output += "# TYPE \(declared) \(kind.rawValue)\n".utf8
    if let unit, format == .openMetrics { output += "# UNIT \(declared) \(unit)\n".utf8 }
    output += "# HELP \(declared) \(Self.escaped(help, quotes: format == .openMetrics))\n".utf8
  }

  public mutating func sample(_ labels: [(name: String, value: String)], _ value: UInt64) { add(labels, "\(value)") }

  public mutating func sample(_ labels: [(name: String, value: String)], _ value: Double) {
    add(labels, value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Inf" : "+Inf") : "\(value)")
  }

  private mutating func add(_ labels: [(name: String, value: String)], _ value: String) {
    let list = labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }.joined(separator: ",")
    output += (labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(list)} \(value)\n").utf8
  }

  /// The whole page.
  public func finished() -> [UInt8] { format == .openMetrics ? output + "# EOF\n".utf8 : output }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    guard text.utf8.contains(where: { $0 == 0x5c || $0 == 0x0a || $0 == 0x22 }) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
