-- Arguments: object size, number of objects, order (turn | zipf | uniform), query (bare | cmcd). Paths
-- are those of bodies.ts; CMCD (CTA-5004) is what a player says with each segment, another buffer each time. Random orders are drawn before the load starts and walked in a ring: a request then
-- costs one table look-up and one string, whatever the distribution.
local ffi = require("ffi")

local DRAWS = 2 ^ 20
local EXPONENT = 0.9 -- of the Zipf law, as video catalogues are reported to follow

local prefix, picks, count, position
local queries, turn = { [0] = "" }, 0

local function cmcd_queries()
  local made = {}
  for n = 0, 1023 do
    made[n] = "?CMCD=bl%3D" .. 100 * (n % 400) .. "%2Cbr%3D3200%2Ccid%3D%22faec5fc2%22%2Cd%3D4004%2Cmtp%3D"
      .. 100 * (200 + n % 77) .. "%2Cot%3Dv%2Csf%3Dh%2Csid%3D%226e2fb550-c457-11e9-bb97-0800200c9a66%22%2Ctb%3D6000"
  end
  return made
end

local function zipf_picks(objects)
  local sums = ffi.new("double[?]", objects)
  local total = 0
  for rank = 1, objects do
    total = total + 1 / rank ^ EXPONENT
    sums[rank - 1] = total
  end
  local drawn = ffi.new("int32_t[?]", DRAWS)
  for draw = 0, DRAWS - 1 do
    local want, low, high = math.random() * total, 0, objects - 1
    while low < high do
      local middle = math.floor((low + high) / 2)
      if sums[middle] < want then low = middle + 1 else high = middle end
    end
    drawn[draw] = (low * 2654435761) % objects -- popular objects are spread over all titles
  end
  return drawn
end

local function uniform_picks(objects)
  local drawn = ffi.new("int32_t[?]", DRAWS)
  for draw = 0, DRAWS - 1 do drawn[draw] = math.random(0, objects - 1) end
  return drawn
end

local function turn_picks(objects)
  local drawn = ffi.new("int32_t[?]", objects)
  for draw = 0, objects - 1 do drawn[draw] = draw end
  return drawn
end

function init(args)
  local size, objects, order = args[1], tonumber(args[2]), args[3]
  if args[4] == "cmcd" then queries = cmcd_queries() end
  math.randomseed(42)
  prefix = "GET /obj/" .. size .. "/"
  position = 0
  if order == "zipf" then
    picks, count = zipf_picks(objects), DRAWS
  elseif order == "uniform" then
    picks, count = uniform_picks(objects), DRAWS
  else
    picks, count = turn_picks(objects), objects
  end
end

function request()
  local n = picks[position]
  position = position + 1
  if position == count then position = 0 end
  turn = (turn + 1) % (#queries + 1)
  return prefix .. n .. queries[turn] .. " HTTP/1.1\r\nHost: bench\r\n\r\n"
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
