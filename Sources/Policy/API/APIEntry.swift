package import LuaRuntime

/// One name of the policy language. From the table of all entries come the registration, the reference page, the
/// editor's definitions, the luacheck standard and the list that a test compares: nothing is written down twice.
package struct APIEntry: Sendable {
  package enum Owner: Hashable, Sendable {
    case global
    /// A read-only table: `filter` of `filter.any`.
    case namespace(String)
    /// The objects of a type: `packet` of `packet.source`.
    case type(APITypeName)
  }

  package typealias Call = @Sendable (PolicyContext, HostCall) throws(HostFailure) -> Void

  package enum Binding: Sendable {
    case function(Call)
    /// Called with the object as argument 0, parameters from 1.
    case method(Call)
    /// Read from a host object: the object is argument 0.
    case property(Call)
    /// Read from a record in place.
    case record(@Sendable (PolicyContext) -> RecordField.Kind, presence: PacketRecord.Presence?)
    case value(@Sendable (PolicyContext) -> LuaValue)
    /// Of two operands, or one.
    case operation(LuaOperator, Call)
  }

  /// What tests of policies change.
  package enum Tests: Sendable {
    case alike
    /// A declaration that tests may use too.
    case too
    /// A name that only tests have.
    case only
  }

  package var owner: Owner
  package var name: String
  package var parameters: [APIParameter] = []
  /// In LuaLS notation; nil: nothing.
  package var returns: String?
  package var doc: String
  /// A line of a script; one of a packet's members is an expression of a filter. A test runs each.
  package var example: String
  /// The answer depends on the arguments only, and on nothing that changes while packets are judged.
  package var isPure = false
  /// Of a record's field: what it hangs on; empty: it differs from packet to packet, and what reads it is not remembered.
  package var keys: [PacketKey] = []
  /// May be called only while the policy loads.
  package var isDeclaration = false
  /// May be called while the policy loads, in timers and in tests: not while a packet is judged.
  package var isChange = false
  package var inTests = Tests.alike
  package var binding: Binding

  package init(
    owner: Owner, name: String, parameters: [APIParameter] = [], returns: String? = nil, doc: String, example: String,
    isPure: Bool = false, keys: [PacketKey] = [], isDeclaration: Bool = false, isChange: Bool = false,
    inTests: Tests = .alike,
    binding: Binding
  ) {
    self.owner = owner
    self.name = name
    self.parameters = parameters
    self.returns = returns
    self.doc = doc
    self.example = example
    self.isPure = isPure
    self.keys = keys
    self.isDeclaration = isDeclaration
    self.isChange = isChange
    self.inTests = inTests
    self.binding = binding
  }

  /// As it is written in a script: `filter.any`, `packet:hex`, `packet.source`.
  package var path: String {
    switch (owner, binding) {
    case (.global, _): name
    case (.namespace(let space), _): space + "." + name
    case (.type(let type), .method): type.name + ":" + name
    case (.type(let type), _): type.name + "." + name
    }
  }
}

/// The types of host objects, by the name scripts see in messages.
package enum APITypeName: Int, Sendable, CaseIterable {
  case packet, tcp, icmp, flow, payload
  case filter, source, target, balance, mirror, mirrors, receiver, set, counter, gauge, shared
  case region, vpc, subnet, eni
  case routeTable, natGateway, list
  /// Packets of captures, in sessions.
  case packets
  case expectation, verdict
  case conversation, end, tls, tlsAnswer, certificate, http, dns

  /// Those that policies meet.
  static let ofPolicies = allCases.filter { $0 != .packets }

  package var name: String {
    switch self {
    case .routeTable: "route_table"
    case .natGateway: "nat_gateway"
    case .tlsAnswer: "tls_answer"
    default: "\(self)"
    }
  }

  /// Records are lent for one call; the others are handles.
  package var isRecord: Bool {
    switch self {
    case .packet, .tcp, .icmp, .flow, .payload: true
    case .conversation, .end, .tls, .tlsAnswer, .certificate, .http, .dns: true
    default: false
    }
  }
}

package struct APIParameter: Sendable {
  package enum Kind: Sendable {
    case string, integer, number, boolean, table, function, any
    case object(APITypeName)
    /// Any of several; the text is what messages call it.
    case either([Kind])
  }

  package var name: String
  package var kind: Kind
  package var doc: String
  package var isOptional = false
  /// Takes this and all further arguments.
  package var isVariadic = false

  package init(_ name: String, _ kind: Kind, _ doc: String, optional: Bool = false, variadic: Bool = false) {
    self.name = name
    self.kind = kind
    self.doc = doc
    isOptional = optional
    isVariadic = variadic
  }
}

extension APIParameter.Kind {
  /// In LuaLS notation, which messages use too.
  package var text: String {
    switch self {
    case .string: "string"
    case .integer: "integer"
    case .number: "number"
    case .boolean: "boolean"
    case .table: "table"
    case .function: "function"
    case .any: "any"
    case .object(let type): type.name
    case .either(let kinds): kinds.map(\.text).joined(separator: "|")
    }
  }

  func accepts(_ call: HostCall, _ position: Int, _ types: PolicyTypes) -> Bool {
    switch self {
    case .string: unsafe call.bytes(position) != nil
    case .integer: call.integer(position) != nil
    case .number: call.number(position) != nil
    case .boolean: call.boolean(position) != nil
    case .table: call.typeName(position) == "table"
    case .function: call.typeName(position) == "function"
    case .any: true
    case .object(let type):
      if type.isRecord {
        unsafe call.record(position, of: types.record(type)) != nil
      } else {
        call.handle(position, of: types.handle(type)) != nil
      }
    case .either(let kinds): kinds.contains { $0.accepts(call, position, types) }
    }
  }
}

extension APIEntry {
  var nature: HostNature { isPure ? .pure : returns == nil ? .acts : .changes }

  /// Checks the arguments against the parameters.
  ///
  /// - Parameter offset: 1 for methods, whose argument 0 is the object.
  func check(_ call: HostCall, _ types: PolicyTypes, offset: Int) throws(HostFailure) {
    for (index, parameter) in parameters.enumerated() {
      let last = parameter.isVariadic ? max(call.count - 1, index + offset) : index + offset
      for position in (index + offset)...last {
        // The usual case first: no text is made for it.
        if position < call.count, parameter.kind.accepts(call, position, types) { continue }
        let given = call.typeName(position)
        let isMissing = position >= call.count || given == "nil"
        if isMissing && (parameter.isOptional || position > index + offset && position >= call.count) { continue }
        if case .any = parameter.kind { continue }
        throw HostFailure(argument: position - offset + 1, "\(parameter.kind.text) expected, got \(given)")
      }
    }
  }
}
