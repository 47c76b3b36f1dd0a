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

const UNDOABLE = new Set(["cleared", "purged", "banned", "muted", "role", "topic", "settings"])

/** Whether the same person has done something since that would be taken back first. */
export function hasNewer(line) {
  const log = line.parentElement
  const backs = [...log.querySelectorAll("[data-kind=undone]")].map(({ dataset }) => dataset)
  // What an undo says is so again stands in the log at the same moment, and is no act of its own.
  const isOver = ({ seq, at }) => backs.some((back) => back.target === seq || back.at === at)
  return [...log.querySelectorAll(`.event[data-by="${Number(line.dataset.by)}"]`)].some(
    ({ dataset }) =>
      Number(dataset.seq) > Number(line.dataset.seq) && UNDOABLE.has(dataset.kind) && !isOver(dataset),
  )
}

function isMine(line, you) {
  return Number(line.dataset.by) === you.id
}
