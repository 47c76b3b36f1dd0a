// The menus at messages and at people: each entry sends the line one would type, or lays it ready in the composer.

import { onMessage, onPerson } from "./acts.js"
import { mayToPeople } from "./commands.js"
import { popup } from "./popup.js"

export function menus(room) {
  const { page, list, composer, people, you, ignored } = room
  // As it was when the page was made; what was said since stands in the log, below what was said before.
  const pinned = new Set(page.dataset.pinned.split(" "))
  const head = Number(page.dataset.head)

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
    const said = since(`[data-kind=pinned][data-target="${seq}"], [data-kind=unpinned][data-target="${seq}"]`)
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

  people.list.addEventListener("person:chosen", async ({ detail: { person: chosen, button: pressed } }) => {
    await room.commands.known()
    // As they stand by now.
    const person = people.list.people.find(({ id }) => id === chosen.id)
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

  /** Which kind of line the log has last of those that fit, and that the page was made before. */
  function since(selector) {
    return [...list.querySelectorAll(selector)].filter(({ dataset }) => dataset.seq > head).at(-1)?.dataset.kind
  }

  return { may, has: (article) => groupsOn(article).length > 0 }
}
