-- What is mirrored, to whom. The language: /usr/share/doc/moontap/docs/policy-language.md; examples beside it.
--
-- This mirror is disabled, and the inventory beside this file names nothing of this host: nothing is copied until both are
-- edited. Then:
--
--   moontap check /etc/moontap/policy.lua --inventory /etc/moontap/inventory.json
--   systemctl enable --now moontap

mirror {
  name = "example", vpc = "vpc-example",
  enabled = false,
  source = source.subnet("subnet-example"), direction = "all",
  filter = filter.quintuple { protocol = "tcp", destination_port = 443, bidirectional = true },
  target = target.receivers("192.0.2.200", { encapsulation = { vni = 7 } }),
}
