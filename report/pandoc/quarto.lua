-- What Quarto adds to Pandoc and this document uses: numbered figures and tables, references to them, callouts,
-- appendix sections at the end. A reference that leads nowhere is an error.

local NAMES = {fig = "Figure", tbl = "Table", sec = "Section"}
local numbers, counts, sections = {}, {fig = 0, tbl = 0}, {}

local function kind(id)
  local prefix = id:match("^(%a+)%-")
  return NAMES[prefix] and prefix or nil
end

local function html(text) return pandoc.RawBlock("html", text) end

local function escape(text)
  return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;"):gsub('"', "&quot;"))
end

-- ::: {#fig-x} ... caption as last paragraph :::
local function float(div)
  local prefix = kind(div.identifier)
  counts[prefix] = counts[prefix] + 1
  numbers[div.identifier] = counts[prefix]
  local caption = div.content:remove()
  if not caption or caption.t ~= "Para" then error(div.identifier .. " has no caption") end
  local label = NAMES[prefix] .. "\u{a0}" .. counts[prefix] .. ": "
  local line = pandoc.Blocks{html("<figcaption>"), pandoc.Plain(pandoc.Inlines{pandoc.Str(label)} .. caption.content),
                             html("</figcaption>")}
  local classes = "float-" .. prefix .. " " .. table.concat(div.classes, " ")
  local open = pandoc.Blocks{html('<figure id="' .. escape(div.identifier) .. '" class="' .. escape(classes) .. '">')}
  local body = prefix == "tbl" and line .. div.content or div.content .. line
  return open .. body .. pandoc.Blocks{html("</figure>")}
end

local function callout(div, name)
  local title = pandoc.Inlines{pandoc.Str(name:sub(1, 1):upper() .. name:sub(2))}
  if div.content[1] and div.content[1].t == "Header" then title = div.content:remove(1).content end
  -- as raw tags: a div of this class would meet the filter again, without end
  local head = pandoc.Div({pandoc.Plain(title)}, pandoc.Attr("", {"callout-title"}))
  return pandoc.Blocks{html('<div class="callout callout-' .. name .. '">'), head} .. div.content ..
         pandoc.Blocks{html("</div>")}
end

local function div(el)
  local prefix = kind(el.identifier)
  if prefix == "fig" or prefix == "tbl" then return float(el) end
  for _, class in ipairs(el.classes) do
    local name = class:match("^callout%-(%a+)$")
    if name then return callout(el, name) end
  end
end

local function cite(el)
  local out = pandoc.Inlines{}
  for i, citation in ipairs(el.citations) do
    local prefix = kind(citation.id)
    if not prefix then return nil end
    local text = sections[citation.id]
    if not text then
      if not numbers[citation.id] then error("unresolved reference @" .. citation.id) end
      text = pandoc.Inlines{pandoc.Str(NAMES[prefix] .. "\u{a0}" .. numbers[citation.id])}
    end
    if i > 1 then out:extend{pandoc.Str(","), pandoc.Space()} end
    out:insert(pandoc.Link(text, "#" .. citation.id))
  end
  return out
end

-- level-2 sections with class appendix go behind all others
local function appendix_last(doc)
  local body, last, into = pandoc.Blocks{}, pandoc.Blocks{}, nil
  for _, block in ipairs(doc.blocks) do
    if block.t == "Header" and block.level <= 2 then into = block.classes:includes("appendix") and last or body end
    (into or body):insert(block)
  end
  doc.blocks = body .. last
  return doc
end

return {
  {Header = function(el) sections[el.identifier] = el.content end},
  {traverse = "topdown", Div = div},
  {Cite = cite},
  {Pandoc = appendix_last},
}
