-- What services/lua answers as an example: greets, adds up, tells the time of the event.
local started = 0 -- what a life changes is gone with it: every life sees 0

function main(event)
  started = started + 1
  local numbers, sum = 0, 0
  for number in event.body:gmatch("%-?%d+%.?%d*") do
    numbers, sum = numbers + 1, sum + tonumber(number)
  end
  if numbers > 0 then
    return string.format("%d numbers, sum %g\n", numbers, sum)
  end
  return string.format("hello from %s, life %d, %s\n", _VERSION, started, os.date("!%F %T"))
end
