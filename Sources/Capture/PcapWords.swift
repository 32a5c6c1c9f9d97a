import Wire

/// The words and signs of pcap-filter(7) that may reach libpcap: each stands for itself there and is never looked up,
/// which a test asks libpcap about.
enum PcapWords {
  static let known: Set<String> = Set(
    (directions + kinds + protocols + layers + operators + constants).flatMap {
      $0.split(separator: " ").map(String.init)
    })

  private static let directions = ["src dst ra ta"]
  private static let kinds = ["host net mask port portrange proto protochain"]
  private static let protocols = [
    "ether link fddi tr wlan ppp slip ip ip6 arp rarp tcp udp sctp icmp icmp6 igmp igrp pim vrrp carp ah esp",
    "atalk aarp decnet lat sca moprc mopdl iso esis es-is isis is-is clnp stp ipx netbeui radio",
    "l1 l2 iih lsp snp csnp psnp",
  ]
  private static let layers = ["vlan mpls pppoed pppoes geneve llc"]
  private static let operators = ["and or not less greater byte broadcast multicast len length"]
  private static let constants = [
    "icmptype icmpcode icmp-echoreply icmp-unreach icmp-sourcequench icmp-redirect icmp-echo icmp-routeradvert",
    "icmp-routersolicit icmp-timxceed icmp-paramprob icmp-tstamp icmp-tstampreply icmp-ireq icmp-ireqreply",
    "icmp-maskreq icmp-maskreply icmp6type icmp6code icmp6-echo icmp6-echoreply icmp6-multicastlistenerquery",
    "icmp6-multicastlistenerreportv1 icmp6-multicastlistenerdone icmp6-routersolicit icmp6-routeradvert",
    "icmp6-neighborsolicit icmp6-neighboradvert icmp6-redirect icmp6-routerrenum icmp6-nodeinformationquery",
    "icmp6-nodeinformationresponse icmp6-ineighbordiscoverysolicit icmp6-ineighbordiscoveryadvert",
    "icmp6-multicastlistenerreportv2 icmp6-homeagentdiscoveryrequest icmp6-homeagentdiscoveryreply",
    "icmp6-mobileprefixsolicit icmp6-mobileprefixadvert icmp6-certpathsolicit icmp6-certpathadvert",
    "icmp6-multicastrouteradvert icmp6-multicastroutersolicit icmp6-multicastrouterterm",
    "tcpflags tcp-fin tcp-syn tcp-rst tcp-push tcp-ack tcp-urg tcp-ece tcp-cwr",
  ]

  /// What may stand after `llc`: types of frames.
  static let llcTypes: Set<String> = [
    "i", "s", "u", "rr", "rnr", "rej", "ui", "ua", "disc", "sabme", "test", "xid", "frmr",
  ]

  static let signs: Set<String> = [
    "&&", "||", ">=", "<=", "!=", "==", "<<", ">>", "+", "-", "*", "/", "%", ":", "[", "]", "!", "<", ">", "(", ")",
    "&",
    "|", "^", "=",
  ]

  // MARK: What is refused, and what would be right

  /// Words of pcap-filter(7) that cannot be meant here.
  private static let unusable = [
    "gateway": "it takes the name of a host: write ether host 02:00:0a:14:01:01 and not host 10.20.1.1",
    "inbound": "a capture does not say: use direction = \"in\" of the mirror",
    "outbound": "a capture does not say: use direction = \"out\" of the mirror",
    "ifindex": "a capture does not say: use the mirror's source",
    "on": "it is for firewall logs, which are not read", "ifname": "it is for firewall logs, which are not read",
    "type": "it is for wireless frames, which are not read", "subtype": "it is for wireless frames, which are not read",
  ]

  private static let ports = [
    "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "dns": 53, "bootps": 67, "bootpc": 68, "tftp": 69,
    "http": 80, "www": 80, "pop3": 110, "ntp": 123, "imap": 143, "snmp": 161, "ldap": 389, "https": 443, "syslog": 514,
    "ldaps": 636, "mysql": 3306, "rdp": 3389, "postgresql": 5432, "vxlan": 4789,
  ]

  private static let etherTypes = [
    "ip": "0x0800", "arp": "0x0806", "rarp": "0x8035", "ip6": "0x86dd", "vlan": "0x8100", "mpls": "0x8847",
    "lldp": "0x88cc",
  ]

  /// - Parameter before: the piece before the word.
  static func refusal(_ word: String, after before: String) -> PcapExpression.Refusal {
    let shown = word.count > 60 ? word.prefix(57) + "..." : word[...]
    return PcapExpression.Refusal(what: "'\(shown)': " + advice(word, before))
  }

  private static func advice(_ word: String, _ before: String) -> String {
    if let why = unusable[word] { return why }
    if known.contains(word.lowercased()) {
      return before == "proto" || before == "protochain" ? number(word.lowercased()) : "words are in small letters"
    }
    switch before {
    case "port", "portrange":
      return "names of ports are not looked up, write the number, as in port \(ports[word.lowercased()] ?? 443)"
    case "proto", "protochain": return number(word.lowercased())
    case "host", "src", "dst", "and", "or", "not":
      return "no word of a filter, and names of hosts are not looked up: write an address, as in host 10.20.1.11"
    case "net", "mask": return "names of networks are not looked up, write it as in net 10.20.0.0/16"
    default:
      return word.contains("-") && known.contains(String(word.prefix { $0 != "-" }))
        ? "put blanks around a minus" : "no word of a filter, and names are not looked up"
    }
  }

  private static func number(_ word: String) -> String {
    let ether = etherTypes[word].map { "ether proto \($0)" }
    let ip = IPProtocol(word).map { "ip proto \($0.rawValue)" }
    let example = [ether, ip].compactMap(\.self).joined(separator: " or ")
    return "names of protocols are not looked up, write the number, as in \(example.isEmpty ? "ip proto 47" : example)"
  }
}
