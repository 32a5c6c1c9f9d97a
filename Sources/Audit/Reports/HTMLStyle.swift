/// The look of the page: light and dark, wide and narrow, on paper.
enum HTMLStyle {
  static let text = """
    :root { --ink: #1d2330; --dim: #5c6678; --page: #f6f7f9; --box: #fff; --line: #d9dee7; --mono: ui-monospace, monospace;
      --critical: #8f1d4f; --high: #c0392b; --medium: #955408; --low: #2b6cb0; --info: #5c6678; --good: #23774a; }
    @media screen and (prefers-color-scheme: dark) { :root { --ink: #e4e8f0; --dim: #98a2b5; --page: #14171d; --box: #1c2129;
      --line: #323a47; --critical: #e86aa0; --high: #ef7d70; --medium: #e5a556; --low: #78aee8; --info: #98a2b5;
      --good: #6cc596; } }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
    main { max-width: 62rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
    h1 { font-size: 1.5rem; margin: .5rem 0; }
    h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; }
    h3 { font-size: 1rem; margin: 0 0 .2rem; font-weight: 600; overflow-wrap: anywhere; }
    .verdict { border-left: 4px solid var(--info); padding: .4rem .8rem; background: var(--box); margin: 0 0 1rem; }
    .verdict.good { border-color: var(--good); } .verdict.bad { border-color: var(--high); }
    .verdict.error { border-color: var(--critical); }
    .cards { display: flex; flex-wrap: wrap; gap: .5rem; }
    .card { display: flex; gap: .4rem; align-items: center; background: var(--box); border: 1px solid var(--line);
      border-radius: 6px; padding: .35rem .7rem; cursor: pointer; }
    .card b { font-size: 1.2rem; } .card input { margin: 0; }
    .card.critical b { color: var(--critical); } .card.high b { color: var(--high); }
    .card.medium b { color: var(--medium); } .card.low b { color: var(--low); } .card.info b { color: var(--info); }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: .8rem;
      margin-top: 1rem; }
    figure { margin: 0; background: var(--box); border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem; }
    figcaption { font-weight: 600; margin-bottom: .3rem; }
    svg { width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
    svg text.axis { fill: var(--dim); }
    svg .critical { fill: var(--critical); } svg .high { fill: var(--high); } svg .medium { fill: var(--medium); }
    svg .low { fill: var(--low); } svg .info { fill: var(--info); } svg .talker { fill: var(--low); }
    .finding { background: var(--box); border: 1px solid var(--line); border-left: 4px solid var(--info);
      border-radius: 6px; padding: .6rem .9rem; margin: .6rem 0; }
    .finding.critical { border-left-color: var(--critical); } .finding.high { border-left-color: var(--high); }
    .finding.medium { border-left-color: var(--medium); } .finding.low { border-left-color: var(--low); }
    .finding.is-waived { display: none; border-style: dashed; }
    body:has(#show-waived:checked) .finding.is-waived { display: block; }
    body:has(#show-critical:not(:checked)) .finding.critical, body:has(#show-high:not(:checked)) .finding.high,
    body:has(#show-medium:not(:checked)) .finding.medium, body:has(#show-low:not(:checked)) .finding.low,
    body:has(#show-info:not(:checked)) .finding.info { display: none; }
    .severity { text-transform: uppercase; font-size: .7rem; letter-spacing: .04em; }
    .critical .severity { color: var(--critical); } .high .severity { color: var(--high); }
    .medium .severity { color: var(--medium); } .low .severity { color: var(--low); }
    .id, code, pre { font-family: var(--mono); font-size: .85em; }
    .facts { color: var(--dim); margin: 0 0 .3rem; font-size: .88rem; overflow-wrap: anywhere; }
    .remedy { margin: .5rem 0 0; } .finding ul { margin: .3rem 0; padding-left: 1.2rem; }
    code { overflow-wrap: anywhere; } pre { overflow-x: auto; margin: .3rem 0; padding: .5rem; background: var(--page); }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 .8rem; margin: .3rem 0; font-size: .88rem; }
    dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
    summary { cursor: pointer; overflow-wrap: anywhere; } .packets { padding-left: 1.1rem; }
    .packets summary { text-indent: -1.1rem; }
    .wide { overflow-x: auto; } table { overflow-wrap: normal; border-collapse: collapse; width: 100%; font-size: .9rem; }
    th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
    .number { text-align: right; font-variant-numeric: tabular-nums; }
    tr.error td { color: var(--high); } tr.pass td:nth-child(3) { color: var(--good); } tr.skipped td { color: var(--dim); }
    @media (max-width: 30rem) { svg text { font-size: 14px; } th, td { padding: .3rem .4rem; } }
    @media print { html { font-size: 10px; } body { background: none; font-size: 10px; } .card input { display: none; }
      main { max-width: none; padding: 0; } .charts { grid-template-columns: 1fr 1fr; } figure, tr { break-inside: avoid; }
      h2, h3, .facts, summary { break-after: avoid; } .remedy { break-before: avoid; } .packets summary { list-style: none; }
      details::details-content { content-visibility: visible; display: block; } .wide { overflow-x: visible; }
      pre { overflow-x: visible; white-space: pre-wrap; } }
    """
}
