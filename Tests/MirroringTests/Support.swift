import Inventory
import JSONText
import Mirroring
import Wire

/// Two regions; VPCs with subnets, route tables, NAT gateways and ENIs of which the tests know what is wrong with them:
/// `rtb-lost` sends the receivers' network to the NAT gateway, `eni-slow` has next to no bandwidth.
let world = try! Inventory(json: Array(worldText.utf8), file: "world.json")

private let worldText = """
  {"format": "moontap.inventory/1", "regions": [
    {"id": "r-1", "vpcs": [
      {"id": "vpc-a", "cidrs": ["10.0.0.0/16", "2001:db8::/56"],
       "natGateways": [{"id": "nat-a"}],
       "routeTables": [
         {"id": "rtb-a", "routes": [{"destination": "0.0.0.0/0", "nextHop": {"type": "nat", "id": "nat-a"}}]},
         {"id": "rtb-bare", "routes": []},
         {"id": "rtb-lost", "routes": [{"destination": "10.0.9.0/24", "nextHop": {"type": "nat", "id": "nat-a"}}]}],
       "subnets": [
         {"id": "subnet-web", "cidrs": ["10.0.1.0/24", "2001:db8:0:1::/64"], "routeTable": "rtb-a"},
         {"id": "subnet-db", "cidrs": ["10.0.2.0/24"], "routeTable": "rtb-bare"},
         {"id": "subnet-lost", "cidrs": ["10.0.3.0/24"], "routeTable": "rtb-lost"},
         {"id": "subnet-tools", "cidrs": ["10.0.9.0/24"], "routeTable": "rtb-bare"}],
       "enis": [
         {"id": "eni-web1", "subnet": "subnet-web", "addresses": ["10.0.1.11", "2001:db8:0:1::11"], "bandwidthMbps": 900},
         {"id": "eni-web2", "subnet": "subnet-web", "addresses": ["10.0.1.12"], "bandwidthMbps": 900},
         {"id": "eni-db", "subnet": "subnet-db", "addresses": ["10.0.2.4"]},
         {"id": "eni-lost", "subnet": "subnet-lost", "addresses": ["10.0.3.4"]},
         {"id": "eni-ids1", "subnet": "subnet-tools", "addresses": ["10.0.9.10"], "bandwidthMbps": 1000},
         {"id": "eni-ids2", "subnet": "subnet-tools", "addresses": ["10.0.9.11"], "bandwidthMbps": 1000},
         {"id": "eni-slow", "subnet": "subnet-tools", "addresses": ["10.0.9.20"], "bandwidthMbps": 199},
         {"id": "eni-fits", "subnet": "subnet-tools", "addresses": ["10.0.9.21"], "bandwidthMbps": 200}]},
      {"id": "vpc-b", "cidrs": ["10.1.0.0/16"], "natGateways": [{"id": "nat-b"}],
       "routeTables": [{"id": "rtb-b", "routes": []}],
       "subnets": [{"id": "subnet-b", "cidrs": ["10.1.1.0/24"], "routeTable": "rtb-b"}],
       "enis": [{"id": "eni-b", "subnet": "subnet-b", "addresses": ["10.1.1.4"]}]},
      {"id": "vpc-twin", "cidrs": ["10.2.0.0/16"], "routeTables": [], "subnets": [], "enis": []}]},
    {"id": "r-2", "vpcs": [
      {"id": "vpc-twin", "cidrs": ["10.3.0.0/16"], "routeTables": [], "subnets": [], "enis": []}]}]}
  """

/// A right definition, member by member, in which a test replaces some; `nil` takes a member out.
func definition(_ changes: KeyValuePairs<String, String?> = [:]) -> String {
  var members = [
    ("name", "\"m\""), ("vpc", "\"vpc-a\""), ("range", "{\"subnet\": [\"subnet-web\"]}"),
    ("receivers", "[\"10.0.9.10\", \"10.0.9.11\"]"),
  ]
  for (name, value) in changes {
    members.removeAll { $0.0 == name }
    if let value { members.append((name, value)) }
  }
  return "{" + members.map { "\"\($0)\": \($1)" }.joined(separator: ",\n ") + "}"
}

func drafts(_ definitions: [String], file: String = "m.json") throws(JSONError) -> [MirrorDraft] {
  let text = "{\"format\": \"moontap.mirrors/1\", \"mirrors\": [" + definitions.joined(separator: ",\n") + "]}"
  return try MirrorsFile(json: text, file: file).drafts
}

func validate(_ definitions: String..., besides existing: [TrafficMirror] = []) throws(JSONError) -> MirrorValidation {
  MirrorValidator(inventory: world).validate(try drafts(definitions), besides: existing)
}

/// `code path`, of errors as they are, of warnings in brackets.
func mark(_ violation: MirrorViolation) -> String {
  let code = violation.isWarning ? "(\(violation.code))" : violation.code
  return violation.path.isEmpty ? code : code + " " + violation.path
}

func marks(_ violations: [MirrorViolation]) -> [String] { violations.map(mark) }

func marks(_ changes: KeyValuePairs<String, String?>) throws(JSONError) -> [String] {
  marks(try validate(definition(changes)).violations)
}

/// The codes alone, each once, sorted.
func codes(_ violations: [MirrorViolation]) -> [String] { Set(violations.map(\.code)).sorted() }

// Drafts as a Lua policy makes them.
func lua(_ members: KeyValuePairs<String, DraftValue.Content>, line: Int = 8) -> MirrorDraft {
  var all: [DraftMember] = [
    DraftMember("name", DraftValue(.string("m"))), DraftMember("vpc", DraftValue(.string("vpc-a"))),
    DraftMember("source", table(["subnet": .list([DraftValue(.string("subnet-web"))])])),
    DraftMember("target", table(["receivers": .string("10.0.9.10, 10.0.9.11")])),
  ]
  for (name, content) in members {
    all.removeAll { $0.name == name }
    all.append(DraftMember(name, DraftValue(content)))
  }
  return MirrorDraft(all, spelling: .snakeCase, location: SourceLocation(file: "web.lua", line: line))
}

func table(_ members: KeyValuePairs<String, DraftValue.Content>, line: Int? = nil) -> DraftValue {
  DraftValue(
    .table(members.map { DraftMember($0.key, DraftValue($0.value)) }),
    at: line.map { SourceLocation(file: "web.lua", line: $0) })
}

func validate(
  lua drafts: MirrorDraft..., bpf: (any BPFCompiler)? = nil, besides existing: [TrafficMirror] = []
) -> MirrorValidation {
  MirrorValidator(inventory: world, bpf: bpf).validate(drafts, besides: existing)
}
