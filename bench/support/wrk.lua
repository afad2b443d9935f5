-- Arguments: object size, number of objects, order (turn | zipf | uniform). Paths are those of
-- bodies.ts. Random orders are drawn before the load starts and walked in a ring: a request then
-- costs one table look-up and one string, whatever the distribution.
local ffi = require("ffi")

local DRAWS = 2 ^ 20
local EXPONENT = 0.9 -- of the Zipf law, as video catalogues are reported to follow

local prefix, picks, count, position

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
  math.randomseed(42)
  prefix = "GET /obj/" .. size .. "/t"
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
  return prefix .. math.floor(n / 64) .. "/" .. n .. " HTTP/1.1\r\nHost: bench\r\n\r\n"
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
