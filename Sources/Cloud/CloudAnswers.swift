public import JSONText

/// What is wrong with answers, or what of them could not be carried over.
public struct CloudNote: Error, Sendable, Hashable {
  /// `import.unresolved`
  public var code: String
  /// The file; nil: all of them together.
  public var file: String?
  public var sentence: String
  public var hint: String?
  /// Something was left out, and the rest is whole.
  public var isWarning: Bool

  public init(_ code: String, file: String? = nil, _ sentence: String, hint: String? = nil, isWarning: Bool = false) {
    self.code = code
    self.file = file
    self.sentence = sentence
    self.hint = hint
    self.isWarning = isWarning
  }
}

public enum CloudKind: String, Sendable, CaseIterable { case tencent, aws }

/// Answers of a cloud's API to questions about networks, put together: whole answers, what stands inside them, or bare
/// lists, in as many pages and files as they came.
public struct CloudAnswers: Sendable {
  /// What answers are about.
  enum Subject: String, CaseIterable { case vpcs, subnets, interfaces, routeTables, natGateways }

  public private(set) var kind: CloudKind?
  public private(set) var notes: [CloudNote] = []
  /// In the order they came; of one id the last counts.
  private var objects: [Subject: [(id: String, value: JSONValue)]] = [:]
  private var positions: [Subject: [String: Int]] = [:]

  public init() {}

  /// Whether a document looks like an answer of a cloud.
  public static func isAnswer(_ document: JSONValue) -> Bool {
    document.array != nil || document["Response"] != nil || Self.sets.contains { document[$0.name] != nil }
  }

  /// The lists of both clouds, and the member that names an element.
  static let sets: [(name: String, kind: CloudKind, subject: Subject, id: String)] = [
    ("VpcSet", .tencent, .vpcs, "VpcId"), ("SubnetSet", .tencent, .subnets, "SubnetId"),
    ("NetworkInterfaceSet", .tencent, .interfaces, "NetworkInterfaceId"),
    ("RouteTableSet", .tencent, .routeTables, "RouteTableId"),
    ("NatGatewaySet", .tencent, .natGateways, "NatGatewayId"), ("Vpcs", .aws, .vpcs, "VpcId"),
    ("Subnets", .aws, .subnets, "SubnetId"), ("NetworkInterfaces", .aws, .interfaces, "NetworkInterfaceId"),
    ("RouteTables", .aws, .routeTables, "RouteTableId"), ("NatGateways", .aws, .natGateways, "NatGatewayId"),
  ]

  public mutating func add(_ document: JSONValue, file: String) {
    if let elements = document.array { return addBare(elements, file: file) }
    let inner = document["Response"] ?? document
    if let error = inner["Error"] {
      let (code, message) = (error["Code"]?.string ?? "", error["Message"]?.string ?? "")
      return note("import.error-answer", file, "the answer is an error: \([code, message].joined(separator: ": "))")
    }
    let found = Self.sets.filter { inner[$0.name] != nil }
    guard !found.isEmpty else {
      return note(
        "import.format", file, "is no answer that is known here",
        hint: "Tencent Cloud: DescribeVpcs, DescribeSubnets, DescribeNetworkInterfaces, DescribeRouteTables,"
          + " DescribeNatGateways; AWS: describe-vpcs and its sisters")
    }
    for set in found { add(inner[set.name]?.array ?? [], as: set.kind, set.subject, id: set.id, file: file) }
  }

  /// A list without the name of its set: told by what its elements have.
  private mutating func addBare(_ elements: [JSONValue], file: String) {
    guard let first = elements.first else { return }
    guard let (kind, subject) = Self.recognise(CloudObject(first)),
      let set = Self.sets.first(where: { $0.kind == kind && $0.subject == subject })
    else { return note("import.format", file, "its elements are nothing that is known here") }
    add(elements, as: kind, subject, id: set.id, file: file)
  }

  /// Route tables and interfaces before subnets and VPCs, whose ids they have too.
  private static func recognise(_ object: CloudObject) -> (CloudKind, Subject)? {
    if object.has("NatGatewayId") {
      return (object.has("NatGatewayAddresses") || object.has("SubnetId") ? .aws : .tencent, .natGateways)
    }
    if object.has("NetworkInterfaceId") {
      return (object.has("PrivateIpAddressSet") || object.has("NetworkInterfaceName") ? .tencent : .aws, .interfaces)
    }
    if object.has("RouteSet") { return (.tencent, .routeTables) }
    if object.has("Routes") { return (.aws, .routeTables) }
    if object.has("SubnetId") { return (object.has("SubnetName") ? .tencent : .aws, .subnets) }
    if object.has("VpcId") { return (object.has("VpcName") ? .tencent : .aws, .vpcs) }
    return nil
  }

  private mutating func add(
    _ elements: [JSONValue], as kind: CloudKind, _ subject: Subject, id name: String, file: String
  ) {
    if let known = self.kind, known != kind {
      return note("import.mixed", file, "is an answer of \(kind.rawValue), others are of \(known.rawValue)")
    }
    self.kind = kind
    for element in elements {
      guard let id = element[name]?.string, !id.isEmpty else {
        note("import.format", file, "an element of \(subject.rawValue) has no \(name)")
        continue
      }
      if let position = positions[subject]?[id] {
        objects[subject]?[position].value = element
      } else {
        positions[subject, default: [:]][id] = objects[subject]?.count ?? 0
        objects[subject, default: []].append((id, element))
      }
    }
  }

  private mutating func note(_ code: String, _ file: String, _ sentence: String, hint: String? = nil) {
    notes.append(CloudNote(code, file: file, sentence, hint: hint))
  }

  func all(_ subject: Subject) -> [(id: String, object: CloudObject)] {
    (objects[subject] ?? []).map { ($0.id, CloudObject($0.value)) }
  }
}
