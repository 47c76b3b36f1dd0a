// The menus at messages and at people: each entry sends the line one would type, or lays it ready in the composer.

import { onMessage, onPerson } from "./acts.js"
import { mayToPeople } from "./commands.js"
import { popup } from "./popup.js"

export function menus(room) {
  const { page, list, composer, people, you, ignored } = room
  // As it was when the page was made; what was said since stands in the log.
  const pinned = new Set(page.dataset.pinned.split(" "))

  const may = (name) => room.commands.now().some((command) => command.name === name && mayToPeople(command, you))

  /** The groups of the menu of a message; empty where there is nothing one may do. */
  function groupsOn(article) {
    const { seq, by, name, guest } = article.dataset
    const id = Number(by)
    return onMessage(
      {
        seq,
        name,
        role: people.list.roleOf(id) || (guest === undefined ? "member" : "guest"),
        mine: id === you.id,
        pinned: isPinned(seq),
        muted: people.list.isMuted(id),
      },
      you,
      may,
    ).filter((group) => group.length)
  }

  function isPinned(seq) {
    const said = last(`[data-kind=pinned][data-target="${seq}"], [data-kind=unpinned][data-target="${seq}"]`)
    return said ? said === "pinned" : pinned.has(String(seq))
  }

  function does(item) {
    if (item.wait) composer.prepare(item.line)
    else room.type(item.line)
  }

  const choosable = (groups) => groups.map((group) => group.map((item) => ({ ...item, does: () => does(item) })))

  list.addEventListener("message:more", ({ detail: { seq } }) => {
    const article = list.line(seq)
    const button = article.querySelector(".toolbar [data-act=more]")
    const back = () => {
      article.tabIndex = -1
      return button.isConnected ? button : article
    }
    article.classList.add("shows")
    popup(button, `On this message by ${article.dataset.name}`, choosable(groupsOn(article)), {
      back,
      gone: () => article.classList.remove("shows"),
    })
  })

  list.addEventListener("message:pin", ({ detail: { seq } }) => room.type(`/${isPinned(seq) ? "unpin" : "pin"} ${seq}`))

  people.list.addEventListener("person:chosen", async ({ detail: { person, button: pressed } }) => {
    await room.commands.known()
    const line = () => people.list.querySelector(`li[data-id="${person.id}"] button`)
    const button = pressed.isConnected ? pressed : line()
    if (!button) return
    const mention = { words: "Mention", does: () => (people.close(), composer.insert(`@${person.name} `)) }
    const groups = onPerson(person, you, may, {
      direct: document.getElementById("people").dataset.kind === "direct",
      ignored: ignored.has(person.id),
      muted: people.list.isMuted(person.id),
      moderated: room.switches().moderated,
      voiced: person.voiced,
    })
    popup(button, person.name, [[mention], ...choosable(groups)], {
      back: () => (button.isConnected ? button : line()),
    })
  })

  /** Which kind of line the log has last of those that fit. */
  function last(selector) {
    return [...list.querySelectorAll(selector)].at(-1)?.dataset.kind
  }

  return { may, has: (article) => groupsOn(article).length > 0 }
}
