// Undo stands beside an act only for who may, only as long as it works, and never twice.

/** Offer it where it is still good, and take it away when its time is over. */
export function offer(line, you) {
  const rest = new Date(line.dataset.until) - Date.now()
  const may = isMine(line, you) || ["owner", "admin"].includes(you.role)
  if (rest > 0 && may) setTimeout(() => withdraw(line), Math.min(rest, 2 ** 31 - 1))
  else withdraw(line)
}

export function withdraw(line) {
  line.querySelector("[data-undo]")?.remove()
  line.querySelector('[data-slot="undo_until"]')?.remove()
}

/** Whose act it was, where it was not one's own. */
export function whose(line, you) {
  return isMine(line, you) ? "" : line.dataset.byName
}

function isMine(line, you) {
  return Number(line.dataset.by) === you.id
}
