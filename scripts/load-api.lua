-- What wrk sends to the Provisioning API; see scripts/load-api.
local kind, token
local version = "?api-version=2024-02-29-preview"
local next_number = 442000000000 + (os.time() % 10000) * 1000000

function init(arguments)
    kind, token = arguments[1], arguments[2]
end

local function number()
    next_number = next_number + 1
    local telephone = string.format("+%d", next_number)
    return telephone, '{"telephoneNumber":"' .. telephone
        .. '","accountName":"load","serviceDetails":{"zoomPhoneCloudPeering":{"enabled":true}}}'
end

function request()
    local headers = { Authorization = "Bearer " .. token, ["Content-Type"] = "application/json" }
    if kind == "put" then
        local telephone, body = number()
        return wrk.format("PUT", "/accounts/load/numbers/" .. telephone .. version, headers, body)
    elseif kind == "batch" then
        local bodies = {}
        for place = 1, 100 do
            local _, body = number()
            bodies[place] = body
        end
        local body = '{"numbers":[' .. table.concat(bodies, ",") .. "]}"
        return wrk.format("POST", "/accounts/load:createOrUpdateNumbers" .. version, headers, body)
    elseif kind == "list" then
        return wrk.format("GET", "/accounts/load/numbers" .. version, headers)
    end
    return wrk.format("GET", "/accounts/load" .. version, headers)
end
