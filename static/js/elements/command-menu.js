// The menu that opens on a slash in the first column: commands, then what each argument may be.
// It stays a textbox for screen readers, with the wiring of a combobox while the menu is open.

import { candidates, fitting, mayToPeople, stage, usagePieces, whoMay } from "../commands.js"
import { composing, element, plural } from "../dom.js"
import { ink, rank } from "../message.js"
import { ago } from "../time.js"

export class CommandMenu extends HTMLElement {
  /** Given by the page: commands() and people() as they are now, you, and when each spoke. */
  source = {
    commands: () => [],
    people: () => [],
    rooms: () => [],
    spoke: new Map(),
    you: { id: 0, role: "" },
  }
  #field = null
  #options = []
  #chosen = -1
  #moved = false
  #shut = false
  #where = null
  #seen = null

  attach(field) {
    this.#field = field
    field.addEventListener("input", this.look)
    field.addEventListener("keydown", this.#keydown)
    field.addEventListener("click", this.look)
    field.addEventListener("blur", this.#blur)
    this.addEventListener("mousedown", (event) => event.preventDefault())
    this.addEventListener("click", this.#click)
  }

  get open() {
    return !this.hidden
  }

  close() {
    this.hidden = true
    this.replaceChildren()
    this.#options = []
    this.#chosen = -1
    for (const name of ["aria-haspopup", "aria-autocomplete", "aria-controls", "aria-activedescendant"])
      this.#field.removeAttribute(name)
  }

  look = () => {
    const text = this.#field.value
    this.#seen = text
    if (!text.startsWith("/")) this.#shut = false
    const where = this.#shut ? null : stage(text, this.#field.selectionStart, this.source.commands())
    const same =
      where &&
      this.#where &&
      where.at === this.#where.at &&
      where.command === this.#where.command &&
      where.index === this.#where.index
    if (!same) this.#moved = false
    this.#where = where
    if (!where) return this.open ? this.close() : undefined
    return where.at === "name" ? this.#names(where) : this.#arguments(where)
  }

  /** There are other commands than before: who types one just now is to see them, and keeps what the arrows reached. */
  renew() {
    if (this.#field.value !== this.#seen || document.activeElement !== this.#field) return
    const kept = this.#moved && this.#options[this.#chosen]?.insert
    this.look()
    const index = this.#options.findIndex(({ insert }) => insert === kept)
    if (index >= 0) this.#choose(index)
  }

  #names(where) {
    const all = this.source.commands()
    const found = fitting(all, where.query)
    if (!found.length) return this.open ? this.close() : undefined
    this.#options = found.map((command) => ({
      insert: `/${command.name}${command.arguments.length ? " " : ""}`,
      from: 0,
      whole: true,
      command,
    }))
    const list = listbox("Commands")
    const groups = ["Moderation", "Room", "Everyone"]
    const others = [...new Set(found.map((command) => command.group))].filter(
      (group) => !groups.includes(group),
    )
    for (const group of [...groups, ...others]) {
      const rows = this.#options.filter((option) => option.command.group === group)
      if (rows.length)
        list.append(
          grouped(
            group,
            rows.map((option) => commandRow(option)),
          ),
        )
    }
    // The order on the page is the order of the arrows.
    this.#options.sort((one, other) =>
      one.row.compareDocumentPosition(other.row) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1,
    )
    const exact = this.#options.findIndex((option) => option.command.name === where.query)
    const count =
      found.length === all.length
        ? plural(all.length, "command", "commands")
        : `${found.length} of ${plural(all.length, "command", "commands")}`
    this.#show([list], count, Math.max(exact, 0))
  }

  #arguments(where) {
    const { source } = this
    const offered = candidates(where, {
      commands: source.commands(),
      people: source.people(),
      rooms: source.rooms(),
      spoke: source.spoke,
      you: source.you,
    }).slice(0, 50)
    this.#options = offered.map((one) => ({ ...one, insert: `${one.insert} `, from: where.from }))
    const header = element("header")
    header.append(usage(where), element("p", "", saysOf(where, source.you)))
    if (!this.#options.length) return this.#show([header], "", -1)
    const people = where.argument.kind === "member"
    const list = listbox(people ? `People to ${where.command.name}` : where.argument.name)
    list.append(
      ...this.#options.map((option, index) =>
        option.person ? personRow(option, index, source.you) : plainRow(option, index),
      ),
    )
    const able = this.#options.filter((option) => !option.barred).length
    return this.#show(
      [header, list],
      people ? plural(able, "person", "people") : plural(able, "choice", "choices"),
      this.#options.findIndex((option) => !option.barred),
    )
  }

  #show(pieces, count, chosen) {
    const footer = element("footer")
    const keys = this.#options.length
      ? [
          ["↑", "↓", "choose"],
          ["Tab", "fill in"],
          ["Enter", "send"],
          ["Esc", "close"],
        ]
      : [
          ["Enter", "send"],
          ["Esc", "close"],
        ]
    footer.append(...keys.map(keyHint))
    const status = element("span", "", count)
    status.setAttribute("role", "status")
    footer.append(status)
    this.replaceChildren(...pieces, footer)
    this.hidden = false
    const list = this.querySelector("[role=listbox]")
    if (list) {
      this.#field.setAttribute("aria-haspopup", "listbox")
      this.#field.setAttribute("aria-autocomplete", "list")
      this.#field.setAttribute("aria-controls", "commands")
    } else
      for (const name of ["aria-haspopup", "aria-autocomplete", "aria-controls"])
        this.#field.removeAttribute(name)
    this.#choose(chosen)
  }

  #choose(index) {
    this.#chosen = index
    this.#options.forEach((option, at) => option.row.setAttribute("aria-selected", String(at === index)))
    const row = this.#options[index]?.row
    if (row) this.#field.setAttribute("aria-activedescendant", row.id)
    else this.#field.removeAttribute("aria-activedescendant")
    row?.scrollIntoView({ block: "nearest" })
  }

  #step(by) {
    const count = this.#options.length
    let next = this.#chosen
    for (let tries = 0; tries < count; tries += 1) {
      next = (next + by + count) % count
      if (!this.#options[next].barred) break
    }
    this.#moved = true
    this.#choose(next)
  }

  #fill(index = this.#chosen) {
    const option = this.#options[index]
    if (!option || option.barred) return false
    const { value, selectionStart } = this.#field
    const rest = option.whole ? "" : value.slice(selectionStart).replace(/^\S*\s?/, "")
    const text = (option.whole ? "" : value.slice(0, option.from)) + option.insert
    this.#field.value = text + rest
    this.#field.setSelectionRange(text.length, text.length)
    this.#field.dispatchEvent(new Event("input", { bubbles: true }))
    return true
  }

  #keydown = (event) => {
    if (!this.open || composing(event) || event.ctrlKey || event.metaKey || event.altKey) return
    const atEnd = this.#field.selectionStart === this.#field.value.length
    const takes = {
      ArrowDown: () => this.#options.length && (this.#step(1), true),
      ArrowUp: () => this.#options.length && (this.#step(-1), true),
      Tab: () => !event.shiftKey && this.#fill(),
      ArrowRight: () => atEnd && this.#fill(),
      Enter: () => !event.shiftKey && this.#moved && this.#fill(),
      Escape: () => {
        this.#shut = true
        this.close()
        return true
      },
    }[event.key]
    if (takes?.()) event.preventDefault()
  }

  #click = (event) => {
    const row = event.target.closest("[role=option]")
    if (!row) return
    this.#fill(this.#options.findIndex((option) => option.row === row))
    this.#field.focus()
  }

  #blur = () => {
    // A touch on a row takes the focus for a moment; the row itself is handled by its click.
    setTimeout(
      () =>
        document.activeElement !== this.#field &&
        !this.contains(document.activeElement) &&
        this.open &&
        this.close(),
      150,
    )
  }
}

