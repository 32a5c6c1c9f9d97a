-- ICMP errors and TCP resets, in libpcap's own filter language.
-- Shows: filter.bpf. It sees the frame as tcpdump does: under a VLAN tag it matches only if it says `vlan`.

mirror {
  name = "something-went-wrong", vpc = "vpc-campus",
  source = source.vpc(), direction = "all",
  filter = filter.bpf "icmp[icmptype] == icmp-unreach or tcp[tcpflags] & tcp-rst != 0",
  target = target.receivers "10.50.9.20",
}
