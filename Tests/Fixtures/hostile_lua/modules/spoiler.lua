local G = _G
string.rep, table.insert, pcall, mirror, tostring, _G.print, math = nil, nil, nil, nil, nil, nil, nil
function string.upper() error("spoilt") end
for k in pairs(G) do G[k] = nil end
leaked = 1
return { f = function() return leaked end, packet = 7 }