/** What the line would do as it stands: of several forms the one that is typed, and whose it is where it is not yours. */
function saysOf({ form, command }, you) {
  if (!form) return command.help
  return form.begins !== "@" || mayToPeople(command, you) ? form.says : `${form.says}. For ${form.role}s and up`
}

function listbox(label) {
  const list = element("div")
  list.id = "commands"
  list.tabIndex = 0
  list.setAttribute("role", "listbox")
  list.setAttribute("aria-label", label)
  return list
}

function grouped(name, rows) {
  const group = element("div")
  const title = element("div", "group", name)
  title.id = `g-${name.toLowerCase().replace(/\W+/g, "-")}`
  group.setAttribute("role", "group")
  group.setAttribute("aria-labelledby", title.id)
  group.append(title, ...rows)
  return group
}

function optionRow(option, id) {
  const row = element("div")
  row.id = id
  row.setAttribute("role", "option")
  row.setAttribute("aria-selected", "false")
  option.row = row
  return row
}

function commandRow(option) {
  const { command } = option
  const row = optionRow(option, `c-${command.name}`)
  const name = element("span", "name", `/${command.name} `)
  name.append(element("i", "", command.usage.slice(command.name.length + 2)))
  const who = element("span", "who")
  const mark = rank(command.role)
  if (mark) {
    mark.removeAttribute("role")
    mark.removeAttribute("aria-label")
    mark.setAttribute("aria-hidden", "true")
    who.append(mark)
  }
  who.append(whoMay(command.role))
  row.append(name, element("span", "does", command.help), who)
  return row
}

function personRow(option, index, you) {
  const { person } = option
  const row = optionRow(option, `u-${index}`)
  const name = element("span", "person")
  const dot = element("span", person.here ? "here-dot" : "here-dot off")
  dot.setAttribute("aria-hidden", "true")
  const words = element("span", "", person.name)
  if (!option.barred) words.dataset.ink = ink(person.id, you.id)
  name.append(dot, words)
  const last = option.spoke ? `spoke ${ago(option.spoke)}` : person.here ? "here, has not spoken" : "not here"
  row.append(name, element("span", "does", option.barred || last))
  if (option.barred) row.setAttribute("aria-disabled", "true")
  return row
}

function plainRow(option, index) {
  const row = optionRow(option, `u-${index}`)
  row.append(element("span", "name", option.name))
  if (option.does) row.append(element("span", "does", option.does))
  return row
}

function usage(where) {
  const line = element("p", "usage")
  line.append(element("b", "", `/${where.command.name}`))
  for (const { text, now } of usagePieces(where)) line.append(" ", element("span", now ? "now" : "", text))
  return line
}

function keyHint(hint) {
  const keys = element("span", "keys")
  for (const key of hint.slice(0, -1)) keys.append(element("kbd", "", key), " ")
  keys.append(hint.at(-1))
  return keys
}

customElements.define("command-menu", CommandMenu)
